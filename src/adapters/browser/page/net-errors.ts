/** Chromium's network errors that the same request will get again. The rest (refused, reset, timed out, not resolved) may pass. */
const LASTING =
  /^net::ERR_(INVALID_|UNKNOWN_URL_SCHEME|DISALLOWED_URL_SCHEME|UNSAFE_|TOO_MANY_REDIRECTS|CERT_|SSL_|BAD_SSL|BLOCKED_BY_|ACCESS_DENIED|FILE_NOT_FOUND|INVALID_RESPONSE)/;

const IN_WORDS: Readonly<Record<string, string>> = {
  "net::ERR_CONNECTION_REFUSED": "the server refuses the connection",
  "net::ERR_CONNECTION_RESET": "the server broke the connection off",
  "net::ERR_CONNECTION_CLOSED": "the server closed the connection",
  "net::ERR_EMPTY_RESPONSE": "the server closed the connection without an answer",
  "net::ERR_NAME_NOT_RESOLVED": "there is no such host",
  "net::ERR_TOO_MANY_REDIRECTS": "it redirects without end",
  "net::ERR_CERT_AUTHORITY_INVALID": "its certificate is not of a known authority",
  "net::ERR_CERT_DATE_INVALID": "its certificate has expired or is not yet valid",
  "net::ERR_CERT_COMMON_NAME_INVALID": "its certificate is for another host",
};

/** Does this error of a navigation go away by itself? */
export function classOfNetError(error: string): "temporary" | "block" {
  return LASTING.test(error) ? "block" : "temporary";
}

/** `the server refuses the connection (net::ERR_CONNECTION_REFUSED)` */
export function describeNetError(error: string): string {
  const words = IN_WORDS[error];
  return words === undefined ? error : `${words} (${error})`;
}
