/** One thing that is wrong with an input. A refusal lists every fault it found, not the first. */
export interface Fault {
  /** Where it is, as a path from the root of the input: `workflow_definition.blocks[2].url`, `parameters.sku`. Empty for the whole. */
  readonly path: string;
  /** A sentence that says what is wrong and what was wanted. */
  readonly message: string;
  /** A stable word for programs. */
  readonly code: FaultCode;
}

/** Every code that a fault may have, and what it means. `docs/errors.md` and the OpenAPI document list them. */
export const FAULT_CODES = {
  required: "Something that has to be there is missing.",
  invalid_type: "The value is of another type than was wanted.",
  invalid_value: "The type is right and the value is not: out of range, of another form, not one of the choices.",
  unknown_field: "There is no such field, parameter or query parameter. The message names the nearest one.",
  unknown_block_type: "There is no such block type. The message names the nearest one.",
  duplicate: "The name is taken by another block or parameter.",
  undefined_name: "An expression uses a name that is not defined where it stands. The message names the nearest one.",
  unknown_label: "There is no block of this label where one is named.",
  cycle: "Blocks wait for each other, or lead to each other, in a circle.",
  unreachable_block: "Nothing leads to the block.",
  invalid_expression: "The expression cannot be read.",
  too_large: "The value has more characters, items or keys than are allowed, or asks for too much at once.",
  too_deep: "The value is nested too deeply.",
  forbidden_address: "The address may not be reached: it is private, or not http(s).",
  malformed: "The text cannot be read as JSON or YAML. The message says the line and the column.",
  not_supported: "A block type or parameter type that this service refuses. The message says what to use instead.",
  no_effect: "Of a warning: the field is kept and returned, and does nothing.",
  unavailable: "Of a warning: a run fails where it reaches the block, which needs what this service does not have.",
  renamed: "Of a warning: the name in the YAML was none that expressions can use, and was changed.",
} as const satisfies Readonly<Record<string, string>>;
export type FaultCode = keyof typeof FAULT_CODES;

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

/** A refusal of a request for what is wrong with it. @param what begins the sentence: `The query is not valid` */
export function invalidInput(what: string, faults: readonly Fault[]): ServiceError {
  return new ServiceError("invalid_input", describeFaults(what, faults), { faults });
}
