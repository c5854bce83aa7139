import { PageError } from "../../../domain/browser/browser.ts";
import type { Deadline } from "../deadline.ts";
import { describeRefusal } from "../guard/tab-guard.ts";
import type { NavigationMark } from "../tabs/navigation.ts";
import type { PageParts } from "./page-parts.ts";

/**
 * After an act: waits for the document that it leads to, if it leads to one.
 * @param mark taken before the act
 * @throws TimeUp, or PageError when the guard did not let it go there
 */
export async function arrive(
  { navigation, guard }: Pick<PageParts, "navigation" | "guard">,
  mark: NavigationMark,
  deadline: Deadline,
): Promise<void> {
  if (!navigation.hasBegun(mark)) return;
  await navigation.settled(mark, deadline);
  const refusal = guard.takeRefusal();
  if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
}
