import { z } from "zod";
import type { JsonObject } from "../domain/json.ts";
import type { DecisionTokens } from "../ports/decision-tokens.ts";
import type { Log } from "../ports/log.ts";
import type { Organizations } from "../ports/organizations.ts";
import type { Vault } from "../ports/vault.ts";
import type { RecordDeliveriesDeps } from "../services/deliveries.ts";
import type { BrowserProfileDeps } from "../services/browser-profiles.ts";
import type { BrowserSessionDeps } from "../services/browser-sessions.ts";
import type { TotpCodeDeps } from "../services/totp-codes.ts";
import { openApiDocument } from "./openapi.ts";
import { referencePage } from "./pages/reference.ts";
import { content, json, routeFor, type Route } from "./route.ts";
import { adminRoutes, type AdminDeps } from "./routes/admin.ts";
import { type ArtifactRouteDeps, artifactRoutes } from "./routes/artifacts.ts";
import { browserProfileRoutes } from "./routes/browser-profiles.ts";
import { browserSessionRoutes } from "./routes/browser-sessions.ts";
import { browserRoutes, type BrowserRouteDeps } from "./routes/browsers.ts";
import { credentialRoutes } from "./routes/credentials.ts";
import { decisionRoutes } from "./routes/decisions.ts";
import { deliveryRoutes } from "./routes/deliveries.ts";
import { type FileRouteDeps, fileRoutes } from "./routes/files.ts";
import { folderRoutes, type FolderDeps } from "./routes/folders.ts";
import { healthRoutes, type HealthDeps } from "./routes/health.ts";
import { liveRoutes } from "./routes/live.ts";
import { legacyRoutes } from "./routes/legacy.ts";
import { organizationRoutes, type OrganizationDeps } from "./routes/organization.ts";
import { runListRoutes, type RunListDeps } from "./routes/run-lists.ts";
import { runRoutes, type RunRouteDeps } from "./routes/runs.ts";
import { scheduleRoutes, type ScheduleRouteDeps } from "./routes/schedules.ts";
import { templatePublishingRoutes, type TemplatePublishingDeps } from "./routes/template-publishing.ts";
import { templateRoutes, type TemplateDeps } from "./routes/templates.ts";
import { totpCodeRoutes } from "./routes/totp-codes.ts";
import { webhookReplayRoutes } from "./routes/webhook-replay.ts";
import { workflowRoutes, type WorkflowDeps } from "./routes/workflows.ts";

export interface RouteDeps
  extends
    AdminDeps,
    ArtifactRouteDeps,
    BrowserProfileDeps,
    BrowserSessionDeps,
    BrowserRouteDeps,
    FileRouteDeps,
    FolderDeps,
    TotpCodeDeps,
    HealthDeps,
    OrganizationDeps,
    ScheduleRouteDeps,
    TemplateDeps,
    TemplatePublishingDeps,
    WorkflowDeps,
    RunRouteDeps,
    RunListDeps,
    RecordDeliveriesDeps {
  readonly log: Log;
  readonly organizations: Organizations;
  readonly vault: Vault;
  readonly tokens: DecisionTokens;
}

const route = routeFor<unknown>();

/** Made when it is first asked for. */
let document: JsonObject | undefined;
const readDocument = () => (document ??= openApiDocument(routes));

/** What the API says of itself. */
const documentRoutes = [
  route(
    {
      method: "get",
      paths: { readOpenApiDocument: "/openapi.json" },
      tag: "Service",
      summary: "This document, for programs",
      caller: "anyone",
      responses: {
        200: json("The document, OpenAPI 3.1.", z.looseObject({ openapi: z.string().describe("Its version.") }), { openapi: "3.1.1" }),
      },
    },
    (_, { c }) => c.json(readDocument()),
  ),
  route(
    {
      method: "get",
      paths: { readReference: "/docs" },
      tag: "Service",
      summary: "This document, for people",
      caller: "anyone",
      responses: { 200: content("A page.", "text/html") },
    },
    (_, { c }) => {
      const nonce = crypto.randomUUID();
      c.header("content-security-policy", `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'`);
      return c.html(referencePage(readDocument(), { origin: new URL(c.req.url).origin, nonce }));
    },
  ),
];

/** Every route there is. A new file of `routes/` is a line here. */
export const routes: readonly Route<RouteDeps>[] = [
  ...healthRoutes,
  ...documentRoutes,
  ...workflowRoutes,
  ...runRoutes,
  ...webhookReplayRoutes,
  ...runListRoutes,
  ...artifactRoutes,
  ...browserRoutes,
  ...fileRoutes,
  ...scheduleRoutes,
  ...decisionRoutes,
  ...folderRoutes,
  ...browserSessionRoutes,
  ...browserProfileRoutes,
  ...credentialRoutes,
  ...totpCodeRoutes,
  ...templateRoutes,
  ...deliveryRoutes,
  ...organizationRoutes,
  ...adminRoutes,
  ...templatePublishingRoutes,
  ...legacyRoutes,
  ...liveRoutes,
];
