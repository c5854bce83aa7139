/** One structured line. Values of parameters, outputs and secrets are never logged. */
export interface Log {
  info(message: string, fields?: Record<string, string | number | boolean | null>): void;
  error(message: string, error: unknown, fields?: Record<string, string | number | boolean | null>): void;
}
