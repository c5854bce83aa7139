export const DEFINITION_LIMITS = {
  /** Blocks at the top level, however many an organization allows. */
  workflowBlocks: 500,
  loopBlocks: 50,
  depth: 10,
  label: 100,
  title: 200,
  maxParallelBlocks: { default: 4, max: 16 },
} as const;

/** Limits of one attempt at a block, in seconds. An attempt must end well before the platform stops an alarm, after 15 minutes. */
export const BLOCK_TIMEOUT_SECONDS = { step: { default: 120, max: 780 }, person: { default: 7_200, max: 2_592_000 } } as const;
