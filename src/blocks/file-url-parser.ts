import { z } from "zod";
import { type Json, JSON_LIMITS, type JsonObject } from "../domain/json.ts";
import { type BlockContext, BlockError, defineBlock } from "./block.ts";
import { sanitize } from "./file-name.ts";
import { docxText } from "./file-url-parser/docx.ts";
import { FILE_TYPES, type FileKind, kindOf } from "./file-url-parser/kinds.ts";
import { csvRecords, excelRecords } from "./file-url-parser/tables.ts";
import { unzip } from "./file-url-parser/zip.ts";
import { describeFile, FILE_REFERENCE, openFiles, type OpenFile } from "./files.ts";
import { isNestedDeeper } from "./http-request.ts";
import { jsonSchema, misfitOf } from "./json-schema.ts";
import { aModel } from "./model-block.ts";

const READ_BY_SIGHT = aModel(
  "to find in an image, or in a text, what json_schema asks for",
  "a table or JSON is read and checked without one",
);

/** Files of an archive that are stored. */
const MAX_EXTRACTED = 100;

export const fileUrlParser = defineBlock({
  type: "file_url_parser",
  category: "data",
  summary:
    "Read a file. CSV and Excel give a list of rows by the names in the first one; PDF, Word and text files their text; JSON its value; a ZIP " +
    "archive the list of its files, each stored as an artifact that other blocks can name.",
  repeatable: true,
  needs: ({ file_type: type, json_schema: schema }) =>
    type === "image" || (type === "pdf" || type === "docx" ? schema != null : false) ? READ_BY_SIGHT : null,
  config: z.strictObject({
    file_url: z.json().describe(`The file, at most 25 MB: ${FILE_REFERENCE}; or the key of a parameter that holds one of these.`),
    file_type: z
      .enum(FILE_TYPES)
      .default("auto_detect")
      .describe("How to read it. `auto_detect` goes by its first bytes, its name and its content-type. Reading an `image` needs a model."),
    sheet: z.string().nullish().describe("Of an Excel workbook: the sheet's name; the first when left out."),
    json_schema: jsonSchema
      .nullish()
      .describe("JSON Schema (2020-12, without patterns) that the value must fit; the block fails with what does not."),
  }),
  output: z.json().describe("What was read."),
  example: { block_type: "file_url_parser", label: "read_list", file_url: "https://shop.example.com/list.csv", file_type: "csv" },
  /** Skyvern's: the bare key of a parameter means its value. */
  normalize(config: JsonObject): JsonObject {
    const { file_url: file } = config;
    return typeof file === "string" && /^[\p{L}_][\p{L}\p{N}_]*$/u.test(file) && !/^(a_|SKYVERN_)/.test(file)
      ? { ...config, file_url: `{{ ${file} }}` }
      : config;
  },
  async execute(context, { file_url, file_type, sheet, json_schema }) {
    const files = await openFiles(context, file_url);
    const [file] = files;
    if (file === undefined || files.length > 1) throw new BlockError(`file_url means ${files.length} files; it must mean one`);
    try {
      const value = await read(context, file, file_type === "auto_detect" ? detect(file) : file_type, sheet ?? null);
      const misfit = json_schema == null ? null : misfitOf(value, json_schema);
      if (misfit !== null) throw new BlockError(`what was read does not fit json_schema: ${misfit}`);
      return value;
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      throw new BlockError(`"${file.name}": ${error.message}`, { cause: error });
    }
  },
});

function detect(file: OpenFile): FileKind {
  const kind = kindOf(file, () => {
    const paths: string[] = [];
    unzip(file.bytes, (path) => paths.push(path) < 0);
    return paths;
  });
  if (kind !== null) return kind;
  const known = FILE_TYPES.filter((type) => type !== "auto_detect").join(", ");
  throw new BlockError(`it is not known what this file is (its content-type is "${file.contentType}"); say so in file_type: ${known}`);
}

async function read(context: BlockContext, file: OpenFile, kind: FileKind, sheet: string | null): Promise<Json> {
  switch (kind) {
    case "csv":
      return csvRecords(textOf(file));
    case "excel":
      return await excelRecords(file.bytes, sheet);
    case "json":
      return jsonOf(textOf(file));
    case "text":
      return textOf(file);
    case "docx":
      return docxText(file.bytes);
    case "pdf":
      return await pdfText(file.bytes);
    case "zip":
      return await extract(context, file.bytes);
    case "image":
      throw new BlockError("reading an image needs a model, which this service does not have");
  }
}

/** In the charset that its sender names, else UTF-8, else what Windows writes. */
function textOf({ bytes, contentType }: OpenFile): string {
  const named = /charset="?([\w-]+)/i.exec(contentType)?.[1];
  for (const charset of [named, "utf-8"]) {
    try {
      if (charset !== undefined) return new TextDecoder(charset, { fatal: true, ignoreBOM: false }).decode(bytes);
    } catch {
      // not this one
    }
  }
  return new TextDecoder("windows-1252").decode(bytes);
}

function jsonOf(text: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw new BlockError(`it is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  if (isNestedDeeper(value, JSON_LIMITS.depth)) throw new BlockError(`it is nested more than ${JSON_LIMITS.depth} levels deep`);
  return value;
}

/** Loaded when it is needed: PDF.js is larger than all the rest. */
async function pdfText(bytes: Uint8Array): Promise<string> {
  const { extractText, getDocumentProxy } = await import("unpdf");
  const read = async () => extractText(await getDocumentProxy(Uint8Array.from(bytes), { verbosity: 0 }), { mergePages: false });
  const { text } = await read().catch((cause: unknown) => {
    throw new BlockError(`it is no PDF that can be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  const pages = text.map((page) => page.trim());
  if (pages.every((page) => page === ""))
    throw new BlockError("the PDF has no text, only pictures; reading those needs a model, which this service does not have");
  return pages.join("\n\n");
}

async function extract(context: BlockContext, bytes: Uint8Array): Promise<Json> {
  const files = unzip(bytes);
  if (files.size > MAX_EXTRACTED) throw new BlockError(`the archive has ${files.size} files; at most ${MAX_EXTRACTED} are taken out`);
  const stored: Json[] = [];
  for (const [path, content] of files) {
    const name = sanitize(path) || "file";
    const artifact = await context.saveArtifact({ type: "download", name, contentType: contentTypeOf(name), bytes: content });
    stored.push({ path, ...describeFile(artifact) });
  }
  return stored;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  csv: "text/csv",
  txt: "text/plain",
  json: "application/json",
  xml: "application/xml",
  html: "text/html",
  pdf: "application/pdf",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  zip: "application/zip",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
};

function contentTypeOf(name: string): string {
  return CONTENT_TYPES[/\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ""] ?? "application/octet-stream";
}
