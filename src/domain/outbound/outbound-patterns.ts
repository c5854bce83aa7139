/**
 * Which requests of a browser are held up for the guard to look at. Each that is costs a round trip, so only those are that it could refuse: what
 * an ordinary page loads from public hosts over https is never held up.
 */
import type { Fault } from "../error.ts";
import { checkOutboundUrl, hostOfEntry, type HostPolicy, METADATA_HOSTS, PRIVATE_SUFFIXES } from "./outbound.ts";

/** What a browser may load, in the forms in which it can be told, and what it is to send with it. */
export interface BrowserGuard {
  /** Why an address may not be visited, or null. */
  readonly check: (url: string) => Fault | null;
  /** `guardedPatterns`: what of a page's parts is shown to `check`. Documents are always. */
  readonly heldUp: readonly string[];
  /** `socketRules` */
  readonly sockets: readonly SocketRule[];
  /** Are connections that no rule holds to its hosts (WebRTC, WebTransport) not to be had at all? */
  readonly refusesPeers: boolean;
  /** What requests carry besides, whichever tab they are of: names and values by the pattern of the origins that they go to (`matchesOrigin`). */
  readonly headers: Readonly<Record<string, Record<string, string>>>;
}

export function browserGuard(policy: HostPolicy, headers: BrowserGuard["headers"] = {}): BrowserGuard {
  const check = (url: string) => checkOutboundUrl(url, policy);
  const refusesPeers = (policy.onlyHosts ?? []).length > 0;
  return { check, heldUp: guardedPatterns(policy), sockets: socketRules(policy), refusesPeers, headers };
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

/** A rule for WebSockets: what the pattern (`URLPattern`) matches is refused, or let through. */
export interface SocketRule {
  readonly urlPattern: string;
  readonly refused: boolean;
}

/**
 * WebSockets are not among the requests that can be held up: the network decides on them by these rules, of which the first that matches counts.
 * Where only some hosts may be reached, those are named. Otherwise a name of the internet is let through, which has a dot and ends in a letter; names
 * of private networks are not, and neither are bare addresses: a pattern cannot say which of those are private, since Chromium takes the beginning of an
 * address in it for an address of its own (`10.*` for `0.0.0.10*`).
 */
export function socketRules(policy: HostPolicy): SocketRule[] {
  const { allowedHosts, deniedHosts = [], onlyHosts = [] } = policy;
  const mayBeReached = [...onlyHosts, ...allowedHosts].filter((entry) => isLetThrough(entry, policy));
  return [
    ...deniedHosts.flatMap((entry) => rulesFor(entry, true)),
    ...mayBeReached.flatMap((entry) => rulesFor(entry, false)),
    ...(onlyHosts.length > 0 ? [] : NAMES_OF_THE_INTERNET),
    ...inBothSchemes("*", true),
  ];
}

const NAMES_OF_THE_INTERNET: readonly SocketRule[] = [
  ...[...PRIVATE_SUFFIXES.map((suffix) => `*${suffix}`), ...METADATA_HOSTS].flatMap((name) => inBothSchemes(name, true)),
  ...Array.from("abcdefghijklmnopqrstuvwxyz", (last) => inBothSchemes(`*.*${last}`, false)).flat(),
];

/** May what the entry of a list stands for be reached, as far as all lists are concerned? */
function isLetThrough(entry: string, policy: HostPolicy): boolean {
  const named = entry.startsWith("*.") ? `any${entry.slice(1)}` : entry;
  const host = named.split(":").length > 2 && !named.startsWith("[") ? `[${named}]` : named;
  return checkOutboundUrl(`http://${host}/`, policy) === null;
}

/** For an entry of a `HostPolicy`, with its port; none when no address could match it. */
function rulesFor(entry: string, refused: boolean): SocketRule[] {
  const host = hostOfEntry(entry);
  if (host === null) return [];
  const port = host.includes(":") ? /\]:(\d+)$/.exec(entry)?.[1] : /:(\d+)$/.exec(entry)?.[1];
  return inBothSchemes(host.includes(":") ? `[${host.replaceAll(":", "\\:")}]` : host, refused, port);
}

function inBothSchemes(host: string, refused: boolean, port = "*"): SocketRule[] {
  return ["ws", "wss"].map((scheme) => ({ urlPattern: `${scheme}://${host}:${port}/*`, refused }));
}
