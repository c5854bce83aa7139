import { createHash } from "node:crypto";
import { evidenceSettings } from "../domain/evidence/evidence.ts";
import { describeFaults, type Fault, ServiceError } from "../domain/error.ts";
import { evaluateExpression, ExpressionError, hasExpression, parseExpression } from "../domain/expression.ts";
import { extraHeaders, type ExtraHeaders, type HeadersWish } from "../domain/browser/extra-headers.ts";
import { type CredentialId, isId, type OrganizationId, type RunId } from "../domain/id.ts";
import { formatPath, type Json, type JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { checkOutboundUrl, type HostPolicy } from "../domain/outbound/outbound.ts";
import { contextValue, credentialIdOf, resolveParameters } from "../domain/workflow/parameter.ts";
import { evidenceWishOf } from "../domain/run/run-request.ts";
import { checkRemote, maskAddress, type RemoteAddress, remotePurpose } from "../domain/browser/remote-browser.ts";
import type { RunCredentials, RunFacts, SealedRemote, TriggerType } from "../domain/run/run.ts";
import type { WorkflowDefinition } from "../domain/workflow/check-definition.ts";
import type { BrowserProfiles } from "../ports/browser-profiles.ts";
import type { BrowserSessionObjects } from "../ports/browser-sessions.ts";
import type { Clock } from "../ports/clock.ts";
import type { Credentials } from "../ports/credentials.ts";
import type { RunIndex } from "../ports/run-index.ts";
import type { RunObjects } from "../ports/run-objects.ts";
import type { Vault } from "../ports/vault.ts";
import { runMemory } from "./run-profile.ts";
import { sessionOf } from "./run-session.ts";
import { sealStored } from "./sealed-headers.ts";
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
  readonly triggerType: TriggerType;
  readonly apiOrigin: string;
  /** A browser of the caller's own; sealed when it is that of another run. */
  readonly remote?: RemoteAddress | SealedRemote | null;
  /** What the requests of its pages carry besides, values sealed. */
  readonly headers?: HeadersWish;
}

export interface FactsDeps {
  readonly clock: Clock;
  readonly runIndex: RunIndex;
  readonly credentials: Pick<Credentials, "existing">;
  readonly sessions: BrowserSessionObjects;
  readonly runs: RunObjects;
  readonly vault: Pick<Vault, "seal">;
  readonly browserProfiles: Pick<BrowserProfiles, "get">;
}

/**
 * Checks what the caller says against the workflow, and pins it. Every fault is found; a start that is refused leaves an `invalid` row in the
 * history.
 * @throws ServiceError invalid_parameters; conflict when another run uses the browser session
 */
