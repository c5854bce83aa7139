/** What is kept of a page for whoever looks into an attempt: which, and in which form a tab hands it over. */
import { z } from "zod";

/** For which attempts something is kept: none, those that fail, or all. */
const EXTENTS = ["off", "failures", "all"] as const;
export type EvidenceExtent = (typeof EXTENTS)[number];

export interface EvidenceSettings {
  readonly screenshots: EvidenceExtent;
  readonly console: EvidenceExtent;
  readonly har: EvidenceExtent;
}

export const EVIDENCE_DEFAULTS: EvidenceSettings = { screenshots: "failures", console: "failures", har: "failures" };

const extent = z.enum(EXTENTS).exactOptional();

/** As a workflow says it, and a run otherwise. */
export const evidenceSchema = z.strictObject({
  screenshots: extent.describe(
    "`failures` (when absent): the page as an attempt left it that failed or was broken off, and the last page of the run. `all`: the page before and after every attempt.",
  ),
  console: extent.describe("Console messages, uncaught errors and failed requests: of failed attempts (when absent), or of all."),
  har: extent.describe("The requests of the page, as HAR 1.2 without bodies: of failed attempts (when absent), or of all."),
});
export type EvidenceWish = z.infer<typeof evidenceSchema>;

/** What blocks say of themselves, by their labels. */
export type BlockEvidence = Readonly<Record<string, EvidenceWish>>;

/** What a run keeps: of all its blocks, and of those that say it for themselves, which counts before anything else. */
export interface RunEvidenceSettings {
  /** Absent in runs that were started before anything was kept. */
  readonly evidence?: EvidenceSettings;
  /** Absent where no block says anything. */
  readonly blockEvidence?: BlockEvidence;
  /** How many screens further down its pictures go, from where a page stands; absent for none. */
  readonly screenshotScrolls?: number;
}

/** What is kept of the attempts at a block. */
export function evidenceOf({ evidence = EVIDENCE_DEFAULTS, blockEvidence = {} }: RunEvidenceSettings, label: string): EvidenceSettings {
  return { ...evidence, ...(Object.hasOwn(blockEvidence, label) ? blockEvidence[label] : {}) };
}

/** The most that is kept of any block: so much has to be recorded. */
export function mostEvidence({ evidence = EVIDENCE_DEFAULTS, blockEvidence = {} }: RunEvidenceSettings): EvidenceSettings {
  const all = [evidence, ...Object.values(blockEvidence)];
  const most = (of: keyof EvidenceSettings): EvidenceExtent =>
    EXTENTS.findLast((extent) => all.some((settings) => settings[of] === extent)) ?? "off";
  return { screenshots: most("screenshots"), console: most("console"), har: most("har") };
}

/** What the run says counts before what the workflow says. */
export function evidenceSettings(workflow: EvidenceWish | null | undefined, run: EvidenceWish | null | undefined): EvidenceSettings {
  return { ...EVIDENCE_DEFAULTS, ...workflow, ...run };
}

/** Skyvern's `max_screenshot_scrolls`: what is more counts as this. */
const MAX_SCREENSHOT_SCROLLS = 1_000;

export const screenshotScrollsField = z.int().transform((count) => Math.min(Math.max(count, 0), MAX_SCREENSHOT_SCROLLS));

/** Is it kept of an attempt that ended so? */
export function isKept(of: EvidenceExtent, failed: boolean): boolean {
  return of === "all" || (of === "failures" && failed);
}

/** Where the evidence of a failed attempt is. */
export interface FailureEvidence {
  /** Artifacts, in the order in which they were stored. */
  readonly artifactIds: readonly string[];
  /** What could not be kept, and why: a sentence each. */
  readonly missing: readonly string[];
}

/** A message in the console of a page, or an error that nothing caught there. */
export interface ConsoleEntry {
  readonly kind: "console" | "page_error";
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** CDP's words: `log`, `warning`, `error`, … */
  readonly level: string;
  readonly text: string;
  /** Where in which script, both from 1; null where the browser does not say. */
  readonly source: { readonly url: string; readonly line: number; readonly column: number } | null;
}

/** A request of a page, of a frame in it or of a worker. Times in milliseconds since the epoch, or long. */
export interface RecordedRequest {
  readonly url: string;
  readonly method: string;
  /** CDP's words: `Document`, `Script`, `Fetch`, … */
  readonly resourceType: string;
  readonly startedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly hasBody: boolean;
  response: RecordedResponse | null;
  /** Of the content, decoded. */
  contentBytes: number;
  /** On the wire, with headers; null before the end. */
  encodedBytes: number | null;
  finishedAt: number | null;
  /** Why there was no whole answer, as the browser calls it: `net::ERR_NAME_NOT_RESOLVED`. */
  error: string | null;
}

export interface RecordedResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly mimeType: string;
  /** `http/1.1`, `h2`, … */
  readonly protocol: string;
  readonly serverAddress: string;
  /** When its headers were there. */
  readonly at: number;
  /** Milliseconds of each phase; null where the browser does not say (a cache). */
  readonly timing: RequestTiming | null;
}

/** HAR's `timings`, -1 for a phase that there was not. */
export interface RequestTiming {
  readonly blocked: number;
  readonly dns: number;
  readonly connect: number;
  readonly ssl: number;
  readonly send: number;
  readonly wait: number;
}

/** What a tab has recorded during an attempt. */
export interface TabRecord {
  /** Oldest first. */
  readonly console: readonly ConsoleEntry[];
  readonly requests: readonly RecordedRequest[];
  /** Network errors, and answers with a status of 400 or more. */
  readonly failedRequests: readonly RecordedRequest[];
  /** How many older ones were given up for these. */
  readonly dropped: { readonly console: number; readonly requests: number; readonly failedRequests: number };
  /** Whose console could not be read and why, as a sentence; null when all was. */
  readonly consoleMissing: string | null;
}
