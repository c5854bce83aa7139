/** When a run's object must be awake: what is owed, and at what time. */
import { awaitsBrowser, awaitsCheck, walkOpen } from "./block-state.ts";
import { childrenAwaited, pendingChecks, runningBlocks } from "./run-inspect.ts";
import { isFinal, type Run } from "./run.ts";

/** While blocks run, an alarm is always set at most this far ahead: should the object die, the next incarnation begins then. */
export const WATCHDOG_MS = 30_000;
/** News that is not acknowledged is sent again after this long; what a run that has ended still holds is given back again. */
export const RESEND_MS = 10_000;
/** A run that waits for another object's word (the gate's, a child's) asks for it this often, should it have been lost. */
export const ASK_AGAIN_MS = 30_000;

/** What a run's object has to see to beside its blocks. */
export interface RunDuties {
  /** Is it at work on a block or a check just now? */
  readonly isAtWork: boolean;
  /** Since when no block uses its browser, and how long it is kept: when it goes back. Null while one may use it, and when there is none. */
  readonly browserIdleAt: number | null;
  /** Is there anything that the outside has not recorded yet? */
  readonly hasNews: boolean;
  /** Does it hold anything that is to be given back at its end? */
  readonly holdsSomething: boolean;
}

/** For when the alarm is set: the earliest thing that is owed; null when there is none. What is late already is owed at its own time. */
export function wakesAt(run: Run, { isAtWork, browserIdleAt, hasNews, holdsSomething }: RunDuties, now: number): number | null {
  const times: (number | null)[] = [nextWakeAt(run), browserReturnAt(run, browserIdleAt)];
  // Also for work that broke off before its answer was written: the next alarm takes it up.
  if (isAtWork || runningBlocks(run).length > 0 || pendingChecks(run).length > 0) times.push(now + WATCHDOG_MS);
  if (run.status === "queued" || childrenAwaited(run).length > 0) times.push(now + ASK_AGAIN_MS);
  if (hasNews || (isFinal(run) && holdsSomething)) times.push(now + RESEND_MS);
  const owed = times.filter((time) => time !== null);
  return owed.length === 0 ? null : Math.min(...owed);
}

/**
 * When a browser that no block uses is given back: after a while, or at once where it is known already that the while will pass.
 * @param idleAt when the while is over
 * @returns null for a run that has ended, which gives it back anyway
 */
export function browserReturnAt(run: Run, idleAt: number | null): number | null {
  if (idleAt === null || isFinal(run)) return null;
  return (restsUntil(run) ?? 0) > idleAt ? 0 : idleAt;
}

/** When the run must be woken next for time alone; null when nothing is due by itself. */
export function nextWakeAt(run: Run): number | null {
  if (run.status === "retrying") return run.until;
  if (run.status !== "running" || run.pausedAt !== null) return null;
  let wake = run.ending === null && run.idleSince === null ? run.deadlineAt : Infinity;
  // Where all room is taken, the answer that makes room wakes the run.
  const hasRoom = runningBlocks(run).length < run.plan.maxParallelBlocks;
  for (const { block } of walkOpen(run.blocks)) {
    if (block.status === "sleeping" || block.status === "waiting") wake = Math.min(wake, block.until ?? Infinity);
    if (block.status === "pending" && hasRoom) wake = Math.min(wake, block.notBefore ?? Infinity);
  }
  return wake === Infinity ? null : wake;
}

/** Until when nothing of the run is done, if time alone says so; null when something is under way, and when another's word may end its rest. */
export function restsUntil(run: Run): number | null {
  if (run.status === "retrying") return run.until;
  if (run.status !== "running" || run.pausedAt !== null) return null;
  let until = Infinity;
  for (const { block } of walkOpen(run.blocks)) {
    if (block.status === "sleeping") until = Math.min(until, block.until);
    else if (block.status === "pending" && block.notBefore !== null && !awaitsBrowser(block)) until = Math.min(until, block.notBefore);
    else if (block.status !== "looping" || awaitsCheck(block)) return null;
  }
  return until === Infinity ? null : until;
}
