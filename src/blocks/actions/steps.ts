import { z } from "zod";
import { jsonValue } from "../../domain/json-value.ts";
import { browserTargetSchema, LOAD_STATES } from "../../domain/browser.ts";
import { isJsonObject } from "../../domain/json.ts";
import { fieldsSchema } from "../extraction/fields.ts";

/** Names that the block's output has for itself. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(["url", "title"]);

const timed = {
  timeout_seconds: z.number().positive().max(600).default(30).describe("Give up on this step after so many seconds."),
};
const target = browserTargetSchema.describe(
  "The element: a CSS selector, or an object with one of css, text, role (and name), label, placeholder, test_id, xpath.",
);
const targeted = { target, ...timed };
const resultName = z
  .string()
  .regex(/^[A-Za-z_]\w*$/, "letters, digits and _ only, not beginning with a digit")
  .refine((name) => !RESERVED_NAMES.has(name), { message: "`url` and `title` are taken by the page's own" });
const name = resultName.describe("Key of the result in the block's output.");
/** Numbers, because a value that is one single expression keeps its type. */
const writable = z.union([z.string(), z.number()]);

const uploadFile = z
  .strictObject({
    name: z.string().min(1).exactOptional().describe("File name. Default: what `url` calls it, or `file`."),
    content_type: z.string().min(1).exactOptional().describe("Default: what `url` answers with, or `text/plain` for `text`."),
    text: z.string().exactOptional().describe("The content as text."),
    base64: z.string().exactOptional().describe("The content as Base64."),
    url: z.string().min(1).exactOptional().describe("Address to fetch the content from."),
  })
  .refine((file) => countOf(file.text, file.base64, file.url) === 1, { message: "a file needs exactly one of text, base64, url" });

