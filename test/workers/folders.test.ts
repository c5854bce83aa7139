import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { openDatabase } from "../../src/adapters/d1/database.ts";
import { createFolders } from "../../src/adapters/d1/folders.ts";
import { createWorkflows } from "../../src/adapters/d1/workflows.ts";
import type { FolderId, OrganizationId } from "../../src/domain/id.ts";
import { eventually } from "../eventually.ts";
import { createTenant, definition, nextOf, type Tenant } from "./api.ts";

async function createFolder(tenant: Tenant, title = "Invoices"): Promise<string> {
  return (await tenant.call("POST", "/v1/folders", { title })).body.folder_id;
}

async function createWorkflow(tenant: Tenant, json: object = definition(), suffix = ""): Promise<string> {
  return (await tenant.call("POST", `/v1/workflows${suffix}`, { json_definition: json })).body.workflow_permanent_id;
}

const read = async (tenant: Tenant, path: string) => (await tenant.call("GET", path)).body;
const folderOf = async (tenant: Tenant, id: string) => (await read(tenant, `/v1/workflows/${id}`)).folder_id;
const titlesIn = (list: { title: string }[]) => list.map(({ title }) => title);

/** Skyvern's `Folder`. */
const FIELDS = ["folder_id", "organization_id", "title", "description", "workflow_count", "created_at", "modified_at"];

describe("folders", () => {
  it("have Skyvern's fields, and are read back as they were made", async () => {
    const tenant = await createTenant();
    const { status, body } = await tenant.call("POST", "/v1/folders", { title: "Invoices", description: "All of them." });
    expect([status, Object.keys(body)]).toEqual([200, FIELDS]);
    expect(body).toMatchObject({
      folder_id: expect.stringMatching(/^fld_[0-9A-Z]{26}$/),
      organization_id: tenant.organizationId,
      title: "Invoices",
      description: "All of them.",
      workflow_count: 0,
      modified_at: body.created_at,
    });
    expect(await read(tenant, `/v1/folders/${body.folder_id}`)).toEqual(body);
    expect(await read(tenant, "/v1/folders/")).toEqual([body]);
  });

  it("are changed in what is named, and keep the rest", async () => {
    const tenant = await createTenant();
    const { body: folder } = await tenant.call("POST", "/v1/folders", { title: "One", description: "Kept." });
    const change = async (changes: object) => (await tenant.call("PUT", `/v1/folders/${folder.folder_id}`, changes)).body;
    const renamed = await change({ title: "Two" });
    expect(renamed).toEqual({ ...folder, title: "Two", modified_at: expect.any(String) });
    expect(Date.parse(renamed.modified_at)).toBeGreaterThanOrEqual(Date.parse(folder.modified_at));
    expect(await change({ description: null })).toMatchObject({ title: "Two", description: null });
    expect(await change({})).toMatchObject({ title: "Two", description: null });
  });

  it("are listed last changed first, by page, by cursor and by a part of the title", async () => {
    const tenant = await createTenant();
    const folders = createFolders(openDatabase(env.DB));
    const organizationId = tenant.organizationId as OrganizationId;
    for (const [at, title] of ["Alpha_1", "alpha 2", "Beta", "100%"].entries())
      await folders.create({ folderId: `fld_${at}`, organizationId, title, description: null, createdAt: at, modifiedAt: at });
    expect(titlesIn(await read(tenant, "/v1/folders"))).toEqual(["100%", "Beta", "alpha 2", "Alpha_1"]);
    expect(titlesIn(await read(tenant, "/v1/folders?page=2&page_size=3"))).toEqual(["Alpha_1"]);
    expect(titlesIn(await read(tenant, "/v1/folders?search=ALPHA"))).toEqual(["alpha 2", "Alpha_1"]);
    expect(titlesIn(await read(tenant, "/v1/folders?search=%25"))).toEqual(["100%"]);
    const first = await tenant.call("GET", "/v1/folders?page_size=3");
    expect(first.headers.get("x-total-count")).toBe("4");
    const second = await tenant.call("GET", nextOf(first) ?? "");
    expect([titlesIn(second.body), nextOf(second), second.headers.get("x-total-count")]).toEqual([["Alpha_1"], null, "4"]);
  });

  it("are made once under an Idempotency-Key, whatever became of them", async () => {
    const tenant = await createTenant();
    const create = (title: string) => tenant.call("POST", "/v1/folders", { title }, { "idempotency-key": "k" });
    const answers = await Promise.all([1, 2, 3].map(() => create("Once")));
    expect(new Set(answers.map(({ body }) => body.folder_id)).size).toBe(1);
    expect(await create("Other")).toMatchObject({ status: 422, body: { errors: [{ path: "Idempotency-Key" }] } });
    const { folder_id } = answers[0]!.body;
    await tenant.call("DELETE", `/v1/folders/${folder_id}`);
    expect((await create("Once")).body).toMatchObject({ folder_id, title: "Once" });
    expect(await read(tenant, "/v1/folders")).toEqual([]);
  });

  it.each([
    ["POST", "", {}, "title"],
    ["POST", "", { title: "" }, "title"],
    ["POST", "", { title: " \t" }, "title"],
    ["POST", "", { title: "x".repeat(256) }, "title"],
    ["POST", "", { title: "x", description: 1 }, "description"],
    ["POST", "", { title: "x", colour: "red" }, "colour"],
    ["PUT", "/{id}", { title: null }, "title"],
    ["GET", "?page=0", undefined, "page"],
    ["GET", "?cursor=nonsense", undefined, "cursor"],
    ["GET", "?title=x", undefined, "title"],
    ["DELETE", "/{id}?delete_workflows=perhaps", undefined, "delete_workflows"],
  ])("name what is wrong with %s %s %j, and stay as they are", async (method, suffix, body, path) => {
    const tenant = await createTenant();
    const id = await createFolder(tenant);
    const refused = await tenant.call(method, `/v1/folders${suffix.replace("{id}", id)}`, body);
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ path }] } });
    expect(titlesIn(await read(tenant, "/v1/folders"))).toEqual(["Invoices"]);
  });
});

