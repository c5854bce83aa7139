import { z } from "zod";
import { type CredentialSecrets, CREDENTIAL_TYPES, credentialPurpose, SECRET_SCHEMAS, shownOf } from "../domain/credential/credential.ts";
import { type Fault, ServiceError, invalidInput } from "../domain/error.ts";
import { type CredentialId, isId, type OrganizationId } from "../domain/id.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import { faultsOf } from "../domain/workflow/schema-faults.ts";
import { readTotpSecret, totpCode } from "../domain/credential/totp.ts";
import type { Clock } from "../ports/clock.ts";
import type { CredentialFilter, Credentials, StoredCredential } from "../ports/credentials.ts";
import type { IdempotencyKeys } from "../ports/idempotency-keys.ts";
import type { Ids } from "../ports/ids.ts";
import type { Page } from "../ports/page.ts";
import type { Vault } from "../ports/vault.ts";
import { once } from "./idempotency.ts";

const KEPT = "Skyvern's: kept and returned; has no effect here.";

/** Skyvern's fields beside the content. Those for browser profiles and proxies are kept and returned, and have no effect. */
const settingsFields = {
  vault_type: z
    .literal("skyvern", "must be skyvern: this service keeps credentials itself and reads no outside vault")
    .nullish()
    .describe("This service keeps it itself."),
  proxy_location: z.json().optional().describe(KEPT),
  proxy_session_id: z.string().nullish().describe(KEPT),
  rotate_proxy_session_id: z.boolean().nullish().describe(KEPT),
  browser_profile_id: z.string().nullish().describe(KEPT),
  auto_profile_disabled: z.boolean().nullish().describe(KEPT),
  pin_saved_session_ip: z.boolean().nullish().describe(KEPT),
  tested_url: z.string().nullish().describe(KEPT),
} as const;
const nameField = z.string().trim().min(1, "must not be empty").max(200).describe("What people call it.");

export const credentialRequestSchema = z.strictObject({
  name: nameField,
  credential_type: z.enum(CREDENTIAL_TYPES).describe("What it holds."),
  credential: z
    .record(z.string(), z.json())
    .describe(
      "Of a password `{username, password, totp?, totp_type?, totp_identifier?, metadata?}`; of a credit card `{card_number, card_cvv, card_exp_month, " +
        "card_exp_year, card_holder_name, card_brand?, billing_*?}`; of a secret `{secret_value, secret_label?}`. Kept encrypted.",
    ),
  ...settingsFields,
});

export const credentialChangesSchema = z.strictObject({ name: nameField.optional(), ...settingsFields });

export interface CredentialDeps {
  readonly credentials: Credentials;
  readonly vault: Vault;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly idempotencyKeys: IdempotencyKeys;
}

/**
 * Stores a credential. With a key it is stored once, whatever is repeated.
 * @throws ServiceError `invalid_input` with every fault; `idempotency_mismatch`; `conflict` when the one that the key made was deleted
 */
export async function createCredential(
  deps: CredentialDeps,
  organizationId: OrganizationId,
  body: z.infer<typeof credentialRequestSchema>,
  idempotencyKey: string | null,
): Promise<StoredCredential> {
  const { secrets, settings } = readContent(body);
  // The content is no part of what is hashed, for it could be guessed from a hash: a repetition is compared with what was stored.
  const { credential: _credential, ...rest } = body;
  const keyed = {
    organizationId,
    scope: "create_credential",
    key: idempotencyKey,
    request: given(rest),
    newId: deps.ids.next("credential"),
  };
  return await once(deps, keyed, async (credentialId) => {
    const now = deps.clock.now();
    const credential: StoredCredential = {
      organizationId,
      credentialId,
      name: body.name,
      credentialType: body.credential_type,
      shown: shownOf(secrets),
      settings,
      sealed: await seal(deps, organizationId, credentialId, secrets),
      createdAt: now,
      modifiedAt: now,
    };
    if (await deps.credentials.insert(credential)) return credential;
    const made = await deps.credentials.get(organizationId, credentialId);
    if (made !== null) return await requireSame(deps, made, secrets);
    throw new ServiceError("conflict", "The credential that was made with this Idempotency-Key has been deleted. Use another key.");
  });
}

/** Replaces all of it. @throws ServiceError `not_found`, `invalid_input` */
export async function replaceCredential(
  deps: CredentialDeps,
  organizationId: OrganizationId,
  id: string,
  body: z.infer<typeof credentialRequestSchema>,
): Promise<StoredCredential> {
  const credentialId = requireCredentialId(id);
  const { secrets, settings } = readContent(body);
  const sealed = await seal(deps, organizationId, credentialId, secrets);
  const changes = { name: body.name, credentialType: body.credential_type, shown: shownOf(secrets), settings, sealed };
  return (await deps.credentials.update(organizationId, credentialId, changes, deps.clock.now())) ?? noCredential(id);
}

