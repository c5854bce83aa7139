import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createTenant, definition, type Tenant } from "./api.ts";

/** A workflow with a version for each definition. @returns its id */
async function createVersions(tenant: Tenant, [first, ...more]: readonly object[]): Promise<string> {
  const { body } = await tenant.call("POST", "/v1/workflows", { json_definition: first });
  const id: string = body.workflow_permanent_id;
  for (const next of more) {
    const { status } = await tenant.call("POST", `/v1/workflows/${id}`, { json_definition: next });
    expect(status).toBe(200);
  }
  return id;
}

const added = { block_type: "set", label: "second", values: { v: "{{ first.doubled }}" } };
const [{ workflow_definition: base }] = [definition()];
const before = definition("Before");
const after = { ...definition("After", { blocks: [...base.blocks, added] }), run_with: "code", max_elapsed_time_minutes: 5 };

describe.each(["workflows", "agents"])("versions of /v1/%s", (noun) => {
  it("are told apart by a JSON Patch", async () => {
    const tenant = await createTenant();
    const id = await createVersions(tenant, [before, after]);
    const forth = await tenant.call("GET", `/v1/${noun}/${id}/versions/1/diff/2`);
    expect(forth.status).toBe(200);
    expect(forth.headers.get("content-type")).toBe("application/json-patch+json");
    const steps = [
      { op: "replace", path: "/title", value: "After" },
      { op: "replace", path: "/run_with", value: "code" },
      { op: "replace", path: "/max_elapsed_time_minutes", value: 5 },
      { op: "add", path: "/workflow_definition/blocks/1", value: added },
    ];
    expect(forth.body).toHaveLength(steps.length);
    expect(forth.body).toEqual(expect.arrayContaining(steps));
    const back = await tenant.call("GET", `/v1/${noun}/${id}/versions/2/diff/1`);
    expect(back.body).toContainEqual({ op: "remove", path: "/workflow_definition/blocks/1" });
    // What has a default is replaced by it: so it stands in what a GET returns.
    expect(back.body).toContainEqual({ op: "replace", path: "/run_with", value: "agent" });
    expect((await tenant.call("GET", `/v1/${noun}/${id}/versions/2/diff/2`)).body).toEqual([]);
  });

  it("become the newest again when they are restored, and stay as they were", async () => {
    const tenant = await createTenant();
    const id = await createVersions(tenant, [before, after]);
    const { status, body } = await tenant.call("POST", `/v1/${noun}/${id}/versions/1/restore`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ version: 3, title: "Before", workflow_definition: before.workflow_definition, warnings: [] });
    expect((await tenant.call("GET", `/v1/${noun}/${id}`)).body).toMatchObject({ version: 3, title: "Before" });
    expect((await tenant.call("GET", `/v1/${noun}/${id}/versions/1/diff/3`)).body).toEqual([]);
    const all = await tenant.call("GET", `/v1/${noun}/${id}/versions`);
    expect(all.body.map((one: { version: number; title: string }) => [one.version, one.title])).toEqual([
      [3, "Before"],
      [2, "After"],
      [1, "Before"],
    ]);
    expect(new Set(all.body.map((one: { workflow_id: string }) => one.workflow_id)).size).toBe(3);
  });

  it.each(["1/diff/9", "9/diff/1", "0/diff/1", "one/diff/1", "1/diff/1e0", "99999999999/diff/1"])("has no diff %s", async (path) => {
    const tenant = await createTenant();
    const id = await createVersions(tenant, [before]);
    expect((await tenant.call("GET", `/v1/${noun}/${id}/versions/${path}`)).status).toBe(404);
  });
});

describe("restoring", () => {
  it("refuses a version that is not valid any more, and stores nothing", async () => {
    const tenant = await createTenant();
    const id = await createVersions(tenant, [before, after]);
    const invalid = JSON.stringify({ ...before, workflow_definition: { ...base, blocks: [{ block_type: "gone", label: "x" }] } });
    await env.DB.prepare("update workflow_versions set definition = ? where organization_id = ? and version = 1")
      .bind(invalid, tenant.organizationId)
      .run();
    const { status, body } = await tenant.call("POST", `/v1/workflows/${id}/versions/1/restore`);
    expect([status, body.errors[0].code]).toEqual([422, "unknown_block_type"]);
    expect((await tenant.call("GET", `/v1/workflows/${id}`)).body.version).toBe(2);
  });

  it("knows nothing of versions that are not there, that are deleted, or that are another organization's", async () => {
    const [tenant, other] = await Promise.all([createTenant(), createTenant()]);
    const id = await createVersions(tenant, [before, after]);
    const paths = ["POST versions/1/restore", "GET versions/1/diff/2"] as const;
    expect((await tenant.call("POST", `/v1/workflows/${id}/versions/3/restore`)).status).toBe(404);
    for (const path of paths) {
      const [method = "", rest] = path.split(" ");
      expect((await other.call(method, `/v1/workflows/${id}/${rest}`)).status).toBe(404);
    }
    await tenant.call("POST", `/v1/workflows/${id}/delete`);
    for (const path of paths) {
      const [method = "", rest] = path.split(" ");
      expect((await tenant.call(method, `/v1/workflows/${id}/${rest}`)).status).toBe(404);
    }
  });
});
