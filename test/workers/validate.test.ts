import { describe, expect, it } from "vitest";
import { createTenant, definition, type Tenant } from "./api.ts";

const validate = (tenant: Tenant, body: unknown, path = "/v1/workflows/validate") => tenant.call("POST", path, body);
const set = (label: string, values: object = {}) => ({ block_type: "set", label, values });

describe("validating a workflow", () => {
  it.each(["/v1/workflows/validate", "/v1/agents/validate"])("shows its plan at %s", async (path) => {
    const blocks = [set("price"), set("stock"), set("offer", { text: "{{ price_output }} {{ stock_output }}" }), set("tidy_up")];
    const { status, body } = await validate(
      await createTenant(),
      { json_definition: definition("Offer", { version: 3, blocks, finally_block_label: "tidy_up" }) },
      path,
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({
      valid: true,
      diagnostics: [],
      plan: {
        version: 3,
        mode: "dependencies",
        edges: [
          { from: "price", to: "offer", reason: "expression" },
          { from: "stock", to: "offer", reason: "expression" },
        ],
        levels: [["price", "stock"], ["offer"]],
        finally_block_label: "tidy_up",
      },
    });
    expect(body.plan.nodes.map(({ label, path: place }: { label: string; path: string }) => [label, place])).toEqual(
      blocks.map(({ label }, index) => [label, `workflow_definition.blocks[${index}]`]),
    );
  });

  it("stores nothing", async () => {
    const tenant = await createTenant();
    await validate(tenant, { json_definition: definition() });
    expect((await tenant.call("GET", "/v1/workflows")).body).toEqual([]);
  });

  it("answers 200 with every fault when it is not valid", async () => {
    const blocks = [set("a", { v: "{{ x }}" }), set("a")];
    const { status, body } = await validate(await createTenant(), {
      json_definition: definition("Bad", { blocks, finally_block_label: "z" }),
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ valid: false, plan: null });
    expect(body.diagnostics).toEqual([
      { severity: "error", path: "workflow_definition.blocks[0].values.v", message: "'x' is not defined", code: "undefined_name" },
      {
        severity: "error",
        path: "workflow_definition.blocks[1].label",
        message: expect.stringContaining("is used before"),
        code: "duplicate",
      },
      {
        severity: "error",
        path: "workflow_definition.finally_block_label",
        message: 'there is no block "z" in the outermost list',
        code: "unknown_label",
      },
    ]);
  });

  it("warns of what has no effect, and is valid", async () => {
    const { body } = await validate(await createTenant(), { json_definition: { ...definition(), proxy_location: "RESIDENTIAL" } });
    expect(body).toMatchObject({ valid: true, diagnostics: [{ severity: "warning", path: "proxy_location" }] });
    expect(body.plan.levels).toEqual([["first"]]);
  });

  it("tells where in the YAML a fault is", async () => {
    const yaml = [
      "title: From YAML",
      "workflow_definition:",
      "  blocks:",
      "    - {block_type: set, label: a, values: {}, next_block_label: b}",
      "    - {block_type: set, label: b, values: {}, next_block_label: a}",
    ];
    const { body } = await validate(await createTenant(), { yaml_definition: yaml.join("\n") });
    expect(body.diagnostics).toEqual([
      {
        severity: "error",
        path: "workflow_definition.blocks[0].next_block_label",
        message: "the blocks lead in a circle: a → b → a. To repeat, use a while_loop (line 4, column 47)",
        code: "cycle",
      },
    ]);
  });

  it("finds in what a GET returned the same as in what was posted", async () => {
    const tenant = await createTenant();
    const { body: saved } = await tenant.call("POST", "/v1/workflows", { json_definition: definition() });
    const { body: read } = await tenant.call("GET", `/v1/workflows/${saved.workflow_permanent_id}`);
    expect((await validate(tenant, { json_definition: read })).body).toEqual(
      (await validate(tenant, { json_definition: definition() })).body,
    );
  });

  it.each<[string, unknown, number]>([
    ["without a definition", {}, 400],
    ["with two", { json_definition: definition(), yaml_definition: "title: x" }, 400],
    ["with YAML that cannot be read", { yaml_definition: "a: [" }, 400],
    ["that is no JSON", "{", 400],
    ["with an unknown field", { json_definition: definition(), dry: true }, 400],
  ])("refuses a body %s", async (_what, body, status) => {
    expect(await validate(await createTenant(), body)).toMatchObject({ status, body: { status } });
  });

  it("asks for a key", async () => {
    const tenant = await createTenant();
    const { status } = await tenant.call("POST", "/v1/workflows/validate", { json_definition: definition() }, { "x-api-key": "pf_none" });
    expect(status).toBe(401);
  });
});
