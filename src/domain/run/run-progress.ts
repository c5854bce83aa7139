/** How far a list of blocks has come: what may start, and how it ended. */
import { type BlockState, hasEnded, isLive, type Scope } from "./block-state.ts";
import type { Plan, PlanNode } from "../workflow/plan.ts";

type Outcome =
  | { readonly status: "completed" }
  | { readonly status: "failed" | "terminated"; readonly label: string; readonly reason: string };

interface Progress {
  /** Labels of blocks that may start. */
  readonly ready: readonly string[];
  /** Labels of blocks on branches that were not taken. */
  readonly untaken: readonly string[];
  /** How the scope ended; null while it goes on. */
  readonly outcome: Outcome | null;
}

export function progressOf(plan: Plan, labels: readonly string[], scope: Scope, now: number): Progress {
  return plan.mode === "cursor" ? followCursor(plan, labels[0] ?? null, scope, now) : followDependencies(plan, labels, scope, now);
}

function followCursor(plan: Plan, first: string | null, scope: Scope, now: number): Progress {
  for (let at = first; at !== null;) {
    const [node, block] = [plan.nodes[at]!, scope.get(at)];
    if (!hasEnded(block)) return { ready: mayStart(block, now) ? [at] : [], untaken: [], outcome: null };
    const outcome = badOutcome(node, block);
    if (outcome !== null) return { ready: [], untaken: [], outcome };
    const branch = block.status === "completed" && block.branch !== null ? (node.branches?.[block.branch] ?? null) : null;
    at = branch ?? node.next;
  }
  return { ready: [], untaken: [], outcome: { status: "completed" } };
}

function followDependencies(plan: Plan, labels: readonly string[], scope: Scope, now: number): Progress {
  const [ready, untaken]: [string[], string[]] = [[], []];
  let open = 0;
  for (const label of labels) {
    const [node, block] = [plan.nodes[label]!, scope.get(label)];
    if (hasEnded(block)) {
      const outcome = badOutcome(node, block);
      if (outcome !== null) return { ready: [], untaken: [], outcome };
      continue;
    }
    open += 1;
    if (isLive(block) || !node.dependsOn.every((dependency) => hasEnded(scope.get(dependency.label)))) continue;
    if (isUntaken(plan, node, scope)) untaken.push(label);
    else if (mayStart(block, now)) ready.push(label);
  }
  return { ready, untaken, outcome: open === 0 ? { status: "completed" } : null };
}

/** Is it the target of branches, and of none that was taken? */
function isUntaken(plan: Plan, node: PlanNode, scope: Scope): boolean {
  const conditionals = node.dependsOn.filter(({ reason }) => reason === "branch");
  return (
    conditionals.length > 0 &&
    conditionals.every(({ label }) => {
      const block = scope.get(label);
      return block?.status !== "completed" || block.branch === null || plan.nodes[label]?.branches?.[block.branch] !== node.label;
    })
  );
}

export function mayStart(block: BlockState | undefined, now: number): boolean {
  return block === undefined || (block.status === "pending" && (block.notBefore === null || block.notBefore <= now));
}

/** How a block that ended badly ends what is around it; null when that goes on. */
export function badOutcome(node: PlanNode, block: BlockState): Outcome | null {
  if (node.continueOnFailure) return null;
  if (block.status === "failed")
    return { status: "failed", label: node.label, reason: `Block "${node.label}" (${node.blockType}) failed: ${block.failure.message}` };
  if (block.status === "terminated")
    return { status: "terminated", label: node.label, reason: `Block "${node.label}" (${node.blockType}) ended the run: ${block.reason}` };
  return null;
}
