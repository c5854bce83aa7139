import { describeFaults, type Fault, ServiceError } from "../domain/error.ts";
import { evaluateExpression, ExpressionError, hasExpression, parseExpression } from "../domain/expression.ts";
import type { RunId } from "../domain/id.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { checkOutboundUrl } from "../domain/outbound.ts";
import { resolveParameters } from "../domain/parameter.ts";
import type { RunFacts } from "../domain/run.ts";
import type { Clock, RunIndex } from "../ports.ts";
import type { Runnable } from "./workflows.ts";

/** What a caller says of a run, beside which workflow. */
export interface RunWish {
  readonly parameters: JsonObject;
  /** Null for the workflow's own. */
  readonly webhookUrl: string | null;
  /** Null for the workflow's own. The organization's limit holds besides. */
  readonly maxSeconds: number | null;
  readonly priority: number;
  /** As the API echoes it. */
  readonly request: JsonObject;
  readonly apiOrigin: string;
}

/**
 * Checks what the caller says against the workflow, and pins it. Every fault is found; a start that is refused leaves an `invalid` row in the
 * history.
 * @throws ServiceError invalid_parameters
 */
export async function makeFacts(
  deps: { clock: Clock; runIndex: RunIndex },
  organization: Pick<Organization, "organizationId" | "allowedHosts" | "maxConcurrentRuns" | "maxRunSeconds">,
  runId: RunId,
  { workflow, definition }: Runnable,
  wish: RunWish,
  links: Pick<RunFacts, "parent" | "retryOf">,
): Promise<RunFacts> {
  const { organizationId, allowedHosts, maxConcurrentRuns, maxRunSeconds } = organization;
  const { workflowPermanentId, workflowId, version, title: workflowTitle } = workflow;
  const webhookUrl = wish.webhookUrl?.trim() || definition.webhookCallbackUrl?.trim() || null;
  const faults: Fault[] = [];
  const parameters = resolveParameters(definition.parameters, wish.parameters);
  if (!parameters.ok) faults.push(...parameters.faults);
  const refusal = webhookUrl === null ? null : checkOutboundUrl(webhookUrl, allowedHosts);
  if (refusal !== null) faults.push({ ...refusal, path: wish.webhookUrl?.trim() ? "webhook_url" : "webhook_callback_url" });
  const sequentialKey = parameters.ok ? sequentialKeyOf(definition.sequentialKey, workflowPermanentId, parameters.values, faults) : null;
  if (!parameters.ok || faults.length > 0) {
    const message = describeFaults("The run was not started", faults);
    const now = deps.clock.now();
    const times = { createdAt: now, queuedAt: null, startedAt: null, finishedAt: now, modifiedAt: now };
    const row = { workflowRunId: runId, organizationId, workflowPermanentId, workflowId, version, workflowTitle, ...times };
    const linked = { parentRunId: links.parent?.runId ?? null, retriedFromRunId: links.retryOf?.runId ?? null, webhookUrl, sequentialKey };
    const end = { status: "invalid", failureReason: message, errorCodes: [], seq: 0 } as const;
    await deps.runIndex.upsert([{ ...row, ...linked, ...end, triggerType: "api" }]);
    throw new ServiceError("invalid_parameters", message, { faults, extra: { run_id: runId } });
  }
  return {
    runId,
    organizationId,
    workflowPermanentId,
    workflowId,
    version,
    workflowTitle,
    parameters: parameters.values,
    request: wish.request,
    webhookUrl,
    allowedHosts,
    maxSeconds: Math.min(wish.maxSeconds ?? definition.maxSeconds ?? maxRunSeconds, maxRunSeconds),
    admission: links.parent === null ? { limit: maxConcurrentRuns, priority: wish.priority, sequentialKey } : null,
    apiOrigin: wish.apiOrigin,
    ...links,
  };
}

/** The limit that a run's request names, in seconds; null when it names none. */
export function maxSecondsOf({
  max_elapsed_time_minutes: minutes,
}: {
  readonly max_elapsed_time_minutes?: Json | undefined;
}): number | null {
  return typeof minutes === "number" ? minutes * 60 : null;
}

/** The key of a workflow's order, with its expression filled in from the parameters; null where runs need no order. */
function sequentialKeyOf(expression: string | null, workflowId: string, parameters: JsonObject, faults: Fault[]): string | null {
  if (expression === null) return null;
  if (!hasExpression(expression)) return `${workflowId}:${expression}`;
  try {
    return `${workflowId}:${JSON.stringify(evaluateExpression(parseExpression(expression), (name) => parameters[name]))}`;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    faults.push({ path: "sequential_key", message: error.message, code: "invalid_expression" });
    return null;
  }
}
