import { beforeAll, describe, expect, it } from "vitest";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { type Answer, createTenant, type Tenant } from "./api.ts";

let tenant: Tenant;
beforeAll(async () => {
  tenant = await createTenant();
});

const context = (key: string, source_parameter_key: string) => ({ parameter_type: "context", key, source_parameter_key });
const customer = { parameter_type: "workflow", key: "customer", workflow_parameter_type: "json" };
const set = (label: string, values: object) => ({ block_type: "set", label, values });

async function save(workflow_definition: object, more: object = {}): Promise<Answer> {
  return await tenant.call("POST", "/v1/workflows", { json_definition: { title: "Parameters", workflow_definition, ...more } });
}

describe("context parameters", () => {
  it.each([
    ["in a list", 1],
    ["in a graph of dependencies, where reading one waits for its block", 3],
  ])("have the value of their source, or of its field of their name, %s", async (_, version) => {
    const reading = set("reader", { name: "{{ name }}", city: "{{ city }}", whole: "{{ all }}", again: "{{ town }}" });
    const first = set("first", { city: "{{ customer.home }}" });
    const parameters = [
      customer,
      context("name", "customer"),
      context("city", "first_output"),
      context("all", "customer"),
      context("town", "city"),
    ];
    const saved = await save({ version, parameters, blocks: version === 3 ? [reading, first] : [first, reading] });
    expect(saved.status, JSON.stringify(saved.body)).toBe(200);
    const given = { name: "Ann", home: "Lyon" };
    const started = await tenant.call("POST", "/v1/run/workflows", {
      workflow_id: saved.body.workflow_permanent_id,
      parameters: { customer: given },
    });
    const { body: run } = await tenant.call("GET", `/v1/runs/${started.body.run_id}`, undefined, UNTIL_IT_ENDS);
    expect(run).toMatchObject({ status: "completed", parameters: { customer: given } });
    expect(run.output.reader_output).toEqual({ name: "Ann", city: "Lyon", whole: given, again: "Lyon" });
  });

  it("order runs by what they read", async () => {
    const saved = await save(
      { parameters: [customer, context("name", "customer")], blocks: [set("a", { x: 1 })] },
      { run_sequentially: true, sequential_key: "{{ name }}" },
    );
    const started = await tenant.call("POST", "/v1/run/workflows", {
      workflow_id: saved.body.workflow_permanent_id,
      parameters: { customer: { name: "Ann" } },
    });
    expect(started.status).toBe(200);
  });

  it("are not known before the block that they read has run", async () => {
    const { status, body } = await save({
      parameters: [context("city", "second_output")],
      blocks: [set("first", { x: "{{ city }}" }), set("second", { city: 1 })],
    });
    expect([status, body.errors]).toEqual([
      422,
      [
        {
          path: "workflow_definition.blocks[0].values.x",
          code: "undefined_name",
          message: `'city' is not defined here: the block "second" has not run yet`,
        },
      ],
    ]);
  });
});

describe("a definition that is saved", () => {
  it("comes back with its parameters of every type as they were posted, and warns of what has no effect", async () => {
    const parameters = [
      customer,
      context("name", "customer"),
      {
        parameter_type: "credential",
        key: "login",
        credential_ids: ["cred_1", "cred_2"],
        selection_strategy: "random",
        description: "Shop",
      },
    ];
    const { status, body } = await save({ parameters, blocks: [set("a", { x: "{{ name }}" })] });
    expect(status).toBe(200);
    expect(body.workflow_definition.parameters).toEqual(parameters);
    expect(body.warnings.map(({ path }: { path: string }) => path)).toEqual([
      "workflow_definition.parameters[2].credential_ids",
      "workflow_definition.parameters[2].selection_strategy",
    ]);
  });

  it("names every parameter that belongs to an outside vault, and what to store instead", async () => {
    const vaults = [
      "aws_secret",
      "bitwarden_login_credential",
      "bitwarden_sensitive_information",
      "bitwarden_credit_card_data",
      "onepassword",
      "azure_vault_credential",
    ];
    const parameters = vaults.map((parameter_type) => ({ parameter_type, key: parameter_type }));
    const { status, body } = await save({ parameters, blocks: [set("a", { x: 1 })] });
    expect(status).toBe(422);
    expect(body.errors).toHaveLength(vaults.length);
    for (const { message } of body.errors) expect(message).toContain("POST /v1/credentials");
  });
});
