import { z } from "zod";
import { describeTarget, type Download, PageError, type PageAction } from "../domain/browser.ts";
import type { Json } from "../domain/json.ts";
import type { BrowserPage } from "../ports/browser.ts";
import { fetchFile } from "./actions/fetch-file.ts";
import { onlyReads, type Step, stepsSchema } from "./actions/steps.ts";
import { type BlockContext, BlockError, defineBlock } from "./block.ts";
import { asBlockError, assertPageStatus, onPage } from "./browser-block.ts";
import { toInformation, toQuery } from "./extraction/fields.ts";
import { fileName } from "./file-name.ts";
import { describeFile } from "./files.ts";
import { pngName } from "./screenshot.ts";

/** A downloaded text up to this size is also given as text in the output. */
const MAX_TEXT_BYTES = 256 * 1024;

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
    .catchall(z.json().describe("The results of `extract`, `evaluate` and `download` steps, by their `name`.")),
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
    return onPage(context, async (page) => {
      const results: Record<string, Json> = {};
      for (let index = 0; index < steps.length;) {
        const batch = await locate(steps, index, () => takePageActions(context, steps.slice(index)));
        if (batch.length > 0) {
          await locate(steps, index, () => page.perform(batch, { signal: context.signal }));
          index += batch.length;
        } else {
          const step = steps[index]!;
          const result = await locate(steps, index, () => runStep(context, page, step));
          if (result !== undefined && "name" in step && step.name !== undefined) results[step.name] = result;
          index++;
        }
      }
      return { ...(await page.where({ timeoutMs: 30_000, signal: context.signal })), ...results };
    });
  },
});

/**
 * The steps from the first on that are plain page actions: given to the page together, they cost the fewest round trips. An upload begins a
 * list of its own, so that its files are fetched when the steps before it are done.
 */
async function takePageActions(context: BlockContext, steps: readonly Step[]): Promise<PageAction[]> {
  const taken: PageAction[] = [];
  for (const step of steps) {
    if (step.action === "upload" && taken.length > 0) break;
    const action = await toPageAction(context, step);
    if (action === null) break;
    taken.push(action);
  }
  return taken;
}

/** @returns null for a step that is more than a page action */
async function toPageAction(context: BlockContext, step: Step): Promise<PageAction | null> {
  const timeoutMs = step.timeout_seconds * 1000;
  switch (step.action) {
    case "click":
    case "hover":
      return { do: step.action, target: step.target, timeoutMs };
    case "fill":
      return { do: "fill", target: step.target, value: String(step.value), timeoutMs };
    case "type":
      return { do: "type", target: step.target ?? null, text: String(step.text), timeoutMs };
    case "press":
      return { do: "press", target: step.target ?? null, key: step.key, timeoutMs };
    case "select":
      return step.label === undefined
        ? { do: "select", target: step.target, by: "value", wanted: String(step.value), timeoutMs }
        : { do: "select", target: step.target, by: "label", wanted: String(step.label), timeoutMs };
    case "check":
    case "uncheck":
      return { do: "check", target: step.target, checked: step.action === "check", timeoutMs };
    case "scroll":
      if (step.target !== undefined) return { do: "scroll", to: { target: step.target }, timeoutMs };
      return { do: "scroll", to: step.to === undefined ? { byX: step.by?.x ?? 0, byY: step.by?.y ?? 0 } : { edge: step.to }, timeoutMs };
    case "upload":
      return {
        do: "upload",
        target: step.target,
        files: await Promise.all(step.files.map((file) => fetchFile(context, file, timeoutMs))),
        timeoutMs,
      };
    case "wait_for":
      if (step.target !== undefined) return { do: "wait_for", target: step.target, state: step.state ?? "visible", timeoutMs };
      if (step.text !== undefined) return { do: "wait_for_text", text: step.text, timeoutMs };
      if (step.url !== undefined) return { do: "wait_for_url", glob: step.url, timeoutMs };
      return { do: "wait_for_load", state: step.load_state ?? "load", timeoutMs };
    default:
      return null;
  }
}

/** @returns the step's result, undefined when it has none */
async function runStep(context: BlockContext, page: BrowserPage, step: Step): Promise<Json | undefined> {
  const options = { timeoutMs: step.timeout_seconds * 1000, signal: context.signal };
  switch (step.action) {
    case "goto":
      assertPageStatus(await page.goto(step.url, { ...options, waitUntil: step.wait_until }));
      return undefined;
    case "extract":
      return toInformation(step.fields, await page.read(toQuery(step.fields), options));
    case "evaluate":
      return page.evaluate(step.script, step.args, options);
    case "screenshot": {
      const bytes = await page.screenshot({ ...options, fullPage: step.full_page, target: step.target ?? null });
      await context.saveArtifact({ type: "screenshot", name: pngName(step.name), contentType: "image/png", bytes });
      return undefined;
    }
    case "download":
      return saveDownload(context, await page.download(step.target, options));
    default:
      throw new Error(`${step.action} is a page action`);
  }
}

async function saveDownload(context: BlockContext, { url, suggestedName, disposition, contentType, bytes }: Download): Promise<Json> {
  const name = fileName(suggestedName, { headers: { "content-disposition": disposition }, url });
  const saved = describeFile(await context.saveArtifact({ type: "download", name, contentType, bytes }));
  const isText = /^text\/|[/+]json\b/.test(contentType) || /\.(csv|tsv|txt)$/i.test(name);
  return isText && bytes.byteLength <= MAX_TEXT_BYTES ? { ...saved, text: decodeText(bytes, contentType) } : saved;
}

function decodeText(bytes: Uint8Array, contentType: string): string {
  const charset = /charset="?([\w-]+)/i.exec(contentType)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes); // a charset that nobody knows
  }
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

/** Never what is typed or filled in: it may be a password. */
function describeStep(step: Step): string {
  if ("target" in step && step.target !== undefined) return `${step.action} ${describeTarget(step.target)}`;
  switch (step.action) {
    case "goto":
      return `goto ${step.url}`;
    case "press":
      return `press ${step.key}`;
    case "wait_for":
      return `wait_for ${step.text === undefined ? (step.url ?? step.load_state) : JSON.stringify(step.text)}`;
    default:
      return "name" in step && step.name !== undefined ? `${step.action} ${step.name}` : step.action;
  }
}
