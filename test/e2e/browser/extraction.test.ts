import { describe, expect, it } from "vitest";
import { extraction } from "../../../src/blocks/extraction.ts";
import { screenshot } from "../../../src/blocks/screenshot.ts";
import type { JsonObject } from "../../../src/domain/json.ts";
import { at, browserOfFile, NEVER, runBlock, show, SOON } from "./harness.ts";

const { page } = await browserOfFile();

const extract = async (config: JsonObject) => (await runBlock(extraction, page, config)).output;
const information = async (selectors: JsonObject) => (await extract({ selectors }))["extracted_information"];

const SHOP = `<title>Shop</title><h1>Two
   desks</h1>
<div class=card data-sku=A-1><a href="/desks/1">Oak</a><b>€ 1.234,50</b><img src=oak.png><input type=checkbox checked><i>yes</i></div>
<div class=card data-sku=B-2><a href="/desks/2">Ash</a><b>$99</b></div>
<select><option>S<option selected>Large one</select><input class=name value="Ann"><p hidden>hidden <em>text</em></p>`;

describe("extraction", () => {
  it("reads single values of every type", async () => {
    await show(page, SHOP);
    const fields = {
      heading: "h1",
      by_role: { target: { role: "heading" } },
      price: { target: ".card b", type: "number" },
      sku: { target: ".card", attribute: "data-sku" },
      raw_link: { target: ".card a", type: "attribute", attribute: "href" },
      link: { target: ".card a", type: "url" },
      picture: { target: ".card img", type: "url" },
      in_stock: { target: ".card i", type: "boolean" },
      checked: { target: ".card input", type: "boolean" },
      size: "select",
      name: "input.name",
      html: { target: "p", type: "html" },
      has_cards: { target: ".card", type: "exists" },
      has_offers: { target: ".offer", type: "exists" },
      offer: { target: ".offer", required: false },
      alt: { target: "img", attribute: "alt", required: false },
      skus: { target: ".card", attribute: "data-sku", many: true },
      none: { target: ".offer", many: true },
    };
    expect(await information(fields)).toEqual({
      heading: "Two desks",
      by_role: "Two desks",
      price: 1234.5,
      sku: "A-1",
      raw_link: "/desks/1",
      link: at("/desks/1"),
      picture: at("/oak.png"),
      in_stock: true,
      checked: true,
      size: "Large one",
      name: "Ann",
      html: "hidden <em>text</em>",
      has_cards: true,
      has_offers: false,
      offer: null,
      alt: null,
      skus: ["A-1", "B-2"],
      none: [],
    });
  });

  it("reads lists of records, with fields of the row itself", async () => {
    await show(page, SHOP);
    const fields = {
      sku: { attribute: "data-sku" },
      name: "a",
      price: { target: "b", type: "number" },
      picture: { target: "img", type: "url", required: false },
    };
    expect(await information({ desks: { rows: ".card", fields } })).toEqual({
      desks: [
        { sku: "A-1", name: "Oak", price: 1234.5, picture: at("/oak.png") },
        { sku: "B-2", name: "Ash", price: 99, picture: null },
      ],
    });
  });

  it("gives what a cell of several rows says to each of them, and no marks that nobody sees", async () => {
    await show(
      page,
      `<table><thead><tr><th rowspan=2>Shop<th colspan=2>Desks<tr><th>Na&shy;me<th>Price</thead>
        <tr><td rowspan=2>North<td>Oak<td>1<tr><td>\u200eAsh\u200b<td>2<tr><td>South<td colspan=2>none</table>`,
    );
    expect(await information({ shops: { table: "table" } })).toEqual({
      shops: [
        { Shop: "North", Name: "Oak", Price: "1" },
        { Shop: "North", Name: "Ash", Price: "2" },
        { Shop: "South", Name: "none", Price: "none" },
      ],
    });
  });

  it("makes records of a table by its header", async () => {
    await show(
      page,
      `<table id=a><caption>Prices</caption><thead><tr><th colspan=3>All</th></tr><tr><th>Name</th><th>Price</th><th>Price</th></tr></thead>
      <tbody><tr><td>Oak</td><td>1,200.50</td><td>x</td></tr><tr><td>Ash</td><td></td></tr></tbody><tfoot><tr><td>Sum</td></tr></tfoot></table>
      <table id=b><tr><th>K<th>V<tr><td>1<td>2</table><table id=c><tr><td>1<td>2</table>`,
    );
    expect(
      await information({
        a: { table: { role: "table", name: "Prices" }, types: { Price: "number" } },
        b: { table: "#b" },
        c: { table: "#c" },
      }),
    ).toEqual({
      a: [
        { Name: "Oak", Price: 1200.5, Price_2: "x" },
        { Name: "Ash", Price: null, Price_2: null },
      ],
      b: [{ K: "1", V: "2" }],
      c: [{ column_1: "1", column_2: "2" }],
    });
  });

  it("waits for what is required", async () => {
    await show(page, "<script>setTimeout(() => { document.body.innerHTML = '<h1>Late</h1><li>a</li>' }, 300)</script>");
    expect(await information({ heading: "h1", rows: { rows: "li", fields: { text: {} }, required: true } })).toEqual({
      heading: "Late",
      rows: [{ text: "a" }],
    });
  });

  it.each<[string, JsonObject, string]>([
    ["a missing field", { title: "h2" }, 'title: "h2" matched nothing'],
    ["a missing attribute", { a: { target: "h1", attribute: "id" } }, 'a: "h1"@id matched 1, without the attribute'],
    ["text that is no number", { a: { target: "h1", type: "number" } }, 'a: "h1" reads "Two desks", which is not a number'],
    [
      "a field that rows lack",
      { desks: { rows: ".card", fields: { picture: { target: "img", type: "url" } } } },
      'desks.picture: "img" matched nothing in 1 of 2 rows of ".card" (row 2)',
    ],
    ["no rows", { desks: { rows: ".desk", fields: { a: "a" }, required: true } }, 'desks: ".desk" matched no row'],
    ["no table", { t: { table: "table" } }, 't: "table" matched no table'],
    [
      "every fault at once",
      { a: "h2", b: { target: "h1", type: "boolean" } },
      'a: "h2" matched nothing; b: "h1" reads "Two desks", which is not a boolean',
    ],
    ["a selector that is none", { a: "h1[" }, '"h1[" is not a CSS selector'],
  ])("names %s", async (_, selectors, message) => {
    await show(page, SHOP);
    await expect(extract({ selectors, wait_seconds: 0.2 })).rejects.toMatchObject({ name: "BlockError", errorClass: "block", message });
  });

  describe("over pages", () => {
    const LIST = { page: "h1", entries: { rows: "table tr", fields: { name: ".name", price: { target: ".price", type: "number" } } } };
    const open = () => page.goto(at("/list"), { ...SOON, waitUntil: "load" });

    it("joins the lists, keeps the other fields of the first page, and passes over hidden pagers", async () => {
      await open();
      expect(await extract({ selectors: LIST, next: "a.next" })).toEqual({
        extracted_information: {
          page: "Page 1",
          entries: [1, 2, 3, 4, 5].map((entry) => ({ name: `Entry ${entry}`, price: entry * 1000 + 500 + entry })),
        },
        page_count: 3,
        has_more_pages: false,
      });
    });

    it("stops at the limit and says that there was more", async () => {
      await open();
      const output = await extract({ selectors: LIST, next: { role: "link", name: "Next" }, max_pages: 2 });
      expect(output).toMatchObject({ page_count: 2, has_more_pages: true });
    });

    it("waits for a list that a script replaces", async () => {
      const script =
        "let n = 1; const show = () => { list.innerHTML = `<li>entry ${n}</li>`; go.disabled = n === 3 }; show(); go.onclick = () => { n++; setTimeout(show, 200) }";
      await show(page, `<ul id=list></ul><button id=go>More</button><script>${script}</script>`);
      const output = await extract({ selectors: { entries: { target: "li", many: true } }, next: "#go" });
      expect(output).toEqual({
        extracted_information: { entries: ["entry 1", "entry 2", "entry 3"] },
        page_count: 3,
        has_more_pages: false,
      });
    });

    it("does not take a page that stays the same for another", async () => {
      await show(page, "<li>a</li><button>Next</button>");
      const failure = extract({ selectors: { entries: { target: "li", many: true } }, next: "button", wait_seconds: 0.3 });
      await expect(failure).rejects.toThrow(/^next button: clicking it on http.* did not change what the selectors find within 0.3 s/);
    });
  });

  it("checks what was read by a JSON Schema", async () => {
    await show(page, SHOP);
    const selectors = { desks: { rows: ".card", fields: { name: "a", price: { target: "b", type: "number" } } } };
    const schema = (maximum: number) => ({
      type: "object",
      properties: { desks: { type: "array", items: { properties: { price: { type: "number", maximum } }, required: ["name"] } } },
    });
    await expect(extract({ selectors, data_schema: schema(2000) })).resolves.toMatchObject({ page_count: 1 });
    await expect(extract({ selectors, data_schema: schema(1000) })).rejects.toThrow(
      /^what was read does not fit data_schema: desks\[0\]\.price: .*1000/,
    );
    const faulty = { selectors, data_schema: { properties: { a: { pattern: "(a+)+$" } } } };
    expect(extraction.config.safeParse(faulty).error?.issues[0]).toMatchObject({ path: ["data_schema", "properties", "a", "pattern"] });
  });

  it("refuses `next` without a list", () => {
    expect(extraction.config.safeParse({ selectors: { a: "h1" }, next: "a" }).error?.issues[0]).toMatchObject({ path: ["next"] });
  });
});

