/** What a caller asks of a run, in Skyvern's fields (its `WorkflowRunRequest`, 1.0.50), and what this service makes of them. */
import { z } from "zod";
import { PRIORITY } from "./admission.ts";
import { type Fault, invalidInput } from "../error.ts";
import { evidenceSchema, type EvidenceWish, screenshotScrollsField } from "../evidence/evidence.ts";
import { extraHeadersField, headerOriginsField, unsentHeaders } from "../browser/extra-headers.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { addressField, connectHeadersField, headersAloneFaults, maskAddress, maskValues } from "../browser/remote-browser.ts";
import { faultsOf } from "../workflow/schema-faults.ts";
import type { TriggerType } from "./run.ts";

/** Keys of metadata that are dropped: Skyvern keeps them for itself. */
const RESERVED_METADATA = /^skyvern\./;
const METADATA_LIMITS = { keys: 20, key: 64, value: 256 } as const;

/** Fields that are kept and echoed, and what they would do if they did something. */
const UNUSED: Readonly<Record<string, string>> = {
  title: "a run is shown under the title of its workflow",
  proxy_location: "there are no proxies: a browser goes out where it runs",
  reuse_browser_session: "a session is used by runs that name it",
  ai_fallback: "blocks do what they say, without a model",
  run_with: "blocks do what they say, without a model",
  run_metadata: "runs have no tags to find them by",
};

const metadata = z
  .record(
    z.string().max(METADATA_LIMITS.key, `a key has at most ${METADATA_LIMITS.key} characters`),
    z.string().max(METADATA_LIMITS.value, `a value has at most ${METADATA_LIMITS.value} characters`),
  )
  .refine((map) => Object.keys(map).length <= METADATA_LIMITS.keys, `may have ${METADATA_LIMITS.keys} keys`);

export const runRequestSchema = z.strictObject({
  workflow_id: z.string().optional().describe("The workflow's permanent id (`wpid_…`)."),
  agent_id: z.string().optional().describe("The same, as newer clients of Skyvern call it; if both are sent, this one counts."),
  version: z.int().min(1).optional().describe("Which version to run; the latest when absent."),
  parameters: z.record(z.string(), z.json()).nullish().describe("Values for the workflow's parameters."),
  priority: z
    .int()
    .min(PRIORITY.min)
    .max(PRIORITY.max)
    .default(PRIORITY.default)
    .describe("In the organization's queue, higher goes first."),
  on_limit: z
    .enum(["queue", "reject"])
    .default("queue")
    .describe("Over the organization's limit: wait in its queue, or be refused with a 429."),
  max_elapsed_time_minutes: z.number().min(1).max(480).nullish().describe("How long the run may be at work."),
  webhook_url: z.string().nullish().describe("Where this run's events go; the workflow's own address when absent."),
  evidence: evidenceSchema.nullish().describe("What is kept of the run's pages; as the workflow says where this says nothing."),
  start_fresh_browser: z
    .boolean()
    .nullish()
    .describe("Begin with a browser that remembers nothing. Not together with a session, a profile or an address."),
  browser_session_id: z
    .string()
    .nullish()
    .describe("Use the browser of this session (`pbs_…`), which no other run may be using, and leave its pages open."),
  browser_profile_id: z
    .string()
    .nullish()
    .describe("Begin with the cookies and the local storage of this profile (`bp_…`); the workflow's own when absent."),
  browser_address: addressField
    .nullish()
    .describe(
      "Use a browser of your own, by its DevTools endpoint: `wss://…`, `ws://…`, or `https://…` where `/json/version` tells of it. The run has a context of " +
        "its own there, and closes nothing else. Kept encrypted; shown as far as its host. The organization's own browser, if it has one, when absent.",
    ),
  cdp_connect_headers: connectHeadersField.nullish().describe("Sent when connecting to `browser_address`. Kept encrypted; shown as `***`."),
  title: unused("title", z.string().max(1_000)),
  proxy_location: unused("proxy_location", z.union([z.string(), z.looseObject({})], "must be a name such as RESIDENTIAL, or {country, …}")),
  totp_url: z.string().nullish().describe("Where one-time codes are asked for; the workflow's own address when absent."),
  totp_identifier: z.string().max(500).nullish().describe("By what name one-time codes are sent in; the workflow's own when absent."),
  reuse_browser_session: unused("reuse_browser_session", z.boolean()),
  max_screenshot_scrolls: screenshotScrollsField
    .nullish()
    .describe(
      "So many screens further down go the pictures that evidence keeps of pages, from where a page stands. The workflow's when absent.",
    ),
  extra_http_headers: extraHeadersField
    .nullish()
    .describe(
      "Headers that every request of the run's pages carries besides, to every site unless `extra_http_headers_origins` names some. The workflow's when absent. " +
        "Kept encrypted; shown as `***`.",
    ),
  extra_http_headers_origins: headerOriginsField
    .nullish()
    .describe(
      "Ours: the only sites that get `extra_http_headers`, as `https://shop.example.com` or `https://*.example.com`: for what no other may see. The workflow's when absent.",
    ),
  ai_fallback: unused("ai_fallback", z.boolean()),
  run_with: unused("run_with", z.enum(["agent", "code"])),
  run_metadata: unused("run_metadata", metadata),
});
export type RunRequest = z.infer<typeof runRequestSchema>;

