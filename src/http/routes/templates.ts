import { z } from "zod";
import type { JsonObject } from "../../domain/json.ts";
import type { TemplateVersion } from "../../domain/template.ts";
import { workflowResponse } from "../../domain/workflow-view.ts";
import { workflowResponseExample, workflowResponseSchema } from "../../domain/workflow-view-schema.ts";
import type { Templates } from "../../ports.ts";
import { listTemplates, listTemplateVersions, readTemplate } from "../../services/templates.ts";
import { pageFields, toPage, versionField } from "../query.ts";
import { json, routeFor } from "../route.ts";

export interface TemplateDeps {
  readonly templates: Templates;
}

const templateExample: JsonObject = { ...workflowResponseExample, organization_id: "global", is_template: true };

const route = routeFor<TemplateDeps>();

/** The ready-made workflows. They are published through the admin routes. */
export const templateRoutes = [
  route(
    {
      method: "get",
      paths: { listTemplates: "/v1/templates" },
      tag: "Templates",
      summary: "The ready-made workflows",
      description: "The latest version of each, in the order of their publication.",
      caller: "api_key",
      query: z.strictObject({ ...pageFields, search_key: z.string().max(200).default("").describe("A part of the title, in any case.") }),
      responses: { 200: json("A page of them.", z.array(workflowResponseSchema), [templateExample]) },
    },
    async (deps, { c, query: { search_key, ...page } }) =>
      c.json((await listTemplates(deps, search_key, toPage(page))).map(templateResponse)),
  ),
  route(
    {
      method: "get",
      paths: { readTemplate: "/v1/templates/{workflow_id}" },
      tag: "Templates",
      summary: "A ready-made workflow",
      caller: "api_key",
      query: z.strictObject({ version: versionField }),
      responses: { 200: json("The template.", workflowResponseSchema, templateExample) },
      errors: ["unknown_template"],
    },
    async (deps, { c, params, query: { version = null } }) =>
      c.json(templateResponse(await readTemplate(deps, params.workflow_id, version))),
  ),
  route(
    {
      method: "get",
      paths: { listTemplateVersions: "/v1/templates/{workflow_id}/versions" },
      tag: "Templates",
      summary: "The versions of a ready-made workflow, the newest first",
      caller: "api_key",
      query: z.strictObject(pageFields),
      responses: { 200: json("A page of them.", z.array(workflowResponseSchema), [templateExample]) },
      errors: ["unknown_template"],
    },
    async (deps, { c, params, query: page }) =>
      c.json((await listTemplateVersions(deps, params.workflow_id, toPage(page))).map(templateResponse)),
  ),
];

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