describe("screenshot", () => {
  /** Width and height of a PNG (IHDR). */
  const size = (png: Uint8Array) => [
    new DataView(png.buffer, png.byteOffset).getUint32(16),
    new DataView(png.buffer, png.byteOffset).getUint32(20),
  ];
  const PAGE =
    "<style>body{margin:0}</style><div style='height:3000px'></div><div id=box style='width:120px;height:80px;background:#0a0'></div>";

  it.each<[string, JsonObject, number[]]>([
    ["what is in view", {}, [1280, 800]],
    ["the whole page", { full_page: true }, [1280, 3080]],
    ["one element, wherever it is", { target: "#box" }, [120, 80]],
  ])("shows %s", async (_, config, expected) => {
    await show(page, PAGE);
    const { output, artifacts } = await runBlock(screenshot, page, { ...config, name: "shot" });
    expect(size(artifacts[0]!.bytes)).toEqual(expected);
    expect(output).toMatchObject({
      artifact_id: "a_1",
      file_name: "shot.png",
      content_type: "image/png",
      size_bytes: artifacts[0]!.bytes.byteLength,
    });
  });

  it("says what is wrong with its target", async () => {
    await show(page, "<i>a</i><i>b</i>");
    await expect(page.screenshot({ target: "i", fullPage: false, timeoutMs: 400, signal: NEVER })).rejects.toThrow("2 elements match");
  });
});
