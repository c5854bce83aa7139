/**
 * Takes out of evidence what is secret by its place: credentials in addresses, headers that carry them, and parameters of an address that are
 * named like a secret. What is secret by its value (credentials of a run) is masked besides, by whoever knows them.
 */

/** What stands where a secret was. */
export const MASKED = "***";

const SECRET_HEADERS = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie", "www-authenticate", "proxy-authenticate"]);

/** Names of headers and parameters that hold a secret, or may: rather one too many. */
const SECRET_NAME =
  /pass(word|wd|phrase|code)|^pass$|pwd|secret|token|api[-_]?key|access[-_]?key|auth(?!or)|credential|session|jwt|signature|^(sig|sid|code|key|otp|totp|pin|ticket|assertion|nonce|state)$/i;

const ADDRESS_IN_TEXT = /\b(?:https?|wss?|ftp):\/\/[^\s"'<>\\]+/gi;

/** Longer addresses are cut: some carry whole files. */
const MAX_URL_LENGTH = 2_000;

/** Is this the name of something that holds a secret? */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** `https://ann:secret@x.example/?token=abc#access_token=def` → `https://***@x.example/?token=***#access_token=***`. Otherwise as it was written. */
export function maskUrl(url: string): string {
  if (/^(data|blob|javascript):/i.test(url)) return `${url.slice(0, url.indexOf(":") + 1)}…`;
  const masked = url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${MASKED}@`)
    .replace(/[?#].*$/s, (tail) => tail.replaceAll(/([?&#;])([^=?&#;]+)=([^?&#;]*)/g, maskPair));
  return masked.length > MAX_URL_LENGTH ? `${masked.slice(0, MAX_URL_LENGTH)}…` : masked;
}

function maskPair(whole: string, separator: string, name: string, value: string): string {
  return value !== "" && isSecretName(decodeQuery(name)) ? `${separator}${name}=${MASKED}` : whole;
}

/** Of a name or value in a query; as it is when it is no encoding of anything. */
export function decodeQuery(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** The addresses in a text. */
export function maskUrlsIn(text: string): string {
  return text.replaceAll(ADDRESS_IN_TEXT, maskUrl);
}

/** Is this a header that carries a secret? */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADERS.has(name.toLowerCase()) || isSecretName(name);
}

/** The value of a header as it may be shown. */
export function maskHeader(name: string, value: string): string {
  return isSecretHeader(name) ? MASKED : maskUrlsIn(value);
}
