import { z } from "zod";
import type { JsonObject } from "../../domain/json.ts";
import { formatInstant } from "../../domain/time.ts";
import { instant } from "../../domain/view-field.ts";
import type { BrowserPool, BrowserPoolView } from "../../ports/browser-pool.ts";
import { json, routeFor } from "../route.ts";

export interface BrowserRouteDeps {
  readonly pool: BrowserPool;
}

const browsersSchema = z
  .strictObject({
    limit: z.int().min(0).nullable().describe("How many browsers the service may have at once; null before it has needed one."),
    in_use: z.int().min(0).describe("How many it has, of all organizations."),
    waiting: z.int().min(0).describe("How many runs and browser sessions wait for one, of all organizations: first come, first served."),
    browsers: z
      .array(
        z.strictObject({
          run_id: z.string().nullable().describe("The run; null for a browser session."),
          browser_session_id: z.string().nullable().describe("The browser session; null for a run."),
          status: z.enum(["active", "waiting"]).describe("Has it a browser, or does it wait for one?"),
          position: z.int().min(1).nullable().describe("Of one that waits: its place among all that do."),
          since: instant.describe("Since when it has it, or waits."),
        }),
      )
      .describe("Your runs and browser sessions that have one, then those that wait, in their order."),
  })
  .meta({ id: "Browsers" });

const browsersExample: JsonObject = {
  limit: 6,
  in_use: 6,
  waiting: 3,
  browsers: [
    {
      run_id: "wr_01JDAA0000000000000000000D",
      browser_session_id: null,
      status: "active",
      position: null,
      since: "2026-01-31T12:00:00.020Z",
    },
    {
      run_id: "wr_01JDAA0000000000000000000E",
      browser_session_id: null,
      status: "waiting",
      position: 2,
      since: "2026-01-31T12:00:04.120Z",
    },
  ],
};

const route = routeFor<BrowserRouteDeps>();

export const browserRoutes = [
  route(
    {
      method: "get",
      paths: { readBrowsers: "/v1/browsers" },
      tag: "Runs",
      summary: "Which of your runs and browser sessions have a browser, and which wait for one",
      caller: "api_key",
      responses: { 200: json("The browsers.", browsersSchema, browsersExample) },
    },
    async (deps, { c, organization }) => c.json(browsersResponse(await deps.pool.describe(organization.organizationId))),
  ),
];

function browsersResponse({ limit, inUse, waiting, own }: BrowserPoolView) {
  return {
    limit,
    in_use: inUse,
    waiting,
    browsers: own.map(({ holder, grantedAt, askedAt, position }) => ({
      run_id: holder.kind === "run" ? holder.id : null,
      browser_session_id: holder.kind === "browser_session" ? holder.id : null,
      status: grantedAt === null ? "waiting" : "active",
      position,
      since: formatInstant(grantedAt ?? askedAt),
    })),
  };
}
