import type { Vault } from "../ports/vault.ts";

/** The scheme that a ciphertext was made by: the first part of `v1.<nonce>.<ciphertext>`, both base64url. */
const SCHEME = "v1";

/**
 * AES-256-GCM. The purpose is authenticated and not stored: a ciphertext opens only for the purpose that it was sealed for.
 * @param secret 32 bytes in base64, the service's key; losing it loses everything that was sealed
 */
export function createVault(secret: string): Vault {
  const bytes = Buffer.from(secret, "base64");
  if (bytes.length !== 32) throw new Error(`The vault's key must be 32 bytes in base64; it has ${bytes.length}`);
  let imported: Promise<CryptoKey> | undefined;
  const useKey = () => (imported ??= crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]));
  return {
    async seal(purpose, text) {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const sealed = await crypto.subtle.encrypt(algorithm(iv, purpose), await useKey(), new TextEncoder().encode(text));
      return [SCHEME, Buffer.from(iv).toString("base64url"), Buffer.from(sealed).toString("base64url")].join(".");
    },

    async open(purpose, sealed) {
      const [scheme, iv, ciphertext] = sealed.split(".");
      if (scheme !== SCHEME || iv === undefined || ciphertext === undefined) throw new Error("Not a sealed text of a known scheme");
      const opened = await crypto.subtle.decrypt(
        algorithm(Buffer.from(iv, "base64url"), purpose),
        await useKey(),
        Buffer.from(ciphertext, "base64url"),
      );
      return new TextDecoder().decode(opened);
    },
  };
}

function algorithm(iv: Uint8Array, purpose: string) {
  return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(purpose) };
}
