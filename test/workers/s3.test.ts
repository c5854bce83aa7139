import { describe, expect, inject, it } from "vitest";
import { createTenant } from "./api.ts";
import { openBox } from "./receiver-client.ts";
import { runBlocks } from "./run-blocks.ts";

const bucket = (more: object = {}) => ({
  s3_bucket: "lists",
  s3_endpoint: inject("s3Origin"),
  aws_access_key_id: "AKIDEXAMPLE",
  aws_secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  ...more,
});

const fetched = (label: string, url: string, download_filename: string) => ({
  block_type: "http_request",
  label,
  url,
  save_response_as_file: true,
  download_filename,
});

async function stored(uri: string): Promise<{ status: number; contentType: string | null; text: string }> {
  const response = await fetch(`${inject("s3Origin")}/${uri.slice("s3://".length).split("/").map(encodeURIComponent).join("/")}`);
  return { status: response.status, contentType: response.headers.get("content-type"), text: await response.text() };
}

describe("a run with upload_to_s3", () => {
  it("stores what the run has downloaded in a bucket, signed, each file under a key of its own", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const csv = await openBox({ body: "sku\nA-1\n", headers: { "content-type": "text/csv" } });
    const name = "März (1) + 50% & more!.csv";
    const s3_prefix = "a b/ü+~'*/";
    const upload = { block_type: "upload_to_s3", label: "keep", path: "SKYVERN_DOWNLOAD_DIRECTORY", ...bucket({ s3_prefix }) };
    const ended = await runBlocks(tenant, [fetched("one", csv.url, name), fetched("two", csv.url, name), upload]);
    expect(ended.failure_reason).toBeNull();
    const uris = ended.output.keep_output.files.map(({ uri }: { uri: string }) => uri);
    expect(uris).toEqual([`s3://lists/${s3_prefix}${name}`, `s3://lists/${s3_prefix}März (1) + 50% & more! (2).csv`]);
    for (const uri of uris) expect(await stored(uri)).toEqual({ status: 200, contentType: "text/csv", text: "sku\nA-1\n" });
  });

  it("puts objects under the run's id and the block's label when it is told no prefix", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ body: "{}", headers: { "content-type": "application/json" } });
    const ended = await runBlocks(tenant, [
      { block_type: "upload_to_s3", label: "keep", path: box.url, ...bucket({ region_name: "eu-central-1" }) },
    ]);
    const [{ uri }] = ended.output.keep_output.files;
    expect(uri).toMatch(new RegExp(`^s3://lists/${ended.run_id}/keep/[^/]+$`));
    expect(await stored(uri)).toMatchObject({ status: 200, text: "{}" });
  });

  it("stores files beside the run when it is told no bucket, and what is there already not again", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ body: "x", headers: { "content-type": "text/plain" } });
    const upload = { block_type: "upload_to_s3", label: "keep", path: ["{{ one_output }}", box.url] };
    const ended = await runBlocks(tenant, [fetched("one", box.url, "one.txt"), upload]);
    const [one, other] = ended.output.keep_output.files;
    expect(one).toMatchObject({ artifact_id: ended.output.one_output.artifact_id, file_name: "one.txt" });
    const { body } = await tenant.call("GET", `/v1/runs/${ended.run_id}/artifacts`);
    const ids: string[] = body.map(({ artifact_id }: { artifact_id: string }) => artifact_id);
    expect(new Set(ids)).toEqual(new Set([one.artifact_id, other.artifact_id]));
    expect(ids).toHaveLength(2);
  });

  it("has nothing to do when the run has downloaded nothing", async () => {
    const ended = await runBlocks(await createTenant(), [{ block_type: "upload_to_s3", label: "keep" }]);
    expect(ended).toMatchObject({ status: "completed", output: { keep_output: { files: [] } } });
  });

  it.each([
    ["another's secret", { aws_secret_access_key: "wrong" }, /403 SignatureDoesNotMatch/],
    ["another's key", { aws_access_key_id: "AKIDOTHER" }, /403 InvalidAccessKeyId/],
    ["a bucket that is not there", { s3_bucket: "missing" }, /404 NoSuchBucket: The specified bucket/],
    ["a server that wants less", { s3_bucket: "slow" }, /503 SlowDown/],
    ["a server that may not be reached", { s3_endpoint: "http://10.0.0.7" }, /10\.0\.0\.7 may not be reached/],
    ["what is no name of a bucket", { s3_bucket: "a.example.com/#", s3_endpoint: null }, /is no name of a bucket/],
  ])("fails with %s", async (_, more, reason) => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ body: "x" });
    const ended = await runBlocks(tenant, [
      { block_type: "upload_to_s3", label: "keep", path: box.url, retry: { max_attempts: 1 }, ...bucket(more) },
    ]);
    expect(ended).toMatchObject({ status: "failed", failure_reason: expect.stringMatching(reason) });
    expect(ended.failure_reason).not.toContain("wJalr");
  });

  it.each([
    [{ s3_endpoint: "https://s3.example.com" }, ["s3_bucket"]],
    [{ s3_bucket: "lists" }, ["aws_access_key_id", "aws_secret_access_key"]],
  ])("is not saved with %j", async (fields, paths) => {
    const tenant = await createTenant();
    const blocks = [{ block_type: "upload_to_s3", label: "keep", ...fields }];
    const { status, body } = await tenant.call("POST", "/v1/workflows", {
      json_definition: { title: "Test", workflow_definition: { blocks } },
    });
    expect(status).toBe(422);
    expect(body.errors.map(({ path }: { path: string }) => path.split(".").at(-1))).toEqual(paths);
  });
});

describe("a run with download_to_s3", () => {
  it("fetches a file and stores it beside the run, where later blocks find it among the downloads", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({
      body: "x",
      headers: { "content-type": "text/plain", "content-disposition": 'attachment; filename="x.txt"' },
    });
    const ended = await runBlocks(tenant, [
      { block_type: "download_to_s3", label: "get", url: box.url },
      { block_type: "upload_to_s3", label: "keep", path: "SKYVERN_DOWNLOAD_DIRECTORY/x.txt" },
    ]);
    const { get_output, keep_output } = ended.output;
    expect(get_output).toMatchObject({ file_name: "x.txt", content_type: "text/plain", size_bytes: 1 });
    expect(keep_output.files).toEqual([get_output]);
  });

  it("fetches a file and stores it in a bucket", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ body: "y", headers: { "content-type": "text/plain" } });
    const ended = await runBlocks(tenant, [{ block_type: "download_to_s3", label: "get", url: box.url, ...bucket() }]);
    expect(await stored(ended.output.get_output.uri)).toMatchObject({ status: 200, text: "y" });
  });

  it.each([404, 500])("fails when the address answers %d", async (status) => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ status });
    const ended = await runBlocks(tenant, [
      { block_type: "download_to_s3", label: "get", url: `${box.url}?token=s3cret`, retry: { max_attempts: 1 } },
    ]);
    expect(ended).toMatchObject({ status: "failed", failure_reason: expect.stringContaining(`answered with status ${status}`) });
    expect(ended.failure_reason).not.toContain("s3cret");
  });
});