describe("a workflow's folder", () => {
  it("is asked for by the query, by the definition, or by both: then the query counts", async () => {
    const tenant = await createTenant();
    const [one, two] = [await createFolder(tenant, "One"), await createFolder(tenant, "Two")];
    const inQuery = await createWorkflow(tenant, definition(), `?folder_id=${one}`);
    const inDefinition = await createWorkflow(tenant, { ...definition(), folder_id: two });
    const inBoth = await createWorkflow(tenant, { ...definition(), folder_id: two }, `?folder_id=${one}`);
    expect([await folderOf(tenant, inQuery), await folderOf(tenant, inDefinition), await folderOf(tenant, inBoth)]).toEqual([
      one,
      two,
      one,
    ]);
    const counts = async (id: string) => (await read(tenant, `/v1/folders/${id}`)).workflow_count;
    expect([await counts(one), await counts(two)]).toEqual([2, 1]);
    const { body } = await tenant.call("POST", "/v1/agents", { json_definition: { ...definition(), folder_id: two } });
    expect(body).toMatchObject({ folder_id: two, warnings: [] });
  });

  it("is kept when the workflow is updated, unless the definition names another, and belongs to no version", async () => {
    const tenant = await createTenant();
    const [one, two] = [await createFolder(tenant, "One"), await createFolder(tenant, "Two")];
    const id = await createWorkflow(tenant, definition("First"), `?folder_id=${one}`);
    const update = async (json: object) => (await tenant.call("POST", `/v1/workflows/${id}`, { json_definition: json })).body.folder_id;
    expect(await update(definition("Second"))).toBe(one);
    expect(await update({ ...definition("Third"), folder_id: null })).toBe(one);
    expect(await update({ ...definition("Fourth"), folder_id: two })).toBe(two);
    expect(await update(await read(tenant, `/v1/workflows/${id}?version=1`))).toBe(two);
    const versions = await read(tenant, `/v1/workflows/${id}/versions`);
    expect(versions.map((version: { folder_id: string }) => version.folder_id)).toEqual(Array(5).fill(two));
    expect(await read(tenant, `/v1/workflows/${id}/versions/1/diff/4`)).toEqual([{ op: "replace", path: "/title", value: "Fourth" }]);
    await tenant.call("PUT", `/v1/workflows/${id}/folder`, { folder_id: null });
    expect((await tenant.call("POST", `/v1/workflows/${id}/versions/4/restore`)).body).toMatchObject({ title: "Fourth", folder_id: null });
  });

  it("is set and taken away without a new version, under workflows and agents", async () => {
    const tenant = await createTenant();
    const folder = await createFolder(tenant);
    const id = await createWorkflow(tenant);
    const before = await read(tenant, `/v1/workflows/${id}`);
    const moved = await tenant.call("PUT", `/v1/agents/${id}/folder`, { folder_id: folder });
    expect(moved).toMatchObject({ status: 200, body: { ...before, folder_id: folder } });
    expect((await tenant.call("PUT", `/v1/workflows/${id}/folder/`, { folder_id: null })).body).toEqual(before);
    expect((await read(tenant, `/v1/folders/${folder}`)).workflow_count).toBe(0);
    expect(await tenant.call("PUT", `/v1/workflows/${id}/folder`, {})).toMatchObject({
      status: 400,
      body: { errors: [{ path: "folder_id" }] },
    });
  });

  it("must be there: another organization's, a deleted one or none is refused, and nothing is stored", async () => {
    const [tenant, stranger] = [await createTenant(), await createTenant()];
    const [foreign, deleted] = [await createFolder(stranger), await createFolder(tenant)];
    await tenant.call("DELETE", `/v1/folders/${deleted}`);
    const id = await createWorkflow(tenant);
    for (const folder_id of [foreign, deleted, "fld_none", "nonsense"]) {
      const refusal = { status: 404, body: { detail: expect.stringContaining(folder_id), errors: [{ path: "folder_id" }] } };
      const json_definition = { ...definition("Never"), folder_id };
      expect(await tenant.call("POST", `/v1/workflows?folder_id=${folder_id}`, { json_definition: definition("Never") })).toMatchObject(
        refusal,
      );
      expect(await tenant.call("POST", "/v1/workflows", { json_definition })).toMatchObject(refusal);
      expect(await tenant.call("POST", `/v1/workflows/${id}`, { json_definition })).toMatchObject(refusal);
      expect(await tenant.call("PUT", `/v1/workflows/${id}/folder`, { folder_id })).toMatchObject(refusal);
      expect(await read(tenant, `/v1/workflows?folder_id=${folder_id}`)).toEqual([]);
    }
    expect(titlesIn(await read(tenant, "/v1/workflows"))).toEqual(["Test"]);
    expect((await read(stranger, `/v1/folders/${foreign}`)).workflow_count).toBe(0);
    const wrong = await tenant.call("POST", "/v1/workflows", { json_definition: { ...definition(), folder_id: 7 } });
    expect(wrong).toMatchObject({ status: 422, body: { errors: [{ path: "folder_id", code: "invalid_type" }] } });
  });

  it("leaves an Idempotency-Key free when it is not there, and answers a repetition after it is gone", async () => {
    const tenant = await createTenant();
    const create = (folder: string) =>
      tenant.call("POST", `/v1/workflows?folder_id=${folder}`, { json_definition: definition() }, { "idempotency-key": "k" });
    expect((await create("fld_none")).status).toBe(404);
    const folder = await createFolder(tenant);
    const { body: first } = await create(folder);
    expect(first.folder_id).toBe(folder);
    await tenant.call("DELETE", `/v1/folders/${folder}`);
    expect((await create(folder)).body).toEqual({ ...first, folder_id: null });
    expect(await create(await createFolder(tenant))).toMatchObject({ status: 422, body: { errors: [{ path: "Idempotency-Key" }] } });
  });

  it("is none when the folder is deleted while the workflow is being stored", async () => {
    const db = openDatabase(env.DB);
    const [workflows, folders] = [createWorkflows(db), createFolders(db)];
    const organizationId: OrganizationId = "o_race";
    const folderId: FolderId = "fld_race";
    await folders.create({ folderId, organizationId, title: "f", description: null, createdAt: 1, modifiedAt: 1 });
    expect(await folders.delete(organizationId, folderId, { deleteWorkflows: false, at: 2 })).toBe(0);
    const workflow = {
      organizationId,
      workflowPermanentId: "wpid_race",
      workflowId: "w_1",
      title: "t",
      definition: {},
      createdAt: 3,
    } as const;
    expect(await workflows.create({ ...workflow, folderId })).toMatchObject({ folderId: null });
    expect(await workflows.addVersion({ ...workflow, workflowId: "w_2", folderId })).toMatchObject({ version: 2, folderId: null });
    expect(await workflows.setFolder(organizationId, "wpid_race", folderId)).toBe(false);
  });
});

