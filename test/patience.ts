/** As long as a condition is awaited: it tells a test that hangs from one on a busy machine, and nothing about how fast anything is. */
export const PATIENCE_MS = 60_000;