function unused<Schema extends z.ZodType>(field: string, schema: Schema) {
  return schema.nullish().describe(`Kept and returned, and has no effect: ${UNUSED[field]}.`);
}

/** @throws ServiceError `invalid_input` with every fault */
export function parseRunRequest(body: unknown): RunRequest {
  const parsed = runRequestSchema.safeParse(body);
  const faults: Fault[] = parsed.success ? [] : faultsOf(parsed.error, runRequestSchema);
  if (isJsonObject(body)) {
    if (body.workflow_id === undefined && body.agent_id === undefined) {
      faults.push({ path: "workflow_id", message: "is required: the id of the workflow to run", code: "required" });
    }
    faults.push(...headersAloneFaults(body));
    if (body.browser_session_id != null && body.browser_address != null)
      faults.push({ path: "browser_address", message: "excludes browser_session_id: send one of them", code: "invalid_value" });
    const others = (["browser_session_id", "browser_profile_id", "browser_address"] as const).filter((field) => body[field] != null);
    if (body.start_fresh_browser === true && others.length > 0) {
      faults.push({ path: "start_fresh_browser", message: `excludes ${others.join(" and ")}: send one of them`, code: "invalid_value" });
    }
  }
  if (!parsed.success || faults.length > 0) throw invalidInput("The request is not valid", faults);
  return parsed.data;
}

/** The id of the workflow that a request names. */
export function workflowIdOf({ agent_id, workflow_id }: Pick<RunRequest, "agent_id" | "workflow_id">): string {
  return agent_id ?? workflow_id ?? "";
}

/** A request as it is kept: values of headers are not, and neither is what only Skyvern's own services may say. */
export function keptRequest(body: JsonObject, request: RunRequest): JsonObject {
  const { max_screenshot_scrolls: scrolls, run_metadata: metadataOf } = request;
  return {
    ...body,
    ...(scrolls == null ? {} : { max_screenshot_scrolls: scrolls }),
    ...(body.extra_http_headers == null ? {} : { extra_http_headers: maskValues(Object.keys(request.extra_http_headers ?? {})) }),
    ...(metadataOf == null ? {} : { run_metadata: withoutReserved(metadataOf) }),
    ...(request.browser_address == null ? {} : { browser_address: maskAddress(request.browser_address) }),
    ...(body.cdp_connect_headers == null ? {} : { cdp_connect_headers: maskValues(Object.keys(request.cdp_connect_headers ?? {})) }),
  };
}

/** What a request that was checked says of evidence. */
export function evidenceWishOf(request: JsonObject): EvidenceWish | null {
  const parsed = evidenceSchema.safeParse(request.evidence);
  return parsed.success ? parsed.data : null;
}

function withoutReserved(map: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !RESERVED_METADATA.test(key)));
}

/** What of a request was kept and changes nothing. */
export function requestWarnings(request: JsonObject): Fault[] {
  const unused = Object.entries(UNUSED).flatMap(([path, reason]): Fault[] => {
    const value = request[path] ?? null;
    return value === null || value === false || value === "NONE"
      ? []
      : [{ path, message: `"${path}" is kept and returned, and has no effect: ${reason}`, code: "invalid_value" }];
  });
  return [...unused, ...unsentHeaders(request.extra_http_headers)];
}

/** Skyvern's `WorkflowRunRequest` as a response carries it: every field of it, null where nothing was said, and what was sent besides. */
export function runRequestView(request: JsonObject, workflowPermanentId: string): JsonObject {
  return { ...NOTHING_SAID, ...request, workflow_id: workflowPermanentId };
}

const NOTHING_SAID: JsonObject = {
  parameters: null,
  title: null,
  proxy_location: null,
  webhook_url: null,
  totp_url: null,
  totp_identifier: null,
  browser_session_id: null,
  reuse_browser_session: null,
  browser_profile_id: null,
  start_fresh_browser: false,
  max_screenshot_scrolls: null,
  max_elapsed_time_minutes: null,
  extra_http_headers: null,
  cdp_connect_headers: null,
  browser_address: null,
  ai_fallback: null,
  run_with: null,
  run_metadata: null,
};

/** The limit that a run's request names, in seconds; null when it names none. */
export function maxSecondsOf({
  max_elapsed_time_minutes: minutes,
}: {
  readonly max_elapsed_time_minutes?: Json | undefined;
}): number | null {
  return typeof minutes === "number" ? minutes * 60 : null;
}

/** @param userAgent Skyvern's header `x-user-agent` */
export function triggerTypeOf(userAgent: string | undefined): TriggerType {
  if (userAgent === "skyvern-ui") return "manual";
  return userAgent === "skyvern-mcp" ? "mcp" : "api";
}

/** Checks Skyvern's header `x-max-steps-override`. There are no steps of a model to count yet. @throws ServiceError `invalid_input` */
export function requireStepsOverride(header: string | undefined): void {
  if (header === undefined || /^[1-9]\d{0,8}$/.test(header.trim())) return;
  const faults: Fault[] = [{ path: "x-max-steps-override", message: "must be a whole number from 1", code: "invalid_value" }];
  throw invalidInput("The request is not valid", faults);
}
