/** A browser that is not of the service: of a run's caller, or of an organization; by its DevTools endpoint. */
import { z } from "zod";
import { type Fault } from "../error.ts";
import { checkOutboundUrl, type HostPolicy, MAX_URL_LENGTH } from "../outbound/outbound.ts";

/** Where it is, and what is sent when connecting. Both may hold secrets. */
export interface RemoteAddress {
  /** `ws:`, `wss:`, or `http(s):` where `/json/version` tells of the WebSocket. */
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The one that an organization has set for its runs. */
export interface OrganizationBrowser {
  /** `RemoteAddress`, sealed for `remotePurpose`. */
  readonly sealed: string;
  /** As it may be shown (`maskAddress`). */
  readonly address: string;
  /** The names of its headers. */
  readonly headers: readonly string[];
}

/** The fields that name one, of a run's request and of an organization. */
export const addressField = z.string().max(MAX_URL_LENGTH);
export const connectHeadersField = z
  .record(z.string(), z.string().max(8_000))
  .refine((headers) => Object.keys(headers).length <= 20, "may have 20 headers");

interface RemoteFields {
  readonly browser_address?: string | null | undefined;
  readonly cdp_connect_headers?: Readonly<Record<string, string>> | null | undefined;
}

/** The browser that they name; null when they name none. */
export function remoteOf({ browser_address: address, cdp_connect_headers: headers }: RemoteFields): RemoteAddress | null {
  return address == null || address.trim() === "" ? null : { address: address.trim(), headers: headers ?? {} };
}

/** Headers are of an address: alone they would go to whichever there is. */
export function headersAloneFaults(fields: { readonly [Name in keyof RemoteFields]?: unknown }): Fault[] {
  if (fields.cdp_connect_headers == null || fields.browser_address != null) return [];
  return [{ path: "cdp_connect_headers", message: "goes with browser_address only", code: "invalid_value" }];
}

/** What stands where a value was, in what is shown. */
export const MASK = "***";

/** Headers that belong to the connection itself. */
const REFUSED_HEADERS = /^(?:host|upgrade|connection|content-length|transfer-encoding|sec-websocket-.*)$/i;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;
const SHOWN = "is what is shown in place of the value: send the value itself";

/** What is wrong with an address and its headers, each fault with its path in the request. No message repeats a value. */
export function checkRemote({ address, headers }: RemoteAddress, hosts: HostPolicy): Fault[] {
  const faults: Fault[] = [];
  if (!/^(?:wss?|https?):\/\//i.test(address))
    faults.push({ path: "browser_address", message: "must begin with wss://, ws://, https:// or http://", code: "invalid_value" });
  else if (address.endsWith(MASK)) faults.push({ path: "browser_address", message: SHOWN, code: "invalid_value" });
  else {
    const refusal = checkOutboundUrl(address.replace(/^ws/i, "http"), hosts);
    if (refusal !== null) faults.push({ ...refusal, path: "browser_address" });
  }
  for (const [name, value] of Object.entries(headers)) {
    const path = `cdp_connect_headers.${name.slice(0, 100)}`;
    if (!HEADER_NAME.test(name) || REFUSED_HEADERS.test(name))
      faults.push({ path, message: "is not a header that can be sent", code: "invalid_value" });
    else if (value === MASK) faults.push({ path, message: SHOWN, code: "invalid_value" });
    else if (!HEADER_VALUE.test(value)) faults.push({ path, message: "has a character that no header may have", code: "invalid_value" });
  }
  return faults;
}

/** An address as it may be shown, as far as its host: tokens stand in its query, and with some providers in its path. */
export function maskAddress(address: string): string {
  return address.replace(/^([a-z]+:\/\/[^/?#]*)[/?#].+$/is, `$1/${MASK}`);
}

/** Headers as they may be shown. */
export function maskValues(headers: readonly string[]): Record<string, string> {
  return Object.fromEntries(headers.map((name) => [name, MASK]));
}

/** For what an address is sealed: it can be opened for runs of the organization alone. */
export function remotePurpose(organizationId: string): string {
  return `browser-address:${organizationId}`;
}
