/** The console of a page as a file: one JSON object a line, oldest first. */
import { maskUrl, maskUrlsIn } from "./evidence-mask.ts";
import type { RecordedRequest, TabRecord } from "./evidence.ts";
import type { JsonObject } from "../json.ts";
import { formatInstant } from "../time.ts";

/** @returns null when there is nothing to tell */
export function toConsoleLog({ console, failedRequests, dropped }: TabRecord): string | null {
  const lines = [
    ...console.map(({ kind, at, level, text, source }) => ({
      at,
      line: {
        kind,
        level,
        text: maskUrlsIn(text),
        ...(source === null ? {} : { url: maskUrl(source.url), line: source.line, column: source.column }),
      },
    })),
    ...failedRequests.map((request) => ({ at: request.finishedAt ?? request.startedAt, line: failedRequest(request) })),
  ].toSorted((a, b) => a.at - b.at);
  if (lines.length === 0) return null;
  const left = dropped.console + dropped.failedRequests;
  const first = left === 0 ? [] : [{ kind: "note", text: `${left} older lines were left out` }];
  const all: JsonObject[] = [...first, ...lines.map(({ at, line }): JsonObject => ({ at: formatInstant(at), ...line }))];
  return all.map((line) => `${JSON.stringify(line)}\n`).join("");
}

function failedRequest({ method, url, resourceType, response, error }: RecordedRequest): JsonObject {
  return {
    kind: "failed_request",
    level: "error",
    text: error ?? `${response?.status ?? 0} ${response?.statusText ?? ""}`.trim(),
    method,
    url: maskUrl(url),
    status: response?.status ?? null,
    resource_type: resourceType.toLowerCase(),
  };
}
