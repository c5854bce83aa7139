import { Hono, type Context } from "hono";
import { z } from "zod";
import { type Fault, ServiceError } from "../../domain/error.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import { parseYaml } from "../../domain/parse-document.ts";
import { workflowResponse } from "../../domain/workflow-view.ts";
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
import type { AppEnv } from "../auth.ts";
import { BODY_LIMITS, invalidInput, readBodyAs, requireDocument } from "../body.ts";
import { pageFields, query, templateField, toPage, versionField } from "../query.ts";
import { templateResponse } from "./templates.ts";

export interface WorkflowDeps {
  readonly workflows: Workflows;
  readonly templates: Templates;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly ids: Ids;
  readonly clock: Clock;
}

const definitionSchema = z.strictObject({
  json_definition: z.json().optional().describe("The workflow: title, settings, `workflow_definition`."),
  yaml_definition: z.string().optional().describe("The same as YAML text."),
});

const listQuery = z.strictObject({
  ...pageFields,
  search_key: z.string().max(200).optional().describe("A part of the title, in any case."),
  title: z.string().max(200).optional().describe("The older name of `search_key`."),
  template: templateField,
  only_workflows: z.stringbool().optional().describe("Accepted from Skyvern's clients: there is nothing else here."),
  only_saved_tasks: never("tasks cannot be saved here"),
  only_templates: never("an organization has no templates of its own; ask for the global ones by template=true"),
});

/** A filter of Skyvern's that may be sent as long as it asks for nothing. */
function never(reason: string) {
  return z
    .stringbool()
    .optional()
    .refine((value) => value !== true, reason);
}

/** Skyvern's `/v1/workflows`, and the same as `/v1/agents`. */
export function workflowRoutes(deps: WorkflowDeps): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .post("/", query(z.strictObject({})), async (c) => {
      const saved = await createWorkflow(deps, c.get("organization"), await readDefinition(c), c.req.header("idempotency-key") ?? null);
      return c.json(savedResponse(saved));
    })
    .post("/validate", query(z.strictObject({})), async (c) => {
      const { plan, diagnostics } = validateWorkflow(c.get("organization"), await readDefinition(c));
      return c.json({ valid: plan !== null, plan, diagnostics });
    })
    .get("/", query(listQuery), async (c) => {
      const { template, search_key, title, ...page } = c.req.valid("query");
      const search = search_key ?? title ?? "";
      if (template) return c.json((await listTemplates(deps, search, toPage(page))).map(templateResponse));
      const workflows = await listWorkflows(deps, c.get("organization").organizationId, search, toPage(page));
      return c.json(workflows.map(storedResponse));
    })
    .get("/:id", query(z.strictObject({ version: versionField, template: templateField })), async (c) => {
      const { version = null, template } = c.req.valid("query");
      if (template) return c.json(templateResponse(await readTemplate(deps, c.req.param("id"), version)));
      return c.json(storedResponse(await readWorkflow(deps, c.get("organization").organizationId, c.req.param("id"), version)));
    })
    .get(
      "/:id/versions",
      query(z.strictObject({ ...pageFields, page_size: pageFields.page_size.removeDefault().default(100), template: templateField })),
      async (c) => {
        const { template, ...page } = c.req.valid("query");
        if (template) return c.json((await listTemplateVersions(deps, c.req.param("id"), toPage(page))).map(templateResponse));
        const versions = await listWorkflowVersions(deps, c.get("organization").organizationId, c.req.param("id"), toPage(page));
        return c.json(versions.map(storedResponse));
      },
    )
    .get("/:id/versions/:before/diff/:after", query(z.strictObject({})), async (c) => {
      const { id, before, after } = c.req.param();
      const patch = await diffVersions(deps, c.get("organization").organizationId, id, versionIn(before), versionIn(after));
      return c.json(patch, 200, { "content-type": "application/json-patch+json" });
    })
    .post("/:id/versions/:version/restore", query(z.strictObject({})), async (c) => {
      const saved = await restoreVersion(deps, c.get("organization"), c.req.param("id"), versionIn(c.req.param("version")));
      return c.json(savedResponse(saved));
    })
    .post("/:id", async (c) => {
      const saved = await updateWorkflow(deps, c.get("organization"), c.req.param("id"), await readDefinition(c));
      return c.json(savedResponse(saved));
    })
    .post("/:id/delete", async (c) => {
      await deleteWorkflow(deps, c.get("organization").organizationId, c.req.param("id"));
      return c.json(null);
    })
    .delete("/:id", async (c) => {
      await deleteWorkflow(deps, c.get("organization").organizationId, c.req.param("id"));
      return c.body(null, 204);
    });
}

/** The number of a version in a path. @throws ServiceError `not_found`: what is no number names no version */
function versionIn(segment: string): number {
  if (/^[1-9]\d{0,8}$/.test(segment)) return Number(segment);
  throw new ServiceError("not_found", `There is no version ${segment.slice(0, 100)}: versions are numbered from 1.`);
}

/** @throws ServiceError for a body that does not hold exactly one definition */
async function readDefinition(c: Context): Promise<DefinitionInput> {
  const { json_definition: json, yaml_definition: yaml } = await readBodyAs(c, definitionSchema, BODY_LIMITS.definition);
  if ((json === undefined) === (yaml === undefined)) {
    const message = json === undefined ? "is required, or else yaml_definition" : "and yaml_definition are both there; send one";
    const faults: Fault[] = [{ path: "json_definition", message, code: json === undefined ? "required" : "invalid_value" }];
    throw invalidInput("The body is not valid", faults);
  }
  if (yaml === undefined) return { definition: json as Json, locate: (faults) => [...faults] };
  const { value, locate } = requireDocument(parseYaml(yaml), "yaml_definition");
  return { definition: value, locate };
}

function savedResponse({ workflow, warnings }: SavedWorkflow): JsonObject {
  return { ...storedResponse(workflow), warnings: warnings.map(({ path, message, code }) => ({ path, message, code })) };
}

function storedResponse(workflow: StoredWorkflow): JsonObject {
  return workflowResponse({ ...workflow, isTemplate: false });
}