describe("deleting a folder", () => {
  it("leaves its workflows without a folder, once", async () => {
    const tenant = await createTenant();
    const [folder, other] = [await createFolder(tenant), await createFolder(tenant, "Other")];
    const [inside, beside] = [
      await createWorkflow(tenant, definition("Inside"), `?folder_id=${folder}`),
      await createWorkflow(tenant, definition("Beside"), `?folder_id=${other}`),
    ];
    const gone = await tenant.call("DELETE", `/v1/folders/${folder}`);
    expect(gone).toMatchObject({ status: 200, body: { status: "deleted", folder_id: folder, workflows_deleted: 0 } });
    expect([await folderOf(tenant, inside), await folderOf(tenant, beside)]).toEqual([null, other]);
    for (const [method, body] of [["GET"], ["PUT", { title: "x" }], ["DELETE"]] as const)
      expect((await tenant.call(method, `/v1/folders/${folder}`, body)).status, method).toBe(404);
  });

  it("with its workflows deletes those in it and no others, and lets their runs go on", async () => {
    const tenant = await createTenant();
    const folder = await createFolder(tenant);
    const waits = { title: "Waits", workflow_definition: { blocks: [{ block_type: "wait", label: "w", wait_sec: 3600 }] } };
    const running = await createWorkflow(tenant, waits, `?folder_id=${folder}`);
    const template = await createWorkflow(tenant, definition("Template"), `?folder_id=${folder}`);
    const beside = await createWorkflow(tenant, definition("Beside"));
    await tenant.call("PUT", `/v1/workflows/${template}/template?is_template=true`);
    const { run_id } = (await tenant.call("POST", "/v1/run/workflows", { workflow_id: running })).body;
    await eventually(async () => expect((await read(tenant, `/v1/runs/${run_id}`)).status).toBe("running"));

    const gone = await tenant.call("DELETE", `/v1/folders/${folder}?delete_workflows=true`);
    expect(gone.body).toEqual({ status: "deleted", folder_id: folder, workflows_deleted: 2 });
    for (const id of [running, template]) expect((await tenant.call("GET", `/v1/workflows/${id}`)).status).toBe(404);
    expect(titlesIn(await read(tenant, "/v1/workflows"))).toEqual(["Beside"]);
    expect(await read(tenant, "/v1/workflows?only_templates=true")).toEqual([]);
    expect((await tenant.call("POST", "/v1/run/workflows", { workflow_id: running })).status).toBe(404);
    expect((await read(tenant, `/v1/runs/${run_id}`)).status).toBe("running");
    expect((await read(tenant, `/v1/workflows/runs/${run_id}`)).workflow).toMatchObject({ title: "Waits", deleted_at: expect.any(String) });
    expect((await tenant.call("POST", `/v1/runs/${run_id}/cancel`)).status).toBe(200);
    expect((await read(tenant, `/v1/runs/${run_id}`)).status).toBe("canceled");
    expect(await folderOf(tenant, beside)).toBeNull();
  });
});

