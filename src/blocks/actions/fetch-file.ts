import { z } from "zod";
import type { PageFile } from "../../domain/browser/browser.ts";
import { jsonValue } from "../../domain/json-value.ts";
import { type BlockContext, BlockError } from "../block.ts";
import { FILE_REFERENCE, fetchFile, MAX_FILE_BYTES, openFiles, tooLarge } from "../files.ts";

/** Where an upload has a file from. */
export const fileSource = z
  .strictObject({
    name: z.string().min(1).exactOptional().describe("File name. Default: the stored one, what `url` calls it, or `file`."),
    content_type: z
      .string()
      .min(1)
      .exactOptional()
      .describe("Default: the stored one, what `url` answers with, or `text/plain` for `text`."),
    text: z.string().exactOptional().describe("The content as text."),
    base64: z.string().exactOptional().describe("The content as Base64."),
    url: z.string().min(1).exactOptional().describe("Address to fetch the content from."),
    file: jsonValue.exactOptional().describe(`A file that is there: ${FILE_REFERENCE}. A list means all of its items.`),
  })
  .refine(({ text, base64, url, file }) => [text, base64, url, file].filter((source) => source !== undefined).length === 1, {
    message: "a file needs exactly one of text, base64, url, file",
  });
type FileSource = z.infer<typeof fileSource>;

/**
 * The files that an upload step means, with their content at hand.
 * @throws BlockError when one is not to be had, or all together are too large
 */
export async function openSources(context: BlockContext, sources: readonly FileSource[], timeoutMs: number): Promise<PageFile[]> {
  const files: PageFile[] = [];
  let left = MAX_FILE_BYTES;
  for (const source of sources) {
    const opened = await openSource(context, source, left, timeoutMs);
    if (opened.length > 1 && source.name !== undefined)
      throw new BlockError(`"${source.name}" cannot be the name of ${opened.length} files: leave \`name\` out`);
    for (const { name, contentType, bytes } of opened) {
      left -= bytes.byteLength;
      if (left < 0) throw tooLarge(`"${name}"`, MAX_FILE_BYTES);
      files.push({ name: source.name ?? name, contentType: source.content_type ?? contentType, bytes });
    }
  }
  if (files.length === 0) throw new BlockError("there is no file to upload: the run has downloaded nothing so far, or the list is empty");
  return files;
}

async function openSource(context: BlockContext, source: FileSource, maxBytes: number, timeoutMs: number): Promise<readonly PageFile[]> {
  if (source.file !== undefined) return await openFiles(context, source.file, maxBytes);
  if (source.url !== undefined) return [await fetchFile(context, source.url, maxBytes, { name: source.name ?? null, timeoutMs })];
  const name = source.name ?? "file";
  if (source.text !== undefined) return [{ name, contentType: "text/plain", bytes: new TextEncoder().encode(source.text) }];
  return [{ name, contentType: "application/octet-stream", bytes: decodeBase64(source.base64 ?? "", name) }];
}

function decodeBase64(text: string, name: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (error) {
    throw new BlockError(`the content of "${name}" is not Base64`, { cause: error });
  }
}
