export const DEFINITION_LIMITS = {
  /** Blocks at the top level, however many an organization allows. */
  workflowBlocks: 500,
  loopBlocks: 50,
  depth: 10,
  label: 100,
  parameters: 1_000,
  /** Values at any depth, lists and objects among them: a definition is no place for data, and each of them is checked. */
  values: 20_000,
  errorCodes: 100,
  /** Expressions of one definition: reading one takes about 20 µs. */
  expressions: 5_000,
  /** Faults that are told of one definition. */
  faults: 1_000,
  title: 200,
  maxParallelBlocks: { default: 4, max: 16 },
} as const;

/** Limits of one attempt at a block, in seconds. An attempt must end well before the platform stops an alarm, after 15 minutes. */
export const BLOCK_TIMEOUT_SECONDS = { step: { default: 120, max: 780 }, person: { default: 7_200, max: 2_592_000 } } as const;
