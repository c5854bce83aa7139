import { type Budget, EXPRESSION_LIMITS, ExpressionError } from "./limits.ts";
import {
  type Arguments,
  Callable,
  entriesOf,
  integer,
  isDict,
  isList,
  itemsOf,
  Namespace,
  own,
  type Owned,
  toText,
  type Value,
} from "./value.ts";

/** Jinja's global functions. `lipsum` is left out: its text is another one each time, and a run that is repeated must come to the same. */
const GLOBALS: Readonly<Record<string, (args: Arguments, budget: Budget, owned: Owned) => Value>> = {
  range: ({ positional }, budget) => {
    const [first = 0, second, by = 1] = positional.map((bound) => integer(bound, "an argument of range"));
    const [from, to] = second === undefined ? [0, first] : [first, second];
    if (by === 0) throw new ExpressionError("the step of range() cannot be 0");
    const count = Math.max(0, Math.ceil((to - from) / by));
    if (!(count <= EXPRESSION_LIMITS.range)) throw new ExpressionError(`range() may give ${EXPRESSION_LIMITS.range} numbers at most`);
    budget.spend(count / 4);
    return Array.from({ length: count }, (_, index) => from + index * by);
  },
  dict: (args, budget, owned) => own(Object.fromEntries(fieldsOf(args, budget)), owned),
  namespace: (args, budget) => {
    const fields = fieldsOf(args, budget);
    return new Namespace(() => fields);
  },
  cycler: ({ positional }) => {
    if (positional.length === 0) throw new ExpressionError("cycler() needs values to go round");
    const state = new Namespace(() => [["current", positional[0] ?? null]]);
    let at = 0;
    const moveTo = (index: number): void => {
      at = index % positional.length;
      state.fields.set("current", positional[at] ?? null);
    };
    state.fields.set(
      "next",
      new Callable("next", () => {
        const current = positional[at] ?? null;
        moveTo(at + 1);
        return current;
      }),
    );
    state.fields.set(
      "reset",
      new Callable("reset", () => {
        moveTo(0);
        return null;
      }),
    );
    return state;
  },
  joiner: ({ positional: [separator = ", "] }) => {
    let isUsed = false;
    return new Callable("joiner", () => {
      const wasUsed = isUsed;
      isUsed = true;
      return wasUsed ? separator : "";
    });
  },
};

export const GLOBAL_NAMES: readonly string[] = Object.keys(GLOBALS);

export function createGlobals(budget: Budget, owned: Owned): { get(name: string): Callable | undefined } {
  return {
    get: (name) => {
      const run = Object.hasOwn(GLOBALS, name) ? GLOBALS[name] : undefined;
      return run === undefined ? undefined : new Callable(name, (args) => run(args, budget, owned));
    },
  };
}

/** The fields of an object or of a list of pairs, and those that are named. */
function fieldsOf({ positional: [source], named }: Arguments, budget: Budget): [string, Value][] {
  const given = source !== undefined && isDict(source) ? entriesOf(source, budget) : [];
  if (source !== undefined && !isDict(source)) {
    for (const pair of itemsOf(source, budget)) {
      if (!isList(pair) || pair.length !== 2) throw new ExpressionError("an object is needed, or a list of pairs");
      given.push([toText(pair[0] ?? null, budget), pair[1] ?? null]);
    }
  }
  budget.spend(given.length);
  return [...given, ...named];
}
