/** As long as a condition is awaited: it tells a test that hangs from one on a busy machine, and nothing about how fast anything is. */
export const PATIENCE_MS = 60_000;

/** The same in seconds: as long as the service holds an answer back. */
export const PATIENCE_S = PATIENCE_MS / 1000;

/** Asks the service to answer when the run has ended. */
export const UNTIL_IT_ENDS = { prefer: `wait=${PATIENCE_S}` };

/**
 * What is done at once has ended by then, on a busy machine too. That it did not wait is told by this: what it was not to wait for takes at least as
 * long as a test is patient.
 */
export const AT_ONCE_MS = PATIENCE_MS / 2;
