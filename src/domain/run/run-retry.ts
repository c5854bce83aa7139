import { hasEnded, type Scope } from "./block-state.ts";
import type { Plan } from "../workflow/plan.ts";
import { isFinal, type Run, type RunFacts } from "./run.ts";

type Kept = NonNullable<RunFacts["retryOf"]>["kept"];

/**
 * The outputs that another try at a run takes over: those of the blocks that come before where it begins.
 * @param from a label of the outermost list; `failed` for what did not complete; `start` for nothing kept
 */
export function keptOutputs(
  run: Run,
  from: string,
): { ok: true; kept: Kept } | { ok: false; reason: "unfinished" | "unknown_label" | "nothing_failed"; labels: readonly string[] } {
  const labels = run.plan.root;
  if (!isFinal(run)) return { ok: false, reason: "unfinished", labels };
  if (from === "start") return { ok: true, kept: {} };
  if (from === "failed") {
    return run.status === "completed" ? { ok: false, reason: "nothing_failed", labels } : { ok: true, kept: keep(run.blocks, labels) };
  }
  if (!labels.includes(from)) return { ok: false, reason: "unknown_label", labels };
  return { ok: true, kept: keep(run.blocks, before(run.plan, run.blocks, from)) };
}

function keep(blocks: Scope, labels: readonly string[]): Kept {
  return Object.fromEntries(
    labels.flatMap((label) => {
      const block = blocks.get(label);
      return block?.status === "completed" ? [[label, { output: block.output, branch: block.branch }]] : [];
    }),
  );
}

/** The blocks that need not run again when this one does. */
function before(plan: Plan, blocks: Scope, from: string): string[] {
  if (plan.mode === "cursor") return walkedBefore(plan, blocks, from);
  const after = downstreamOf(plan, from);
  return plan.root.filter((label) => !after.has(label));
}

/** The way that the cursor took, up to the block. */
function walkedBefore(plan: Plan, blocks: Scope, from: string): string[] {
  const way: string[] = [];
  for (let at: string | null = plan.root[0] ?? null; at !== null && at !== from;) {
    const [node, block] = [plan.nodes[at], blocks.get(at)];
    if (node === undefined || !hasEnded(block)) break;
    way.push(at);
    const branch = block.status === "completed" && block.branch !== null ? (node.branches?.[block.branch] ?? null) : null;
    at = branch ?? node.next;
  }
  return way;
}

/** The block, and all that wait for it, be it by way of others. */
function downstreamOf(plan: Plan, from: string): Set<string> {
  const after = new Set([from]);
  for (let size = 0; size < after.size;) {
    size = after.size;
    for (const label of plan.root) if (plan.nodes[label]?.dependsOn.some((dependency) => after.has(dependency.label))) after.add(label);
  }
  return after;
}
