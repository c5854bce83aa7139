import { z } from "zod";
import { PageError, type PageAction } from "../domain/browser/browser.ts";
import type { Json } from "../domain/json.ts";
import type { BrowserPage } from "../ports/browser-page.ts";
import { type Step, timeoutOf } from "./actions/step.ts";
import { kindOf, onlyReads, stepsSchema } from "./actions/steps.ts";
import { type BlockContext, BlockError, defineBlock } from "./block.ts";
import { asBlockError, onPage } from "./browser-block.ts";

export const actions = defineBlock({
  type: "actions",
  category: "browser",
  summary: "Drive the page by a list of steps: open, click, fill, choose, wait, read, download.",
  repeatable: (config) => onlyReads(config["steps"]),
  config: z.strictObject({
    steps: stepsSchema.describe("The steps, in their order. Each has an `action`. The first that fails ends the block."),
  }),
  output: z
    .object({ url: z.string().describe("Address of the page at the end."), title: z.string().describe("Its title.") })
    .catchall(z.json().describe("The results of steps that have a `name`, by that name.")),
  example: {
    block_type: "actions",
    label: "log_in",
    steps: [
      { action: "goto", url: "https://shop.example.com/login" },
      { action: "fill", target: { label: "E-mail" }, value: "ann@example.com" },
      { action: "fill", target: { label: "Password" }, value: "correct horse" },
      { action: "click", target: { role: "button", name: "Log in" } },
      { action: "wait_for", text: "Welcome" },
    ],
  },
  execute(context, { steps }) {
    return onPage(context, async (first) => {
      const results: Record<string, Json> = {};
      for (let index = 0; index < steps.length;) {
        const page = first.current;
        if (steps.slice(index).some((step) => kindOf(step).looksAtResponses(step)))
          await page.watchResponses({ timeoutMs: 30_000, signal: context.signal });
        const batch = await locate(steps, index, () => takePageActions(context, steps.slice(index)));
        if (batch.length > 0) {
          await locate(steps, index, () => page.perform(batch, { signal: context.signal }));
          index += batch.length;
        } else {
          const step = steps[index]!;
          const name = kindOf(step).resultName(step);
          const result = await locate(steps, index, () => runStep(context, page, step));
          if (result !== undefined && name !== undefined) results[name] = result;
          index++;
        }
      }
      return { ...(await first.current.where({ timeoutMs: 30_000, signal: context.signal })), ...results };
    });
  },
});

/** The steps from the first on that are plain page actions: given to the page together, they cost the fewest round trips. */
async function takePageActions(context: BlockContext, steps: readonly Step[]): Promise<PageAction[]> {
  const taken: PageAction[] = [];
  for (const step of steps) {
    const kind = kindOf(step);
    if (!("toPageAction" in kind) || (kind.beginsBatch && taken.length > 0)) break;
    taken.push(await kind.toPageAction(step, context));
  }
  return taken;
}

/** @returns the result of a step that is more than a page action; undefined when it has none */
async function runStep(context: BlockContext, page: BrowserPage, step: Step): Promise<Json | undefined> {
  const kind = kindOf(step);
  if (!("run" in kind)) throw new Error(`${step.action} is a page action`);
  return kind.run(step, { context, page, options: { timeoutMs: timeoutOf(step), signal: context.signal } });
}

/** Puts the step before the message: `steps[3] click {"role":"button","name":"Order"}: …`. */
async function locate<T>(steps: readonly Step[], index: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const error = asBlockError(cause);
    if (!(error instanceof BlockError)) throw error;
    const at = index + (cause instanceof PageError ? (cause.actionIndex ?? 0) : 0);
    throw new BlockError(`steps[${at}] ${describeStep(steps[at]!)}: ${error.message}`, {
      errorClass: error.errorClass,
      ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
      cause,
    });
  }
}

function describeStep(step: Step): string {
  return `${step.action} ${kindOf(step).describe(step)}`.trimEnd();
}
