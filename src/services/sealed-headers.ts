import { describeFaults, type Fault, ServiceError } from "../domain/error.ts";
import { headersPurpose, isSealed, SEALED_FIELDS, toSealed } from "../domain/browser/extra-headers.ts";
import type { OrganizationId } from "../domain/id.ts";
import { isJsonObject, type JsonObject } from "../domain/json.ts";
import { MASK } from "../domain/browser/remote-browser.ts";
import type { Vault } from "../ports/vault.ts";

/** A longer one would be too long for the schema when it is sealed. */
const MAX_VALUE = 5_000;

type Values = Readonly<Record<string, string>>;

interface SealDeps {
  readonly vault: Pick<Vault, "seal">;
}

/** Seals each value of headers that a caller has sent. */
export async function sealValues(deps: SealDeps, organizationId: OrganizationId, values: Values): Promise<Values> {
  const sealed = Object.entries(values).map(async ([name, value]) => [name, await seal(deps, organizationId, value)] as const);
  return Object.fromEntries(await Promise.all(sealed));
}

/** The same for headers that are stored: of a workflow that was saved before values were sealed they still are to be. */
export async function sealStored(deps: SealDeps, organizationId: OrganizationId, values: Values): Promise<Values> {
  const open = Object.entries(values).filter(([, value]) => !isSealed(value));
  return open.length === 0 ? values : { ...values, ...(await sealValues(deps, organizationId, Object.fromEntries(open))) };
}

/**
 * A workflow's definition as it is to be stored: with the values of its headers sealed. One that is sent as `***` is the one that is stored under its name.
 * @param definition checked, as it was sent
 * @param earlier the definition, as it is stored, that `***` means; null for a new workflow
 * @throws ServiceError `invalid_definition` with every fault
 */
export async function sealDefinition(
  deps: SealDeps,
  organizationId: OrganizationId,
  definition: JsonObject,
  earlier: () => Promise<JsonObject | null>,
): Promise<JsonObject> {
  const faults: Fault[] = [];
  const fields: [string, JsonObject][] = [];
  for (const field of SEALED_FIELDS) {
    const sent = valuesOf(definition, field);
    const values: [string, string][] = [];
    const stored = Object.values(sent).includes(MASK) ? valuesOf((await earlier()) ?? {}, field) : {};
    for (const [name, value] of Object.entries(sent)) {
      const path = `${field}.${name}`;
      const kept = Object.hasOwn(stored, name) ? stored[name] : undefined;
      if (value !== MASK) values.push([name, await seal(deps, organizationId, value)]);
      else if (kept !== undefined) values.push([name, isSealed(kept) ? kept : await seal(deps, organizationId, kept)]);
      else
        faults.push({
          path,
          message: "is what is shown in place of a value, and there is none: send the value itself",
          code: "invalid_value",
        });
      if (value.length > MAX_VALUE) faults.push({ path, message: `has more than ${MAX_VALUE} characters`, code: "too_large" });
    }
    if (values.length > 0) fields.push([field, Object.fromEntries(values)]);
  }
  if (faults.length > 0)
    throw new ServiceError("invalid_definition", describeFaults("The workflow definition is not valid", faults), { faults });
  return fields.length === 0 ? definition : { ...definition, ...Object.fromEntries(fields) };
}

async function seal({ vault }: SealDeps, organizationId: OrganizationId, value: string): Promise<string> {
  return toSealed(await vault.seal(headersPurpose(organizationId), value));
}

function valuesOf(definition: JsonObject, field: (typeof SEALED_FIELDS)[number]): Values {
  const values = definition[field];
  return isJsonObject(values) ? (values as Values) : {}; // they were checked to be texts
}
