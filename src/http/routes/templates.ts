import { Hono } from "hono";
import { z } from "zod";
import type { JsonObject } from "../../domain/json.ts";
import type { TemplateVersion } from "../../domain/template.ts";
import { workflowResponse } from "../../domain/workflow-view.ts";
import type { Templates } from "../../ports.ts";
import { listTemplates, listTemplateVersions, readTemplate } from "../../services/templates.ts";
import type { AppEnv } from "../auth.ts";
import { pageFields, query, toPage, versionField } from "../query.ts";

export interface TemplateDeps {
  readonly templates: Templates;
}

/** The ready-made workflows, mounted under `/v1/templates`. They are published through the admin routes. */
export function templateRoutes(deps: TemplateDeps): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .get("/", query(z.strictObject({ ...pageFields, search_key: z.string().max(200).default("") })), async (c) => {
      const { search_key, ...page } = c.req.valid("query");
      return c.json((await listTemplates(deps, search_key, toPage(page))).map(templateResponse));
    })
    .get("/:id", query(z.strictObject({ version: versionField })), async (c) => {
      return c.json(templateResponse(await readTemplate(deps, c.req.param("id"), c.req.valid("query").version ?? null)));
    })
    .get("/:id/versions", query(z.strictObject(pageFields)), async (c) => {
      return c.json((await listTemplateVersions(deps, c.req.param("id"), toPage(c.req.valid("query")))).map(templateResponse));
    });
}

/** A template as a workflow of no organization in particular. */
export function templateResponse(template: TemplateVersion): JsonObject {
  return workflowResponse({
    organizationId: "global",
    workflowPermanentId: template.workflow_permanent_id,
    workflowId: template.workflow_id,
    version: template.version,
    isTemplate: true,
    definition: template.definition,
    createdAt: template.created_at,
  });
}
