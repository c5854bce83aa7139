import { z } from "zod";
import type { PageFile } from "../../domain/browser.ts";
import { type BlockContext, BlockError } from "../block.ts";
import { fetchFile as fetchUrl } from "../files.ts";

/** Where an upload has a file from. */
export const fileSource = z
  .strictObject({
    name: z.string().min(1).exactOptional().describe("File name. Default: what `url` calls it, or `file`."),
    content_type: z.string().min(1).exactOptional().describe("Default: what `url` answers with, or `text/plain` for `text`."),
    text: z.string().exactOptional().describe("The content as text."),
    base64: z.string().exactOptional().describe("The content as Base64."),
    url: z.string().min(1).exactOptional().describe("Address to fetch the content from."),
  })
  .refine(({ text, base64, url }) => [text, base64, url].filter((source) => source !== undefined).length === 1, {
    message: "a file needs exactly one of text, base64, url",
  });
type FileSource = z.infer<typeof fileSource>;

/**
 * The file that an upload step means, with its content at hand.
 * @throws BlockError when its address does not give it, or its Base64 is none
 */
export async function fetchFile(context: BlockContext, source: FileSource, timeoutMs: number): Promise<PageFile> {
  if (source.url !== undefined) return fetchByUrl(context, source, source.url, timeoutMs);
  const name = source.name ?? "file";
  if (source.text !== undefined)
    return { name, contentType: source.content_type ?? "text/plain", bytes: new TextEncoder().encode(source.text) };
  return { name, contentType: source.content_type ?? "application/octet-stream", bytes: decodeBase64(source.base64 ?? "", name) };
}

async function fetchByUrl(context: BlockContext, source: FileSource, url: string, timeoutMs: number): Promise<PageFile> {
  const { name, contentType, bytes } = await fetchUrl(context, url, undefined, { name: source.name ?? null, timeoutMs });
  return { name, contentType: source.content_type ?? contentType, bytes };
}

function decodeBase64(text: string, name: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (error) {
    throw new BlockError(`the content of "${name}" is not Base64`, { cause: error });
  }
}
