/**
 * What a definition means: the blocks that a run moves through, and what each waits for. Versions 1 and 2 move a single cursor from block to
 * block; version 3 is a graph of dependencies in which everything runs that can.
 */
import type { Fault } from "../error.ts";
import { ExpressionError, findExpressions, parseExpression } from "../expression.ts";
import { formatPath, type JsonObject } from "../json.ts";
import { labelsMeantBy } from "./names.ts";
import { type ParameterNames, sourceOf } from "./parameter.ts";
import type { RetryPolicy } from "../recovery.ts";

/** 1: blocks follow each other as they are listed; 2: by `next_block_label`; 3: by what they depend on. */
export type DefinitionVersion = 1 | 2 | 3;

export interface Plan {
  readonly mode: "cursor" | "dependencies";
  /** Labels of the outermost blocks, the first to run first; the block that runs at the end is not among them. */
  readonly root: readonly string[];
  /** Every block at any depth, by its label. */
  readonly nodes: Readonly<Record<string, PlanNode>>;
  /** Runs after the rest, however that ended. */
  readonly finallyLabel: string | null;
  /** How many blocks may run at once; a loop that waits for its iterations does not count. */
  readonly maxParallelBlocks: number;
  /** Of the whole run, when it failed. */
  readonly retry: RetryPolicy;
}

/** The form of a block: a plain step; one with blocks of its own; one that chooses; one that waits for a person. */
export type BlockRole = "step" | "for_loop" | "while_loop" | "conditional" | "person";

/** One block of the plan. */
export interface PlanNode {
  readonly label: string;
  readonly blockType: string;
  readonly role: BlockRole;
  /** The sentence with which it fails, because it needs what this service does not have; null when it can run. */
  readonly needs: string | null;
  /** The fields of its type, expressions not yet filled in. */
  readonly config: JsonObject;
  /** An expression; the block is skipped when its value is false. Of a while_loop: asked before each iteration. */
  readonly condition: string | null;
  /** Blocks of the same list that must have ended before it may start. Only where dependencies rule. */
  readonly dependsOn: readonly Dependency[];
  /** Where the cursor goes from here; null at the end of the list. Only where a cursor moves. */
  readonly next: string | null;
  /** Of a conditional: where each branch leads, null for straight on. */
  readonly branches: readonly (string | null)[] | null;
  /** Of a loop: the labels of its blocks, the first to run first. */
  readonly body: readonly string[] | null;
  /** How many iterations of a loop may run at once. */
  readonly maxConcurrency: number;
  /** A failure of this block does not fail what is around it. */
  readonly continueOnFailure: boolean;
  /** A failure ends the iteration, and the loop goes on with the next. */
  readonly nextLoopOnFailure: boolean;
  /** One attempt may take this long, in milliseconds. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  /** What is done when nobody knows whether an attempt took effect (the process died during it). */
  readonly onInterrupted: "retry" | "fail" | "ask";
  /** Codes for what may go wrong, in words, which are matched against the reason of a failure. */
  readonly errorCodes: Readonly<Record<string, string>>;
}

export interface Dependency {
  readonly label: string;
  /** Why: named in `depends_on`; its output is mentioned in a field or in the condition; or it decides the branch. */
  readonly reason: "depends_on" | "expression" | "condition" | "branch";
}

/** A block before its place in the graph is known. */
export interface DraftBlock {
  /** Everything of its node that does not depend on other blocks. */
  readonly node: Omit<PlanNode, "dependsOn" | "next" | "branches" | "body">;
  /** As it was written. */
  readonly source: JsonObject;
  /** Names that mean a parameter or a system value in expressions, also where a block has the same label. */
  readonly takenNames: ReadonlySet<string>;
  /** What context parameters read. */
  readonly names: Pick<ParameterNames, "sources">;
  /** Where it stands in the definition. */
  readonly path: readonly PropertyKey[];
  readonly nextLabel: string | null;
  readonly dependsOn: readonly string[];
  /** Of a conditional: the target of each branch. */
  readonly branches: readonly (string | null)[] | null;
  /** Of a loop. */
  readonly body: readonly DraftBlock[] | null;
}

