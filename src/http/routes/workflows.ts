import { z } from "zod";
import { type Fault, ServiceError, invalidInput } from "../../domain/error.ts";
import type { Json } from "../../domain/json.ts";
import { parseYaml } from "../../domain/workflow/parse-document.ts";
import { validationExample, validationSchema } from "../../domain/workflow/plan-view-schema.ts";
import { workflowResponse } from "../../domain/workflow/workflow-view.ts";
import {
  workflowExample,
  workflowInputSchema,
  workflowResponseExample,
  workflowResponseSchema,
} from "../../domain/workflow/workflow-view-schema.ts";
import { LISTED_STATUSES, WORKFLOW_STATUSES } from "../../domain/workflow/workflow-status.ts";
import type { BrowserMemories } from "../../ports/browser-memories.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Folders } from "../../ports/folders.ts";
import type { IdempotencyKeys } from "../../ports/idempotency-keys.ts";
import type { Ids } from "../../ports/ids.ts";
import type { Vault } from "../../ports/vault.ts";
import type { Templates } from "../../ports/templates.ts";
import type { Workflows } from "../../ports/workflows.ts";
import { listTemplates, listTemplateVersions, readTemplate } from "../../services/templates.ts";
import {
  createWorkflow,
  deleteWorkflow,
  forgetBrowsersOf,
  fromDocument,
  listWorkflows,
  listWorkflowVersions,
  markTemplate,
  moveWorkflow,
  readWorkflow,
  updateWorkflow,
  validateWorkflow,
  type DefinitionInput,
  type WorkflowSearch,
} from "../../services/workflows.ts";
import { diffVersions, restoreVersion } from "../../services/workflow-versions.ts";
import { BODY_LIMITS, requireDocument } from "../body.ts";
import { cursorField, describePage, pageHeaders, pageRequest } from "../paging.ts";
import { flag, noQuery, pageFields, several, templateField, toPage, versionField } from "../query.ts";
import { body, empty, IDEMPOTENCY_KEY, json, routeFor } from "../route.ts";
import { savedAnswer, savedResponse, templateResponse } from "./templates.ts";

