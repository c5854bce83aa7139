import { z } from "zod";
import type { Decision, DecisionTokens } from "../ports/decision-tokens.ts";

const decisionSchema = z.object({
  organizationId: z.templateLiteral(["o_", z.string()]),
  runId: z.templateLiteral(["wr_", z.string()]),
  path: z.string(),
  attempt: z.int(),
});

/**
 * Tokens for links that decide: what is decided and an HMAC-SHA256 over it, both base64url. Nothing is stored: that a question is answered once
 * is the run's to see to.
 * @param secret base64 of the service's key; the tokens' own is derived from it
 */
export function createDecisionTokens(secret: string): DecisionTokens {
  let key: Promise<CryptoKey> | null = null;
  const keyOf = () => (key ??= deriveKey(secret));
  return {
    async make(decision) {
      const text = JSON.stringify(decision);
      const signature = await crypto.subtle.sign("HMAC", await keyOf(), encode(text));
      return `${toBase64Url(encode(text))}.${toBase64Url(new Uint8Array(signature))}`;
    },
    async read(token) {
      const [text, signature] = token.split(".").map(fromBase64Url);
      if (!text || !signature || !(await crypto.subtle.verify("HMAC", await keyOf(), signature, text))) return null;
      const parsed = decisionSchema.safeParse(JSON.parse(new TextDecoder().decode(text)));
      return parsed.success ? (parsed.data satisfies Decision) : null;
    },
  };
}

async function deriveKey(secret: string): Promise<CryptoKey> {
  const master = await crypto.subtle.importKey(
    "raw",
    Uint8Array.from(atob(secret), (char) => char.charCodeAt(0)),
    "HKDF",
    false,
    ["deriveKey"],
  );
  const purpose = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: encode("pilotfish decision tokens") };
  return await crypto.subtle.deriveKey(purpose, master, { name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign", "verify"]);
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text));
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[\w-]+$/.test(text)) return null;
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