/** The blocks of one list, wired. */
interface Wired {
  /** The first to run first. */
  readonly order: readonly string[];
  readonly nodes: Readonly<Record<string, PlanNode>>;
  readonly faults: readonly Fault[];
}

/**
 * Wires the blocks of a definition: who follows whom, or who waits for whom.
 * @param finallyLabel the block that runs at the end, which is not among `blocks`: nothing may lead to it
 * @returns faults for labels that are not there, cycles (named block by block), and blocks that nothing leads to
 */
export function wire(version: DefinitionVersion, blocks: readonly DraftBlock[], finallyLabel: string | null): Wired {
  const inner = blocks.map((block) => (block.body === null ? null : wire(version, block.body, finallyLabel)));
  const links = version === 1 ? linkList(blocks) : version === 2 ? linkGraph(blocks, finallyLabel) : linkDependencies(blocks, finallyLabel);
  const nodes: Record<string, PlanNode> = {};
  for (const [index, block] of blocks.entries()) {
    const link = links.of(block.node.label);
    nodes[block.node.label] = { ...block.node, ...link, body: inner[index]?.order ?? null };
    Object.assign(nodes, inner[index]?.nodes);
  }
  return { order: links.order, nodes, faults: [...links.faults, ...inner.flatMap((wired) => wired?.faults ?? [])] };
}

interface Links {
  readonly order: readonly string[];
  readonly faults: readonly Fault[];
  of(label: string): Pick<PlanNode, "dependsOn" | "next" | "branches">;
}

function linkList(blocks: readonly DraftBlock[]): Links {
  const order = blocks.map(({ node }) => node.label);
  return { order, faults: [], of: (label) => ({ dependsOn: [], next: order[order.indexOf(label) + 1] ?? null, branches: null }) };
}

/**
 * Skyvern's graph: edges are `next_block_label` and the targets of branches; the `next_block_label` of a conditional is where its branches meet
 * again, and a branch that ends is led there.
 */
