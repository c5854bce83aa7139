import { z } from "zod";
import { PROFILE_SOURCES } from "../../domain/browser/browser-profile.ts";
import type { JsonObject } from "../../domain/json.ts";
import { STORAGE_STATE_LIMITS } from "../../domain/browser/storage-state.ts";
import { formatInstant, formatInstantOrNull } from "../../domain/time.ts";
import { absent, createdAt, instant, modifiedAt } from "../../domain/view-field.ts";
import type { BrowserProfile } from "../../ports/browser-profiles.ts";
import {
  type BrowserProfileDeps,
  changeBrowserProfile,
  createBrowserProfile,
  deleteBrowserProfile,
  listBrowserProfiles,
  profileChangesSchema,
  profileRequestSchema,
  readBrowserProfile,
  readProfileUsage,
  USAGE_RUNS,
} from "../../services/browser-profiles.ts";
import { noQuery, pageFields, toPage } from "../query.ts";
import { body, empty, IDEMPOTENCY_KEY, json, routeFor } from "../route.ts";

const profileSchema = z
  .strictObject({
    browser_profile_id: z.string().describe("`bp_…`; what runs take as `browser_profile_id`."),
    organization_id: z.string().describe("Whose it is."),
    name: z.string().describe("What people call it."),
    description: z.string().nullable().describe("For people."),
    source: z.enum(PROFILE_SOURCES).describe("What it was made of."),
    cookie_count: z.int().describe("How many cookies it holds. What they are is never told."),
    origin_count: z.int().describe("Of how many origins it holds local storage."),
    created_at: createdAt,
    modified_at: modifiedAt,
    deleted_at: absent,
  })
  .meta({ id: "BrowserProfile" });

const profileExample: JsonObject = {
  browser_profile_id: "bp_01JDAA0000000000000000000Q",
  organization_id: "o_01JDAA0000000000000000000A",
  name: "Shop, logged in",
  description: null,
  source: "storage_state",
  cookie_count: 4,
  origin_count: 1,
  created_at: "2026-01-31T12:00:00.000Z",
  modified_at: "2026-01-31T12:00:00.000Z",
  deleted_at: null,
};

const usageSchema = z
  .strictObject({
    browser_profile_id: z.string().describe("The profile."),
    run_count: z.int().describe(`How many runs were started with it; no more than ${USAGE_RUNS} are counted.`),
    last_used_at: instant.nullable().describe("When the last of them was made."),
    workflow_permanent_ids: z.array(z.string()).describe("Their workflows, the last used first."),
  })
  .meta({ id: "BrowserProfileUsage" });

const profileAnswer = json("The profile, without what it holds.", profileSchema, profileExample);
const listQuery = z.strictObject(pageFields);

const route = routeFor<BrowserProfileDeps>();

/** Skyvern's browser profiles. No answer tells what one holds. */
export const browserProfileRoutes = [
  route(
    {
      method: "post",
      paths: { createBrowserProfile: "/v1/browser_profiles" },
      tag: "Browsers",
      summary: "Keep what a browser remembers",
      description:
        "Of a browser session, of a run, or brought along: a list of cookies or Playwright's storage state. It is kept encrypted. " +
        "Runs that name it (`browser_profile_id`) begin with its cookies and its local storage; what they change stays theirs.",
      caller: "api_key",
      query: noQuery,
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: body(
        profileRequestSchema,
        { name: "Shop, logged in", storage_state: { cookies: [{ name: "session", value: "8f3a", domain: "shop.example", secure: true }] } },
        STORAGE_STATE_LIMITS.bytes,
      ),
      responses: { 200: profileAnswer },
      errors: ["conflict", "idempotency_mismatch"],
    },
    async (deps, { c, organization, headers, body: wanted }) => {
      const key = headers["Idempotency-Key"] ?? null;
      return c.json(profileResponse(await createBrowserProfile(deps, organization.organizationId, wanted, key)));
    },
  ),
  route(
    {
      method: "get",
      paths: { listBrowserProfiles: "/v1/browser_profiles" },
      tag: "Browsers",
      summary: "Browser profiles, the newest first",
      caller: "api_key",
      query: listQuery,
      responses: { 200: json("A page of them.", z.array(profileSchema), [profileExample]) },
    },
    async (deps, { c, organization, query }) =>
      c.json((await listBrowserProfiles(deps, organization.organizationId, toPage(query))).map(profileResponse)),
  ),
  route(
    {
      method: "get",
      paths: { readBrowserProfile: "/v1/browser_profiles/{browser_profile_id}" },
      tag: "Browsers",
      summary: "A browser profile",
      caller: "api_key",
      query: noQuery,
      responses: { 200: profileAnswer },
    },
    async (deps, { c, organization, params }) =>
      c.json(profileResponse(await readBrowserProfile(deps, organization.organizationId, params.browser_profile_id))),
  ),
  route(
    {
      method: "patch",
      paths: { changeBrowserProfile: "/v1/browser_profiles/{browser_profile_id}" },
      tag: "Browsers",
      summary: "Change a browser profile's name or description",
      caller: "api_key",
      query: noQuery,
      body: body(profileChangesSchema, { name: "Shop, Ann" }),
      responses: { 200: profileAnswer },
    },
    async (deps, { c, organization, params, body: changes }) =>
      c.json(profileResponse(await changeBrowserProfile(deps, organization.organizationId, params.browser_profile_id, changes))),
  ),
  route(
    {
      method: "delete",
      paths: { deleteBrowserProfile: "/v1/browser_profiles/{browser_profile_id}" },
      tag: "Browsers",
      summary: "Delete a browser profile",
      description: "What it holds is gone for good. Runs that name it are refused.",
      caller: "api_key",
      query: noQuery,
      responses: { 204: empty("It is deleted.") },
    },
    async (deps, { c, organization, params }) => {
      await deleteBrowserProfile(deps, organization.organizationId, params.browser_profile_id);
      return c.body(null, 204);
    },
  ),
  route(
    {
      method: "get",
      paths: { readBrowserProfileUsage: "/v1/browser_profiles/{browser_profile_id}/usage" },
      tag: "Browsers",
      summary: "Which runs have used a browser profile",
      caller: "api_key",
      query: noQuery,
      responses: {
        200: json("How many, and of which workflows.", usageSchema, {
          browser_profile_id: "bp_01JDAA0000000000000000000Q",
          run_count: 1,
          last_used_at: "2026-01-31T12:00:00.000Z",
          workflow_permanent_ids: ["wpid_01JDAA0000000000000000000B"],
        }),
      },
    },
    async (deps, { c, organization, params }) => {
      const usage = await readProfileUsage(deps, organization.organizationId, params.browser_profile_id);
      return c.json({
        browser_profile_id: usage.browserProfileId,
        run_count: usage.runCount,
        last_used_at: formatInstantOrNull(usage.lastUsedAt),
        workflow_permanent_ids: usage.workflowPermanentIds,
      });
    },
  ),
];

function profileResponse(profile: BrowserProfile): JsonObject {
  return {
    browser_profile_id: profile.browserProfileId,
    organization_id: profile.organizationId,
    name: profile.name,
    description: profile.description,
    source: profile.source,
    cookie_count: profile.cookieCount,
    origin_count: profile.originCount,
    created_at: formatInstant(profile.createdAt),
    modified_at: formatInstant(profile.modifiedAt),
    deleted_at: null,
  };
}
