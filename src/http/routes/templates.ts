import { z } from "zod";
import type { JsonObject } from "../../domain/json.ts";
import type { TemplateVersion } from "../../domain/workflow/template.ts";
import { workflowResponse } from "../../domain/workflow/workflow-view.ts";
import { DEFINITION_LIMITS } from "../../domain/workflow/limits.ts";
import { savedWorkflowSchema, workflowResponseExample, workflowResponseSchema } from "../../domain/workflow/workflow-view-schema.ts";
import type { Templates } from "../../ports/templates.ts";
import { createFromTemplate } from "../../services/template-copies.ts";
import { listTemplates, listTemplateVersions, readTemplate } from "../../services/templates.ts";
import type { CreateWorkflowDeps, SavedWorkflow } from "../../services/workflows.ts";
import { describePage, pageHeaders } from "../paging.ts";
import { noQuery, pageFields, toPage, versionField } from "../query.ts";
import { IDEMPOTENCY_KEY, json, optionalBody, routeFor } from "../route.ts";

export interface TemplateDeps extends CreateWorkflowDeps {
  readonly templates: Templates;
}

const templateExample: JsonObject = { ...workflowResponseExample, organization_id: "global", is_template: true };

const copySchema = z.strictObject({
  version: z.int().min(1).optional().describe("Of the template; the latest when absent."),
  title: z.string().min(1).max(DEFINITION_LIMITS.title).optional().describe("The template's own when absent."),
  folder_id: z.string().max(100).nullish().describe("The folder to put the workflow into."),
});

/** What is answered when a workflow was made or changed. */
export const savedAnswer = json("The workflow as it is saved.", savedWorkflowSchema, { ...workflowResponseExample, warnings: [] });

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
      responses: { 200: json("A page of them.", z.array(workflowResponseSchema), [templateExample], { headers: pageHeaders }) },
    },
    async (deps, { c, query: { search_key, ...page } }) => {
      const { templates, count } = await listTemplates(deps, search_key, toPage(page));
      describePage(c, { count, next: null });
      return c.json(templates.map(templateResponse));
    },
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
  route(
    {
      method: "post",
      paths: { createWorkflowFromTemplate: "/v1/templates/{workflow_id}/workflows" },
      tag: "Templates",
      summary: "Make a workflow of one's own from a template",
      description: "With the definition of the template as it is now: what becomes of the one does not change the other.",
      caller: "api_key",
      query: noQuery,
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: optionalBody(copySchema, { title: "Our prices" }),
      responses: { 200: savedAnswer },
      errors: ["unknown_template", "invalid_definition", "idempotency_mismatch"],
    },
    async (deps, { c, organization, params, headers, body: { version = null, title = null, folder_id: folderId = null } }) => {
      const copy = { version, title, folderId };
      const key = headers["Idempotency-Key"] ?? null;
      return c.json(savedResponse(await createFromTemplate(deps, organization, params.workflow_id, copy, key)));
    },
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
    folderId: null,
    deletedAt: null,
    definition: template.definition,
    createdAt: template.created_at,
  });
}

/** A workflow that was made or changed, with what of it has no effect. */
export function savedResponse({ workflow, warnings }: SavedWorkflow): JsonObject {
  return { ...workflowResponse(workflow), warnings: warnings.map(({ path, message, code }) => ({ path, message, code })) };
}
