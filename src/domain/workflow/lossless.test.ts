import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { blockCatalog, blockTypes } from "../../blocks/registry.ts";
import { maskSealedFields } from "../browser/extra-headers.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { parseYaml } from "./parse-document.ts";
import { definitions } from "../testing/definitions.ts";
import { withoutResponseFields, workflowResponse, type WorkflowFacts } from "./workflow-view.ts";
import { checkDefinition, requireDefinition } from "./check-definition.ts";
import { sanitizeNames } from "./sanitize.ts";

const types = blockTypes.filter(({ refuses, example }) => (refuses?.(example) ?? null) === null);
const generated = definitions(types, blockCatalog);

/** What a GET answers for a definition that was posted. */
function responseOf(posted: Json): JsonObject {
  const definition = withoutResponseFields(posted);
  if (!isJsonObject(definition)) throw new Error("it is an object");
  const ids = {
    organizationId: "o",
    workflowPermanentId: "wpid",
    workflowId: "w",
    version: 1,
    isTemplate: false,
    createdAt: 0,
    deletedAt: null,
  };
  const folderId = (definition.folder_id ?? null) as WorkflowFacts["folderId"]; // it is kept with the workflow
  return JSON.parse(JSON.stringify(workflowResponse({ ...ids, definition, folderId }))) as JsonObject;
}

/** What is kept of it with the version: the folder belongs to the workflow. */
function storedOf(posted: Json): Json {
  const definition = withoutResponseFields(posted);
  return isJsonObject(definition) ? Object.fromEntries(Object.entries(definition).filter(([field]) => field !== "folder_id")) : definition;
}

/** Fields that are valid only with others, which chance does not hit upon in every run. */
const GO_ONLY_TOGETHER: ReadonlySet<string> = new Set([
  "send_email.smtp_username_secret_parameter_key",
  "send_email.smtp_password_secret_parameter_key",
  "download_to_s3.s3_prefix",
]);

describe("a random definition", () => {
  it("is valid, and has every block type and every field at some time", () => {
    const seen = new Set<string>();
    const visit = (blocks: unknown): void => {
      for (const block of Array.isArray(blocks) ? blocks : []) {
        if (!isJsonObject(block)) continue;
        for (const field of Object.keys(block)) seen.add(`${block.block_type as string}.${field}`);
        visit(block.loop_blocks);
      }
    };
    fc.assert(
      fc.property(generated, (definition) => {
        const checked = checkDefinition(definition, blockCatalog);
        expect(checked.ok ? [] : checked.faults).toEqual([]);
        visit((definition.workflow_definition as JsonObject).blocks);
      }),
      { numRuns: 400, seed: 1 },
    );
    const missing = types.flatMap(({ type, config }) =>
      Object.keys((config as unknown as { shape: object }).shape).flatMap((field) =>
        seen.has(`${type}.${field}`) ? [] : [`${type}.${field}`],
      ),
    );
    expect(missing.filter((field) => !GO_ONLY_TOGETHER.has(field))).toEqual([]);
  });

  it("comes back from a GET so that it can be posted again: the same is stored, and the same plan compiled", () => {
    fc.assert(
      fc.property(generated, (random) => {
        const posted = maskSealedFields(random); // values of headers are kept apart, and shown as ***
        const response = responseOf(random);
        expect(response).toMatchObject(posted);
        expect(responseOf(response)).toEqual(response);
        expect(storedOf(response)).toEqual(storedOf(posted));
        const [first, second] = [posted, withoutResponseFields(response)].map((definition) => requireDefinition(definition, blockCatalog));
        expect(second!.plan).toEqual(first!.plan);
        expect(second!.definition).toEqual(first!.definition);
      }),
      { numRuns: 150 },
    );
  });

  it("survives being written as YAML, which leaves its names alone", () => {
    fc.assert(
      fc.property(generated, (posted) => {
        const read = parseYaml(stringify(responseOf(posted)));
        expect(read.ok && sanitizeNames(read.value)).toEqual({ definition: responseOf(posted), changes: [] });
      }),
      { numRuns: 50 },
    );
  });
});

describe("a definition that was changed at random", () => {
  const junk = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom("__proto__", "{{ x }}", "{{", "b0", "b3_output", "", "last", "prompt", 1e300, -1),
  );
  type Change = { readonly at: readonly number[]; readonly how: "replace" | "remove" | "rename" | "repeat"; readonly value: unknown };
  const changes: fc.Arbitrary<Change> = fc.record({
    at: fc.array(fc.nat(30), { minLength: 1, maxLength: 7 }),
    how: fc.constantFrom("replace", "replace", "remove", "rename", "repeat"),
    value: junk,
  });

  /** Goes down by the numbers, and changes what it comes to. */
  function change(value: unknown, { at: [step, ...rest], how, value: junk }: Change): unknown {
    if (step === undefined || typeof value !== "object" || value === null) return junk;
    if (Array.isArray(value)) {
      if (value.length === 0) return [junk];
      const index = step % value.length;
      if (rest.length > 0) return value.with(index, change(value[index], { at: rest, how, value: junk }));
      if (how === "repeat") return [...value, value[index]];
      return how === "remove" ? value.toSpliced(index, 1) : value.with(index, junk);
    }
    const entries = Object.entries(value);
    if (entries.length === 0) return { x: junk };
    const index = step % entries.length;
    const [field, inner] = entries[index]!;
    if (rest.length > 0) return { ...value, [field]: change(inner, { at: rest, how, value: junk }) };
    const others = entries.toSpliced(index, 1);
    if (how === "remove") return Object.fromEntries(others);
    return Object.fromEntries([...others, how === "rename" ? [`${field}x`, inner] : [field, junk]]);
  }

  it("is judged: nothing is thrown, and every fault has its path and says what is wrong", () => {
    fc.assert(
      fc.property(generated, fc.array(changes, { minLength: 1, maxLength: 4 }), (definition, list) => {
        const changed = list.reduce<unknown>(change, definition);
        const checked = checkDefinition(changed, blockCatalog);
        if (checked.ok) return;
        expect(checked.faults.length).toBeGreaterThan(0);
        for (const { path, message } of checked.faults) {
          expect(message).not.toBe("");
          if (isJsonObject(changed)) expect(path).not.toBe("");
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is read for names to sanitise without a throw, and nothing is changed the second time", () => {
    fc.assert(
      fc.property(generated, changes, (definition, one) => {
        const { definition: once } = sanitizeNames(change(definition, one) as Json);
        expect(sanitizeNames(once)).toEqual({ definition: once, changes: [] });
      }),
      { numRuns: 200 },
    );
  });
});
