/** A compiled plan as `POST /v1/workflows/validate` shows it: what a person or an editor needs to draw the graph and to see each block's policy. */
import type { JsonObject } from "../json.ts";
import { type Dependency, levelsOf, type Plan, type PlanNode } from "./plan.ts";
import type { RetryPolicy } from "../recovery.ts";
import type { CheckedDefinition } from "./check-definition.ts";

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly reason: EdgeReason;
}

/**
 * Why one block comes after another. `branch`: a conditional chooses it; `merge`: the branches of a conditional meet there; `loop`: from a loop to
 * what each of its iterations begins with.
 */
type EdgeReason = "list_order" | "next_block_label" | "merge" | "loop" | Dependency["reason"];

/**
 * The blocks of all depths in the order of the definition, the edges between them, and the outermost blocks by levels: what is on one level may run
 * at the same time (version 3), or only one of it will (a branch).
 */
export function planView({ version, plan, paths }: Pick<CheckedDefinition & { ok: true }, "version" | "plan" | "paths">): JsonObject {
  const loops = new Map(Object.values(plan.nodes).flatMap(({ label, body }) => (body ?? []).map((inner) => [inner, label] as const)));
  const edges = edgesOf(plan, version === 1 ? "list_order" : "next_block_label");
  const before = predecessors(plan, edges);
  return {
    version,
    mode: plan.mode,
    max_parallel_blocks: plan.maxParallelBlocks,
    retry: retryView(plan.retry),
    nodes: Object.values(plan.nodes).map((node) => ({
      ...nodeView(node),
      path: paths.get(node.label) ?? null,
      loop: loops.get(node.label) ?? null,
      levels: node.body === null ? null : levelsOf(node.body, before),
    })),
    edges: edges.map(({ from, to, reason }) => ({ from, to, reason })),
    levels: levelsOf(plan.root, before),
    finally_block_label: plan.finallyLabel,
  };
}

function nodeView(node: PlanNode): JsonObject {
  return {
    label: node.label,
    block_type: node.blockType,
    condition: node.condition,
    max_concurrency: node.role === "for_loop" ? node.maxConcurrency : null,
    continue_on_failure: node.continueOnFailure,
    next_loop_on_failure: node.nextLoopOnFailure,
    timeout_seconds: node.timeoutMs / 1000,
    retry: retryView(node.retry),
    on_interrupted: node.onInterrupted,
  };
}

function retryView({ maxAttempts, initialMs, multiplier, maxMs, on }: RetryPolicy): JsonObject {
  return { max_attempts: maxAttempts, initial_seconds: initialMs / 1000, multiplier, max_seconds: maxMs / 1000, on };
}

function edgesOf(plan: Plan, follows: "list_order" | "next_block_label"): Edge[] {
  const meetingPoints = new Set(
    Object.values(plan.nodes).flatMap(({ branches, next }) => (branches === null || next === null ? [] : [next])),
  );
  return Object.values(plan.nodes).flatMap(({ label, branches, next, dependsOn, body }): Edge[] => {
    const targets = plan.mode === "cursor" ? new Set((branches ?? []).filter((target) => target !== null)) : [];
    const entries = (body ?? []).filter((inner, index) =>
      plan.mode === "cursor" ? index === 0 : plan.nodes[inner]!.dependsOn.length === 0,
    );
    return [
      ...dependsOn.map(({ label: from, reason }): Edge => ({ from, to: label, reason })),
      ...[...targets].map((to): Edge => ({ from: label, to, reason: "branch" })),
      ...(next === null ? [] : [{ from: label, to: next, reason: meetingPoints.has(next) ? "merge" : follows } as const]),
      ...entries.map((to): Edge => ({ from: label, to, reason: "loop" })),
    ];
  });
}

/** What comes before each block among those of its list, in the form that `levelsOf` reads. */
function predecessors(plan: Plan, edges: readonly Edge[]): Record<string, { dependsOn: Dependency[] }> {
  const before = Object.fromEntries(Object.keys(plan.nodes).map((label) => [label, { dependsOn: [] as Dependency[] }]));
  for (const { from, to, reason } of edges) if (reason !== "loop") before[to]?.dependsOn.push({ label: from, reason: "depends_on" });
  return before;
}