describe("the schedules of a folder's workflows", () => {
  it.each([
    ["", 3],
    ["?delete_workflows=true", 1],
  ])("are deleted with their workflows, and only then: DELETE …%s", async (suffix, left) => {
    const tenant = await createTenant();
    const folder = await createFolder(tenant);
    const plain = { title: "Plain", workflow_definition: { blocks: [{ block_type: "set", label: "a", values: { v: 1 } }] } };
    for (const query of [`?folder_id=${folder}`, `?folder_id=${folder}`, ""]) {
      const id = await createWorkflow(tenant, plain, query);
      expect((await tenant.call("POST", `/v1/workflows/${id}/schedules`, { cron_expression: "0 * * * *" })).status).toBe(200);
    }
    await tenant.call("DELETE", `/v1/folders/${folder}${suffix}`);
    expect(await read(tenant, "/v1/schedules")).toMatchObject({ total_count: left });
    const due = await env.DB.prepare("select count(*) as n from workflow_schedules where organization_id = ? and due_at is not null")
      .bind(tenant.organizationId)
      .first("n");
    expect(due).toBe(left);
  });
});

describe("another organization's folder", () => {
  it.each([
    ["GET", "", undefined],
    ["PUT", "", { title: "Stolen" }],
    ["DELETE", "", undefined],
    ["DELETE", "?delete_workflows=true", undefined],
  ])("does not exist for %s /v1/folders/{id}%s", async (method, suffix, body) => {
    const [owner, stranger] = [await createTenant(), await createTenant()];
    const id = await createFolder(owner);
    const workflow = await createWorkflow(owner, definition(), `?folder_id=${id}`);
    expect(await stranger.call(method, `/v1/folders/${id}${suffix}`, body)).toMatchObject({
      status: 404,
      body: { errors: [{ path: "folder_id" }] },
    });
    expect(await read(owner, `/v1/folders/${id}`)).toMatchObject({ title: "Invoices", workflow_count: 1 });
    expect(await folderOf(owner, workflow)).toBe(id);
    expect(await read(stranger, "/v1/folders")).toEqual([]);
  });
});
