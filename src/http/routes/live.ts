import type { Context } from "hono";
import { z } from "zod";
import { ServiceError } from "../../domain/error.ts";
import type { OrganizationId } from "../../domain/id.ts";
import { formatInstant } from "../../domain/time.ts";
import { instant } from "../../domain/view-field.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileLinks } from "../../ports/files.ts";
import type { RunObjects } from "../../ports/run-objects.ts";
import { findLiveRun } from "../../services/live-view.ts";
import type { AppEnv } from "../auth.ts";
import { livePage } from "../pages/live.ts";
import { content, empty, json, routeFor } from "../route.ts";

/** How long a link opens the live view. Who has opened it may watch to the end. */
const LINK_MS = 3_600_000;

const linkSchema = z
  .strictObject({
    run_id: z.string().describe("The run."),
    live_url: z.string().describe("A link to the live view that needs no key: to be opened in a browser, or as `wss://…`."),
    expires_at: instant.describe("When the link ends, an hour from now."),
  })
  .meta({ id: "LiveLink" });

interface LiveRouteDeps {
  readonly runs: RunObjects;
  readonly links: FileLinks;
  readonly clock: Clock;
}

const route = routeFor<LiveRouteDeps>();

/** A run while it works. */
export const liveRoutes = [
  route(
    {
      method: "get",
      paths: { watchRun: "/v1/runs/{run_id}/live" },
      tag: "Runs",
      summary: "Watch the page of a run",
      description:
        "With `Upgrade: websocket`: JPEG pictures as binary messages, at most 4 a second, and JSON messages that say what the run does; answer each picture with the text `ack`. With `Accept: text/html`: a page that shows it. Otherwise server-sent events, with a picture every 2 s. By an API key, or by a link (`GET …/live/link`).",
      caller: "file_link",
      headers: {
        Upgrade: { description: "`websocket`.", schema: z.string() },
        Accept: { description: "`text/html`, or `text/event-stream`.", schema: z.string() },
      },
      responses: { 101: empty("The stream, as a WebSocket."), 200: content("The page, or the stream as `text/event-stream`.", "*/*") },
      errors: ["conflict", "limit_exceeded"],
    },
    async (deps, { c, params: { run_id: runId }, headers }) => {
      const owner = c.get("fileOwner");
      const run = await findLiveRun(deps, owner, runId);
      const isUpgrade = headers.Upgrade?.toLowerCase() === "websocket";
      if (!isUpgrade && (headers.Accept ?? "").includes("text/html")) return showPage(c, deps, owner, runId);
      const stream = await run.fetch(new Request("https://run/live", { headers: isUpgrade ? { upgrade: "websocket" } : {} }));
      if (stream.status === 429) throw new ServiceError("limit_exceeded", `Run ${runId} is watched by as many as can be.`);
      if (stream.status === 101) return stream;
      return new Response(stream.body, { headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" } });
    },
  ),
  route(
    {
      method: "get",
      paths: { linkLiveRun: "/v1/runs/{run_id}/live/link" },
      tag: "Runs",
      summary: "A link to the live view, for an hour",
      description: "For browsers, which cannot send an API key when they open a page or a WebSocket.",
      caller: "api_key",
      responses: {
        200: json("The link.", linkSchema, {
          run_id: "wr_01JDAA0000000000000000000D",
          live_url: "https://pilotfish.example/v1/runs/wr_01JDAA0000000000000000000D/live?expiry=…",
          expires_at: "2026-01-31T13:00:00.000Z",
        }),
      },
      errors: ["conflict"],
    },
    async (deps, { c, organization: { organizationId }, params: { run_id: runId } }) => {
      await findLiveRun(deps, organizationId, runId);
      const expiresAt = deps.clock.now() + LINK_MS;
      const link = linkTo(deps, organizationId, runId, expiresAt);
      return c.json({ run_id: runId, live_url: new URL(c.req.url).origin + link, expires_at: formatInstant(expiresAt) });
    },
  ),
];

function linkTo({ links }: LiveRouteDeps, organizationId: OrganizationId, runId: string, expiresAt: number): string {
  return links.make(organizationId, `/v1/runs/${runId}/live`, expiresAt);
}

function showPage(c: Context<AppEnv>, deps: LiveRouteDeps, organizationId: OrganizationId, runId: string): Response | Promise<Response> {
  const nonce = crypto.randomUUID();
  const policy = ["default-src 'none'", "img-src blob:", "connect-src 'self'", `style-src 'nonce-${nonce}'`, `script-src 'nonce-${nonce}'`];
  c.header("content-security-policy", `${policy.join("; ")}; base-uri 'none'; form-action 'none'`);
  c.header("referrer-policy", "no-referrer"); // the address may be a link that opens the view
  c.header("cache-control", "no-store");
  return c.html(livePage({ runId, stream: linkTo(deps, organizationId, runId, deps.clock.now() + LINK_MS), nonce }));
}