function linkGraph(blocks: readonly DraftBlock[], finallyLabel: string | null): Links {
  const byLabel = new Map(blocks.map((block) => [block.node.label, block]));
  const faults: Fault[] = [];
  const at = (block: DraftBlock, ...field: PropertyKey[]) => formatPath([...block.path, ...field]);
  const mustExist = (target: string | null, path: string) => {
    if (target !== null && !byLabel.has(target)) faults.push(noBlock(target, path, finallyLabel));
  };
  for (const block of blocks) {
    mustExist(block.nextLabel, at(block, "next_block_label"));
    for (const [index, target] of (block.branches ?? []).entries())
      mustExist(target, at(block, "branch_conditions", index, "next_block_label"));
  }
  const next = new Map(
    blocks.map((block) => [block.node.label, block.nextLabel !== null && byLabel.has(block.nextLabel) ? block.nextLabel : null]),
  );
  const targets = (label: string): string[] => [
    ...new Set(
      [next.get(label), ...(byLabel.get(label)?.branches ?? [])].filter(
        (target): target is string => target != null && byLabel.has(target),
      ),
    ),
  ];
  for (const block of blocks) {
    const meeting = next.get(block.node.label) ?? null;
    if (block.branches === null || meeting === null) continue;
    // What comes after the meeting point is not led back to it: a branch may jump ahead.
    const passed = new Set([block.node.label, ...reachableFrom(meeting, targets)]);
    for (const start of block.branches) if (start !== null) leadOn(start, meeting, passed);
  }
  const cycles = findCycles([...byLabel.keys()], targets);
  for (const cycle of cycles) {
    const [first, second] = cycle.map((label) => byLabel.get(label)!);
    const branch = first!.nextLabel === second!.node.label ? -1 : (first!.branches ?? []).indexOf(second!.node.label);
    const path = branch < 0 ? at(first!, "next_block_label") : at(first!, "branch_conditions", branch, "next_block_label");
    faults.push({ path, message: `the blocks lead in a circle: ${cycle.join(" → ")}. To repeat, use a while_loop`, code: "cycle" });
  }
  if (cycles.length === 0)
    for (const block of blocks) faults.push(...mentionsOfLater(block, () => reachableFrom(block.node.label, targets)));
  const reached = new Set(blocks.flatMap(({ node }) => targets(node.label)));
  const roots = blocks.filter(({ node }) => !reached.has(node.label));
  for (const root of roots.slice(1)) {
    faults.push({
      path: at(root, "label"),
      message: `nothing leads to the block "${root.node.label}": name it in a next_block_label or in a branch`,
      code: "unreachable_block",
    });
  }
  const first = roots[0]?.node.label ?? blocks[0]?.node.label;
  const order = first === undefined ? [] : [first, ...[...byLabel.keys()].filter((label) => label !== first)];
  return {
    order,
    faults,
    of: (label) => ({ dependsOn: [], next: next.get(label) ?? null, branches: byLabel.get(label)?.branches ?? null }),
  };

  function leadOn(label: string, meeting: string, seen: Set<string>): void {
    if (seen.has(label) || !byLabel.has(label)) return;
    seen.add(label);
    const onward = next.get(label) ?? null;
    // The branches of a conditional with a meeting point of its own end there.
    if (onward !== null) return leadOn(onward, meeting, seen);
    next.set(label, meeting);
    for (const branch of byLabel.get(label)?.branches ?? []) if (branch !== null) leadOn(branch, meeting, seen);
  }
}

/** In a graph what comes later has not run, and would be taken for a branch that was passed by. */
function mentionsOfLater(block: DraftBlock, findLater: () => ReadonlySet<string>): Fault[] {
  const mentions = [...mentionedOutputs(block)];
  const later = mentions.length === 0 ? new Set<string>() : findLater();
  return mentions
    .filter(({ label }) => later.has(label))
    .map(({ name, label, path }) => {
      const message = `'${name}' is not defined here: the block "${label}" comes after "${block.node.label}"`;
      return { path: formatPath([...block.path, ...path]), message, code: "undefined_name" };
    });
}

function linkDependencies(blocks: readonly DraftBlock[], finallyLabel: string | null): Links {
  const byLabel = new Map(blocks.map((block) => [block.node.label, block]));
  const faults: Fault[] = [];
  const dependsOn = new Map(blocks.map((block) => [block.node.label, dependenciesOf(block, byLabel, finallyLabel, faults)]));
  for (const block of blocks) {
    for (const [index, target] of (block.branches ?? []).entries()) {
      if (target === null) continue;
      const waiting = dependsOn.get(target);
      if (waiting === undefined) {
        faults.push(noBlock(target, formatPath([...block.path, "branch_conditions", index, "next_block_label"]), finallyLabel));
      } else if (!waiting.some(({ label, reason }) => label === block.node.label && reason === "branch")) {
        waiting.push({ label: block.node.label, reason: "branch" });
      }
    }
  }
  for (const cycle of findCycles([...byLabel.keys()], (label) => (dependsOn.get(label) ?? []).map((dependency) => dependency.label))) {
    faults.push({
      path: formatPath([...byLabel.get(cycle[0]!)!.path, "label"]),
      message: `the blocks wait for each other in a circle: ${cycle.join(" → ")}`,
      code: "cycle",
    });
  }
  return {
    order: [...byLabel.keys()],
    faults,
    of: (label) => ({ dependsOn: dependsOn.get(label) ?? [], next: null, branches: byLabel.get(label)?.branches ?? null }),
  };
}

