import { expect } from "vitest";
import { UNTIL_IT_ENDS } from "../patience.ts";
import type { Answer, Tenant } from "./api.ts";

/** Saves a workflow of these blocks and runs it to its end. @returns the run */
export async function runBlocks(
  tenant: Tenant,
  blocks: readonly object[],
  parameters: Record<string, string> = {},
): Promise<Answer["body"]> {
  const declared = Object.keys(parameters).map((key) => ({ parameter_type: "workflow", key, workflow_parameter_type: "string" }));
  const json_definition = { title: "Test", workflow_definition: { parameters: declared, blocks } };
  const saved = await tenant.call("POST", "/v1/workflows", { json_definition });
  expect(saved.status, JSON.stringify(saved.body)).toBe(200);
  const request = { workflow_id: saved.body.workflow_permanent_id, parameters };
  return (await tenant.call("POST", "/v1/run/workflows", request, UNTIL_IT_ENDS)).body;
}
