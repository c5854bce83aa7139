import { BlockError } from "../../blocks/block.ts";
import { credentialReads } from "../../domain/credential/credential-reads.ts";
import { credentialPurpose, type CredentialSecrets, fieldOf, isSecretField } from "../../domain/credential/credential.ts";
import { type Expression, findExpressions, parseExpression } from "../../domain/expression.ts";
import { secretHeaderValues } from "../../domain/browser/extra-headers.ts";
import type { CredentialId } from "../../domain/id.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import { webhookSecretPurpose } from "../../domain/organization.ts";
import { OutboundError } from "../../domain/outbound/outbound.ts";
import type { RunCredentials, RunFacts } from "../../domain/run/run.ts";
import { readVerificationCode } from "../../domain/credential/totp-message.ts";
import { MIN_SECONDS_LEFT, readTotpSecret, totpCode, totpCodePurpose } from "../../domain/credential/totp.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Credentials, StoredCredential } from "../../ports/credentials.ts";
import type { SignWebhook } from "../../ports/deliveries.ts";
import type { HttpClientFor } from "../../ports/http.ts";
import type { Ids } from "../../ports/ids.ts";
import type { Organizations } from "../../ports/organizations.ts";
import type { TotpCodes } from "../../ports/totp-codes.ts";
import type { Vault } from "../../ports/vault.ts";
import { openHeaders } from "./run-headers.ts";
import type { Lookup } from "./run-scope.ts";
import { SecretMask } from "./secret-mask.ts";

/** How often a run that waits for a one-time code looks for it, and how often it asks another server. */
const LOOK_EVERY_MS = 5_000;
const ASK_EVERY_MS = 10_000;
/** How long a run waits for a one-time code. */
const WAIT_FOR_CODE_MS = 15 * 60_000;
const PULL_TIMEOUT_MS = 10_000;
const PULL_BYTES = 10_000;

export interface SecretDeps {
  readonly clock: Clock;
  readonly ids: Pick<Ids, "next">;
  readonly vault: Pick<Vault, "open">;
  readonly credentials: Pick<Credentials, "get">;
  readonly totpCodes: Pick<TotpCodes, "take">;
  readonly organizations: Pick<Organizations, "get">;
  readonly httpFor: HttpClientFor;
  readonly sign: SignWebhook;
}

const NO_CREDENTIALS: RunCredentials = { ids: {}, totpIdentifier: null, totpUrl: null };

interface OpenedCredential {
  readonly stored: StoredCredential;
  readonly secrets: CredentialSecrets;
}

/**
 * The secrets of one attempt at a block: read when the attempt begins, given to its fields, and taken out of whatever it gives back. They are
 * nowhere else. What is taken out is every secret of every credential that the run may use, for a page may show what an earlier block typed, and
 * those of the headers that its pages are asked for with.
 */
export class AttemptSecrets {
  readonly mask = new SecretMask();
  readonly #deps: SecretDeps;
  readonly #facts: RunFacts;
  readonly #credentials: RunCredentials;
  readonly #signal: AbortSignal;
  /** How often this block has looked for a one-time code before. */
  readonly #waits: number;
  #codes = new Map<CredentialId, string>();

  constructor(deps: SecretDeps, facts: RunFacts, attempt: { signal: AbortSignal; waits: number }) {
    this.#deps = deps;
    this.#facts = facts;
    this.#credentials = facts.credentials ?? NO_CREDENTIALS;
    this.#signal = attempt.signal;
    this.#waits = attempt.waits;
  }

