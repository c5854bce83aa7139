import { z } from "zod";
import { type BrowserTarget, browserTargetSchema, describeTarget, type PageAction } from "../../domain/browser/browser.ts";
import type { Json } from "../../domain/json.ts";
import type { BrowserPage } from "../../ports/browser-page.ts";
import type { PageOptions } from "../../ports/page-options.ts";
import type { BlockContext } from "../block.ts";

/** What every step has. */
export interface Step {
  readonly action: string;
  readonly timeout_seconds: number;
}

/** What a step that is more than a page action works with. */
export interface StepScene {
  readonly context: BlockContext;
  readonly page: BrowserPage;
  /** The step's own time-out, and the block's signal. */
  readonly options: PageOptions;
}

/**
 * What becomes of a step: an action of the page, which travels to it together with those of its neighbours, or work of its own with the page,
 * whose result is the step's (undefined: it has none).
 */
type StepWork<S> =
  | { toPageAction(step: S, context: BlockContext): PageAction | Promise<PageAction>; readonly beginsBatch?: true }
  | { run(step: S, scene: StepScene): Promise<Json | undefined> };

/** A kind of step: all that is known of it. `defineStep` makes one. */
export type StepKind = StepWork<Step> & {
  readonly action: string;
  readonly schema: z.ZodType<Step> & z.core.$ZodTypeDiscriminable;
  readonly onlyReads: boolean;
  /** Does it look at what the page is answered while the steps before it work? */
  looksAtResponses(step: Step): boolean;
  /** What an error says after the action; empty when the action says it all. Never what is typed or filled in: it may be a password. */
  describe(step: Step): string;
  /** The key under which its result appears in the block's output; undefined when it gives none. */
  resultName(step: Step): string | undefined;
};

type StepOf<Fields extends z.core.$ZodShape> = z.output<z.ZodObject<Fields>> & Step;

/** Something that a step's fields do not fulfil together. */
interface StepFault {
  readonly path?: readonly string[];
  readonly message: string;
}

/** What is written down of a kind of step. */
type StepDefinition<Fields extends z.core.$ZodShape> = StepWork<StepOf<Fields>> & {
  readonly action: string;
  /** One sentence, for the documentation. */
  readonly summary: string;
  /** Does it only read and navigate? Then it may be done again when nobody knows whether it was. */
  readonly onlyReads: boolean;
  /** Its fields besides `action` and `timeout_seconds`. */
  readonly fields: Fields;
  /** What is wrong with the fields together, when each by itself is right. */
  faults?(step: StepOf<Fields>): readonly StepFault[];
  /** Left out: its target, if it has one. */
  describe?(step: StepOf<Fields>): string;
  resultName?(step: StepOf<Fields>): string | undefined;
  looksAtResponses?(step: StepOf<Fields>): boolean;
};

/**
 * Defines a kind of step: one constant of a file in this folder and one entry of `steps.ts`. The block's schema, its documentation, what may be run
 * again, and how errors name a step are read from it.
 */
export function defineStep<const Fields extends z.core.$ZodShape>(definition: StepDefinition<Fields>): StepKind {
  const { action, summary, fields } = definition;
  const schema = z
    .strictObject({ action: z.literal(action).describe(summary), ...fields, timeout_seconds: timeoutSeconds })
    .superRefine((step, refinement) => {
      for (const { path = [], message } of definition.faults?.(step as StepOf<Fields>) ?? [])
        refinement.addIssue({ code: "custom", path: [...path], message });
    });
  return {
    describe: describeOwnTarget,
    resultName: () => undefined,
    looksAtResponses: () => false,
    ...definition,
    schema: schema as unknown as StepKind["schema"], // sound: it has the fields of a step, which TypeScript loses among those of `Fields`
  };
}

function describeOwnTarget(step: Step & { target?: BrowserTarget }): string {
  return step.target === undefined ? "" : describeTarget(step.target);
}

/** @returns a fault unless exactly one of these fields is given */
export function exactlyOne<S extends Step>(step: S, names: readonly (keyof S & string)[]): StepFault[] {
  if (names.filter((name) => step[name] !== undefined).length === 1) return [];
  return [{ message: `${step.action} needs exactly one of ${names.join(", ")}` }];
}

// --------------------------------------------------------------------------------------- Fields that many steps have

const timeoutSeconds = z.number().positive().max(600).default(30).describe("Give up on this step after so many seconds.");

export const target = browserTargetSchema.describe(
  "The element: a CSS selector, or an object with one of css, text, role (and name), label, placeholder, test_id, xpath.",
);

/** Text to be written; numbers too, because a value that is one single expression keeps its type. */
export const writable = z.union([z.string(), z.number()]);

/** Names that the block's output has for itself. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(["url", "title"]);

/** The `name` of a step that has a result. */
export const resultName = z
  .string()
  .regex(/^[A-Za-z_]\w*$/, "letters, digits and _ only, not beginning with a digit")
  .refine((name) => !RESERVED_NAMES.has(name), { message: "`url` and `title` are taken by the page's own" })
  .describe("Key of the result in the block's output.");

/** @returns milliseconds */
export function timeoutOf({ timeout_seconds }: Step): number {
  return timeout_seconds * 1000;
}
