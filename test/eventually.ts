import { vi } from "vitest";
import { PATIENCE_MS } from "./patience.ts";

/**
 * Asks until it is so: a test waits for conditions, not for time.
 * @param ask throws while it is not so
 * @returns what `ask` returned
 * @throws what it threw last
 */
export function eventually<T>(ask: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(ask, { timeout: PATIENCE_MS, interval: 20 });
}
