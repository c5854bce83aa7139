import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import type { ConsoleEntry } from "../../../domain/evidence/evidence.ts";
import { cut } from "./cut.ts";

/** Tells of what is logged in a session that listens to the runtime, and of errors that nothing catches there. */
export function onConsole(cdp: CDPSession, listener: (entry: ConsoleEntry) => void): void {
  cdp.on("Runtime.consoleAPICalled", (event) => listener(entryOf(event)));
  cdp.on("Runtime.exceptionThrown", (event) => listener(pageErrorOf(event)));
}

function entryOf({ type, args, timestamp, stackTrace }: CDPEvents["Runtime.consoleAPICalled"]): ConsoleEntry {
  const text = args.map(({ value, unserializableValue, description, type: kind }) => {
    if (typeof value === "object" && value !== null) return JSON.stringify(value);
    return value === undefined ? (unserializableValue ?? description ?? kind) : String(value);
  });
  return { kind: "console", at: timestamp, level: type, text: cut(text.join(" ")), source: sourceOf(stackTrace?.callFrames[0]) };
}

function pageErrorOf({ timestamp, exceptionDetails }: CDPEvents["Runtime.exceptionThrown"]): ConsoleEntry {
  const { text, exception, url, lineNumber, columnNumber, stackTrace } = exceptionDetails;
  const thrown = exception?.description ?? (exception?.value === undefined ? "" : String(exception.value));
  const frame = stackTrace?.callFrames[0] ?? (url === undefined ? undefined : { url, lineNumber, columnNumber });
  return { kind: "page_error", at: timestamp, level: "error", text: cut(`${text} ${thrown}`.trim()), source: sourceOf(frame) };
}

function sourceOf(frame: { url: string; lineNumber: number; columnNumber: number } | undefined): ConsoleEntry["source"] {
  if (frame === undefined || frame.url === "") return null;
  return { url: cut(frame.url), line: frame.lineNumber + 1, column: frame.columnNumber + 1 };
}
