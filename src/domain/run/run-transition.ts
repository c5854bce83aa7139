import { awaitsBrowser, mapBlocks, type BlockState, isAtWork, parsePath, type Scope, walkOpen } from "./block-state.ts";
import { changeAt, cutShort } from "./block-transition.ts";
import type { Plan } from "../workflow/plan.ts";
import { NO_TRIES } from "../recovery.ts";
import {
  type ActiveRun,
  type BlockEvent,
  createRun,
  type FinalStatus,
  isFinal,
  mayBringToEnd,
  type Run,
  type RunBase,
  type RunEvent,
  type Step,
} from "./run.ts";

/** What one event makes of a run. The same run and event always give the same step. */
export function transition(run: Run, event: RunEvent): Step {
  if (isFinal(run)) return { ok: false, reason: "finished" };
  const step = apply(run, event);
  return step.ok && step.run.status === "running" ? { ok: true, run: keepTime(step.run, event.at) } : step;
}

function apply(run: Exclude<Run, { status: FinalStatus }>, event: RunEvent): Step {
  const { at } = event;
  switch (event.type) {
    case "run_created":
      return STALE;
    case "run_queued":
      return run.status === "created" ? moved(run, at, { status: "queued", queuedAt: at }) : STALE;
    case "run_started":
      return started(run, at);
    case "run_paused":
      return run.status === "running" && run.pausedAt === null && run.ending === null
        ? moved(run, at, { ...active(run), pausedAt: at })
        : STALE;
    case "run_resumed":
      return run.status === "running" && run.pausedAt !== null ? resumed(run, run.pausedAt, at) : STALE;
    case "browser_granted":
      return run.status === "running" && holdsForBrowser(run.blocks)
        ? moved(run, at, active(run), { blocks: withBrowser(run.blocks) })
        : STALE;
    case "run_retrying": {
      if (run.status !== "running" || run.ending !== null) return STALE;
      const { until, reason } = event;
      const { queuedAt, startedAt, deadlineAt, idleSince } = run;
      const again = { status: "retrying", queuedAt, startedAt, deadlineAt, idleSince: idleSince ?? at, until, reason } as const;
      return moved(run, at, again, { blocks: forRetry(run.plan, run.blocks), runAttempt: run.runAttempt + 1 });
    }
    case "run_ending": {
      if (!mayBringToEnd(run)) return STALE;
      const { queuedAt, startedAt, deadlineAt, idleSince } = run;
      const ending = { status: event.status, reason: event.reason };
      return moved(
        run,
        at,
        { status: "running", queuedAt, startedAt, deadlineAt, idleSince, pausedAt: null, ending },
        { blocks: cutShort(run.blocks, at) },
      );
    }
    case "run_ended": {
      const times = {
        queuedAt: "queuedAt" in run ? run.queuedAt : null,
        startedAt: "startedAt" in run ? run.startedAt : null,
        finishedAt: at,
      };
      return moved(run, at, { status: event.status, reason: event.reason, ...times }, { blocks: cutShort(run.blocks, at) });
    }
    default:
      return run.status === "running" ? blockStep(run, event) : STALE;
  }
}

/** A run from its whole journal. @throws when the journal is not one that `advance` wrote */
export function replay(events: Iterable<RunEvent>): Run | null {
  let run: Run | null = null;
  for (const event of events) {
    if (run === null) {
      if (event.type !== "run_created") throw new Error(`a journal begins with run_created, not ${event.type}`);
      run = createRun(event);
      continue;
    }
    const step = transition(run, event);
    if (!step.ok) throw new Error(`the journal has a ${step.reason} ${event.type}`);
    run = step.run;
  }
  return run;
}

const STALE = { ok: false, reason: "stale" } as const;

type RunState = Run extends infer R ? (R extends Run ? Omit<R, keyof RunBase> : never) : never;

function moved(run: Run, at: number, state: RunState, more: { blocks?: Scope; runAttempt?: number } = {}): Step {
  const { facts, plan, createdAt, blocks, runAttempt } = run;
  return { ok: true, run: { facts, plan, createdAt, modifiedAt: at, blocks, runAttempt, ...more, ...state } };
}

function active({ queuedAt, startedAt, deadlineAt, idleSince, pausedAt, ending }: ActiveRun): Omit<ActiveRun, keyof RunBase> {
  return { status: "running", queuedAt, startedAt, deadlineAt, idleSince, pausedAt, ending };
}

/** The run's time passes only while an attempt is under way, and not while the run is paused. */
function keepTime(run: ActiveRun, at: number): ActiveRun {
  const passes = run.pausedAt === null && isAtWork(run.blocks);
  if (passes === (run.idleSince === null)) return run;
  if (run.idleSince === null) return { ...run, idleSince: at };
  return { ...run, deadlineAt: run.deadlineAt + (at - run.idleSince), idleSince: null };
}

function started(run: Run, at: number): Step {
  if (run.status === "running" || isFinal(run)) return STALE;
  const fresh = { status: "running", pausedAt: null, ending: null } as const;
  if (run.status === "retrying") {
    const { queuedAt, startedAt, deadlineAt, idleSince } = run;
    return moved(run, at, { ...fresh, queuedAt, startedAt, deadlineAt, idleSince });
  }
  return moved(run, at, {
    ...fresh,
    queuedAt: run.status === "queued" ? run.queuedAt : null,
    startedAt: at,
    deadlineAt: at + run.facts.maxSeconds * 1000,
    idleSince: at,
  });
}

/** Every time that was ahead is as far ahead as it was when the run was paused. */
function resumed(run: ActiveRun, pausedAt: number, at: number): Step {
  const shift = at - pausedAt;
  const blocks = mapBlocks(run.blocks, (block) => {
    if (block.status === "sleeping") return { ...block, until: block.until + shift };
    if (block.status === "waiting" && block.until !== null) return { ...block, until: block.until + shift };
    if (block.status === "pending" && block.notBefore !== null) return { ...block, notBefore: block.notBefore + shift };
    return block;
  });
  return moved(run, at, { ...active(run), pausedAt: null }, { blocks });
}

function holdsForBrowser(scope: Scope): boolean {
  for (const { block } of walkOpen(scope)) if (block.status === "pending" && block.notBefore !== null && awaitsBrowser(block)) return true;
  return false;
}

/** What waited for a browser need not wait any longer. */
function withBrowser(scope: Scope): Scope {
  return mapBlocks(scope, (block) => (block.status === "pending" && awaitsBrowser(block) ? { ...block, notBefore: null } : block));
}

/** Before another try at the run: what did not complete, and was not let pass, is open again. Its attempts go on counting, so that a late answer stays late. */
function forRetry(plan: Plan, scope: Scope): Scope {
  return new Map(
    [...scope].map(([label, block]): [string, BlockState] => {
      const letPass = (block.status === "failed" || block.status === "terminated") && plan.nodes[label]?.continueOnFailure === true;
      if (block.status === "completed" || (block.status === "skipped" && block.attempt > 0) || letPass) return [label, block];
      const attempts = block.status === "pending" ? block.tries.attempts : block.attempt;
      return [label, { status: "pending", tries: { ...NO_TRIES, attempts }, notBefore: null, failure: null }];
    }),
  );
}

function blockStep(run: ActiveRun, event: BlockEvent): Step {
  const steps = parsePath(event.path);
  const blocks = changeAt(run.plan, run.blocks, steps, event);
  return blocks === null ? STALE : moved(run, event.at, active(run), { blocks });
}
