import { describe, expect, it } from "vitest";
import { faultsOf } from "../../domain/workflow/schema-faults.ts";
import { onlyReads, stepsSchema } from "./steps.ts";

describe("steps", () => {
  const faults = (steps: unknown) => {
    const { error } = stepsSchema.safeParse(steps);
    return error === undefined ? [] : faultsOf(error, stepsSchema, ["steps"]).map(({ path, message }) => `${path}: ${message}`);
  };

  it.each<[string, unknown[]]>([
    ["a target as a selector", [{ action: "click", target: "#a" }]],
    ["a target within another", [{ action: "click", target: { role: "button", name: "Go", within: { css: "form", nth: 0 } } }]],
    [
      "numbers as values",
      [
        { action: "fill", target: "#a", value: 7 },
        { action: "select", target: "#b", value: 2 },
      ],
    ],
    ["an upload of a stored file", [{ action: "upload", target: "#a", files: [{ file: "a_1" }] }]],
    ["an upload of text", [{ action: "upload", target: "#a", files: [{ name: "a.txt", text: "" }] }]],
  ])("take %s", (_, steps) => {
    expect(faults(steps)).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ["an unknown action", { action: "clik", target: "a" }, "steps[0].action:"],
    ["a missing target", { action: "click" }, "steps[0].target:"],
    [
      "a target with two kinds",
      { action: "click", target: { css: "a", text: "b" } },
      "steps[0].target: a target needs exactly one of css, text",
    ],
    ["a name without a role", { action: "click", target: { css: "a", name: "b" } }, "steps[0].target.name: `name` goes with `role`"],
    [
      "a frame in the middle of a target",
      { action: "click", target: { css: "a", within: { css: "b", frame: "c" } } },
      "steps[0].target.within.frame: `frame` goes with the outermost target",
    ],
    ["a frame to wait for a page in", { action: "wait_for", load_state: "load", frame: "c" }, "steps[0].frame: `frame` goes with `text`"],
    [
      "a frame in a row",
      { action: "extract", name: "a", fields: { x: { rows: "li", fields: { y: { target: { css: "b", frame: "c" } } } } } },
      "steps[0].fields.x.fields.y.target: a field of a row is in the row's own document",
    ],
    ["an unknown field", { action: "click", target: "a", buton: "left" }, 'steps[0].buton: unknown field "buton"; did you mean "button"?'],
    ["a scroll nowhere", { action: "scroll" }, "steps[0]: scroll needs one of target, to, by"],
    ["a scroll in two ways", { action: "scroll", to: "top", by: { y: 1 } }, "steps[0]: scroll takes one of to, by"],
    ["a limit for one scroll", { action: "scroll", to: "top", max_scrolls: 2 }, "steps[0].max_scrolls: `max_scrolls` goes with `to: end`"],
    [
      "an option chosen in two ways",
      { action: "select", target: "a", value: "1", label: "2" },
      "steps[0]: select needs exactly one of value, label, index, values, labels",
    ],
    [
      "a wait for nothing",
      { action: "wait_for" },
      "steps[0]: wait_for needs exactly one of target, text, url, load_state, response, function",
    ],
    ["a state without a target", { action: "wait_for", text: "a", state: "hidden" }, "steps[0].state: `state` goes with `target`"],
    ["a file from nowhere", { action: "upload", target: "a", files: [{ name: "a" }] }, "steps[0].files[0]: a file needs exactly one of"],
    ["a result named like the page's own", { action: "evaluate", script: "1", name: "url" }, "steps[0].name: `url` and `title` are taken"],
    [
      "a field of an unknown type",
      { action: "extract", name: "a", fields: { x: { target: "b", type: "numbr" } } },
      "steps[0].fields.x.type: must be one of",
    ],
  ])("refuse %s", (_, step, expected) => {
    expect(faults([step])).toEqual([expect.stringContaining(expected)]);
  });

  it("refuse two results of the same name", () => {
    const step = { action: "evaluate", script: "1", name: "a" };
    expect(faults([step, step])).toEqual(['steps[1].name: another step already gives the result "a"']);
  });
});

describe("a list of steps", () => {
  it.each<[boolean, unknown]>([
    [true, [{ action: "goto" }, { action: "wait_for" }, { action: "extract" }, { action: "screenshot" }, { action: "scroll" }]],
    [false, [{ action: "goto" }, { action: "click" }]],
    [false, [{ action: "evaluate" }]],
    [false, [{ action: "toString" }]],
    [false, "{{ steps }}"],
  ])("only reads: %s for %j", (expected, steps) => {
    expect(onlyReads(steps)).toBe(expected);
  });
});
