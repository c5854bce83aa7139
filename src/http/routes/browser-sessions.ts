import { z } from "zod";
import { browserSessionExample, browserSessionResponse, browserSessionSchema } from "../../domain/browser/browser-session-view.ts";
import { workflowRunItem } from "../../domain/run/run-list-view.ts";
import { workflowRunItemExample, workflowRunItemSchema } from "../../domain/run/run-list-view-schema.ts";
import {
  type BrowserSessionDeps,
  changeBrowserSession,
  closeBrowserSession,
  listOpenSessions,
  listSessionHistory,
  listSessionRuns,
  openBrowserSession,
  readBrowserSession,
  sessionChangesSchema,
  sessionRequestSchema,
} from "../../services/browser-sessions.ts";
import { cursorField, describePage, pageHeaders, pageRequest } from "../paging.ts";
import { noQuery, pageFields, toPage } from "../query.ts";
import { body, IDEMPOTENCY_KEY, json, routeFor } from "../route.ts";

const historyQuery = z.strictObject(pageFields);
const runsQuery = z.strictObject({ ...pageFields, cursor: cursorField("run") });

const sessionAnswer = json("The session.", browserSessionSchema, browserSessionExample);

const route = routeFor<BrowserSessionDeps>();

/** Skyvern's persistent browser sessions. */
export const browserSessionRoutes = [
  route(
    {
      method: "post",
      paths: { openBrowserSession: "/v1/browser_sessions" },
      tag: "Browsers",
      summary: "Open a browser that is kept between runs",
      description:
        "Runs use it one at a time (`browser_session_id`), and find its pages and cookies as the run before left them. " +
        "It is closed when its time is over. A browser that the platform loses is opened anew with what it remembered, which `warning` says.",
      caller: "api_key",
      query: noQuery,
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: body(sessionRequestSchema, { url: "https://shop.example.com", timeout: 60 }),
      responses: { 200: sessionAnswer },
      errors: ["idempotency_mismatch", "limit_exceeded"],
    },
    async (deps, { c, organization, headers, body: wanted }) =>
      c.json(browserSessionResponse(await openBrowserSession(deps, organization, wanted, headers["Idempotency-Key"] ?? null))),
  ),
  route(
    {
      method: "get",
      paths: { listBrowserSessions: "/v1/browser_sessions" },
      tag: "Browsers",
      summary: "The sessions that are open, the newest first",
      caller: "api_key",
      query: noQuery,
      responses: { 200: json("All of them.", z.array(browserSessionSchema), [browserSessionExample]) },
    },
    async (deps, { c, organization }) => c.json((await listOpenSessions(deps, organization)).map(browserSessionResponse)),
  ),
  route(
    {
      method: "get",
      paths: { listBrowserSessionHistory: "/v1/browser_sessions/history" },
      tag: "Browsers",
      summary: "All sessions, the newest first",
      caller: "api_key",
      query: historyQuery,
      responses: { 200: json("A page of them.", z.array(browserSessionSchema), [browserSessionExample]) },
    },
    async (deps, { c, organization, query }) =>
      c.json((await listSessionHistory(deps, organization, toPage(query))).map(browserSessionResponse)),
  ),
  route(
    {
      method: "get",
      paths: { readBrowserSession: "/v1/browser_sessions/{browser_session_id}" },
      tag: "Browsers",
      summary: "A session",
      caller: "api_key",
      query: noQuery,
      responses: { 200: sessionAnswer },
    },
    async (deps, { c, organization, params }) =>
      c.json(browserSessionResponse(await readBrowserSession(deps, organization, params.browser_session_id))),
  ),
  route(
    {
      method: "patch",
      paths: { changeBrowserSession: "/v1/browser_sessions/{browser_session_id}" },
      tag: "Browsers",
      summary: "Say whether a profile is made of a session at its end",
      caller: "api_key",
      query: noQuery,
      body: body(sessionChangesSchema, { generate_browser_profile: true }),
      responses: { 200: sessionAnswer },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params, body: changes }) =>
      c.json(browserSessionResponse(await changeBrowserSession(deps, organization, params.browser_session_id, changes))),
  ),
  route(
    {
      method: "post",
      paths: { closeBrowserSession: "/v1/browser_sessions/{browser_session_id}/close" },
      tag: "Browsers",
      summary: "Close a session",
      description:
        "It is final at once, and its browser ends soon after. A run that uses it fails at its block. A profile that was asked for is waited for, " +
        "but not for long: `browser_profile_id` names it as soon as it is made. A session that has ended stays as it is.",
      caller: "api_key",
      query: noQuery,
      responses: { 200: sessionAnswer },
    },
    async (deps, { c, organization, params }) =>
      c.json(browserSessionResponse(await closeBrowserSession(deps, organization, params.browser_session_id))),
  ),
  route(
    {
      method: "get",
      paths: { listBrowserSessionRuns: "/v1/browser_sessions/{browser_session_id}/workflow_runs" },
      tag: "Browsers",
      summary: "The runs that used a session, the newest first",
      caller: "api_key",
      query: runsQuery,
      responses: { 200: json("A page of them.", z.array(workflowRunItemSchema), [workflowRunItemExample], { headers: pageHeaders }) },
    },
    async (deps, { c, organization, params, query }) => {
      const found = await listSessionRuns(deps, organization, params.browser_session_id, pageRequest(query));
      describePage(c, found);
      return c.json(found.rows.map(workflowRunItem));
    },
  ),
];
