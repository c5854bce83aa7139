import type { Children } from "../tabs/children.ts";
import type { DialogLog } from "../tabs/dialogs.ts";
import { Frames } from "./frames.ts";
import type { TabGuard } from "../guard/tab-guard.ts";
import { Library } from "./library.ts";
import type { Navigation } from "../tabs/navigation.ts";
import { Renderer } from "./renderer.ts";
import { Responses } from "./responses.ts";
import { SecretFields } from "../evidence/secret-fields.ts";
import type { Tab } from "../tabs/tab.ts";

/** What everything that a page can do is made with: one of each for a tab. */
export interface PageParts {
  readonly tab: Tab;
  readonly navigation: Navigation;
  readonly guard: TabGuard;
  readonly dialogs: DialogLog;
  readonly renderer: Renderer;
  readonly library: Library;
  readonly frames: Frames;
  readonly responses: Responses;
  readonly secrets: SecretFields;
}

export function partsOf(tab: Tab, navigation: Navigation, guard: TabGuard, children: Children, dialogs: DialogLog): PageParts {
  const renderer = new Renderer(tab, navigation);
  const library = new Library(tab, navigation, renderer);
  const frames = new Frames(tab, children, renderer, library);
  const secrets = new SecretFields(tab, library, navigation);
  return { tab, navigation, guard, dialogs, renderer, library, frames, responses: new Responses(tab, children), secrets };
}
