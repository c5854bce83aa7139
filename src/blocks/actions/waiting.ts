import { z } from "zod";
import { describeTarget, LOAD_STATES } from "../../domain/browser/browser.ts";
import { defineStep, exactlyOne, target, timeoutOf } from "./step.ts";

export const waitFor = defineStep({
  action: "wait_for",
  summary: "Wait until something is so.",
  onlyReads: true,
  fields: {
    target: target.exactOptional().describe("Wait for an element."),
    state: z.enum(["visible", "hidden"]).exactOptional().describe("With `target`: until it is visible (default), or hidden or gone."),
    text: z.string().min(1).exactOptional().describe("Wait until the page shows this text, in any case."),
    frame: target.exactOptional().describe("With `text` or `function`: in this frame, named as in a target."),
    url: z.string().min(1).exactOptional().describe("Wait until the address matches: `*` within a path segment, `**` across segments."),
    load_state: z.enum(LOAD_STATES).exactOptional().describe("Wait until the page has loaded so far."),
    response: z
      .strictObject({
        url: z.string().min(1).describe("Its address, as for `url`."),
        method: z.string().min(1).exactOptional().describe("Of the request. Default: any."),
        status: z.int().min(100).max(599).exactOptional().describe("Default: any."),
      })
      .exactOptional()
      .describe("Wait until the page got this answer from a server; it may have come since the step before began."),
    function: z
      .string()
      .min(1)
      .exactOptional()
      .describe("JavaScript in the page: wait until its value, or that of the function or the promise it gives, is truthy."),
  },
  faults: (step) => [
    ...exactlyOne(step, ["target", "text", "url", "load_state", "response", "function"]),
    ...(step.state !== undefined && step.target === undefined ? [{ path: ["state"], message: "`state` goes with `target`" }] : []),
    ...(step.frame !== undefined && step.text === undefined && step.function === undefined
      ? [{ path: ["frame"], message: "`frame` goes with `text` or `function`; a `target` names its own" }]
      : []),
  ],
  describe(step) {
    if (step.target !== undefined) return describeTarget(step.target);
    return step.text === undefined ? (step.url ?? step.response?.url ?? step.load_state ?? "function") : JSON.stringify(step.text);
  },
  looksAtResponses: ({ response }) => response !== undefined,
  toPageAction(step) {
    const timeoutMs = timeoutOf(step);
    if (step.target !== undefined) return { do: "wait_for", target: step.target, state: step.state ?? "visible", timeoutMs };
    const place = step.frame === undefined ? {} : { frame: step.frame };
    if (step.text !== undefined) return { do: "wait_for_text", text: step.text, ...place, timeoutMs };
    if (step.url !== undefined) return { do: "wait_for_url", glob: step.url, timeoutMs };
    if (step.response !== undefined) {
      const { url, method = null, status = null } = step.response;
      return { do: "wait_for_response", glob: url, method: method === null ? null : method.toUpperCase(), status, timeoutMs };
    }
    if (step.function !== undefined) return { do: "wait_for_function", script: step.function, ...place, timeoutMs };
    return { do: "wait_for_load", state: step.load_state ?? "load", timeoutMs };
  },
});
