import { describeFaults, ServiceError, type Fault, invalidInput } from "../domain/error.ts";
import { SEALED_FIELDS } from "../domain/browser/extra-headers.ts";
import { isId, type WorkflowId } from "../domain/id.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ids } from "../ports/ids.ts";
import type { Templates } from "../ports/templates.ts";
import { hashRequest } from "./idempotency.ts";
import { checkInput, type DefinitionInput } from "./workflows.ts";

/**
 * Makes a definition the latest version of a template. The same content again changes nothing.
 * @throws ServiceError `invalid_definition` with every fault, `invalid_input` when only the id is wrong; nothing is stored then
 */
export async function publishTemplate(
  deps: { templates: Templates; ids: Ids; clock: Clock },
  id: string,
  input: DefinitionInput,
): Promise<{ workflowId: WorkflowId; version: number; changed: boolean }> {
  const { definition } = checkPublished(id, input);
  const workflowId = requireTemplateId(id);
  const published = await deps.templates.publish({
    workflow_permanent_id: workflowId,
    workflow_id: deps.ids.next("workflowVersion"),
    definition,
    hash: hashRequest(definition),
    created_at: deps.clock.now(),
  });
  return { workflowId, ...published };
}

/**
 * Takes a template away from everyone: isolates that remember it offer it for up to a minute more. Its runs and the workflows made from it stay;
 * so do its versions, and when it is published again they go on counting.
 * @throws ServiceError `not_found`
 */
export async function unpublishTemplate(deps: { templates: Templates }, id: string): Promise<void> {
  if (isId("workflow", id) && (await deps.templates.unpublish(id))) return;
  throw new ServiceError("not_found", `There is no template ${id.slice(0, 100)}.`);
}

/** Faults of the id and of the definition, all at once. */
function checkPublished(id: string, input: DefinitionInput): ReturnType<typeof checkInput> {
  try {
    const checked = checkInput(input);
    const secrets = SEALED_FIELDS.filter((field) => checked.definition[field] != null);
    if (secrets.length === 0) return checked;
    const message = "belongs to an organization, and a template to all: set it on the workflow that is made of it, or for a run";
    const faults = secrets.map((path): Fault => ({ path, message, code: "invalid_value" }));
    throw new ServiceError("invalid_definition", describeFaults("The template is not valid", faults), { faults });
  } catch (error) {
    if (!(error instanceof ServiceError) || isId("workflow", id)) throw error;
    const faults = [wrongId, ...error.faults];
    throw new ServiceError(error.code, describeFaults("The template is not valid", faults), { faults, cause: error });
  }
}

const wrongId: Fault = { path: "workflow_permanent_id", message: "must be wpid_ and letters, digits, _ or -", code: "invalid_value" };

function requireTemplateId(id: string): WorkflowId {
  if (isId("workflow", id)) return id;
  throw invalidInput("The template has no valid id", [wrongId]);
}