  /**
   * Reads what the block's fields name.
   * @returns the names as the block's fields see them
   * @throws BlockError when a credential is gone, has no such field, or has no one-time code yet
   */
  async resolve(config: JsonObject, scope: Lookup): Promise<(name: string, expression: Expression) => Json | undefined> {
    const { ids } = this.#credentials;
    const keys = { has: (key: string) => Object.hasOwn(ids, key) };
    const wanted = new Map<string, Set<string>>();
    for (const { source } of findExpressions(config)) {
      for (const { key, field } of credentialReads(parseExpression(source), keys)) {
        if (field !== null) wanted.set(key, (wanted.get(key) ?? new Set()).add(field));
      }
    }
    await this.#hideHeaders();
    const opened = await this.#openAll();
    const values = new Map<string, Json>();
    for (const [key, fields] of wanted) {
      const id = ids[key]!;
      const credential = opened.get(id);
      if (credential === undefined) {
        throw new BlockError(`The credential ${id}, which the parameter "${key}" names, has been deleted. Give the run another one.`);
      }
      const entries = [];
      for (const field of fields) entries.push([field, await this.#valueOf(key, credential, field)] as const);
      values.set(key, Object.fromEntries(entries));
    }
    return (name, expression) => {
      const fields = values.get(name);
      return fields !== undefined && readsFields(expression, name) ? fields : scope(name); // by itself it is the credential's id
    };
  }

  /** A page may show what its requests carry. */
  async #hideHeaders(): Promise<void> {
    const { headers } = this.#facts;
    if (headers === undefined) return;
    for (const secret of secretHeaderValues(await openHeaders(this.#deps.vault, this.#facts, headers.values))) this.mask.add(secret);
  }

  async #openAll(): Promise<Map<CredentialId, OpenedCredential>> {
    const opened = new Map<CredentialId, OpenedCredential>();
    const { organizationId } = this.#facts;
    for (const id of new Set(Object.values(this.#credentials.ids))) {
      const stored = await this.#deps.credentials.get(organizationId, id);
      if (stored === null) continue;
      const text = await this.#deps.vault.open(credentialPurpose(organizationId, id), stored.sealed);
      const secrets = JSON.parse(text) as CredentialSecrets; // as it was sealed
      for (const [field, value] of Object.entries(secrets)) if (isSecretField(field) && typeof value === "string") this.mask.add(value);
      const totp = secrets.credential_type === "password" && secrets.totp ? readTotpSecret(secrets.totp) : null;
      if (totp?.ok === true) this.mask.add(totp.totp.secret.base32); // also where it was stored as a whole address
      opened.set(id, { stored, secrets });
    }
    return opened;
  }

  async #valueOf(key: string, { stored, secrets }: OpenedCredential, field: string): Promise<Json> {
    if (field === "totp" && secrets.credential_type === "password") return await this.#codeOf(key, stored, secrets);
    const value = fieldOf(secrets, field);
    if (value !== undefined) return value;
    const type = stored.credentialType.replace("_", " ");
    throw new BlockError(`'${key}.${field}' is undefined: the credential "${stored.name}" (${type}) has no ${field}.`);
  }

  // -------------------------------------------------------------------------------------------- one-time codes

  /** By its authenticator's secret; else one that was sent in; else one that another server is asked for. The same for the whole attempt. */
  async #codeOf(key: string, stored: StoredCredential, secrets: CredentialSecrets & { credential_type: "password" }): Promise<string> {
    const known = this.#codes.get(stored.credentialId);
    if (known !== undefined) return known;
    const code = await this.#newCode(key, stored, secrets);
    this.mask.add(code);
    this.#codes.set(stored.credentialId, code);
    return code;
  }

  async #newCode(key: string, stored: StoredCredential, secrets: CredentialSecrets & { credential_type: "password" }): Promise<string> {
    if (secrets.totp) return await this.#codeOfAuthenticator(key, secrets.totp);
    const { totpUrl } = this.#credentials;
    const identifier = secrets.totp_identifier?.trim() || this.#credentials.totpIdentifier;
    if (identifier === null && totpUrl === null) {
      throw new BlockError(
        `'${key}.totp' is undefined: the credential "${stored.name}" has neither a secret of an authenticator nor a totp_identifier, and the run has neither totp_identifier nor totp_url.`,
      );
    }
    const code = (identifier === null ? null : await this.#takeSent(identifier)) ?? (totpUrl === null ? null : await this.#ask(totpUrl));
    if (code !== null) return code;
    const everyMs = totpUrl === null ? LOOK_EVERY_MS : ASK_EVERY_MS;
    const where = [identifier === null ? null : `sent in for "${identifier}"`, totpUrl === null ? null : "from totp_url"].filter(
      (text) => text !== null,
    );
    if ((this.#waits + 1) * everyMs > WAIT_FOR_CODE_MS) {
      throw new BlockError(`No one-time code came in ${WAIT_FOR_CODE_MS / 60_000} minutes (${where.join(" or ")}).`);
    }
    // Nothing is held while the run waits: the attempt ends, and the next one looks again.
    throw new BlockError(`Waiting for a one-time code, ${where.join(" or ")}.`, { errorClass: "resource", retryAfterMs: everyMs });
  }

  async #codeOfAuthenticator(key: string, text: string): Promise<string> {
    const read = readTotpSecret(text);
    if (!read.ok) throw new BlockError(`'${key}.totp' cannot be made: the stored secret ${read.message}.`);
    const { code, secondsLeft } = totpCode(read.totp, this.#deps.clock.now());
    if (secondsLeft >= MIN_SECONDS_LEFT) return code;
    await this.#wait(secondsLeft * 1000);
    return totpCode(read.totp, this.#deps.clock.now()).code;
  }

  async #takeSent(totpIdentifier: string): Promise<string | null> {
    const { organizationId, workflowPermanentId: workflowId, runId: workflowRunId } = this.#facts;
    const now = this.#deps.clock.now();
    const taken = await this.#deps.totpCodes.take(organizationId, { totpIdentifier, workflowId, workflowRunId }, now);
    return taken === null ? null : await this.#deps.vault.open(totpCodePurpose(organizationId, taken.totpCodeId), taken.sealed);
  }

  /** Skyvern's way to fetch a code: a POST signed like a webhook. Anything but a code in a 200 means that there is none yet. */
  async #ask(url: string): Promise<string | null> {
    const { organizationId, runId, workflowPermanentId } = this.#facts;
    const organization = await this.#deps.organizations.get(organizationId);
    if (organization === null || organization.sealedWebhookSecret === "") {
      throw new BlockError("totp_url cannot be asked: the organization has no webhook secret to sign the request with.");
    }
    const secret = await this.#deps.vault.open(webhookSecretPurpose(organizationId), organization.sealedWebhookSecret);
    const body = JSON.stringify({ task_id: null, workflow_run_id: runId, workflow_permanent_id: workflowPermanentId });
    const signature = await this.#deps.sign(secret, { id: this.#deps.ids.next("request"), at: this.#deps.clock.now(), body });
    try {
      const response = await this.#deps.httpFor(this.#facts).send({
        method: "POST",
        url,
        headers: { "content-type": "application/json", ...signature },
        body,
        timeoutMs: PULL_TIMEOUT_MS,
        followRedirects: false,
        signal: this.#signal,
        keepBytes: PULL_BYTES,
      });
      return response.status === 200 ? readVerificationCode(new TextDecoder().decode(response.body)) : null;
    } catch (error) {
      if (error instanceof OutboundError && error.kind === "refused") throw new BlockError(`totp_url: ${error.message}`, { cause: error });
      if (error instanceof OutboundError) return null; // asked again
      throw error;
    }
  }

  async #wait(ms: number): Promise<void> {
    this.#signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(this.#signal.reason instanceof Error ? this.#signal.reason : new Error("the block is over"));
      };
      const timer = setTimeout(() => {
        this.#signal.removeEventListener("abort", stop);
        resolve();
      }, ms);
      this.#signal.addEventListener("abort", stop, { once: true });
    });
  }
}

function readsFields(expression: Expression, key: string): boolean {
  return credentialReads(expression, new Set([key])).some(({ field }) => field !== null);
}