export interface WorkflowDeps {
  readonly workflows: Workflows;
  readonly memories: BrowserMemories;
  readonly folders: Folders;
  readonly templates: Templates;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly vault: Vault;
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

const APART = "cannot be asked of the global templates (template=true)";

const listQuery = z
  .strictObject({
    ...pageFields,
    cursor: cursorField("workflow"),
    search_key: z.string().max(200).optional().describe("A part of the title, in any case."),
    title: z.string().max(200).optional().describe("The older name of `search_key`."),
    folder_id: z.string().max(100).optional().describe("Only those in this folder."),
    status: several(z.enum(WORKFLOW_STATUSES), WORKFLOW_STATUSES.length).describe("Those that are published or draft, when absent."),
    only_workflows: flag.default(false).describe("Without the saved tasks."),
    only_saved_tasks: flag.default(false).describe("Only those whose definition says `is_saved_task`."),
    only_templates: flag.default(false).describe("Only the organization's own templates."),
    tags: several(z.string().max(0, "workflows have no tags here; put them into folders and ask by folder_id"), 20).describe(
      "Skyvern's; only empty ones are taken: workflows have no tags here.",
    ),
    template: templateField,
  })
  .superRefine((asked, context) => {
    const refuse = (field: keyof typeof asked, message: string) => context.addIssue({ code: "custom", path: [field], message });
    if (asked.only_saved_tasks && asked.only_workflows) refuse("only_saved_tasks", "and only_workflows leave nothing to show; ask for one");
    if (!asked.template) return;
    for (const field of ["tags", "folder_id", "status", "cursor"] as const) if (asked[field] !== undefined) refuse(field, APART);
    if (asked.only_saved_tasks) refuse("only_saved_tasks", APART);
  });

const folderWishSchema = z.strictObject({
  folder_id: z.string().max(100).nullable().describe("Null takes the workflow out of its folder."),
});

const templateMarkSchema = z
  .strictObject({
    workflow_permanent_id: z.string().describe("The workflow, `wpid_…`."),
    is_template: z.boolean().describe("What it is now."),
  })
  .meta({ id: "TemplateMark" });

const definitionBody = body(definitionSchema, { json_definition: workflowExample }, BODY_LIMITS.definition);
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
      query: z.strictObject({
        folder_id: z.string().max(100).optional().describe("The folder to put it into, before the one that the definition names."),
      }),
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: definitionBody,
      responses: { 200: savedAnswer },
      errors: ["invalid_definition", "idempotency_mismatch", "not_found"],
    },
    async (deps, { c, organization, query: { folder_id = null }, headers, body: sent }) => {
      const key = headers["Idempotency-Key"] ?? null;
      return c.json(savedResponse(await createWorkflow(deps, organization, readDefinition(sent), key, folder_id)));
    },
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
      responses: {
        200: json("A page of them.", z.array(workflowResponseSchema), [workflowResponseExample], { headers: pageHeaders }),
      },
    },
    async (deps, { c, organization, query: asked }) => {
      const title = asked.search_key ?? asked.title ?? "";
      if (asked.template) {
        const { templates, count } = await listTemplates(deps, title, toPage(asked));
        describePage(c, { count, next: null });
        return c.json(templates.map(templateResponse));
      }
      const search: WorkflowSearch = {
        statuses: asked.status ?? LISTED_STATUSES,
        ...(title === "" ? {} : { title }),
        ...(asked.folder_id === undefined ? {} : { folderId: asked.folder_id }),
        ...(asked.only_templates ? { isTemplate: true } : {}),
        ...(asked.only_saved_tasks ? { isSavedTask: true } : asked.only_workflows ? { isSavedTask: false } : {}),
      };
      const found = await listWorkflows(deps, organization.organizationId, search, pageRequest(asked));
      describePage(c, found);
      return c.json(found.rows.map(workflowResponse));
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
      return c.json(workflowResponse(await readWorkflow(deps, organization.organizationId, params.workflow_id, version)));
    },
  ),
  route(
    {
      method: "get",
      paths: { listWorkflowVersions: "/v1/workflows/{workflow_id}/versions", listAgentVersions: "/v1/agents/{workflow_id}/versions" },
      tag: "Workflows",
      summary: "The versions of a workflow, the newest first",
      caller: "api_key",
      query: z.strictObject({
        ...pageFields,
        page_size: pageFields.page_size.removeDefault().default(100).describe("How many a page has."),
        template: templateField,
      }),
      responses: { 200: json("A page of them.", z.array(workflowResponseSchema), [workflowResponseExample]) },
      errors: ["unknown_template"],
    },
    async (deps, { c, organization, params, query: { template, ...page } }) => {
      if (template) return c.json((await listTemplateVersions(deps, params.workflow_id, toPage(page))).map(templateResponse));
      const versions = await listWorkflowVersions(deps, organization.organizationId, params.workflow_id, toPage(page));
      return c.json(versions.map(workflowResponse));
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
      method: "put",
      paths: { moveWorkflow: "/v1/workflows/{workflow_id}/folder", moveAgent: "/v1/agents/{workflow_id}/folder" },
      tag: "Workflows",
      summary: "Put a workflow into a folder",
      description: "Or take it out of the one it is in. No new version is made.",
      caller: "api_key",
      query: noQuery,
      body: body(folderWishSchema, { folder_id: "fld_01JDAA0000000000000000000F" }),
      responses: { 200: json("The workflow.", workflowResponseSchema, workflowResponseExample) },
    },
    async (deps, { c, organization, params, body: { folder_id } }) =>
      c.json(workflowResponse(await moveWorkflow(deps, organization.organizationId, params.workflow_id, folder_id))),
  ),
  route(
    {
      method: "put",
      paths: { markTemplate: "/v1/workflows/{workflow_id}/template", markAgentTemplate: "/v1/agents/{workflow_id}/template" },
      tag: "Workflows",
      summary: "Make a workflow a template of its organization",
      description: "Or an ordinary one again. No new version is made. Lists show templates with `only_templates`.",
      caller: "api_key",
      query: z.strictObject({ is_template: flag.describe("What it is to be.") }),
      responses: {
        200: json("What it is now.", templateMarkSchema, {
          workflow_permanent_id: "wpid_01JDAA0000000000000000000B",
          is_template: true,
        }),
      },
    },
    async (deps, { c, organization, params, query: { is_template } }) => {
      await markTemplate(deps, organization.organizationId, params.workflow_id, is_template);
      return c.json({ workflow_permanent_id: params.workflow_id, is_template });
    },
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
      paths: {
        resetBrowserProfile: "/v1/workflows/{workflow_id}/browser_session/reset_profile",
        resetAgentBrowserProfile: "/v1/agents/{workflow_id}/browser_session/reset_profile",
      },
      tag: "Browsers",
      summary: "Forget what runs of a workflow have left for each other",
      description: "Of `persist_browser_session`: the browser of the next run begins with nothing.",
      caller: "api_key",
      responses: { 204: empty("It is forgotten.") },
    },
    async (deps, { c, organization, params }) => {
      await forgetBrowsersOf(deps, organization.organizationId, params.workflow_id);
      return c.body(null, 204);
    },
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
  return fromDocument(requireDocument(parseYaml(yaml), "yaml_definition"));
}
