import { extractText, getDocumentProxy } from "unpdf";
import { describe, expect, it } from "vitest";
import { fileDownload } from "../../../src/blocks/file-download.ts";
import { printPage } from "../../../src/blocks/print-page.ts";
import type { JsonObject } from "../../../src/domain/json.ts";
import { at, evaluate, html, browserOfFile, runBlock, show, SOON, guardBy } from "./harness.ts";

const { page } = await browserOfFile({
  guard: guardBy((url) => (url.includes("/forbidden") ? { path: "", code: "forbidden_address", message: "no" } : null)),
});

describe("print_page", () => {
  async function print(config: JsonObject) {
    const { output, artifacts } = await runBlock(printPage, page, config);
    const document = await getDocumentProxy(Uint8Array.from(artifacts[0]!.bytes));
    const [x = 0, y = 0, width = 0, height = 0] = (await document.getPage(1)).view;
    const { text, totalPages } = await extractText(document, { mergePages: false });
    return { output, artifacts, width: Math.round(width - x), height: Math.round(height - y), text, totalPages };
  }

  it("keeps the page as a PDF with its text, the time, the address and the page's number", async () => {
    await show(page, "<title>Order</title><h1>Order 7</h1><p style='break-before:page'>net & gross</p>");
    const { output, artifacts, text, totalPages } = await print({});
    expect(output).toMatchObject({ artifact_id: "a_1", file_name: "page.pdf", content_type: "application/pdf" });
    expect(artifacts[0]).toMatchObject({ type: "pdf", name: "page.pdf" });
    expect(totalPages).toBe(2);
    expect(text[0]).toContain("Order 7");
    expect(text[1]).toContain("net & gross");
    expect(text[1]).toMatch(/2026-11-22 \d\d:\d\d:\d\d UTC.*http:\/\/127\.0\.0\.1.*2 ?\/ ?2/s);
  });

  it.each([
    [{}, 595, 842],
    [{ landscape: true }, 842, 595],
    [{ format: "Letter" }, 612, 792],
    [{ format: "Legal" }, 612, 1008],
    [{ format: "Tabloid", landscape: true }, 1224, 792],
  ])("prints on paper as asked for: %j", async (config, width, height) => {
    await show(page, "<p>x");
    expect(await print(config)).toSatisfy((printed: { width: number; height: number }) => {
      return Math.abs(printed.width - width) <= 1 && Math.abs(printed.height - height) <= 1;
    });
  });

  it("leaves the time out when it is told so, and names the file as it is told", async () => {
    await show(page, "<p>x");
    const { output, text } = await print({ include_timestamp: false, custom_filename: "../2026/receipt 7.PDF" });
    expect(text[0]?.trim()).toBe("x");
    expect(output["file_name"]).toBe("receipt 7.pdf");
  });
});

describe("file_download", () => {
  const link = "<title>Account</title><a id=d href=/report.csv>CSV</a>";

  it("opens the page, clicks what starts the download, and stays there", async () => {
    const { output, artifacts } = await runBlock(fileDownload, page, { url: html(link), selector: "#d" });
    expect(output).toMatchObject({
      downloaded_files: [{ artifact_id: "a_1", file_name: "report.csv", content_type: "text/csv", size_bytes: 16 }],
      downloaded_file_artifact_ids: ["a_1"],
      url: html(link),
    });
    expect(artifacts.map(({ type, bytes }) => [type, new TextDecoder().decode(bytes)])).toEqual([["download", "sku,price\nA-1,9\n"]]);
  });

  it("clicks on the page where the block before has left it", async () => {
    await show(page, link);
    const { output } = await runBlock(fileDownload, page, { selector: { text: "CSV" }, navigation_goal: "Export the list" });
    expect(output).toMatchObject({ downloaded_files: [{ file_name: "report.csv" }] });
  });

  it("takes the file at an address with the page's session, and leaves the page where it is", async () => {
    await page.goto(at("/set-cookie?value=7"), { ...SOON, waitUntil: "load" });
    const { artifacts, output } = await runBlock(fileDownload, page, { url: at("/my-cookies.txt") });
    expect(new TextDecoder().decode(artifacts[0]?.bytes)).toContain("visitor=7");
    expect(output["url"]).toBe(at("/set-cookie?value=7"));
    expect(await evaluate(page, "document.title")).toBe("Set");
  });

  it.each([
    ["list", "list.csv"],
    ["list.txt", "list.txt"],
    ["../a/b", "b.csv"],
  ])("names the file %s as %s", async (download_suffix, name) => {
    const { output } = await runBlock(fileDownload, page, { url: at("/report.csv"), download_suffix });
    expect(output).toMatchObject({ downloaded_files: [{ file_name: name }] });
  });

  it.each([
    ["a click that starts none", { selector: "p", download_timeout: 0.8 }, /the click started no download within 0\.8 s/],
    ["a page", { url: at("/list") }, /\/list is a page and no file/],
  ])("fails with %s, or completes without a file when it may", async (_, config, message) => {
    await show(page, "<p>Nothing</p>");
    await expect(runBlock(fileDownload, page, config)).rejects.toThrow(message);
    await show(page, "<p>Nothing</p>");
    const { output, artifacts } = await runBlock(fileDownload, page, { ...config, continue_on_empty: true });
    expect(output).toMatchObject({ downloaded_files: [], downloaded_file_artifact_ids: [] });
    expect(artifacts).toEqual([]);
  });

  it.each([
    ["an address that may not be visited", { url: at("/forbidden") }, /may not be|no/],
    ["an address that redirects where it may not", { url: at(`/redirect?to=${encodeURIComponent(at("/forbidden"))}`) }, /redirects to/],
    ["an address that answers nothing", { url: at("/broken") }, /could not be opened/],
    ["an element that is not there", { selector: "#nothing", download_timeout: 0.5 }, /no element matches/],
    ["a goal alone", { navigation_goal: "Export the list" }, /needs a model .* `selector`/],
    ["a goal on a page", { navigation_goal: "Export the list", url: at("/list") }, /needs a model/],
  ])("fails with %s, also when it may complete without a file", async (_, config, message) => {
    await show(page, "<p>Nothing</p>");
    await expect(runBlock(fileDownload, page, { ...config, continue_on_empty: true })).rejects.toThrow(message);
  });
});
