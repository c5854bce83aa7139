import type { RunEvent } from "../../src/domain/run/run.ts";

type BlockEvent = Extract<RunEvent, { path: string }>;

/** What the checker knows of a block, by nothing but its events. */
interface Block {
  /** Of the last start. */
  attempt: number;
  state: "running" | "sleeping" | "waiting" | "looping" | "open" | "ended";
}

/** From which states an event of a started block may come, and to which it leads. `open`: over for now, and it may start again. */
const MOVES: Record<Exclude<BlockEvent["type"], "block_started">, { from: readonly Block["state"][]; to: Block["state"] }> = {
  block_completed: { from: ["running", "sleeping", "waiting"], to: "ended" },
  block_skipped: { from: ["running"], to: "ended" },
  block_terminated: { from: ["running", "waiting"], to: "ended" },
  block_failed: { from: ["running", "sleeping", "waiting", "looping"], to: "open" },
  block_interrupted: { from: ["running"], to: "open" },
  block_slept: { from: ["running"], to: "sleeping" },
  block_waiting: { from: ["running"], to: "waiting" },
  block_decided: { from: ["waiting", "open"], to: "open" },
  loop_opened: { from: ["running"], to: "looping" },
  loop_checked: { from: ["looping"], to: "looping" },
  loop_completed: { from: ["looping"], to: "ended" },
};

/**
 * Whether a journal keeps the promises: it begins with the run and ends with its end, once each; every block moves forward only, answers nothing
 * that was not started, and completes at most once in an iteration. Made without `domain/run/run.ts`, whose work it judges.
 * @returns what is broken, none when all is well
 */
export function checkHistory(events: readonly RunEvent[]): string[] {
  const broken: string[] = [];
  const blocks = new Map<string, Block>();
  const completed = new Set<string>();
  let ending = false;
  if (events[0]?.type !== "run_created") broken.push(`it begins with ${events[0]?.type ?? "nothing"}`);
  if (events.at(-1)?.type !== "run_ended") broken.push(`it ends with ${events.at(-1)?.type ?? "nothing"}`);
  for (const type of ["run_created", "run_ended", "run_ending"]) {
    const count = events.filter((event) => event.type === type).length;
    if (count > 1) broken.push(`${type} stands there ${count} times`);
  }
  const lastLabel = events[0]?.type === "run_created" ? events[0].plan.finallyLabel : null;
  for (const [index, event] of events.entries()) {
    const fault = "path" in event ? checkBlock(event) : checkRun(event);
    if (fault !== null)
      broken.push(`row ${index + 1}, ${event.type}${"path" in event ? ` of ${event.path}, attempt ${event.attempt}` : ""}: ${fault}`);
  }
  return broken;

  function checkRun(event: Exclude<RunEvent, BlockEvent>): string | null {
    if (event.type === "run_ending") {
      ending = true;
      for (const block of blocks.values()) if (block.state !== "open") block.state = "ended"; // cut short
    }
    // The whole run again: what completed stays, everything else may start.
    if (event.type === "run_retrying") for (const [path, block] of blocks) if (!completed.has(path)) reopen(path, block);
    return null;
  }

  function reopen(path: string, block: Block): void {
    if (path.includes("[")) blocks.delete(path);
    else block.state = "open";
  }

  function checkBlock(event: BlockEvent): string | null {
    const { path, attempt } = event;
    const block = blocks.get(path);
    if (event.type === "block_started") {
      if (ending && path !== lastLabel) return "it started while the run was ending";
      if (block !== undefined && block.state !== "open") return `it started while it was ${block.state}`;
      if (attempt !== (block?.attempt ?? 0) + 1) return `it followed attempt ${block?.attempt ?? 0}`;
      blocks.set(path, { attempt, state: "running" });
      for (const inner of blocks.keys()) if (inner.startsWith(`${path}[`)) forget(inner);
      return null;
    }
    if (block === undefined) {
      if (event.type !== "block_skipped" || attempt !== 0) return "it answers a block that never started";
      blocks.set(path, { attempt, state: "ended" });
      return null;
    }
    if (attempt !== block.attempt) return `it answers another attempt than ${block.attempt}`;
    const { from, to } = MOVES[event.type];
    if (!from.includes(block.state)) return `it came while the block was ${block.state}`;
    block.state = to;
    if (event.type !== "block_completed" && event.type !== "loop_completed") return null;
    if (completed.has(path)) return "it completed twice";
    completed.add(path);
    return null;
  }

  /** A loop that starts again begins its iterations anew. */
  function forget(path: string): void {
    blocks.delete(path);
    completed.delete(path);
  }
}
