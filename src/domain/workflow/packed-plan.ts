import type { Plan, PlanNode } from "./plan.ts";

/** A plan as it travels and as the journal keeps it: a list of nodes without what most of them have in common. */
export interface PackedPlan extends Omit<Plan, "nodes"> {
  readonly nodes: readonly PackedNode[];
}
type PackedNode = Partial<PlanNode> & Pick<PlanNode, "label" | "blockType" | "config">;

/** What is left out. Part of the stored format, so only added to: journals that were written with it are read with it. */
const COMMON: Omit<PlanNode, "label" | "blockType" | "config"> = {
  role: "step",
  needs: null,
  condition: null,
  dependsOn: [],
  next: null,
  branches: null,
  body: null,
  maxConcurrency: 1,
  continueOnFailure: false,
  nextLoopOnFailure: false,
  timeoutMs: 120_000,
  retry: { initialMs: 1_000, multiplier: 2, maxMs: 60_000, on: "temporary", maxAttempts: 3 },
  onInterrupted: "retry",
  errorCodes: {},
};
const COMMON_JSON = new Map(Object.entries(COMMON).map(([field, value]) => [field, JSON.stringify(value)]));

/** Both forms of a plan, so that one that goes back and forth is packed once. */
const packedForms = new WeakMap<Plan, PackedPlan>();

export function packPlan(plan: Plan): PackedPlan {
  const known = packedForms.get(plan);
  if (known !== undefined) return known;
  const packed = { ...plan, nodes: Object.values(plan.nodes).map(packNode) };
  packedForms.set(plan, packed);
  return packed;
}

export function unpackPlan(packed: PackedPlan): Plan {
  const plan = { ...packed, nodes: Object.fromEntries(packed.nodes.map((node) => [node.label, { ...COMMON, ...node }])) };
  packedForms.set(plan, packed);
  return plan;
}

function packNode(node: PlanNode): PackedNode {
  const { label, blockType, config, ...rest } = node;
  return {
    label,
    blockType,
    config,
    ...Object.fromEntries(Object.entries(rest).filter(([field, value]) => JSON.stringify(value) !== COMMON_JSON.get(field))),
  };
}
