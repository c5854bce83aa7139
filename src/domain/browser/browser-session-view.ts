/** What the API says of a browser session. Field names are Skyvern's (1.0.50, its `BrowserSessionResponse`). */
import { z } from "zod";
import { type BrowserSessionFacts, SESSION_STATUSES } from "./browser-session.ts";
import type { JsonObject } from "../json.ts";
import { formatInstant, formatInstantOrNull } from "../time.ts";
import { absent, createdAt, instant, modifiedAt } from "../view-field.ts";

/** What `browserSessionResponse` makes. */
export const browserSessionSchema = z
  .strictObject({
    browser_session_id: z.string().describe("`pbs_…`; what runs take as `browser_session_id`."),
    organization_id: z.string().describe("Whose it is."),
    status: z
      .enum(SESSION_STATUSES)
      .describe("`created`: it has no browser yet. `running`: it can be used. `completed`: it was closed. `timeout`: its time is over."),
    runnable_type: z.literal("workflow_run").nullable().describe("What uses it now; null while nothing does."),
    runnable_id: z.string().nullable().describe("The run that uses it now."),
    timeout: z.int().describe("Minutes from its making to its end."),
    browser_address: absent,
    app_url: absent,
    extensions: z.array(z.string()).max(0).describe("Skyvern's; always empty here."),
    browser_type: absent,
    browser_profile_id: z.string().nullable().describe("The profile that it began with, or that was made of it at its end."),
    generate_browser_profile: z.boolean().describe("Is a profile made of it at its end?"),
    vnc_streaming_supported: z.literal(false).describe("Skyvern's; always false here."),
    stream_transport: absent,
    download_path: absent,
    downloaded_files: z.array(z.json()).max(0).describe("Skyvern's; always empty here: a run's files are its own."),
    recordings: z.array(z.json()).max(0).describe("Skyvern's; always empty here."),
    started_at: instant.nullable().describe("When it first had a browser."),
    completed_at: instant.nullable().describe("When it ended."),
    created_at: createdAt,
    modified_at: modifiedAt,
    deleted_at: absent,
    warning: z.string().nullable().describe("How it differs from what was asked for, or what has happened to its browser."),
  })
  .meta({ id: "BrowserSession" });

export function browserSessionResponse(session: BrowserSessionFacts): JsonObject {
  return {
    browser_session_id: session.browserSessionId,
    organization_id: session.organizationId,
    status: session.status,
    runnable_type: session.runId === null ? null : "workflow_run",
    runnable_id: session.runId,
    timeout: session.timeoutMinutes,
    browser_address: null,
    app_url: null,
    extensions: [],
    browser_type: null,
    browser_profile_id: session.browserProfileId,
    generate_browser_profile: session.generateProfile,
    vnc_streaming_supported: false,
    stream_transport: null,
    download_path: null,
    downloaded_files: [],
    recordings: [],
    started_at: formatInstantOrNull(session.startedAt),
    completed_at: formatInstantOrNull(session.completedAt),
    created_at: formatInstant(session.createdAt),
    modified_at: formatInstant(session.modifiedAt),
    deleted_at: null,
    warning: session.warning,
  };
}

const noon = Date.UTC(2026, 0, 31, 12);
export const browserSessionExample = browserSessionResponse({
  browserSessionId: "pbs_01JDAA0000000000000000000P",
  organizationId: "o_01JDAA0000000000000000000A",
  status: "running",
  timeoutMinutes: 60,
  browserProfileId: null,
  generateProfile: false,
  runId: null,
  warning: null,
  createdAt: noon,
  startedAt: noon + 900,
  completedAt: null,
  modifiedAt: noon + 900,
  revision: 2,
});