/** Changes the name and the settings that are given. @throws ServiceError `not_found` */
export async function changeCredential(
  deps: CredentialDeps,
  organizationId: OrganizationId,
  id: string,
  { name, ...changed }: z.infer<typeof credentialChangesSchema>,
): Promise<StoredCredential> {
  const { credentialId, settings } = await readCredential(deps, organizationId, id);
  const changes = { ...(name === undefined ? {} : { name }), settings: { ...settings, ...given(changed) } };
  return (await deps.credentials.update(organizationId, credentialId, changes, deps.clock.now())) ?? noCredential(id);
}

/** @throws ServiceError `not_found` */
export async function readCredential(
  deps: Pick<CredentialDeps, "credentials">,
  organizationId: OrganizationId,
  id: string,
): Promise<StoredCredential> {
  return (await deps.credentials.get(organizationId, requireCredentialId(id))) ?? noCredential(id);
}

/** The newest first. */
export async function listCredentials(
  deps: Pick<CredentialDeps, "credentials">,
  organizationId: OrganizationId,
  filter: CredentialFilter,
  page: Page,
): Promise<StoredCredential[]> {
  return await deps.credentials.list(organizationId, filter, page);
}

/** What it holds is gone for good; runs that name it fail where they use it. @throws ServiceError `not_found` */
export async function deleteCredential(
  deps: Pick<CredentialDeps, "credentials" | "clock">,
  organizationId: OrganizationId,
  id: string,
): Promise<void> {
  if (!(await deps.credentials.delete(organizationId, requireCredentialId(id), deps.clock.now()))) noCredential(id);
}

/** The code that its authenticator shows now. @throws ServiceError `not_found`; `conflict` when it has no authenticator's secret */
export async function currentTotpCode(
  deps: Pick<CredentialDeps, "credentials" | "vault" | "clock">,
  organizationId: OrganizationId,
  id: string,
): Promise<{ readonly code: string; readonly secondsLeft: number }> {
  const secrets = await open(deps, await readCredential(deps, organizationId, id));
  const read = secrets.credential_type === "password" && secrets.totp ? readTotpSecret(secrets.totp) : null;
  if (read?.ok !== true) throw new ServiceError("conflict", `The credential ${id} has no secret of an authenticator.`);
  return totpCode(read.totp, deps.clock.now());
}

// ---------------------------------------------------------------------------------------------------------------

/** The content by its type, every fault under `credential`. No message repeats what was sent. */
function readContent(body: z.infer<typeof credentialRequestSchema>): { secrets: CredentialSecrets; settings: JsonObject } {
  const { name: _name, credential_type: type, credential, ...settings } = body;
  const schema = SECRET_SCHEMAS[type];
  const parsed = schema.safeParse(credential);
  if (!parsed.success) {
    const faults = faultsOf(parsed.error, schema, ["credential"]);
    throw invalidInput("The credential is not valid", faults);
  }
  return { secrets: { credential_type: type, ...parsed.data } as CredentialSecrets, settings: given(settings) };
}

function given(settings: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(settings).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

async function requireSame(deps: CredentialDeps, made: StoredCredential, secrets: CredentialSecrets): Promise<StoredCredential> {
  const unchanged = made.modifiedAt === made.createdAt;
  if (!unchanged || JSON.stringify(await open(deps, made)) === JSON.stringify(secrets)) return made;
  const fault: Fault = { path: "Idempotency-Key", message: "was used for a different request", code: "invalid_value" };
  throw new ServiceError(
    "idempotency_mismatch",
    "This Idempotency-Key was used for a different request. Send the same body, or another key.",
    {
      faults: [fault],
      extra: { resource_id: made.credentialId },
    },
  );
}

async function seal(
  deps: Pick<CredentialDeps, "vault">,
  organizationId: OrganizationId,
  credentialId: CredentialId,
  secrets: CredentialSecrets,
): Promise<string> {
  return await deps.vault.seal(credentialPurpose(organizationId, credentialId), JSON.stringify(secrets));
}

async function open(deps: Pick<CredentialDeps, "vault">, credential: StoredCredential): Promise<CredentialSecrets> {
  const { organizationId, credentialId, sealed } = credential;
  return JSON.parse(await deps.vault.open(credentialPurpose(organizationId, credentialId), sealed)) as CredentialSecrets; // as it was sealed
}

/** What has not the form of an id names no credential. */
function requireCredentialId(id: string): CredentialId {
  return isId("credential", id) ? id : noCredential(id);
}

function noCredential(id: string): never {
  throw new ServiceError("not_found", `There is no credential ${id.slice(0, 100)}.`);
}
