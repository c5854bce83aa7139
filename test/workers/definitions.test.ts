import { describe, expect, it } from "vitest";
import { createTenant, type Tenant } from "./api.ts";

const set = (label: string, values: object = {}, more: object = {}) => ({ block_type: "set", label, values, ...more });
const workflow = (...blocks: object[]) => ({ title: "Test", workflow_definition: { blocks } });

const run = async (tenant: Tenant, json: object) => {
  const { body: saved } = await tenant.call("POST", "/v1/workflows", { json_definition: json });
  const started = await tenant.call("POST", "/v1/run/workflows", { workflow_id: saved.workflow_permanent_id }, { prefer: "wait=10" });
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
