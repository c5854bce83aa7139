/** The name of a block's output in expressions and in a run's `output`. */
export function outputName(label: string): `${string}_output` {
  return `${label}_output`;
}

/** The label of the block whose output has this name, if it is the name of an output. */
export function labelOfOutput(name: string): string | null {
  return name.endsWith("_output") ? name.slice(0, -"_output".length) : null;
}

/** The labels that a name may speak of: `<label>_output` is a block's output, and the label itself the whole block. */
export function labelsMeantBy(name: string): readonly string[] {
  const label = labelOfOutput(name);
  return label === null ? [name] : [label, name];
}

/** Names that expressions have in every run. */
export const SYSTEM_NAMES = [
  "workflow_run_id",
  "workflow_id",
  "workflow_permanent_id",
  "workflow_title",
  "organization_id",
  "browser_session_id",
  "timestamp",
  "current_date",
  "workflow_run_outputs",
] as const;

/** Names that expressions have inside a loop: of its innermost loop. */
export const LOOP_NAMES = ["current_value", "current_item", "current_index"] as const;
