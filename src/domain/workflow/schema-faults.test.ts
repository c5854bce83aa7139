import { describe, expect, it } from "vitest";
import { z } from "zod";
import { faultsOf } from "./schema-faults.ts";

const inner = z.strictObject({ css: z.string(), nth: z.int().optional() });
const schema = z.strictObject({
  url: z.string(),
  method: z.enum(["GET", "POST"]).optional(),
  retry: z.strictObject({ max_attempts: z.int().min(1).max(10) }).optional(),
  steps: z
    .array(z.union([z.strictObject({ click: inner }), z.strictObject({ type: inner, text: z.string() })]))
    .max(2)
    .optional(),
  headers: z.record(z.string(), z.string()).optional(),
  target: z.union([z.string(), inner]).optional(),
  shape: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("a") }), z.strictObject({ kind: z.literal("b") })]).optional(),
  label: z
    .string()
    .regex(/^[a-z]+$/, "must be lower-case letters")
    .optional(),
  address: z.url().optional(),
  even: z.number().multipleOf(2).gt(0).optional(),
});

function faultsFor(input: object, basePath?: PropertyKey[]) {
  const result = schema.safeParse({ url: "https://a.example", ...input });
  return result.error === undefined ? [] : faultsOf(result.error, schema, basePath);
}

describe("faultsOf", () => {
  it.each([
    ["an unknown field, with the nearest name", { urll: 1 }, "urll", "unknown_field", 'unknown field "urll"; did you mean "url"?'],
    ["an unknown field that resembles nothing", { zzzzzzzz: 1 }, "zzzzzzzz", "unknown_field", 'unknown field "zzzzzzzz"'],
    [
      "an unknown field below",
      { retry: { max_attempts: 1, max_atempts: 2 } },
      "retry.max_atempts",
      "unknown_field",
      /did you mean "max_attempts"/,
    ],
    [
      "an unknown field inside a union's branch",
      { steps: [{ click: { css: "a", cs: 1 } }] },
      "steps[0].click.cs",
      "unknown_field",
      /did you mean "css"/,
    ],
    ["a missing field", { url: undefined }, "url", "required", "is required (a string)"],
    ["a wrong type", { url: 5 }, "url", "invalid_type", "must be a string, got a number"],
    [
      "a fraction for a whole number",
      { retry: { max_attempts: 1.5 } },
      "retry.max_attempts",
      "invalid_type",
      "must be a whole number, got a number",
    ],
    ["a number over its bound", { retry: { max_attempts: 11 } }, "retry.max_attempts", "invalid_value", "must be at most 10"],
    ["a number at an exclusive bound", { even: 0 }, "even", "invalid_value", "must be more than 0"],
    ["a number that is no multiple", { even: 3 }, "even", "invalid_value", "must be a multiple of 2"],
    ["a word that is not among the choices", { method: "PSOT" }, "method", "invalid_value", 'must be one of "GET", "POST"'],
    [
      "a list that is too long",
      { steps: [1, 2, 3].map(() => ({ click: { css: "a" } })) },
      "steps",
      "too_large",
      "must have at most 2 items",
    ],
    ["a wrong value in a map", { headers: { "x-a": 1 } }, "headers.x-a", "invalid_type", "must be a string, got a number"],
    ["a type that no branch takes", { target: 5 }, "target", "invalid_type", "must be a string or an object, got a number"],
    ["a fault in the only branch that came near", { target: { css: 1 } }, "target.css", "invalid_type", "must be a string, got a number"],
    ["an unknown tag of a tagged union", { shape: { kind: "c" } }, "shape.kind", "invalid_value", 'must be one of "a", "b"'],
    ["a pattern with its own message", { label: "A" }, "label", "invalid_value", "must be lower-case letters"],
    ["an address that is none", { address: "no" }, "address", "invalid_value", "must be a valid URL"],
  ])("tells of %s", (_, input, path, code, message) => {
    const expected = typeof message === "string" ? message : expect.stringMatching(message);
    expect(faultsFor(input)).toEqual([{ path, code, message: expected }]);
  });

  it("lists every fault, not the first", () => {
    const faults = faultsFor({ url: 1, extra: 1, other: 2, retry: {} });
    expect(faults.map((fault) => fault.path).toSorted()).toEqual(["extra", "other", "retry.max_attempts", "url"]);
  });

  it("names a near choice when the parse kept its input", () => {
    const error = schema.safeParse({ url: "a", method: "PSOT" }, { reportInput: true }).error!;
    expect(faultsOf(error, schema)[0]!.message).toBe('must be one of "GET", "POST"; did you mean "POST"?');
  });

  it("puts the base path before every path", () => {
    expect(faultsFor({ urll: 1 }, ["blocks", 2])[0]!.path).toBe("blocks[2].urll");
  });
});
