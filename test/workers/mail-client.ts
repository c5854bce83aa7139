import { inject } from "vitest";
import type { ReceivedMail } from "./mail-receiver.ts";

/** A recipient that no other test writes to. */
export function newAddress(domain = "example.test"): string {
  return `${crypto.randomUUID()}@${domain}`;
}

/** What has come for this address, in order. */
export async function mailsTo(address: string): Promise<ReceivedMail[]> {
  return await (await fetch(`http://127.0.0.1:${inject("mailPorts").box}/${encodeURIComponent(address)}`)).json();
}
