import { z } from "zod";
import { isJsonObject } from "../../domain/json.ts";
import { clearCookies, getCookies, setCookies } from "./cookies.ts";
import { dialog, getDialogs } from "./dialogs.ts";
import { basicAuth, setGeolocation, setHeaders, setLocale, setTimezone, setUserAgent, setViewport } from "./emulation.ts";
import { check, fill, select, uncheck, upload } from "./forms.ts";
import { press, type } from "./keyboard.ts";
import { back, forward, goto, reload } from "./navigation.ts";
import { click, drag, focus, hover } from "./pointer.ts";
import { download, evaluate, extract, screenshot } from "./reading.ts";
import { scroll } from "./scrolling.ts";
import type { Step, StepKind } from "./step.ts";
import { clearStorage, getStorage, setStorage } from "./storage.ts";
import { closeTab, listTabs, newTab, switchTab } from "./tabs.ts";
import { waitFor } from "./waiting.ts";

/** Every kind of step, in the order of the documentation. */
const STEP_KINDS: readonly [StepKind, ...StepKind[]] = [
  goto,
  back,
  forward,
  reload,
  click,
  hover,
  drag,
  focus,
  scroll,
  type,
  press,
  fill,
  select,
  check,
  uncheck,
  upload,
  waitFor,
  extract,
  evaluate,
  screenshot,
  download,
  dialog,
  getDialogs,
  newTab,
  switchTab,
  closeTab,
  listTabs,
  getCookies,
  setCookies,
  clearCookies,
  getStorage,
  setStorage,
  clearStorage,
  setViewport,
  setUserAgent,
  setLocale,
  setTimezone,
  setGeolocation,
  setHeaders,
  basicAuth,
];

const KIND_BY_ACTION: ReadonlyMap<unknown, StepKind> = new Map(STEP_KINDS.map((kind) => [kind.action, kind]));

/** The kind of a step that `stepsSchema` has let through. */
export function kindOf(step: Step): StepKind {
  return KIND_BY_ACTION.get(step.action)!;
}

/** What a step does, by its `action`. */
const [firstKind, ...otherKinds] = STEP_KINDS;
const stepSchema = z.discriminatedUnion("action", [firstKind.schema, ...otherKinds.map(({ schema }) => schema)]);

/** Steps in their order; two results may not have the same name. */
export const stepsSchema = z
  .array(stepSchema)
  .min(1)
  .superRefine((steps, context) => {
    const taken = new Set<string>();
    for (const [index, step] of steps.entries()) {
      const name = kindOf(step).resultName(step);
      if (name === undefined) continue;
      if (taken.has(name))
        context.addIssue({ code: "custom", path: [index, "name"], message: `another step already gives the result "${name}"` });
      taken.add(name);
    }
  });

/** Do these steps only read and navigate? They may still hold expressions: only `action` is looked at. */
export function onlyReads(steps: unknown): boolean {
  return (
    Array.isArray(steps) && steps.every((step: unknown) => isJsonObject(step) && (KIND_BY_ACTION.get(step["action"])?.onlyReads ?? false))
  );
}
