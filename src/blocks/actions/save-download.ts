import type { Download } from "../../domain/browser/browser.ts";
import type { Json } from "../../domain/json.ts";
import type { BlockContext } from "../block.ts";
import { fileName } from "../file-name.ts";
import { describeFile } from "../files.ts";

/** A downloaded text up to this size is also given as text in the output. */
const MAX_TEXT_BYTES = 256 * 1024;

/** Keeps a download as an artifact; answers with what is known of it, and with its text where that is short. */
export async function saveDownload(
  context: BlockContext,
  { url, suggestedName, disposition, contentType, bytes }: Download,
): Promise<Json> {
  const name = fileName(suggestedName, { headers: { "content-disposition": disposition }, url });
  const saved = describeFile(await context.saveArtifact({ type: "download", name, contentType, bytes }));
  const isText = /^text\/|[/+]json\b/.test(contentType) || /\.(csv|tsv|txt)$/i.test(name);
  return isText && bytes.byteLength <= MAX_TEXT_BYTES ? { ...saved, text: decodeText(bytes, contentType) } : saved;
}

function decodeText(bytes: Uint8Array, contentType: string): string {
  const charset = /charset="?([\w-]+)/i.exec(contentType)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes); // a charset that nobody knows
  }
}
