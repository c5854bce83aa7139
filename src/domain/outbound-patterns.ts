/**
 * Which requests of a browser are held up for the guard to look at. Each that is costs a round trip, so only those are that it could refuse: what
 * an ordinary page loads from public hosts over https is never held up.
 */
import type { Fault } from "./error.ts";
import { checkOutboundUrl, hostOfEntry, type HostPolicy, METADATA_HOSTS, PRIVATE_SUFFIXES } from "./outbound.ts";

/** What a browser may load, in the forms in which it can be told, and what it is to send with it. */
export interface BrowserGuard {
  /** Why an address may not be visited, or null. */
  readonly check: (url: string) => Fault | null;
  /** `guardedPatterns`: what of a page's parts is shown to `check`. Documents are always. */
  readonly heldUp: readonly string[];
  /** `refusedSockets` */
  readonly refusedSockets: readonly string[];
  /** What requests carry besides, whichever tab they are of: names and values by the pattern of the origins that they go to (`matchesOrigin`). */
  readonly headers: Readonly<Record<string, Record<string, string>>>;
}

export function browserGuard(policy: HostPolicy, headers: BrowserGuard["headers"] = {}): BrowserGuard {
  const check = (url: string) => checkOutboundUrl(url, policy);
  return { check, heldUp: guardedPatterns(policy), refusedSockets: refusedSockets(policy), headers };
}

/**
 * Patterns of Chromium's `Fetch.enable`: `*` is any text, and they are matched against the whole address, in which Chromium has folded every
 * notation of a host into one. Over plain http everything is looked at, since no pattern says "without a dot".
 */
export function guardedPatterns({ deniedHosts = [], onlyHosts = [] }: HostPolicy): string[] {
  if (onlyHosts.length > 0) return ["http://*", "https://*"];
  const addresses = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "["].map((first) => `https://${first}*`);
  const names = ["localhost", ...PRIVATE_SUFFIXES.map((suffix) => `*${suffix}`), ...METADATA_HOSTS, ...namesOf(deniedHosts)];
  return ["http://*", ...addresses, ...names.flatMap((name) => [`https://${name}/*`, `https://${name}:*`, `https://${name}.*`])];
}

/** The only hosts that may be reached, as domains without ports; null where there is no such limit, or it cannot be said so. */
export function onlyDomains({ onlyHosts = [] }: HostPolicy): string[] | null {
  const names = namesOf(onlyHosts);
  return names.length === 0 || names.length < onlyHosts.length ? null : [...new Set(names)];
}

/** The hosts of entries, without their ports. Addresses of version 6 stand in brackets and are not among them. */
function namesOf(entries: readonly string[]): string[] {
  return entries.map(hostOfEntry).filter((host) => host !== null && !host.includes(":")) as string[];
}

/** Private networks, as far as a pattern says it: by the first numbers of an address, or the end of a name. */
const PRIVATE_HOSTS = [
  "localhost",
  ...PRIVATE_SUFFIXES.map((suffix) => `*${suffix}`),
  ...["0", "10", "127", "169.254", "192.168", ...Array.from({ length: 16 }, (_, index) => `172.${16 + index}`)].map(
    (start) => `${start}.*`,
  ),
];

/**
 * WebSockets are not among the requests that can be held up; these patterns (`URLPattern`) are refused as a whole by the network.
 * @returns those of private networks and denied hosts, without what overlaps with a host that is allowed
 */
export function refusedSockets({ allowedHosts, deniedHosts = [] }: HostPolicy): string[] {
  const allowed = namesOf(allowedHosts);
  const hosts = PRIVATE_HOSTS.filter((pattern) => !allowed.some((host) => overlaps(pattern, host)));
  return [...hosts, ...namesOf(deniedHosts)].flatMap((host) => [`ws://${host}:*/*`, `wss://${host}:*/*`]);
}

/** May a host match both? Both may begin or end with `*`. */
function overlaps(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  if (pattern.endsWith(".*")) return host.startsWith(pattern.slice(0, -1));
  if (!pattern.startsWith("*.")) return false;
  return host.endsWith(pattern.slice(1)) || (host.startsWith("*.") && pattern.endsWith(host.slice(1)));
}
