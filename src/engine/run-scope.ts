import { pathIn } from "../domain/block-state.ts";
import type { Json } from "../domain/json.ts";
import { labelOfOutput } from "../domain/names.ts";
import { outputIn, surroundings } from "../domain/run-inspect.ts";
import type { Run } from "../domain/run.ts";
import { systemValues } from "../domain/run-view.ts";
import type { Lookup } from "./execute-block.ts";

/**
 * The values that a block's expressions may name, where it stands: its loops' current values, outputs from the innermost scope outwards,
 * parameters, system values.
 * @param at when the attempt began: what `timestamp` says, the same for a repeat of the same attempt
 */
export function scopeOf(run: Run, path: string, at: number): Lookup {
  const { loops, scopes } = surroundings(run, path);
  const [loop] = loops;
  return (name): Json | undefined => {
    if (Object.hasOwn(run.facts.parameters, name)) return run.facts.parameters[name];
    if (loop !== undefined && (name === "current_value" || name === "current_item")) return loop.value;
    if (loop !== undefined && name === "current_index") return loop.index;
    const label = labelOfOutput(name);
    if (label === null) return systemValues(run, at)[name];
    for (const scope of scopes) {
      const output = outputIn(scope, label);
      if (output !== undefined) return output;
    }
    // A block that was passed by, on a branch that was not taken, has the output of a skipped one.
    return run.plan.nodes[label] === undefined ? undefined : null;
  };
}

/** The same for the condition of a `while_loop`, which sees the outputs of the iteration before. */
export function conditionScopeOf(run: Run, path: string, index: number, at: number): Lookup {
  const { scopes } = surroundings(run, index === 0 ? path : pathIn(path, index - 1, "_")); // any block of it stands in its scope
  const outer = scopeOf(run, path, at);
  return (name) => {
    if (name === "current_value" || name === "current_item" || name === "current_index") return index;
    const label = labelOfOutput(name);
    const before = label === null || index === 0 ? undefined : outputIn(scopes[0] ?? new Map(), label);
    return before ?? outer(name);
  };
}
