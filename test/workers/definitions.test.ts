import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { blockCatalog, blockTypes } from "../../src/blocks/registry.ts";
import { maskSealedFields } from "../../src/domain/browser/extra-headers.ts";
import { definitions } from "../../src/domain/testing/definitions.ts";
import { createTenant, type Tenant } from "./api.ts";

const set = (label: string, values: object = {}, more: object = {}) => ({ block_type: "set", label, values, ...more });
const workflow = (...blocks: object[]) => ({ title: "Test", workflow_definition: { blocks } });

const run = async (tenant: Tenant, json: object) => {
  const { body: saved } = await tenant.call("POST", "/v1/workflows", { json_definition: json });
  const started = await tenant.call("POST", "/v1/run/workflows", { workflow_id: saved.workflow_permanent_id }, UNTIL_IT_ENDS);
  return { warnings: saved.warnings as { path: string; message: string; code: string }[], run: started.body };
};

describe("a workflow with a block that needs a model", () => {
  const ask = { block_type: "text_prompt", label: "summary", prompt: "What is {{ first_output.v }}?" };

  it("is saved with a warning, and its run fails there with the same sentence, after what comes before", async () => {
    const { warnings, run: ended } = await run(await createTenant(), workflow(set("first", { v: 1 }), { ...ask, max_retries: 3 }));
    expect(warnings).toEqual([
      { path: "workflow_definition.blocks[1]", message: expect.stringMatching(/^The block "summary" \(text_prompt\) needs a model /), code: "unavailable" },
    ]); // prettier-ignore
    expect(ended).toMatchObject({ status: "failed", output: { first_output: { v: 1 } } });
    expect(ended.failure_reason).toContain(warnings[0]!.message);
    expect(ended.errors).toEqual([
      { error_code: "unavailable", reasoning: warnings[0]!.message, confidence_float: 1, error_type: "block", path: "summary" },
    ]);
  });

  it("runs to its end where the block's condition passes it by", async () => {
    const skipped = { ...ask, prompt: "x", condition: "{{ false }}" };
    expect((await run(await createTenant(), workflow(skipped, set("last")))).run.status).toBe("completed");
  });

  it("goes on where the block may fail", async () => {
    const { run: ended } = await run(
      await createTenant(),
      workflow({ ...ask, prompt: "x", continue_on_failure: true }, set("last", { v: 2 })),
    );
    expect(ended).toMatchObject({ status: "completed", output: { last_output: { v: 2 } } });
  });

  it.each<[string, object]>([
    ["a branch", { block_type: "conditional", label: "b", branch_conditions: [{ criteria: { criteria_type: "prompt", expression: "cheap?" } }, { is_default: true }] }],
    ["a while_loop", { block_type: "while_loop", label: "b", condition: { criteria_type: "prompt", expression: "is there more?" }, loop_blocks: [set("a")] }],
    ["a for_loop", { block_type: "for_loop", label: "b", loop_variable_reference: "all products here", loop_blocks: [set("a")] }],
    ["an extraction", { block_type: "extraction", label: "b", data_extraction_goal: "The prices" }],
  ])("fails likewise where a model is to judge or to find: %s", async (_what, block) => {
    const { warnings, run: ended } = await run(await createTenant(), workflow(block));
    expect(ended.status).toBe("failed");
    expect(ended.failure_reason).toContain(warnings[0]!.message);
  }); // prettier-ignore
});

describe("a workflow with a block that this service will not run", () => {
  it.each<[object, string]>([
    [{ block_type: "code", label: "b", code: "1" }, "actions"],
    [{ block_type: "google_sheets_read", label: "b", spreadsheet_url: "https://x.example" }, "http_request"],
    [{ block_type: "google_sheets_write", label: "b", spreadsheet_url: "https://x.example" }, "http_request"],
    [{ block_type: "email_inbox", label: "b", email_client: "gmail" }, "http_request"],
    [{ block_type: "file_upload", label: "b", storage_type: "google_drive" }, "upload_to_s3"],
  ])("is refused with what to use instead: %j", async (block, instead) => {
    const tenant = await createTenant();
    const { status, body } = await tenant.call("POST", "/v1/workflows", { json_definition: workflow(block) });
    expect(status).toBe(422);
    expect(body.errors).toEqual([
      { path: "workflow_definition.blocks[0].block_type", message: expect.stringContaining(instead), code: "not_supported" },
    ]);
    expect((await tenant.call("GET", "/v1/workflows")).body).toEqual([]);
  });
});

