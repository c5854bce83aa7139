/** What a file is, and how it is read. */
export const FILE_TYPES = ["auto_detect", "csv", "excel", "pdf", "image", "docx", "zip", "json", "text"] as const;
export type FileKind = Exclude<(typeof FILE_TYPES)[number], "auto_detect">;

/** First bytes, in hexadecimal, of what is known by them. */
const SIGNATURES: readonly (readonly [RegExp, FileKind])[] = [
  [/^255044462d/, "pdf"],
  [/^(89504e47|ffd8ff|47494638|52494646.{8}57454250|49492a00|4d4d002a)/, "image"],
];

/**
 * What a file is: by its first bytes, then by its name, then by what its sender calls it.
 * @param paths of its entries, where it is a ZIP archive
 * @returns null when nothing tells
 */
export function kindOf(
  file: { readonly name: string; readonly contentType: string; readonly bytes: Uint8Array },
  paths: () => Iterable<string>,
): FileKind | null {
  const head = [...file.bytes.subarray(0, 1024)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const [, signed] = SIGNATURES.find(([signature]) => signature.test(head)) ?? [];
  if (signed !== undefined) return signed;
  if (/^504b0(304|506)/.test(head)) {
    const entries = [...paths()];
    if (entries.includes("word/document.xml")) return "docx";
    return entries.some((path) => path.startsWith("xl/")) ? "excel" : "zip";
  }
  const ending = /\.([a-z]+)$/i.exec(file.name)?.[1]?.toLowerCase() ?? "";
  const type = file.contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (ending === "json" || /^(application|text)\/([\w.-]+\+)?json$/.test(type)) return "json";
  if (["csv", "tsv"].includes(ending) || ["text/csv", "text/tab-separated-values"].includes(type)) return "csv";
  if (/^(..)*00/.test(head)) return null; // a zero byte: no text
  return ending === "txt" || ending === "md" || type.startsWith("text/") ? "text" : null;
}
