import { strToU8, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../domain/json.ts";
import type { NewArtifact } from "./block.ts";
import { fileUrlParser } from "./file-url-parser.ts";
import { documentText } from "./file-url-parser/docx.ts";
import { toRecords } from "./file-url-parser/tables.ts";
import { unzip, ZIP_LIMITS } from "./file-url-parser/zip.ts";
import { contextWith } from "./testing/context.ts";

/** Reads a file that is fetched. @returns what was read, and the files that were stored */
async function read(bytes: Uint8Array | string, config: JsonObject = {}, { name = "file", contentType = "application/octet-stream" } = {}) {
  const stored: NewArtifact[] = [];
  const body = typeof bytes === "string" ? strToU8(bytes) : bytes;
  const context = contextWith({
    http: { send: async ({ url }) => ({ status: 200, headers: { "content-type": contentType }, body, url }) },
    async saveArtifact(file) {
      stored.push(file);
      return { ...file, artifactId: `a_${stored.length}`, sizeBytes: file.bytes.byteLength, sha256: "ab", createdAt: 0 };
    },
  });
  const output = await fileUrlParser.execute(
    context,
    fileUrlParser.config.parse({ file_url: `https://files.example.com/${name}`, ...config }),
  );
  return { output: output as Json, stored };
}

const sheetXml = (rows: string) =>
  `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>${rows}</sheetData></worksheet>`;

/** A workbook with the sheets `Prices` and `More`. */
function workbook(rows: string, more = ""): Uint8Array {
  const ns = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
  const relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const packages = "http://schemas.openxmlformats.org/package/2006/relationships";
  const relation = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${relations}/${type}" Target="${target}"/>`;
  const files = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "_rels/.rels": `<Relationships xmlns="${packages}">${relation("r1", "officeDocument", "xl/workbook.xml")}</Relationships>`,
    "xl/workbook.xml": `<workbook ${ns} xmlns:r="${relations}"><sheets><sheet name="Prices" sheetId="1" r:id="r1"/><sheet name="More" sheetId="2" r:id="r2"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `<Relationships xmlns="${packages}">${relation("r1", "worksheet", "worksheets/sheet1.xml")}${relation("r2", "worksheet", "worksheets/sheet2.xml")}${relation("r3", "styles", "styles.xml")}</Relationships>`,
    "xl/styles.xml": `<styleSheet ${ns}><cellXfs><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>`,
    "xl/worksheets/sheet1.xml": sheetXml(rows),
    "xl/worksheets/sheet2.xml": sheetXml(more),
  };
  return zipSync(Object.fromEntries(Object.entries(files).map(([path, xml]) => [path, strToU8(`<?xml version="1.0"?>${xml}`)])));
}

const text = (at: string, value: string) => `<c r="${at}" t="inlineStr"><is><t>${value}</t></is></c>`;
const prices = `<row r="1">${text("A1", "sku")}${text("B1", "price")}${text("C1", "since")}${text("D1", "sold")}</row>
  <row r="2">${text("A2", "A-1")}<c r="B2"><v>7.5</v></c><c r="C2" s="1"><v>46348</v></c><c r="D2" t="b"><v>1</v></c></row>
  <row r="3">${text("A3", "A-2")}</row>`;

/** A PDF of one line a page. */
function pdf(...pages: readonly string[]): string {
  const ids = pages.map((_, index) => 4 + index * 2);
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${ids.map((id) => `${id} 0 R`).join(" ")}] /Count ${pages.length} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ...pages.flatMap((line, index) => {
      const stream = line === "" ? "" : `BT /F1 12 Tf 72 720 Td (${line.replaceAll(/[()]/g, "\\$&")}) Tj ET`;
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${ids[index]! + 1} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
        `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
      ];
    }),
  ];
  let file = "%PDF-1.4\n";
  const offsets = objects.map((object, index) => {
    const at = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(at).padStart(10, "0")} 00000 n \n`;
  });
  const size = objects.length + 1;
  return `${file}xref\n0 ${size}\n0000000000 65535 f \n${offsets.join("")}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${file.length}\n%%EOF\n`;
}

const word = (body: string) => zipSync({ "word/document.xml": strToU8(`<w:document><w:body>${body}</w:body></w:document>`) });

describe("file_url_parser", () => {
  it.each([
    [
      "a CSV",
      'sku,price\r\nA-1,7.5\r\n\r\n"A,2","8 ""net"""\r\n',
      [
        { sku: "A-1", price: "7.5" },
        { sku: "A,2", price: '8 "net"' },
      ],
    ],
    ["a CSV with semicolons and a byte order mark", "\uFEFFsku;price\nA-1;7,5\n", [{ sku: "A-1", price: "7,5" }]],
    [
      "a CSV with names that are there twice, or not at all",
      "a,a,,__proto__\n1,2,3,4,5\n6\n",
      [
        Object.fromEntries([
          ["a", "1"],
          ["a_2", "2"],
          ["column_3", "3"],
          ["__proto__", "4"],
          ["column_5", "5"],
        ]),
        Object.fromEntries([
          ["a", "6"],
          ["a_2", null],
          ["column_3", null],
          ["__proto__", null],
          ["column_5", null],
        ]),
      ],
    ],
    ["an empty CSV", "", []],
  ])("reads %s", async (_, csv, rows) => {
    expect((await read(csv, { file_type: "csv" })).output).toEqual(rows);
  });

  it("reads text in the charset that its sender names, or that of Windows", async () => {
    const bytes = Uint8Array.from([0x67, 0x72, 0xfc, 0x6e]); // grün
    expect((await read(bytes, {}, { contentType: "text/plain; charset=iso-8859-1" })).output).toBe("grün");
    expect((await read(bytes, { file_type: "text" })).output).toBe("grün");
    expect((await read("grün", { file_type: "text" }, { contentType: "text/plain; charset=nonsense" })).output).toBe("grün");
  });

  it("reads the first sheet of a workbook, or the one that is named", async () => {
    const book = workbook(prices, `<row r="1">${text("A1", "x")}</row><row r="2"><c r="A2"><v>1</v></c></row>`);
    expect((await read(book)).output).toEqual([
      { sku: "A-1", price: 7.5, since: "2026-11-22", sold: true },
      { sku: "A-2", price: null, since: null, sold: null },
    ]);
    expect((await read(book, { sheet: "More" })).output).toEqual([{ x: 1 }]);
    await expect(read(book, { sheet: "Mroe" })).rejects.toThrow('no sheet "Mroe"; it has "Prices", "More"');
  });

  it("reads the text of a Word document", async () => {
    const body =
      '<w:p><w:r><w:t>Order</w:t><w:tab/><w:t xml:space="preserve"> 7 &amp; &#x38;</w:t></w:r></w:p><w:p/><w:p><w:r><w:delText>gone</w:delText><w:instrText>PAGE</w:instrText>' +
      "<mc:AlternateContent><mc:Choice><w:t>new</w:t></mc:Choice><mc:Fallback><w:t>old</w:t></mc:Fallback></mc:AlternateContent><w:br/><w:t>end</w:t></w:r></w:p>" +
      "<w:tbl><w:tr><w:tc><w:p><w:t>a</w:t></w:p></w:tc><w:tc><w:p><w:t>b</w:t></w:p></w:tc></w:tr></w:tbl>";
    expect((await read(word(body))).output).toBe("Order\t 7 & 8\n\nnew\nend\na\tb");
  });

  it("reads the text of a PDF, its pages one after the other", async () => {
    expect((await read(pdf("Order 7", "(net)"))).output).toBe("Order 7\n\n(net)");
    await expect(read(pdf(""))).rejects.toThrow("the PDF has no text, only pictures; reading those needs a model");
  });

  it("takes an archive apart and stores its files, whose names can name no folder", async () => {
    const archive = zipSync({ "a/list.csv": strToU8("sku\nA-1\n"), "../../etc/passwd": strToU8("x"), "empty/": new Uint8Array() });
    const { output, stored } = await read(archive);
    expect(output).toMatchObject([
      { path: "a/list.csv", artifact_id: "a_1", file_name: "list.csv", content_type: "text/csv", size_bytes: 8 },
      { path: "../../etc/passwd", artifact_id: "a_2", file_name: "passwd" },
    ]);
    expect(stored.map(({ name, type }) => [name, type])).toEqual([
      ["list.csv", "download"],
      ["passwd", "download"],
    ]);
  });

  it.each([
    ["by its first bytes", word("<w:p><w:t>x</w:t></w:p>"), "list.csv", "text/csv", "x"],
    ["by its name", "a\n1\n", "list.csv", "application/octet-stream", [{ a: "1" }]],
    ["by its content-type", '{"a":1}', "list", "application/problem+json; charset=utf-8", { a: 1 }],
    ["by its content-type", "x", "note", "text/plain", "x"],
  ])("knows what a file is %s", async (_, bytes, name, contentType, value) => {
    expect((await read(bytes, {}, { name, contentType })).output).toEqual(value);
  });

  it.each([
    ["a file that nothing is known of", "x", {}, /not known what this file is .* csv, excel, pdf/],
    ["binary data that call themselves text", "a\0b", {}, /not known what this file is/],
    ["quotes that do not close", 'a\n"b', { file_type: "csv" }, /no proper CSV: .* \(row 2\)/],
    ["broken JSON", '{"a":', { file_type: "json" }, /it is no JSON: /],
    ["JSON that is too deep", `${"[".repeat(100)}${"]".repeat(100)}`, { file_type: "json" }, /more than 64 levels/],
    ["a workbook that is none", zipSync({ "xl/x.xml": strToU8("x") }), {}, /no Excel workbook/],
    ["a Word document that is none", zipSync({ "x.xml": strToU8("x") }), { file_type: "docx" }, /no Word document/],
    [
      "an archive that is cut off",
      zipSync({ x: strToU8("x".repeat(50)) }).subarray(0, 40),
      { file_type: "zip" },
      /could not be unpacked|no ZIP archive/,
    ],
    ["no archive", "hello", { file_type: "zip" }, /no ZIP archive/],
    ["a PDF that is none", "%PDF-1.7 hello", {}, /no PDF that can be read/],
    ["an image", Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d]), {}, /needs a model/],
  ])("says what is wrong with %s", async (_, bytes, config, message) => {
    await expect(read(bytes, config)).rejects.toMatchObject({
      name: "BlockError",
      errorClass: "block",
      message: expect.stringMatching(message),
    });
  });

  const schema = { type: "array", items: { type: "object", required: ["sku"], properties: { price: { type: "string", enum: ["7"] } } } };

  it("gives what fits the schema, and says what does not", async () => {
    const config = { file_type: "csv", json_schema: schema };
    expect((await read("sku,price\nA-1,7\n", config)).output).toEqual([{ sku: "A-1", price: "7" }]);
    await expect(read("sku,price\nA-1,7\nA-2,8\n", config)).rejects.toThrow(/does not fit json_schema: \[1\]\.price: /);
    await expect(read("id\nA-1\n", config)).rejects.toThrow(/\[0\]: .*sku/);
  });

  it.each([
    [{ properties: { sku: { pattern: "^(a+)+$" } } }, ["json_schema.properties.sku.pattern"]],
    [{ anyOf: [{ items: { patternProperties: {} } }] }, ["json_schema.anyOf.0.items.patternProperties"]],
    [{ $ref: "https://example.com/schema" }, ["json_schema.$ref"]],
    [{ properties: { pattern: { type: "string" } }, enum: [{ pattern: 1 }] }, []],
  ])("is not saved with a schema that cannot be checked safely: %j", (json_schema, paths) => {
    const result = fileUrlParser.config.safeParse({ file_url: "https://example.com/", json_schema });
    expect(result.success ? [] : result.error.issues.map(({ path }) => path.join("."))).toEqual(paths);
  });

  it("reads the bare key of a parameter as its value", () => {
    const normalize = (file_url: Json) => fileUrlParser.normalize?.({ file_url })["file_url"];
    expect(normalize("list")).toBe("{{ list }}");
    for (const written of ["{{ list }}", "https://example.com/x", "SKYVERN_DOWNLOAD_DIRECTORY", `a_${"0".repeat(52)}`, ["list"]]) {
      expect(normalize(written)).toEqual(written);
    }
  });
});

describe("an archive that is meant to harm", () => {
  it("is given up when it unpacks to many times its size", () => {
    const bomb = zipSync({ zeros: new Uint8Array(20 * 1024 * 1024) }, { level: 9 });
    expect(bomb.byteLength).toBeLessThan(30_000);
    expect(() => unzip(bomb)).toThrow(`more than ${ZIP_LIMITS.ratio} times its size`);
    expect(() => unzip(bomb, () => false)).toThrow(`more than ${ZIP_LIMITS.ratio} times its size`);
  });

  it("is given up whatever its directory says of sizes", () => {
    const bomb = zipSync({ zeros: new Uint8Array(20 * 1024 * 1024) }, { level: 9 });
    const view = new DataView(bomb.buffer);
    view.setUint32(22, 10, true); // the uncompressed size, in the entry's own header
    expect(() => unzip(bomb)).toThrow("times its size");
  });

  it("is given up when it has too many entries, or unpacks to too much", () => {
    const many = zipSync(Object.fromEntries(Array.from({ length: ZIP_LIMITS.entries + 1 }, (_, index) => [`${index}`, new Uint8Array()])));
    expect(() => unzip(many)).toThrow(`more than ${ZIP_LIMITS.entries} entries`);
    const block = new Uint8Array(1024 * 1024).map((_, index) => (index * index) >> 5);
    const large = zipSync(Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`${index}`, block])), { level: 0 });
    expect(() => unzip(large)).toThrow("more than 50 MB");
  });
});

describe("what a file says of itself is data", () => {
  it("markup that does not close takes no time", () => {
    expect(documentText(`<w:p>${"<w:t ".repeat(50_000)}`)).toBe("");
    expect(documentText("&#".repeat(50_000))).toBe("");
  });

  it("a name that is a property of every object is a name like others", () => {
    const [row] = toRecords([
      ["constructor", "toString"],
      ["1", "2"],
    ]);
    expect(Object.entries(row ?? {})).toEqual([
      ["constructor", "1"],
      ["toString", "2"],
    ]);
  });
});