export async function makeFacts(
  deps: FactsDeps,
  organization: Pick<Organization, "organizationId" | keyof HostPolicy | "maxConcurrentRuns" | "maxRunSeconds" | "browser">,
  runId: RunId,
  { workflow, definition }: Runnable,
  wish: RunWish,
  links: Pick<RunFacts, "parent" | "retryOf" | "scheduleId">,
): Promise<RunFacts> {
  const { organizationId, allowedHosts, deniedHosts, onlyHosts, maxConcurrentRuns, maxRunSeconds } = organization;
  const { workflowPermanentId, workflowId, version, title: workflowTitle } = workflow;
  const webhookUrl = wish.webhookUrl?.trim() || definition.webhookCallbackUrl?.trim() || null;
  const faults: Fault[] = [];
  const parameters = resolveParameters(definition.parameters, wish.parameters);
  if (!parameters.ok) faults.push(...parameters.faults);
  const refusal = webhookUrl === null ? null : checkOutboundUrl(webhookUrl, organization);
  if (refusal !== null) faults.push({ ...refusal, path: wish.webhookUrl?.trim() ? "webhook_url" : "webhook_callback_url" });
  const credentials = parameters.ok
    ? await credentialsOf(deps, organizationId, definition, parameters.values, wish.request, organization, faults)
    : undefined;
  const values = (name: string): Json | undefined => {
    const source = definition.names.sources.get(name);
    const read = source === undefined ? undefined : values(source);
    if (read !== undefined) return contextValue(name, read);
    return parameters.ok && Object.hasOwn(parameters.values, name) ? parameters.values[name] : credentials?.ids[name];
  };
  const { request } = wish;
  const browser = await sessionOf(deps, organizationId, { request, runId, mayWait: links.parent !== null }, faults);
  const named = await sealRemote(deps, organizationId, wish.remote ?? null, definition, organization, faults);
  const remote = named ?? (browser === undefined ? browserOf(organization) : null);
  const filled = (field: "sequential_key" | "browser_profile_key", key: string | null) =>
    parameters.ok ? keyOf(field, key, values, faults) : null;
  const order = filled("sequential_key", definition.sequentialKey);
  const sequentialKey = order === null ? null : `${workflowPermanentId}:${order}`;
  const key = filled("browser_profile_key", definition.remembering.key);
  const memoryKey = key === null ? null : createHash("sha256").update(key).digest("hex");
  const wanted = { request, hasSession: browser !== undefined, key: memoryKey };
  const memory = await runMemory(deps, organizationId, workflowPermanentId, definition, wanted, faults);
  const headers = await headersOf(deps, organizationId, definition, wish);
  const { max_screenshot_scrolls: scrolls } = wish.request;
  const screenshotScrolls = typeof scrolls === "number" ? scrolls : definition.screenshotScrolls;
  if (!parameters.ok || faults.length > 0) {
    const message = describeFaults("The run was not started", faults);
    const now = deps.clock.now();
    const times = { createdAt: now, queuedAt: null, startedAt: null, finishedAt: now, modifiedAt: now };
    const row = { workflowRunId: runId, organizationId, workflowPermanentId, workflowId, version, workflowTitle, ...times };
    const linked = { parentRunId: links.parent?.runId ?? null, retriedFromRunId: links.retryOf?.runId ?? null, webhookUrl, sequentialKey };
    const browserIds = { browserSessionId: browser?.sessionId ?? null, browserProfileId: memory?.profileId ?? null };
    const end = { status: "invalid", failureReason: message, errorCodes: [], seq: 0 } as const;
    await deps.runIndex.upsert([
      { ...row, ...linked, ...end, ...browserIds, triggerType: wish.triggerType, scheduleId: links.scheduleId ?? null },
    ]);
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
    ...(definition.names.sources.size === 0 ? {} : { sources: Object.fromEntries(definition.names.sources) }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(browser === undefined ? {} : { browser }),
    ...(memory === undefined ? {} : { memory }),
    ...(remote === null ? {} : { remote }),
    ...(headers === null ? {} : { headers }),
    request: wish.request,
    webhookUrl,
    allowedHosts,
    ...(deniedHosts.length === 0 ? {} : { deniedHosts }),
    ...(onlyHosts.length === 0 ? {} : { onlyHosts }),
    evidence: evidenceSettings(definition.evidence, evidenceWishOf(wish.request)),
    ...(Object.keys(definition.blockEvidence).length === 0 ? {} : { blockEvidence: definition.blockEvidence }),
    ...(screenshotScrolls === 0 ? {} : { screenshotScrolls }),
    maxSeconds: Math.min(wish.maxSeconds ?? definition.maxSeconds ?? maxRunSeconds, maxRunSeconds),
    admission: links.parent === null ? { limit: maxConcurrentRuns, priority: wish.priority, sequentialKey } : null,
    triggerType: wish.triggerType,
    apiOrigin: wish.apiOrigin,
    ...links,
  };
}

async function headersOf(
  deps: Pick<FactsDeps, "vault">,
  organizationId: OrganizationId,
  workflow: Pick<WorkflowDefinition, "extraHeaders">,
  { headers: asked = { values: null, origins: null } }: Pick<RunWish, "headers">,
): Promise<ExtraHeaders | null> {
  const headers = extraHeaders(workflow.extraHeaders, asked);
  return headers === null ? null : { ...headers, values: await sealStored(deps, organizationId, headers.values) };
}

/** The browser that an organization has set for its runs. Whether it may be reached is asked when a run connects to it. */
function browserOf({ browser }: Pick<Organization, "browser">): SealedRemote | null {
  return browser === null ? null : { sealed: browser.sealed, of: "organization", address: browser.address };
}

async function sealRemote(
  deps: Pick<FactsDeps, "vault">,
  organizationId: OrganizationId,
  remote: RemoteAddress | SealedRemote | null,
  { connectHeaders }: Pick<WorkflowDefinition, "connectHeaders">,
  hosts: HostPolicy,
  faults: Fault[],
): Promise<SealedRemote | null> {
  if (remote === null || "sealed" in remote) return remote;
  const wrong = checkRemote(remote, hosts);
  faults.push(...wrong);
  if (wrong.length > 0) return null;
  const sealed = await deps.vault.seal(remotePurpose(organizationId), JSON.stringify(remote));
  const takesWorkflows = Object.keys(remote.headers).length === 0 && Object.keys(connectHeaders).length > 0;
  const headers = takesWorkflows ? { headers: await sealStored(deps, organizationId, connectHeaders) } : {};
  return { sealed, address: maskAddress(remote.address), ...headers };
}

/** The credentials that the parameters name, each of which must be the organization's. Undefined where the workflow has no such parameter. */
async function credentialsOf(
  deps: { credentials: Pick<Credentials, "existing"> },
  organizationId: OrganizationId,
  { parameters, names, totpUrl, totpIdentifier }: Runnable["definition"],
  values: JsonObject,
  request: JsonObject,
  hosts: HostPolicy,
  faults: Fault[],
): Promise<RunCredentials | undefined> {
  if (names.credentials.size === 0) return undefined;
  const named = new Map<string, Json>();
  for (const parameter of parameters) {
    if (!names.credentials.has(parameter.key)) continue;
    const value = parameter.parameter_type === "credential" ? credentialIdOf(parameter) : (values[parameter.key] ?? null);
    if (value !== null) named.set(parameter.key, value);
  }
  const ids = [...new Set([...named.values()].filter((id): id is CredentialId => typeof id === "string" && isId("credential", id)))];
  const existing = new Set<Json>(ids.length === 0 ? [] : await deps.credentials.existing(organizationId, ids));
  for (const [key, id] of named) {
    const message =
      typeof id === "string" ? `there is no credential ${id.slice(0, 100)}` : "must be the id of a credential, such as cred_01JD…";
    const path = formatPath(["parameters", key]);
    if (names.credentials.get(key) === key && !existing.has(id)) faults.push({ path, message, code: "invalid_value" });
  }
  const given = (field: "totp_url" | "totp_identifier"): string | null =>
    typeof request[field] === "string" && request[field].trim() !== "" ? request[field].trim() : null;
  const url = given("totp_url") ?? totpUrl;
  const refusal = url === null ? null : checkOutboundUrl(url, hosts);
  if (refusal !== null) faults.push({ ...refusal, path: given("totp_url") === null ? "totp_verification_url" : "totp_url" });
  const byKey = [...names.credentials].flatMap(([key, declared]) => {
    const id = named.get(declared);
    return typeof id === "string" && isId("credential", id) ? [[key, id] as const] : [];
  });
  return { ids: Object.fromEntries(byKey), totpIdentifier: given("totp_identifier") ?? totpIdentifier, totpUrl: url };
}

/** A key of a workflow, with its expression filled in from the parameters; null where there is none. */
function keyOf(
  field: "sequential_key" | "browser_profile_key",
  expression: string | null,
  values: (name: string) => Json | undefined,
  faults: Fault[],
): string | null {
  if (expression === null) return null;
  if (!hasExpression(expression)) return expression;
  try {
    return JSON.stringify(evaluateExpression(parseExpression(expression), values));
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    faults.push({ path: field, message: error.message, code: "invalid_expression" });
    return null;
  }
}