/** What a block names in `depends_on`, and whose output it, or a block inside it, mentions. */
function dependenciesOf(
  block: DraftBlock,
  siblings: ReadonlyMap<string, DraftBlock>,
  finallyLabel: string | null,
  faults: Fault[],
): Dependency[] {
  const found = new Map<string, Dependency>();
  for (const [index, label] of block.dependsOn.entries()) {
    const at = formatPath([...block.path, "depends_on", index]);
    if (label === block.node.label) faults.push({ path: at, message: `the block "${label}" cannot wait for itself`, code: "cycle" });
    else if (siblings.has(label)) found.set(label, { label, reason: "depends_on" });
    else faults.push(noBlock(label, at, finallyLabel));
  }
  for (const { label, path } of mentionedOutputs(block)) {
    if (siblings.has(label) && !found.has(label)) found.set(label, { label, reason: path[0] === "condition" ? "condition" : "expression" });
  }
  return [...found.values()];
}

/** The labels that a block, or a block inside it, mentions by itself or by its output; `path` begins at the block. */
function* mentionedOutputs(block: DraftBlock): Generator<{ name: string; label: string; path: readonly PropertyKey[] }> {
  for (const { source, path } of findExpressions(block.source)) {
    for (const written of namesIn(source)) {
      const name = sourceOf(written, block.names);
      if (block.takenNames.has(name)) continue;
      for (const label of labelsMeantBy(name)) if (label !== block.node.label) yield { name, label, path };
    }
  }
}

/** A label that should name a block of the same list. */
function noBlock(label: string, path: string, finallyLabel: string | null): Fault {
  const message =
    label === finallyLabel
      ? `the block "${label}" runs at the end, by finally_block_label: no block leads to it or waits for it`
      : `there is no block "${label}" in this list`;
  return { path, message, code: "unknown_label" };
}

/** @returns none for an expression that cannot be read: that is another check's to say */
function namesIn(source: string): readonly string[] {
  try {
    return parseExpression(source).names;
  } catch (error) {
    if (error instanceof ExpressionError) return [];
    throw error;
  }
}

/** @returns the label itself, and every label that it leads to */
function reachableFrom(label: string, targets: (label: string) => readonly string[]): ReadonlySet<string> {
  const reached = new Set([label]);
  for (const from of reached) for (const target of targets(from)) reached.add(target);
  return reached;
}

/** @returns cycles that share no label, each as the labels along it, the first again at the end; none where there is no cycle */
export function findCycles(labels: readonly string[], targets: (label: string) => readonly string[]): string[][] {
  const cycles: string[][] = [];
  const inCycle = new Set<string>();
  const done = new Set<string>();
  const trail: string[] = [];
  for (const start of labels) descend(start);
  return cycles;

  function descend(label: string): void {
    if (done.has(label) || inCycle.has(label)) return;
    const seen = trail.indexOf(label);
    if (seen >= 0) {
      const cycle = trail.slice(seen);
      if (cycle.some((other) => inCycle.has(other))) return;
      for (const other of cycle) inCycle.add(other);
      cycles.push([...cycle, label]);
      return;
    }
    trail.push(label);
    for (const target of targets(label)) descend(target);
    trail.pop();
    done.add(label);
  }
}

/** Labels by how many steps lie before each: blocks of one level may run at the same time. The graph must have no cycle. */
export function levelsOf(labels: readonly string[], nodes: Readonly<Record<string, Pick<PlanNode, "dependsOn">>>): string[][] {
  const levels: string[][] = [];
  const levelOf = new Map<string, number>();
  const find = (label: string): number => {
    const known = levelOf.get(label);
    if (known !== undefined) return known;
    const level = Math.max(-1, ...nodes[label]!.dependsOn.map((dependency) => find(dependency.label))) + 1;
    levelOf.set(label, level);
    return level;
  };
  for (const label of labels) (levels[find(label)] ??= []).push(label);
  return levels;
}
