import "unpdf/pdfjs"; // the test runner cannot load a module inside an object; the built service has it in its bundle
import { describe, expect, it } from "vitest";
import { createTenant } from "./api.ts";
import { openBox } from "./receiver-client.ts";
import { runBlocks } from "./run-blocks.ts";

/** The smallest PDF that says "Order 7". */
const PDF = `%PDF-1.4
1 0 obj
<< /Type /Catalog /Pages 2 0 R >>
endobj
2 0 obj
<< /Type /Pages /Kids [4 0 R] /Count 1 >>
endobj
3 0 obj
<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>
endobj
4 0 obj
<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> >> >>
endobj
5 0 obj
<< /Length 42 >>
stream
BT /F1 12 Tf 72 720 Td (Order 7) Tj ET    
endstream
endobj
trailer
<< /Size 6 /Root 1 0 R >>
`;

const parse = (more: object) => ({ block_type: "file_url_parser", label: "read", ...more });

describe("a run with file_url_parser", () => {
  it("reads a CSV by its address, and later blocks go on with its rows", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ body: "sku,price\nA-1,7\n", headers: { "content-type": "text/csv" } });
    const total = { block_type: "set", label: "first", values: { sku: "{{ read_output[0].sku }}" } };
    const ended = await runBlocks(tenant, [parse({ file_url: "list" }), total], { list: box.url });
    expect(ended).toMatchObject({ output: { read_output: [{ sku: "A-1", price: "7" }], first_output: { sku: "A-1" } } });
  });

  it("reads a PDF in the platform's own runtime", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ body: PDF, headers: { "content-type": "application/pdf" } });
    const ended = await runBlocks(tenant, [parse({ file_url: box.url, file_type: "pdf" })]);
    expect(ended).toMatchObject({ status: "completed", output: { read_output: "Order 7" } });
  });

  it("reads what an earlier block has stored", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ body: '{"price":7}' });
    const fetched = { block_type: "http_request", label: "get", url: box.url, save_response_as_file: true, download_filename: "x.json" };
    const ended = await runBlocks(tenant, [fetched, parse({ file_url: "{{ get_output }}" })]);
    expect(ended).toMatchObject({ output: { read_output: { price: 7 } } });
  });

  it("fails with what is wrong with the file, and is not tried again", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ body: "{" });
    const ended = await runBlocks(tenant, [parse({ file_url: box.url, file_type: "json" })]);
    expect(ended).toMatchObject({ status: "failed", failure_reason: expect.stringContaining("it is no JSON") });
    expect(await box.requests()).toHaveLength(1);
  });

  it("takes no file that is larger than it may be", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const box = await openBox({ bytes: 26 * 1024 * 1024 });
    const ended = await runBlocks(tenant, [parse({ file_url: box.url, file_type: "text" })]);
    expect(ended).toMatchObject({ status: "failed", failure_reason: expect.stringContaining("is larger than 26214400 bytes") });
  });
});
