import ipaddr from "ipaddr.js";
import type { Fault } from "../error.ts";

/** The longest URL that is accepted: what Skyvern accepts. */
export const MAX_URL_LENGTH = 2083;

/** WHATWG URL parsing: a pure function that every runtime has, but that the core's `"types": []` hides. */
declare const URL: { parse(url: string): ParsedUrl | null };
interface ParsedUrl {
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly hostname: string;
  readonly port: string;
}

/** Names that resolve inside a machine, a network or a cluster. Single-label names (`localhost`, `metadata`) are refused for having no dot. */
export const PRIVATE_SUFFIXES = [".localhost", ".localdomain", ".local", ".internal", ".cluster.local", ".svc", ".home.arpa"];

/** Metadata services of clouds under names and addresses that look public. The others are private addresses or end in `.internal`. */
export const METADATA_HOSTS = new Set([
  "metadata.goog",
  "metadata.tencentyun.com",
  "metadata.packet.net",
  "metadata.platformequinix.com",
  "168.63.129.16",
]);

/** Addresses of the public internet lie here; the rest of IPv6 is reserved or, as in `::127.0.0.1`, embeds IPv4 in a form long deprecated. */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR("2000::/3");

/** What an organization may reach. An entry is `intranet`, `shop.internal:8443`, `10.0.0.7`, `[fd00::7]:8080` or `*.example.test` (every name below it, not itself). */
export interface HostPolicy {
  /** May be reached although they are private. */
  readonly allowedHosts: readonly string[];
  /** May not be reached, whatever else is said. Absent in what was stored before there was such a list, like the next. */
  readonly deniedHosts?: readonly string[];
  /** Nothing else may be reached; empty for no such limit. A private host must be among those allowed besides. */
  readonly onlyHosts?: readonly string[];
}

/**
 * The outbound guard: may the service be made to send a request there? It judges the text of the URL, after WHATWG parsing has folded every
 * notation of an address (`0x7f.1`, `2130706433`, full-width digits) into one; a public name that resolves to a private address passes.
 * Only the host is exempted by `allowedHosts`: the scheme, user info and length are checked for all.
 * @returns null, or a fault with an empty path for the caller to place
 */
export function checkOutboundUrl(url: string, policy: HostPolicy): Fault | null {
  const fault = (code: Fault["code"], message: string): Fault => ({ path: "", message, code });
  if (url.length > MAX_URL_LENGTH)
    return fault("too_large", `the URL has ${url.length} characters; at most ${MAX_URL_LENGTH} are accepted`);
  const target = URL.parse(url);
  if (target === null) return fault("invalid_value", "must be an absolute URL such as https://example.com/path");
  if (target.protocol !== "http:" && target.protocol !== "https:") {
    return fault("forbidden_address", `the scheme "${target.protocol}" is not allowed; use https: or http:`);
  }
  if (target.username !== "" || target.password !== "") {
    return fault("forbidden_address", "the URL must not hold a user name or a password; send credentials in a header");
  }
  const host = canonicalHost(target);
  const excluded = exclusionReason(host, target, policy);
  if (excluded !== null) return fault("forbidden_address", `${host} may not be reached: ${excluded}`);
  if (isListed(policy.allowedHosts, host, target)) return null;
  const reason = privateReason(host);
  if (reason === null) return null;
  return fault(
    "forbidden_address",
    `${host} may not be reached: ${reason}. Ask the service's administrator to allow the host "${host}" for your organization`,
  );
}

/** Ports that mail is handed in at (RFC 8314, RFC 6409), and the one that providers offer where those are blocked. */
const MAIL_PORTS = new Set([465, 587, 2525]);

/**
 * The same for a mail server. At hosts that are not on the list only the ports of mail may be reached: with others the service could be made to
 * speak to any server there is.
 * @returns null, or a fault with an empty path for the caller to place
 */
