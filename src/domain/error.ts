/** One thing that is wrong with an input. A refusal lists every fault it found, not the first. */
export interface Fault {
  /** Where it is, as a path from the root of the input: `workflow_definition.blocks[2].url`, `parameters.sku`. Empty for the whole. */
  readonly path: string;
  /** A sentence that says what is wrong and what was wanted. */
  readonly message: string;
  /** A stable word for programs. */
  readonly code: FaultCode;
}

export type FaultCode =
  | "required"
  | "invalid_type"
  | "invalid_value"
  | "unknown_field"
  | "unknown_block_type"
  | "duplicate"
  | "undefined_name"
  | "unknown_label"
  | "cycle"
  | "unreachable_block"
  | "invalid_expression"
  | "too_large"
  | "too_deep"
  | "forbidden_address"
  | "malformed"
  /** A block type that this service refuses. */
  | "not_supported"
  /** Of a warning: the field is kept and does nothing. */
  | "no_effect"
  /** Of a warning: a run fails where it reaches the block, which needs what this service does not have. */
  | "unavailable"
  /** Of a warning: the name in the YAML was none that expressions can use, and was changed. */
  | "renamed";

/** Why a request was refused. HTTP statuses are looked up in `http/problem.ts`. */
export type ErrorCode =
  | "malformed_body"
  | "invalid_definition"
  | "invalid_input"
  | "invalid_parameters"
  | "unknown_template"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "conflict"
  | "idempotency_mismatch"
  | "unsupported_media_type"
  | "body_too_large"
  | "range_not_satisfiable"
  | "limit_exceeded";

/** A refusal that the caller can act on. Everything else that is thrown is a bug. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];
  /** Members that the problem document carries beside the standard ones, e.g. `run_id`. */
  readonly extra: Readonly<Record<string, string | number>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { faults?: readonly Fault[]; extra?: Readonly<Record<string, string | number>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.faults = options.faults ?? [];
    this.extra = options.extra ?? {};
  }
}

/** `3 faults in the definition: blocks[0].url: …; …`: the faults as one sentence for people and for clients that read only `detail`. */
export function describeFaults(what: string, faults: readonly Fault[]): string {
  const shown = faults.slice(0, 5).map((fault) => (fault.path ? `${fault.path}: ${fault.message}` : fault.message));
  const more = faults.length > shown.length ? `; and ${faults.length - shown.length} more` : "";
  return `${what}: ${shown.join("; ")}${more}`;
}
