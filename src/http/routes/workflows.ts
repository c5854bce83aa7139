import { z } from "zod";
import { type Fault, ServiceError } from "../../domain/error.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import { parseYaml } from "../../domain/parse-document.ts";
import { validationExample, validationSchema } from "../../domain/plan-view-schema.ts";
import { workflowResponse } from "../../domain/workflow-view.ts";
import {
  savedWorkflowSchema,
  workflowExample,
  workflowInputSchema,
  workflowResponseExample,
  workflowResponseSchema,
} from "../../domain/workflow-view-schema.ts";
import type { Clock, IdempotencyKeys, Ids, StoredWorkflow, Templates, Workflows } from "../../ports.ts";
import { listTemplates, listTemplateVersions, readTemplate } from "../../services/templates.ts";
import {
  createWorkflow,
  deleteWorkflow,
  listWorkflows,
  listWorkflowVersions,
  readWorkflow,
  updateWorkflow,
  validateWorkflow,
  type DefinitionInput,
  type SavedWorkflow,
} from "../../services/workflows.ts";
import { diffVersions, restoreVersion } from "../../services/workflow-versions.ts";
import { BODY_LIMITS, invalidInput, requireDocument } from "../body.ts";
import { flag, noQuery, pageFields, templateField, toPage, versionField } from "../query.ts";
import { body, empty, IDEMPOTENCY_KEY, json, routeFor } from "../route.ts";
import { templateResponse } from "./templates.ts";

export interface WorkflowDeps {
  readonly workflows: Workflows;
  readonly templates: Templates;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly ids: Ids;
  readonly clock: Clock;
}

const definitionSchema = z.strictObject({
  json_definition: workflowInputSchema.optional().describe("The workflow: title, settings, `workflow_definition`."),
  yaml_definition: z.string().optional().describe("The same as YAML text."),
});

const patchOperationSchema = z
  .union([
    z.strictObject({
      op: z.enum(["add", "replace"]).describe("What is done."),
      path: z.string().describe("Where, as a JSON Pointer."),
      value: z.json().describe("The new value."),
    }),
    z.strictObject({ op: z.literal("remove").describe("What is done."), path: z.string().describe("Where, as a JSON Pointer.") }),
  ])
  .meta({ id: "PatchOperation" });

const listQuery = z.strictObject({
  ...pageFields,
  search_key: z.string().max(200).optional().describe("A part of the title, in any case."),
  title: z.string().max(200).optional().describe("The older name of `search_key`."),
  template: templateField,
  only_workflows: flag.optional().describe("Accepted from Skyvern's clients: there is nothing else here."),
  only_saved_tasks: never("tasks cannot be saved here"),
  only_templates: never("an organization has no templates of its own; ask for the global ones by template=true"),
});

/** A filter of Skyvern's that may be sent as long as it asks for nothing. */
function never(reason: string) {
  return flag
    .optional()
    .refine((value) => value !== true, reason)
    .describe(`Skyvern's; only \`false\` is taken: ${reason}.`);
}

const definitionBody = body(definitionSchema, { json_definition: workflowExample }, BODY_LIMITS.definition);
const savedExample: JsonObject = { ...workflowResponseExample, warnings: [] };
const savedAnswer = json("The workflow as it is saved.", savedWorkflowSchema, savedExample);

const route = routeFor<WorkflowDeps>();

