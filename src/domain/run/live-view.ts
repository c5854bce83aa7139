/** What those who watch a run are told beside its pictures. */
import { labelOf } from "./block-state.ts";
import type { JsonObject } from "../json.ts";
import { runningBlocks } from "./run-inspect.ts";
import { statusOf } from "./run-view.ts";
import { isFinal, type Run } from "./run.ts";

/** @param url where the page is that is shown; null when there is none */
export function liveState(run: Run, url: string | null): JsonObject & { readonly type: "state" | "end" } {
  const status = statusOf(run);
  const ended = isFinal(run);
  const blocks = ended
    ? []
    : runningBlocks(run).map(({ path, attempt }) => {
        const label = labelOf(path);
        return { path, label, block_type: run.plan.nodes[label]?.blockType ?? null, attempt };
      });
  return {
    type: ended ? "end" : "state",
    run_id: run.facts.runId,
    status,
    blocks,
    url,
    message: messageOf(run, url !== null, blocks.length > 0),
  };
}

function messageOf(run: Run, hasPage: boolean, isAtWork: boolean): string {
  if (isFinal(run)) return `The run has ended: ${run.status}.${run.reason === null ? "" : ` ${run.reason}`}`;
  if (run.status === "queued") return "The run waits in the queue, without a browser.";
  if (hasPage) return isAtWork ? "The page that the run works on." : "The run waits; this is its page.";
  return isAtWork ? "The run is at work without a browser." : "The run waits, without a browser.";
}
