import { ServiceError, type Fault, invalidInput } from "../domain/error.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { type HeadersWish, headerOriginsField } from "../domain/browser/extra-headers.ts";
import { packPlan } from "../domain/workflow/packed-plan.ts";
import { maxSecondsOf } from "../domain/run/run-request.ts";
import { namedRemote, type RunFacts, type TriggerType } from "../domain/run/run.ts";
import type { DecisionTokens } from "../ports/decision-tokens.ts";
import type { Changed, RetrySource, RunObject, RunObjects, RunReport } from "../ports/run-objects.ts";
import { once } from "./idempotency.ts";
import { makeFacts } from "./run-facts.ts";
import { notFound, requireRunId, type StartDeps, startOnce } from "./runs.ts";
import { findRunnable } from "./workflows.ts";

/** Nothing new is begun until it is resumed; what is under way ends. @throws ServiceError not_found, conflict */
export async function pauseRun(deps: { runs: RunObjects }, organization: Organization, id: string): Promise<RunReport> {
  return requireChange(id, await objectOf(deps, organization, id).pause(), "A run can be paused while it is running, and not twice.");
}

/** @throws ServiceError not_found, conflict */
export async function resumeRun(deps: { runs: RunObjects }, organization: Organization, id: string): Promise<RunReport> {
  return requireChange(id, await objectOf(deps, organization, id).resume(), "It was not paused by request.");
}

/**
 * A person's answer.
 * @param path which block is answered; null when only one asks
 * @throws ServiceError not_found, conflict
 */
export async function decideRun(
  deps: { runs: RunObjects },
  organization: Pick<Organization, "organizationId">,
  id: string,
  path: string | null,
  approved: boolean,
): Promise<RunReport> {
  const what =
    path === null
      ? "No block waits for a decision, or several do: name one as `block`."
      : `The block "${path}" does not wait for a decision (any more).`;
  return requireChange(id, await objectOf(deps, organization, id).decide(path, approved), what);
}

/**
 * Skyvern's way on for a paused run: approves what waits for a person; a run that was paused by request is resumed.
 * @throws ServiceError not_found, also when it is not paused; conflict when several blocks wait
 */
export async function continueRun(deps: { runs: RunObjects }, organization: Organization, id: string): Promise<RunReport> {
  const run = objectOf(deps, organization, id);
  const approved = await run.decide(null, true);
  const change = approved?.changed === false ? await run.resume() : approved;
  if (change?.changed === false && change.report.status !== "paused")
    throw new ServiceError("not_found", `Run ${id} is ${change.report.status}: there is nothing to continue.`);
  return requireChange(id, change, "Several blocks wait for a decision: approve or reject each by its name.");
}

/** The answer of a link. It counts once: later the question does not stand any more. @throws ServiceError not_found, conflict */
export async function decideByToken(
  deps: { runs: RunObjects; tokens: DecisionTokens },
  token: string,
  approved: boolean,
): Promise<RunReport> {
  const { organizationId, runId, path } = await readToken(deps, token);
  return await decideRun(deps, { organizationId }, runId, path, approved);
}

/** What a link is about. @throws ServiceError not_found */
export async function readToken(deps: { tokens: DecisionTokens }, token: string) {
  const decision = await deps.tokens.read(token);
  if (decision === null) throw new ServiceError("not_found", "This link is not valid.");
  return decision;
}

/** How another try differs from the run. */
export interface RetryWish {
  /** Changed or added parameters. */
  readonly parameters: JsonObject;
  /** Null for the version of the run. */
  readonly version: number | "latest" | null;
  readonly triggerType: TriggerType;
  readonly apiOrigin: string;
  readonly waitMs: number;
  readonly idempotencyKey: string | null;
}

/**
 * Tries a finished run again, as a new run that is linked to it and keeps the outputs of the blocks before.
 * @param from a label of the outermost list; `failed` or `start`
 * @throws ServiceError not_found, conflict, invalid_input, and what starting a run throws
 */
export async function retryRun(deps: StartDeps, organization: Organization, id: string, from: string, wish: RetryWish): Promise<RunReport> {
  const source = await objectOf(deps, organization, id).retrySource(from);
  if (source === null) throw notFound(id);
  if (!source.ok) throw refusal(id, from, source);
  return await launchAgain(deps, organization, source, from, wish);
}