/** Skyvern's `/v1/workflows`, and the same as `/v1/agents`. */
export const workflowRoutes = [
  route(
    {
      method: "post",
      paths: { createWorkflow: "/v1/workflows", createAgent: "/v1/agents" },
      tag: "Workflows",
      summary: "Save a new workflow",
      description: "As JSON or as YAML. Every fault of the definition is told, with its path; nothing is stored then.",
      caller: "api_key",
      query: noQuery,
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: definitionBody,
      responses: { 200: savedAnswer },
      errors: ["invalid_definition", "idempotency_mismatch"],
    },
    async (deps, { c, organization, headers, body: sent }) =>
      c.json(savedResponse(await createWorkflow(deps, organization, readDefinition(sent), headers["Idempotency-Key"] ?? null))),
  ),
  route(
    {
      method: "post",
      paths: { validateWorkflow: "/v1/workflows/validate", validateAgent: "/v1/agents/validate" },
      tag: "Workflows",
      summary: "What a definition would do, and what is wrong with it",
      description: "Compiles it and stores nothing.",
      caller: "api_key",
      query: noQuery,
      body: definitionBody,
      responses: { 200: json("The plan, or what is wrong.", validationSchema, validationExample) },
    },
    (_, { c, organization, body: sent }) => {
      const { plan, diagnostics } = validateWorkflow(organization, readDefinition(sent));
      return c.json({ valid: plan !== null, plan, diagnostics });
    },
  ),
  route(
    {
      method: "get",
      paths: { listWorkflows: "/v1/workflows", listAgents: "/v1/agents" },
      tag: "Workflows",
      summary: "The workflows, last changed first",
      description: "The latest version of each.",
      caller: "api_key",
      query: listQuery,
      responses: { 200: json("A page of them.", z.array(workflowResponseSchema), [workflowResponseExample]) },
    },
    async (deps, { c, organization, query: { template, search_key, title, ...page } }) => {
      const search = search_key ?? title ?? "";
      if (template) return c.json((await listTemplates(deps, search, toPage(page))).map(templateResponse));
      const workflows = await listWorkflows(deps, organization.organizationId, search, toPage(page));
      return c.json(workflows.map(storedResponse));
    },
  ),
  route(
    {
      method: "get",
      paths: { readWorkflow: "/v1/workflows/{workflow_id}", readAgent: "/v1/agents/{workflow_id}" },
      tag: "Workflows",
      summary: "A workflow",
      description: "What is returned can be posted back as it is.",
      caller: "api_key",
      query: z.strictObject({ version: versionField, template: templateField }),
      responses: { 200: json("The workflow.", workflowResponseSchema, workflowResponseExample) },
      errors: ["unknown_template"],
    },
    async (deps, { c, organization, params, query: { version = null, template } }) => {
      if (template) return c.json(templateResponse(await readTemplate(deps, params.workflow_id, version)));
      return c.json(storedResponse(await readWorkflow(deps, organization.organizationId, params.workflow_id, version)));
    },
  ),
  route(
    {
      method: "get",
      paths: { listWorkflowVersions: "/v1/workflows/{workflow_id}/versions", listAgentVersions: "/v1/agents/{workflow_id}/versions" },
      tag: "Workflows",
      summary: "The versions of a workflow, the newest first",
      caller: "api_key",
      query: z.strictObject({ ...pageFields, page_size: pageFields.page_size.removeDefault().default(100), template: templateField }),
      responses: { 200: json("A page of them.", z.array(workflowResponseSchema), [workflowResponseExample]) },
      errors: ["unknown_template"],
    },
    async (deps, { c, organization, params, query: { template, ...page } }) => {
      if (template) return c.json((await listTemplateVersions(deps, params.workflow_id, toPage(page))).map(templateResponse));
      const versions = await listWorkflowVersions(deps, organization.organizationId, params.workflow_id, toPage(page));
      return c.json(versions.map(storedResponse));
    },
  ),
  route(
    {
      method: "get",
      paths: {
        diffWorkflowVersions: "/v1/workflows/{workflow_id}/versions/{before}/diff/{after}",
        diffAgentVersions: "/v1/agents/{workflow_id}/versions/{before}/diff/{after}",
      },
      tag: "Workflows",
      summary: "What changed between two versions",
      description: "A JSON Patch (RFC 6902) that makes of version `before` what version `after` says.",
      caller: "api_key",
      query: noQuery,
      responses: {
        200: json(
          "The changes; none when they are equal.",
          z.array(patchOperationSchema),
          [{ op: "replace", path: "/title", value: "Check it" }],
          {
            type: "application/json-patch+json",
          },
        ),
      },
    },
    async (deps, { c, organization, params }) => {
      const { workflow_id: id, before, after } = params;
      const patch = await diffVersions(deps, organization.organizationId, id, versionIn(before), versionIn(after));
      return c.json(patch, 200, { "content-type": "application/json-patch+json" });
    },
  ),
  route(
    {
      method: "post",
      paths: {
        restoreWorkflowVersion: "/v1/workflows/{workflow_id}/versions/{version}/restore",
        restoreAgentVersion: "/v1/agents/{workflow_id}/versions/{version}/restore",
      },
      tag: "Workflows",
      summary: "Make an old version the newest",
      description: "A new version with the definition of the old one, which stays as it is.",
      caller: "api_key",
      query: noQuery,
      responses: { 200: savedAnswer },
      errors: ["invalid_definition"],
    },
    async (deps, { c, organization, params }) =>
      c.json(savedResponse(await restoreVersion(deps, organization, params.workflow_id, versionIn(params.version)))),
  ),
  route(
    {
      method: "post",
      paths: { updateWorkflow: "/v1/workflows/{workflow_id}", updateAgent: "/v1/agents/{workflow_id}" },
      tag: "Workflows",
      summary: "Save a new version",
      description: "Versions that exist stay as they are, and so do their runs.",
      caller: "api_key",
      body: definitionBody,
      responses: { 200: savedAnswer },
      errors: ["invalid_definition"],
    },
    async (deps, { c, organization, params, body: sent }) =>
      c.json(savedResponse(await updateWorkflow(deps, organization, params.workflow_id, readDefinition(sent)))),
  ),
  route(
    {
      method: "post",
      paths: { deleteWorkflowByPost: "/v1/workflows/{workflow_id}/delete", deleteAgentByPost: "/v1/agents/{workflow_id}/delete" },
      tag: "Workflows",
      summary: "Delete a workflow, in Skyvern's way",
      description: "Its runs go on.",
      caller: "api_key",
      responses: { 200: json("It is deleted.", z.null(), null) },
    },
    async (deps, { c, organization, params }) => {
      await deleteWorkflow(deps, organization.organizationId, params.workflow_id);
      return c.json(null);
    },
  ),
  route(
    {
      method: "delete",
      paths: { deleteWorkflow: "/v1/workflows/{workflow_id}", deleteAgent: "/v1/agents/{workflow_id}" },
      tag: "Workflows",
      summary: "Delete a workflow",
      description: "Its runs go on.",
      caller: "api_key",
      responses: { 204: empty("It is deleted.") },
    },
    async (deps, { c, organization, params }) => {
      await deleteWorkflow(deps, organization.organizationId, params.workflow_id);
      return c.body(null, 204);
    },
  ),
];

