import type { HttpResponse } from "../ports/http.ts";

const MAX_FILE_NAME_LENGTH = 150;

/** The wanted name, else that of `Content-Disposition`, else the last part of the address; always one that is safe as a file's. */
export function fileName(wanted: string | null, { headers, url }: Pick<HttpResponse, "headers" | "url">): string {
  const disposition = headers["content-disposition"] ?? "";
  const encoded = /filename\*=(?:UTF-8)''([^;]+)/i.exec(disposition)?.[1];
  const plain = /filename=("[^"]*"|[^;]*)/i.exec(disposition)?.[1]?.replaceAll('"', "");
  const fromUrl = new URL(url).pathname.split("/").at(-1);
  const names = [wanted, encoded && decodeUri(encoded), plain, fromUrl && decodeUri(fromUrl)].map((name) => sanitize(name ?? ""));
  return names.find((name) => name !== "") ?? "response";
}

/** A name without folders, control characters and what file systems forbid; empty when nothing is left of it. */
export function sanitize(name: string): string {
  const base = name.split(/[/\\]/).at(-1) ?? "";
  return base
    .replaceAll(/[\p{Cc}<>:"|?*]/gu, "_")
    .trim()
    .replace(/^\.+/, "")
    .slice(0, MAX_FILE_NAME_LENGTH);
}

function decodeUri(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
