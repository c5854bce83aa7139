import { type ExtraHeaders, headersByOrigin, headersPurpose, isSealed, sealedText } from "../../domain/browser/extra-headers.ts";
import { type BrowserGuard, browserGuard } from "../../domain/outbound/outbound-patterns.ts";
import type { RunFacts } from "../../domain/run/run.ts";
import type { Vault } from "../../ports/vault.ts";

/** Opens the values of headers that a run keeps sealed. */
export async function openHeaders(
  vault: Pick<Vault, "open">,
  { organizationId }: Pick<RunFacts, "organizationId">,
  values: ExtraHeaders["values"],
): Promise<Record<string, string>> {
  const open = async (value: string) => (isSealed(value) ? await vault.open(headersPurpose(organizationId), sealedText(value)) : value);
  return Object.fromEntries(await Promise.all(Object.entries(values).map(async ([name, value]) => [name, await open(value)] as const)));
}

/** What the browser of a run may load, and what its requests carry besides. */
export async function openGuard(vault: Pick<Vault, "open">, facts: RunFacts): Promise<BrowserGuard> {
  if (facts.headers === undefined) return browserGuard(facts);
  const values = await openHeaders(vault, facts, facts.headers.values);
  return browserGuard(facts, headersByOrigin({ ...facts.headers, values }));
}