/** The number of a version in a path. @throws ServiceError `not_found`: what is no number names no version */
function versionIn(segment: string): number {
  if (/^[1-9]\d{0,8}$/.test(segment)) return Number(segment);
  throw new ServiceError("not_found", `There is no version ${segment.slice(0, 100)}: versions are numbered from 1.`);
}

/** @throws ServiceError for a body that does not hold exactly one definition */
function readDefinition({ json_definition: definition, yaml_definition: yaml }: z.output<typeof definitionSchema>): DefinitionInput {
  if ((definition === undefined) === (yaml === undefined)) {
    const message = definition === undefined ? "is required, or else yaml_definition" : "and yaml_definition are both there; send one";
    const faults: Fault[] = [{ path: "json_definition", message, code: definition === undefined ? "required" : "invalid_value" }];
    throw invalidInput("The body is not valid", faults);
  }
  if (yaml === undefined) return { definition: definition as Json, locate: (faults) => [...faults] };
  const { value, locate } = requireDocument(parseYaml(yaml), "yaml_definition");
  return { definition: value, locate };
}

export function savedResponse({ workflow, warnings }: SavedWorkflow): JsonObject {
  return { ...storedResponse(workflow), warnings: warnings.map(({ path, message, code }) => ({ path, message, code })) };
}

export function storedResponse(workflow: StoredWorkflow): JsonObject {
  return workflowResponse({ ...workflow, isTemplate: false });
}
