import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { isId, type OrganizationId } from "../domain/id.ts";
import type { FileLinks } from "../ports/files.ts";

const REMEMBERED_KEYS = 1_000;

/**
 * Skyvern's signed addresses of files: `?expiry=<unix seconds>&kid=<key>&sig=<HMAC-SHA256, base64url>` over the method, the path, the expiry and
 * the key's name. Nothing is stored. Each organization has a key of its own, named by its id, so that the name says whose file it is.
 * @param secret base64 of the service's key; the links' keys are derived from it
 */
export function createFileLinks(secret: string): FileLinks {
  const master = Buffer.from(secret, "base64");
  const keys = new Map<string, Buffer>();
  const keyOf = (organizationId: OrganizationId): Buffer => {
    const known = keys.get(organizationId);
    if (known !== undefined) return known;
    const key = Buffer.from(hkdfSync("sha256", master, "", `pilotfish file links ${organizationId}`, 32));
    if (keys.size >= REMEMBERED_KEYS) keys.clear();
    keys.set(organizationId, key);
    return key;
  };
  const sign = (organizationId: OrganizationId, path: string, expiry: string): Buffer =>
    createHmac("sha256", keyOf(organizationId)).update(`GET\n${path}\n${expiry}\n${organizationId}`).digest();
  return {
    make(organizationId, path, expiresAt) {
      const expiry = String(Math.floor(expiresAt / 1000));
      const query = new URLSearchParams({ expiry, kid: organizationId, sig: sign(organizationId, path, expiry).toString("base64url") });
      return `${path}?${query.toString()}`;
    },

    check(path, { sig, expiry, kid }, now) {
      if (!isId("organization", kid) || !/^\d{1,12}$/.test(expiry)) return { ok: false, reason: "invalid" };
      const given = Buffer.from(sig, "base64url");
      const wanted = sign(kid, path, expiry);
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return { ok: false, reason: "invalid" };
      return Number(expiry) * 1000 < now ? { ok: false, reason: "expired" } : { ok: true, organizationId: kid };
    },
  };
}