/**
 * Skyvern's retry: all blocks of a finished run again, with the version, the parameters and the request that it had.
 * @throws ServiceError not_found, invalid_input before its end, and what starting a run throws
 */
export async function repeatRun(
  deps: StartDeps,
  organization: Organization,
  id: string,
  caller: Pick<RetryWish, "triggerType" | "apiOrigin" | "waitMs" | "idempotencyKey">,
): Promise<RunReport> {
  const source = await objectOf(deps, organization, id).retrySource("start");
  if (source === null) throw notFound(id);
  if (!source.ok) throw new ServiceError("invalid_input", "Only terminal workflow runs can be retried");
  return await launchAgain(deps, organization, source, "start", { parameters: {}, version: null, ...caller });
}

async function launchAgain(
  deps: StartDeps,
  organization: Organization,
  { facts, kept, browserState }: RetrySource & { ok: true },
  from: string,
  wish: RetryWish,
): Promise<RunReport> {
  const { organizationId } = organization;
  const version = wish.version === "latest" ? null : (wish.version ?? facts.version);
  const priority = facts.admission?.priority ?? 0;
  const parameters = { ...(facts.request.parameters as Record<string, Json> | null | undefined), ...wish.parameters };
  const request = { run_id: facts.runId, from_block: from, parameters: wish.parameters, version: wish.version };
  const keyed = { organizationId, scope: "retry", key: wish.idempotencyKey, request, newId: deps.ids.next("run") };
  return await once(deps, keyed, async (runId, replayed) => {
    const report = await startOnce(deps, organization, runId, replayed, {
      priority,
      onLimit: "queue",
      waitMs: wish.waitMs,
      prepare: async () => {
        const template = facts.request.template === true;
        const runnable = await findRunnable(deps, organizationId, facts.workflowPermanentId, { template, version });
        const again = {
          parameters,
          webhookUrl: facts.webhookUrl,
          maxSeconds: maxSecondsOf(facts.request),
          priority,
          request: { ...facts.request, parameters },
          triggerType: wish.triggerType,
          apiOrigin: wish.apiOrigin,
          headers: headersAskedOf(facts),
          remote: namedRemote(facts), // its organization's is the one that that has now
        };
        const keptOfThese = Object.fromEntries(Object.entries(kept).filter(([label]) => runnable.plan.root.includes(label)));
        const retryOf = { runId: facts.runId, kept: keptOfThese };
        return {
          facts: await makeFacts(deps, organization, runId, runnable, again, { parent: null, retryOf }),
          plan: packPlan(runnable.plan),
          browserState: facts.browser === undefined ? browserState : null, // a session's pages are where they were left
        };
      },
    });
    await deps.runs.get(organizationId, facts.runId).noteRetry(runId);
    return report;
  });
}

/** What its request said of headers, with the values that the run keeps. */
function headersAskedOf({ request, headers }: RunFacts): HeadersWish {
  const origins = headerOriginsField.safeParse(request.extra_http_headers_origins);
  return { values: request.extra_http_headers == null ? null : (headers?.values ?? {}), origins: origins.success ? origins.data : null };
}

function refusal(id: string, from: string, source: { reason: string; labels: readonly string[] }): ServiceError {
  if (source.reason === "unfinished")
    return new ServiceError("conflict", `Only a finished run can be tried again, and ${id} has not ended.`);
  if (source.reason === "nothing_failed")
    return new ServiceError("conflict", `Nothing failed in ${id}: say "start", or a block, as from_block.`);
  const faults: Fault[] = [
    { path: "from_block", message: `there is no block "${from}"; the blocks are ${source.labels.join(", ")}`, code: "unknown_label" },
  ];
  return invalidInput("The request is not valid", faults);
}

function objectOf(deps: { runs: RunObjects }, organization: Pick<Organization, "organizationId">, id: string): RunObject {
  return deps.runs.get(organization.organizationId, requireRunId(id));
}

function requireChange(id: string, change: Changed | null, why: string): RunReport {
  if (change === null) throw notFound(id);
  if (!change.changed) throw new ServiceError("conflict", `Run ${id} is ${change.report.status}. ${why}`);
  return change.report;
}