/** What a step does, by its `action`. */
export const stepSchema = z.discriminatedUnion("action", [
  z.strictObject({
    action: z.literal("goto").describe("Open an address."),
    url: z.string().min(1).describe("Absolute http(s) address."),
    wait_until: z.enum(LOAD_STATES).default("load").describe("What to wait for; `networkidle` is no request for half a second."),
    ...timed,
  }),
  z.strictObject({
    action: z.literal("click").describe("Click an element; when that opens another page, wait until it has loaded."),
    ...targeted,
  }),
  z.strictObject({
    action: z.literal("fill").describe("Replace the content of a field."),
    value: writable.describe("The new content; empty clears the field."),
    ...targeted,
  }),
  z.strictObject({
    action: z.literal("type").describe("Type key by key, at the end of what is there."),
    text: writable.describe("What to type."),
    target: target.exactOptional().describe("The field. Default: where the focus is."),
    ...timed,
  }),
  z.strictObject({
    action: z.literal("press").describe("Press a key or a chord."),
    key: z.string().min(1).describe("`Enter`, `Tab`, `Escape`, `ArrowDown`, `a`, `Control+A`, …"),
    target: target.exactOptional().describe("The element to focus first. Default: where the focus is."),
    ...timed,
  }),
  z
    .strictObject({
      action: z.literal("select").describe("Choose an option of a `select`."),
      value: writable.exactOptional().describe("The option's value."),
      label: writable.exactOptional().describe("The option's text."),
      ...targeted,
    })
    .refine((step) => countOf(step.value, step.label) === 1, { message: "select needs exactly one of value, label" }),
  z.strictObject({ action: z.literal("check").describe("Tick a checkbox or choose a radio button."), ...targeted }),
  z.strictObject({ action: z.literal("uncheck").describe("Clear a checkbox."), ...targeted }),
  z.strictObject({ action: z.literal("hover").describe("Move the pointer onto an element."), ...targeted }),
  z
    .strictObject({
      action: z.literal("scroll").describe("Scroll the page."),
      target: target.exactOptional().describe("Scroll this element into view."),
      to: z.enum(["top", "bottom"]).exactOptional().describe("Scroll to an end of the page."),
      by: z
        .strictObject({ x: z.int().default(0).describe("Pixels to the right."), y: z.int().default(0).describe("Pixels down.") })
        .exactOptional()
        .describe("Scroll by an amount."),
      ...timed,
    })
    .refine((step) => countOf(step.target, step.to, step.by) === 1, { message: "scroll needs exactly one of target, to, by" }),
  z.strictObject({
    action: z.literal("upload").describe("Give files to a file input."),
    files: z.array(uploadFile).min(1).describe("The files: content given here or fetched from an address."),
    ...targeted,
  }),
  z
    .strictObject({
      action: z.literal("wait_for").describe("Wait until something is so."),
      target: target.exactOptional().describe("Wait for an element."),
      state: z.enum(["visible", "hidden"]).exactOptional().describe("With `target`: until it is visible (default), or hidden or gone."),
      text: z.string().min(1).exactOptional().describe("Wait until the page shows this text, in any case."),
      url: z.string().min(1).exactOptional().describe("Wait until the address matches: `*` within a path segment, `**` across segments."),
      load_state: z.enum(LOAD_STATES).exactOptional().describe("Wait until the page has loaded so far."),
      ...timed,
    })
    .refine((step) => countOf(step.target, step.text, step.url, step.load_state) === 1, {
      message: "wait_for needs exactly one of target, text, url, load_state",
    })
    .refine((step) => step.state === undefined || step.target !== undefined, { path: ["state"], message: "`state` goes with `target`" }),
  z.strictObject({
    action: z.literal("extract").describe("Read typed values, lists and tables; see the `extraction` block."),
    name,
    fields: fieldsSchema.describe("Names to selectors or field objects, as in the `extraction` block's `selectors`."),
    ...timed,
  }),
  z.strictObject({
    action: z.literal("evaluate").describe("Run JavaScript in the page."),
    script: z
      .string()
      .min(1)
      .describe("The value of the last expression is the result; it may be a promise, and must be JSON. `args` holds the arguments."),
    args: z
      .record(z.string(), jsonValue)
      .default({})
      .describe("Values for the script, as `args.<name>`: safe, where writing an expression into the script is not."),
    name: name.exactOptional().describe("Key of the result in the block's output. Without it the result is dropped."),
    ...timed,
  }),
  z.strictObject({
    action: z.literal("screenshot").describe("Keep a picture as an artifact."),
    full_page: z.boolean().default(false).describe("The whole page, not only what is in view."),
    target: target.exactOptional().describe("Only this element."),
    name: z.string().min(1).default("screenshot").describe("File name, without its ending."),
    ...timed,
  }),
  z.strictObject({
    action: z.literal("download").describe("Click something that downloads a file, and keep the file as an artifact."),
    name,
    ...targeted,
  }),
]);
export type Step = z.infer<typeof stepSchema>;

/** Steps in their order; two results may not have the same name. */
export const stepsSchema = z
  .array(stepSchema)
  .min(1)
  .superRefine((steps, context) => {
    const taken = new Set<string>();
    for (const [index, step] of steps.entries()) {
      const name = resultNameOf(step);
      if (name === undefined) continue;
      if (taken.has(name))
        context.addIssue({ code: "custom", path: [index, "name"], message: `another step already gives the result "${name}"` });
      taken.add(name);
    }
  });

/** The key under which a step's result appears in the output, if it has one. */
function resultNameOf(step: Step): string | undefined {
  return step.action === "extract" || step.action === "evaluate" || step.action === "download" ? step.name : undefined;
}

/** What each kind of step does to the world: a block that only reads and navigates may be run again when nobody knows whether it ran. */
const ONLY_READS: Readonly<Record<Step["action"], boolean>> = {
  goto: true,
  hover: true,
  scroll: true,
  wait_for: true,
  extract: true,
  screenshot: true,
  click: false,
  fill: false,
  type: false,
  press: false,
  select: false,
  check: false,
  uncheck: false,
  upload: false,
  evaluate: false,
  download: false,
};

const READING_ACTIONS: ReadonlySet<unknown> = new Set(Object.entries(ONLY_READS).flatMap(([action, reads]) => (reads ? [action] : [])));

/** Do these steps only read and navigate? They may still hold expressions: only `action` is looked at. */
export function onlyReads(steps: unknown): boolean {
  return Array.isArray(steps) && steps.every((step: unknown) => isJsonObject(step) && READING_ACTIONS.has(step["action"]));
}

function countOf(...values: unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}
