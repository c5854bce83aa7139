import { env, exports } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { createFileExpiries } from "../../src/adapters/d1/file-expiries.ts";
import { openDatabase } from "../../src/adapters/d1/database.ts";
import { composeWorker } from "../../src/compose.ts";
import { MAX_FILE_BYTES } from "../../src/domain/file.ts";
import { purgeFiles } from "../../src/services/files.ts";
import { createTenant, type Tenant } from "./api.ts";

const ORIGIN = "https://pilotfish.test";

interface Uploaded {
  readonly s3_uri: string;
  readonly presigned_url: string;
  readonly file_id: string;
  readonly expires_at: string | null;
}

async function upload(tenant: Tenant, form: FormData | BodyInit, headers: Record<string, string> = {}) {
  const request = new Request(`${ORIGIN}/v1/upload_file`, { method: "POST", body: form, headers: { "x-api-key": tenant.key, ...headers } });
  const response = await exports.default.fetch(request);
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of every shape
  return { status: response.status, body: await response.json<any>() };
}

function formOf(
  content: string | Uint8Array<ArrayBuffer> = "sku,price\nA,1\n",
  more: Record<string, string> = {},
  name = "prices.csv",
): FormData {
  const form = new FormData();
  form.set("file", new File([content], name, { type: "text/csv" }));
  for (const [field, value] of Object.entries(more)) form.set(field, value);
  return form;
}

const uploaded = async (tenant: Tenant, ...form: Parameters<typeof formOf>): Promise<Uploaded> =>
  (await upload(tenant, formOf(...form))).body;
const fetchRaw = async (url: string, headers: Record<string, string> = {}) => await exports.default.fetch(new Request(url, { headers }));

describe("an upload", () => {
  it("answers Skyvern's fields, and its link gives the file back", async () => {
    const tenant = await createTenant();
    const { status, body } = await upload(tenant, formOf());
    expect(status).toBe(200);
    expect(body).toEqual({
      file_id: expect.stringMatching(/^file_[0-9A-Z]{26}$/),
      s3_uri: `${ORIGIN}/v1/files/${body.file_id}/content`,
      presigned_url: expect.stringContaining(`${ORIGIN}/v1/files/${body.file_id}/content?expiry=`),
      expires_at: null,
    });
    const read = await fetchRaw(body.presigned_url);
    expect([read.status, read.headers.get("content-type"), await read.text()]).toEqual([200, "text/csv", "sku,price\nA,1\n"]);
    const part = await fetchRaw(body.presigned_url, { range: "bytes=0-2" });
    expect([part.status, await part.text()]).toEqual([206, "sku"]);
    expect((await tenant.call("GET", `/v1/files/${body.file_id}`)).body).toMatchObject({
      file_name: "prices.csv",
      file_size: 14,
      content_type: "text/csv",
    });
  });

  it("takes the content as a text field, as Skyvern's own client sends it", async () => {
    const tenant = await createTenant();
    const form = new FormData();
    form.set("file", "just text");
    const { presigned_url } = (await upload(tenant, form)).body;
    expect(await (await fetchRaw(presigned_url)).text()).toBe("just text");
  });

  it("takes 10 MB and no more", async () => {
    const tenant = await createTenant();
    const whole = await upload(tenant, formOf(new Uint8Array(MAX_FILE_BYTES)));
    expect(whole.status).toBe(200);
    const over = await upload(tenant, formOf(new Uint8Array(MAX_FILE_BYTES + 1)));
    expect(over).toMatchObject({ status: 413, body: { detail: expect.stringContaining(String(MAX_FILE_BYTES)) } });
    const far = await upload(tenant, formOf(new Uint8Array(2 * MAX_FILE_BYTES)));
    expect(far.status).toBe(413);
  });

  it.each<[string, () => BodyInit, Record<string, string>, number, string | null]>([
    ["JSON", () => "{}", { "content-type": "application/json" }, 415, null],
    ["a form that is none", () => "nonsense", { "content-type": "multipart/form-data; boundary=x" }, 400, null],
    ["a form without a file", () => { const form = new FormData(); form.set("other", "x"); return form; }, {}, 400, "file"],
    ["an empty file", () => formOf(""), {}, 400, "file"],
    ["no days", () => formOf("x", { retention_days: "0" }), {}, 400, "retention_days"],
    ["more than a year", () => formOf("x", { retention_days: "366" }), {}, 400, "retention_days"],
    ["days that are no number", () => formOf("x", { retention_days: "soon" }), {}, 400, "retention_days"],
  ])("refuses %s", async (_, form, headers, status, path) => {
    const tenant = await createTenant();
    const answer = await upload(tenant, form(), headers);
    expect([answer.status, typeof answer.body.detail]).toEqual([status, "string"]);
    if (path !== null) expect(answer.body.errors).toMatchObject([{ path }]);
    expect((await env.ARTIFACTS.list({ prefix: `org/${tenant.organizationId}/file/` })).objects).toEqual([]);
  }); // prettier-ignore
});

