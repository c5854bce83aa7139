import type { BlockCatalog, BlockDefinition } from "./workflow.ts";
import type { JsonObject } from "./json.ts";

/**
 * What a definition means: the blocks that a run moves through and what each waits for. A plan is a graph whatever the definition's version;
 * a list (version 1) is a chain.
 */
export interface Plan {
  readonly nodes: readonly PlanNode[];
  /** How many blocks may run at once. */
  readonly maxParallelBlocks: number;
}

/** One block of the plan. */
export interface PlanNode {
  readonly label: string;
  readonly blockType: string;
  /** The fields of its type, expressions not yet filled in. */
  readonly config: JsonObject;
  /** An expression; the block is skipped when its value is false. */
  readonly condition: string | null;
  /** Labels of the blocks that must have ended before it may start. */
  readonly dependsOn: readonly string[];
  /** A failure of this block does not fail the run. */
  readonly continueOnFailure: boolean;
  /** One attempt may take this long, in milliseconds. */
  readonly timeoutMs: number;
  /** What is done when nobody knows whether an attempt took effect (the process died during it). */
  readonly onInterrupted: "retry" | "fail";
}

/** Limits of one attempt at a block, in seconds. An attempt must end well before the platform stops an alarm, after 15 minutes. */
export const BLOCK_TIMEOUT_SECONDS = { default: 120, max: 780 } as const;

/** Fields that belong to every block and not to its type. */
const COMMON_FIELDS = new Set([
  "block_type",
  "label",
  "next_block_label",
  "condition",
  "continue_on_failure",
  "timeout_seconds",
  "on_interrupted",
]);

/** The fields of a block that belong to its type. */
export function configOf(block: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(block).filter(([field]) => !COMMON_FIELDS.has(field))) as JsonObject; // it came from JSON
}

/**
 * Compiles the blocks of a checked definition of version 1: each waits for the one before it in the list.
 * @param catalog says which types are repeatable; the types must all be known
 */
export function compile(blocks: readonly BlockDefinition[], catalog: BlockCatalog): Plan {
  const nodes = blocks.map((block, index): PlanNode => {
    const config = configOf(block);
    const before = blocks[index - 1];
    return {
      label: block.label,
      blockType: block.block_type,
      config,
      condition: block.condition ?? null,
      dependsOn: before ? [before.label] : [],
      continueOnFailure: block.continue_on_failure,
      timeoutMs: block.timeout_seconds * 1000,
      onInterrupted: block.on_interrupted ?? (catalog.find(block.block_type)?.isRepeatable(config) ? "retry" : "fail"),
    };
  });
  return { nodes, maxParallelBlocks: 1 };
}
