/** A browser of the caller's own, by its DevTools endpoint. */
import { type Fault } from "./error.ts";
import { checkOutboundUrl, type HostPolicy } from "./outbound.ts";

/** Where it is, and what is sent when connecting. Both may hold secrets. */
export interface RemoteAddress {
  /** `ws:`, `wss:`, or `http(s):` where `/json/version` tells of the WebSocket. */
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Headers that belong to the connection itself. */
const REFUSED_HEADERS = /^(?:host|upgrade|connection|content-length|transfer-encoding|sec-websocket-.*)$/i;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;

/** What is wrong with an address and its headers, each fault with its path in a run's request. No message repeats a value. */
export function checkRemote({ address, headers }: RemoteAddress, hosts: HostPolicy): Fault[] {
  const faults: Fault[] = [];
  if (!/^(?:wss?|https?):\/\//i.test(address))
    faults.push({ path: "browser_address", message: "must begin with wss://, ws://, https:// or http://", code: "invalid_value" });
  else {
    const refusal = checkOutboundUrl(address.replace(/^ws/i, "http"), hosts);
    if (refusal !== null) faults.push({ ...refusal, path: "browser_address" });
  }
  for (const [name, value] of Object.entries(headers)) {
    const path = `cdp_connect_headers.${name.slice(0, 100)}`;
    if (!HEADER_NAME.test(name) || REFUSED_HEADERS.test(name))
      faults.push({ path, message: "is not a header that can be sent", code: "invalid_value" });
    else if (!HEADER_VALUE.test(value)) faults.push({ path, message: "has a character that no header may have", code: "invalid_value" });
  }
  return faults;
}

/** An address as it may be shown: tokens stand in its query. */
export function maskAddress(address: string): string {
  return address.replace(/[?#].*$/s, "?***");
}

/** For what an address is sealed: it can be opened for runs of the organization alone. */
export function remotePurpose(organizationId: string): string {
  return `browser-address:${organizationId}`;
}
