import { labelOf, pathIn, type Scope } from "../../domain/run/block-state.ts";
import type { Json } from "../../domain/json.ts";
import { labelOfOutput } from "../../domain/workflow/names.ts";
import { blockValueIn, type LoopAround, outputIn, passedByValue, surroundings } from "../../domain/run/run-inspect.ts";
import { contextValue } from "../../domain/workflow/parameter.ts";
import type { Run } from "../../domain/run/run.ts";
import { systemValues } from "../../domain/run/run-view.ts";

/** The value of a name as expressions see it; undefined when there is none. */
export type Lookup = (name: string) => Json | undefined;

/**
 * The values that a block's expressions may name, where it stands: parameters, its loops' current values, system values, then outputs and blocks
 * from the innermost scope outwards.
 * @param at when the attempt began: what `timestamp` says, the same for a repeat of the same attempt
 */
export function scopeOf(run: Run, path: string, at: number): Lookup {
  const { loops, scopes } = surroundings(run, path);
  const [loop] = loops;
  const own = labelOf(path);
  const lookup: Lookup = (name) => {
    const { parameters, sources, credentials } = run.facts;
    if (Object.hasOwn(parameters, name)) return parameters[name];
    if (sources !== undefined && Object.hasOwn(sources, name)) {
      const source = lookup(sources[name]!);
      return source === undefined ? undefined : contextValue(name, source);
    }
    if (credentials !== undefined && Object.hasOwn(credentials.ids, name)) return credentials.ids[name]; // by itself it is the id
    const ofLoop = loop === undefined ? undefined : currentValues(loop)[name];
    if (ofLoop !== undefined) return ofLoop;
    const around = loops.find(({ label }) => label === name) ?? (name === own ? loop : undefined);
    const system = systemValues(run, at)[name];
    const known = system === undefined ? valueOfBlocks(run, scopes, name) : system;
    if (known !== undefined) return known;
    return around === undefined ? passedBy(run, name) : currentValues(around);
  };
  return lookup;
}

/** What `current_value` and its like are in a loop, and what the labels of the loop and of its blocks have while it goes on. */
function currentValues({ value, index }: LoopAround): Readonly<Record<string, Json>> {
  return { current_value: value, current_item: value, current_index: index };
}

/** `<label>_output` and `label` of a block that has ended. */
function valueOfBlocks(run: Run, scopes: readonly Scope[], name: string): Json | undefined {
  const label = labelOfOutput(name);
  for (const scope of scopes) {
    const output = label === null ? undefined : outputIn(scope, label);
    const value = output === undefined ? blockValueIn(run, scope, name) : output;
    if (value !== undefined) return value;
  }
  return undefined;
}

/** A block on a branch that was not taken has the output of a skipped one. */
function passedBy(run: Run, name: string): Json | undefined {
  const label = labelOfOutput(name);
  if (label !== null && run.plan.nodes[label] !== undefined) return null;
  return run.plan.nodes[name] === undefined ? undefined : passedByValue(run, name);
}

/** The same for the condition of a `while_loop`, which sees the outputs of the iteration before. */
export function conditionScopeOf(run: Run, path: string, index: number, at: number): Lookup {
  const { scopes } = surroundings(run, index === 0 ? path : pathIn(path, index - 1, "_")); // any block of it stands in its scope
  const outer = scopeOf(run, path, at);
  return (name) => {
    if (name === "current_value" || name === "current_item" || name === "current_index") return index;
    const before = index === 0 ? undefined : valueOfBlocks(run, scopes.slice(0, 1), name);
    return before === undefined ? outer(name) : before;
  };
}
