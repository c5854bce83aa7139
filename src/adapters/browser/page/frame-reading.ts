import { type BrowserTarget, framesOf, type PageFindings, type PageQuery } from "../../../domain/browser/browser.ts";
import type { Deadline } from "../deadline.ts";
import type { PageParts } from "./page-parts.ts";
import { ContextLost } from "../tabs/tab.ts";

/** What is to be read from one document. */
interface PartialQuery {
  /** As of `framesOf`; empty for the page itself. */
  readonly frames: readonly BrowserTarget[];
  readonly query: PageQuery;
}

/** A query taken apart by document; a single part where no target names a frame. */
export function byFrames(query: PageQuery): PartialQuery[] {
  const parts = new Map<string, { frames: readonly BrowserTarget[]; query: Record<string, PageQuery[string]> }>();
  for (const [key, item] of Object.entries(query)) {
    const target = item.kind === "value" ? item.target : item.kind === "rows" ? item.rows : item.table;
    const frames = target === null ? [] : framesOf(target);
    const id = JSON.stringify(frames);
    const part = parts.get(id) ?? { frames, query: {} };
    part.query[key] = item;
    parts.set(id, part);
  }
  return [...parts.values()];
}

/**
 * Reads what is in a frame. Where nothing of it is required, a frame that is not there is one without content.
 * @throws PageError when the frame does not come, TimeUp
 */
export async function readInFrame(
  { frames, library }: PageParts,
  path: readonly BrowserTarget[],
  query: PageQuery,
  { changed, waitMs, deadline }: { readonly changed: boolean; readonly waitMs: () => number; readonly deadline: Deadline },
): Promise<PageFindings> {
  const isRequired = Object.values(query).some(({ required }) => required);
  for (;;) {
    const place = isRequired ? await frames.enter(path, deadline.atMost(waitMs())) : await frames.find(path, deadline);
    if (place === null) return emptyFindings(query);
    try {
      return await library.callIn(place, "read", [query, changed, waitMs()], deadline);
    } catch (error) {
      if (!(error instanceof ContextLost)) throw error; // otherwise the frame has another document now
    }
  }
}

function emptyFindings(query: PageQuery): PageFindings {
  return Object.fromEntries(
    Object.entries(query).map(([key, { kind }]): [string, PageFindings[string]] => {
      if (kind === "rows") return [key, { kind, rows: [] }];
      return [key, kind === "value" ? { kind, matched: 0, values: [] } : { kind, matched: 0, header: [], rows: [] }];
    }),
  );
}
