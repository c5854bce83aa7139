import type { Log } from "../ports/log.ts";

/** One line of JSON a message, on the console, where Workers Logs reads it. */
export function createLog(level: "info" | "error"): Log {
  return {
    info(message, fields) {
      if (level === "info") console.log(JSON.stringify({ level: "info", message, ...fields }));
    },
    error(message, error, fields) {
      console.error(JSON.stringify({ level: "error", message, ...fields, ...describe(error) }));
    },
  };
}

/** A failed query tells its parameters in its message; what the database said of it is in its cause. */
function describe(error: unknown): Record<string, string | null> {
  if (!(error instanceof Error)) return { error: String(error) };
  if ("params" in error) return { error: "a query failed", ...("cause" in error ? describe(error.cause) : {}) };
  return { error: error.message, stack: error.stack ?? null };
}