describe("what GET returns can be posted again, and comes back the same", () => {
  const types = blockTypes.filter(({ refuses, example }) => (refuses?.(example) ?? null) === null);
  const generated = fc.sample(definitions(types, blockCatalog), { numRuns: 5, seed: 7 });
  const own = new Set(["workflow_id", "workflow_permanent_id", "agent_id", "version", "created_at", "modified_at", "warnings"]);
  const rest = (workflow: object) => Object.fromEntries(Object.entries(workflow).filter(([field]) => !own.has(field)));

  it.each([
    ["JSON", (definition: unknown) => ({ json_definition: definition })],
    ["YAML", (definition: unknown) => ({ yaml_definition: stringify(definition) })],
  ])("as %s", async (_language, write) => {
    const tenant = await createTenant();
    const { folder_id } = (await tenant.call("POST", "/v1/folders", { title: "Generated" })).body;
    for (const made of generated) {
      const definition = made.folder_id == null ? made : { ...made, folder_id };
      const shown = maskSealedFields(definition);
      const saved = await tenant.call("POST", "/v1/workflows", { json_definition: definition });
      expect([saved.status, saved.body.errors]).toEqual([200, undefined]);
      const read = (await tenant.call("GET", `/v1/workflows/${saved.body.workflow_permanent_id}`)).body;
      expect(read).toMatchObject(shown);
      const path = shown === definition ? "/v1/workflows" : `/v1/workflows/${saved.body.workflow_permanent_id}`; // `***` says something there only
      const again = await tenant.call("POST", path, write(read));
      expect(rest((await tenant.call("GET", `/v1/workflows/${again.body.workflow_permanent_id}`)).body)).toEqual(rest(read));
      const [before, after] = [definition, read].map((json) => tenant.call("POST", "/v1/workflows/validate", { json_definition: json }));
      expect((await after!).body).toEqual((await before!).body);
    }
  });
});

describe("YAML with names that are no identifiers", () => {
  const yaml = [
    "title: From YAML",
    "workflow_definition:",
    "  parameters:",
    "    - {parameter_type: workflow, workflow_parameter_type: string, key: customer name, default_value: Ada}",
    "  blocks:",
    "    - {block_type: set, label: 1st step, values: {greeting: 'Hello {{ customer name }}'}}",
    "    - {block_type: set, label: last, values: {again: '{{ 1st step_output.greeting }}'}}",
  ].join("\n");
  const changed = ["key", "label", "values.greeting", "values.again"];

  it("is saved with identifiers and a warning for each change, and runs", async () => {
    const tenant = await createTenant();
    const { status, body } = await tenant.call("POST", "/v1/workflows", { yaml_definition: yaml });
    expect(status).toBe(200);
    expect(body.warnings.map(({ path, code }: { path: string; code: string }) => [path.split("].")[1], code])).toEqual(
      changed.map((field) => [field, "renamed"]),
    );
    expect(body.warnings[1]).toMatchObject({
      path: "workflow_definition.blocks[0].label",
      message: '"1st step" was changed to "_1st_step": names must be identifiers (line 6, column 25)',
    });
    const run = await tenant.call("POST", "/v1/run/workflows", { workflow_id: body.workflow_permanent_id }, UNTIL_IT_ENDS);
    expect(run.body).toMatchObject({ status: "completed", output: { last_output: { again: "Hello Ada" } } });
  });

  it("is told so by validate", async () => {
    const { body } = await (await createTenant()).call("POST", "/v1/workflows/validate", { yaml_definition: yaml });
    expect(body.valid).toBe(true);
    expect(body.diagnostics.map(({ severity, code }: { severity: string; code: string }) => `${severity} ${code}`)).toEqual(
      changed.map(() => "warning renamed"),
    );
  });

  it("is read likewise by the older API, whose body is the YAML itself", async () => {
    const tenant = await createTenant();
    const { status, body } = await tenant.call("POST", "/api/v1/workflows", yaml, { "content-type": "application/x-yaml" });
    expect(status).toBe(200);
    expect(body.workflow_definition.blocks[0].label).toBe("_1st_step");
    expect(body.warnings).toHaveLength(changed.length);
  });

  it("is refused as JSON, where nothing is changed", async () => {
    const json = { title: "x", workflow_definition: { blocks: [set("1st step")] } };
    const { status, body } = await (await createTenant()).call("POST", "/v1/workflows", { json_definition: json });
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ path: "workflow_definition.blocks[0].label", code: "invalid_value" }]);
  });
});