export function checkMailServer({ host, port }: { readonly host: string; readonly port: number }, policy: HostPolicy): Fault | null {
  const fault = (code: Fault["code"], message: string): Fault => ({ path: "", message, code });
  const named = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const target = /[\s/?#@\\]/.test(host) ? null : URL.parse(`http://${named}:${port}`);
  if (target === null) return fault("invalid_value", "must be the name of a mail server such as smtp.example.com");
  const canonical = canonicalHost(target);
  const isExcluded = exclusionReason(canonical, target, policy) !== null;
  if (!isExcluded && isListed(policy.allowedHosts, canonical, target)) return null;
  const refused = checkOutboundUrl(`http://${named}:${port}`, policy);
  if (refused !== null || MAIL_PORTS.has(port)) return refused;
  return fault("forbidden_address", `the port ${port} may not be reached: a mail server is spoken to at ${[...MAIL_PORTS].join(", ")}`);
}

/** Why the organization's own lists exclude this host, or null. */
function exclusionReason(host: string, target: ParsedUrl, { deniedHosts = [], onlyHosts = [] }: HostPolicy): string | null {
  if (isListed(deniedHosts, host, target)) return "it is on your organization's list of denied hosts";
  return onlyHosts.length === 0 || isListed(onlyHosts, host, target)
    ? null
    : "it is not on the list of the only hosts that your organization may reach";
}

/** The host of an entry of a `HostPolicy` as addresses have it, with its `*.`; null when no address could match the entry. */
export function hostOfEntry(entry: string): string | null {
  const wildcard = entry.startsWith("*.");
  const named = wildcard ? entry.slice(2) : entry;
  if (!/^[^\s*/?#@\\]+$/.test(named)) return null;
  const bareV6 = named.split(":").length > 2 && !named.startsWith("[");
  const listed = URL.parse(`http://${bareV6 ? `[${named}]` : named}`);
  return listed === null ? null : `${wildcard ? "*." : ""}${canonicalHost(listed)}`;
}

function isListed(hosts: readonly string[], host: string, target: ParsedUrl): boolean {
  return hosts.some((entry) => isListedBy(entry, host, target));
}

/** Does this host belong to a machine or a private network? Such a server may do without encryption. */
export function isPrivateHost(host: string): boolean {
  const target = URL.parse(`http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}`);
  return target !== null && privateReason(canonicalHost(target)) !== null;
}

/** Why this host is not of the public internet, or null. */
function privateReason(host: string): string | null {
  if (METADATA_HOSTS.has(host)) return "it is the metadata service of a cloud";
  if (ipaddr.isValid(host)) {
    const address = ipaddr.process(host);
    const range = address.range();
    if (range !== "unicast") return `it is not a public address (${spellOut(range)})`;
    if (address.kind() === "ipv6" && !address.match(GLOBAL_UNICAST_V6)) return "it is not a public address (reserved)";
    return null;
  }
  if (!host.includes(".")) return "it is a name of a private network (it has no dot)";
  const suffix = PRIVATE_SUFFIXES.find((ending) => host.endsWith(ending));
  return suffix === undefined ? null : `it is a name of a private network (it ends in ${suffix})`;
}

/** `carrierGradeNat` → `carrier grade nat`. */
function spellOut(range: string): string {
  return range.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** The host without brackets and trailing dots; addresses in their one canonical form, IPv4-mapped IPv6 as IPv4. */
function canonicalHost({ hostname }: ParsedUrl): string {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.+$/, "");
  return ipaddr.isValid(host) ? ipaddr.process(host).toString() : host;
}

function isListedBy(entry: string, host: string, target: ParsedUrl): boolean {
  const wildcard = entry.startsWith("*.");
  const named = wildcard ? entry.slice(2) : entry;
  const bareV6 = named.split(":").length > 2 && !named.startsWith("[");
  const listed = URL.parse(`http://${bareV6 ? `[${named}]` : named}`);
  if (listed === null) return false;
  const port = bareV6 ? undefined : /:(\d+)$/.exec(named)?.[1]; // not `listed.port`, which hides the port 80
  if (port !== undefined && Number(port) !== effectivePort(target)) return false;
  const listedHost = canonicalHost(listed);
  return wildcard ? host.endsWith(`.${listedHost}`) : host === listedHost;
}

function effectivePort({ port, protocol }: ParsedUrl): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

export type OutboundErrorKind = "refused" | "timeout" | "too_large" | "aborted" | "network" | "too_many_redirects";

/** A request that got no answer, or one that may not be used. The message names the method, the address without its query, and the cause. */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
  readonly kind: OutboundErrorKind;

  constructor(kind: OutboundErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

const SECRET_HEADER =
  /^(proxy-)?authorization$|^(set-)?cookie2?$|(^|-)(auth|token|secret|password|passwd|api-?key|credential|session)(-|$)/;

/**
 * Does a header of this name usually hold a credential? Such headers are not sent on to another origin, and not shown in outputs.
 * @param name in any case
 */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADER.test(name.toLowerCase());
}