describe("an uploaded file", () => {
  it("is gone when it is deleted, once", async () => {
    const tenant = await createTenant();
    const { file_id, presigned_url } = await uploaded(tenant);
    expect((await tenant.call("DELETE", `/v1/files/${file_id}`)).status).toBe(204);
    expect((await tenant.call("DELETE", `/v1/files/${file_id}`)).status).toBe(404);
    expect((await tenant.call("GET", `/v1/files/${file_id}`)).status).toBe(404);
    expect((await fetchRaw(presigned_url)).status).toBe(404);
  });

  it("does not exist for another organization", async () => {
    const [owner, stranger] = [await createTenant(), await createTenant()];
    const { file_id } = await uploaded(owner);
    for (const [method, suffix] of [["GET", ""], ["GET", "/content"], ["DELETE", ""]] as const)
      expect((await stranger.call(method, `/v1/files/${file_id}${suffix}`)).status, `${method} ${suffix}`).toBe(404); // prettier-ignore
    expect((await owner.call("GET", `/v1/files/${file_id}`)).status).toBe(200);
  });

  it("goes when its time is over, and its link with it", async () => {
    const tenant = await createTenant();
    const { file_id, presigned_url, expires_at } = await uploaded(tenant, "x", { retention_days: "2" });
    expect(Math.abs(Date.parse(expires_at ?? "") - Date.now() - 2 * 86_400_000)).toBeLessThan(60_000);
    expect(Number(new URL(presigned_url).searchParams.get("expiry"))).toBe(Math.floor(Date.parse(expires_at ?? "") / 1000));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(expires_at ?? "") });
    try {
      expect((await tenant.call("GET", `/v1/files/${file_id}`)).status).toBe(404); // before the purge has come
    } finally {
      vi.useRealTimers();
    }
  });

  it("is purged with those that expired, and only those, at most as many at once as it may be", async () => {
    const tenant = await createTenant();
    const { deps } = composeWorker(env);
    const kept = await uploaded(tenant);
    const short = await uploaded(tenant, "x", { retention_days: "1" });
    const long = await uploaded(tenant, "y", { retention_days: "9" });
    const there = async () =>
      (await env.ARTIFACTS.list({ prefix: `org/${tenant.organizationId}/file/` })).objects
        .map(({ key }) => key.slice(key.lastIndexOf("/") + 1))
        .toSorted();
    expect(await there()).toEqual([kept, short, long].map(({ file_id }) => file_id).toSorted());
    expect(await purgeFiles(deps, Date.now() + 2 * 86_400_000)).toBeGreaterThanOrEqual(1);
    expect(await there()).toEqual([kept, long].map(({ file_id }) => file_id).toSorted());
    expect(await purgeFiles(deps, Date.now() + 2 * 86_400_000)).toBe(0);
  });

  it("is one of many that are due in turn", async () => {
    const expiries = createFileExpiries(openDatabase(env.DB));
    for (const fileId of ["file_A", "file_B", "file_C"] as const) await expiries.add({ organizationId: "o_1", fileId, expiresAt: 5 });
    expect((await expiries.expired(5, 2)).map(({ fileId }) => fileId)).toEqual(["file_A", "file_B"]);
    expect(await expiries.expired(4, 2)).toEqual([]);
    await expiries.forget(5, 2);
    expect(await expiries.expired(5, 9)).toEqual([{ organizationId: "o_1", fileId: "file_C" }]);
    await expiries.forget(5, 9);
  });
});

describe("a run that is given an uploaded file", () => {
  const parameters = [{ parameter_type: "workflow", key: "file", workflow_parameter_type: "file_url" }];
  async function readIn(tenant: Tenant, file: string) {
    const block = { block_type: "http_request", label: "read", url: "{{ file }}" };
    const json = { title: "Reads", workflow_definition: { parameters, blocks: [block] } };
    const saved = (await tenant.call("POST", "/v1/workflows", { json_definition: json })).body;
    const run = { workflow_id: saved.workflow_permanent_id, parameters: { file } };
    return (await tenant.call("POST", "/v1/run/workflows", run, UNTIL_IT_ENDS)).body;
  }

  it("reads it by each of its addresses, without a request", async () => {
    const tenant = await createTenant(); // which may not reach pilotfish.test: there is no such host
    const { presigned_url, s3_uri } = await uploaded(tenant, "the content");
    for (const address of [presigned_url, s3_uri]) {
      const { status, output } = await readIn(tenant, address);
      expect([status, JSON.stringify(output)]).toEqual(["completed", expect.stringContaining("the content")]);
    }
  });

  it("does not read another organization's", async () => {
    const [owner, stranger] = [await createTenant(), await createTenant()];
    const { s3_uri } = await uploaded(owner, "the content");
    expect(await readIn(stranger, s3_uri)).toMatchObject({ status: "failed", failure_reason: expect.stringContaining("404") });
  });
});
