import type { SignWebhook } from "../ports/deliveries.ts";

const SECRET_PREFIX = "whsec_";

/**
 * Signs by Standard Webhooks 1.0 (`v1`: HMAC-SHA256 of `id.timestamp.body` under the decoded secret), and as Skyvern does, so that its
 * receivers verify unchanged (hexadecimal HMAC-SHA256 of the body), with the secret as text where Skyvern has the API key, of which only a hash is kept.
 */
export const signWebhook: SignWebhook = async (secret, { id, at, body }) => {
  const timestamp = String(Math.floor(at / 1000));
  const [signature, skyvernSignature] = await Promise.all([
    hmac(decodeSecret(secret), `${id}.${timestamp}.${body}`),
    hmac(new TextEncoder().encode(secret), body),
  ]);
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${btoa(String.fromCharCode(...signature))}`,
    "x-skyvern-timestamp": timestamp,
    "x-skyvern-signature": Array.from(skyvernSignature, (byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
};

async function hmac(key: Uint8Array, text: string): Promise<Uint8Array> {
  const cryptoKey = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", cryptoKey, new TextEncoder().encode(text)));
}

function decodeSecret(secret: string): Uint8Array {
  if (!secret.startsWith(SECRET_PREFIX)) throw new Error(`a webhook secret must begin with ${SECRET_PREFIX}`);
  return Uint8Array.from(atob(secret.slice(SECRET_PREFIX.length)), (character) => character.charCodeAt(0));
}
