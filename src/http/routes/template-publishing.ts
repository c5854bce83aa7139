import { z } from "zod";
import { workflowExample, workflowInputSchema } from "../../domain/workflow/workflow-view-schema.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Ids } from "../../ports/ids.ts";
import type { Templates } from "../../ports/templates.ts";
import { publishTemplate, unpublishTemplate } from "../../services/template-publishing.ts";
import { BODY_LIMITS } from "../body.ts";
import { documentBody, empty, json, routeFor } from "../route.ts";

export interface TemplatePublishingDeps {
  readonly templates: Templates;
  readonly ids: Ids;
  readonly clock: Clock;
}

const publishedSchema = z
  .strictObject({
    workflow_permanent_id: z.string().describe("The template, `wpid_…`."),
    version: z.int().min(1).describe("Its latest version."),
    changed: z.boolean().describe("False when the latest version had this content already."),
  })
  .meta({ id: "PublishedTemplate" });

const route = routeFor<TemplatePublishingDeps>();

/** Templates of the service, for its administrator. */
export const templatePublishingRoutes = [
  route(
    {
      method: "put",
      paths: { publishTemplate: "/v1/admin/templates/{workflow_permanent_id}" },
      tag: "Administration",
      summary: "Publish a template",
      description:
        "Makes the definition the latest version of a template, which every organization can run. The same content again changes nothing.",
      caller: "admin",
      body: documentBody(workflowInputSchema, workflowExample, BODY_LIMITS.definition),
      responses: {
        200: json("It is published.", publishedSchema, {
          workflow_permanent_id: "wpid_01JDAA0000000000000000000B",
          version: 1,
          changed: true,
        }),
      },
      errors: ["invalid_definition"],
    },
    async (deps, { c, params, body: { value, locate } }) => {
      const { workflowId, version, changed } = await publishTemplate(deps, params.workflow_permanent_id, { definition: value, locate });
      return c.json({ workflow_permanent_id: workflowId, version, changed });
    },
  ),
  route(
    {
      method: "delete",
      paths: { unpublishTemplate: "/v1/admin/templates/{workflow_permanent_id}" },
      tag: "Administration",
      summary: "Unpublish a template",
      description:
        "It is offered for up to a minute more. Its runs and the workflows made from it stay, and its versions count on when it is published again.",
      caller: "admin",
      responses: { 204: empty("It is unpublished.") },
    },
    async (deps, { c, params }) => {
      await unpublishTemplate(deps, params.workflow_permanent_id);
      return c.body(null, 204);
    },
  ),
];
