/** Headers that the requests of a run's pages carry besides the browser's own: Skyvern's `extra_http_headers`, of a run or its workflow. */
import { z } from "zod";
import type { Fault } from "../error.ts";
import { isSecretHeader } from "../evidence/evidence-mask.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { MASK } from "./remote-browser.ts";
import { browserHeaderReason, EVERY_ORIGIN, headerFormFault, headerValueFault, originPatternFault } from "./tab-settings.ts";

export interface ExtraHeaders {
  /** Names to values, each of which is sealed wherever it is kept (`isSealed`). */
  readonly values: Readonly<Record<string, string>>;
  /** Patterns of the origins that get them (`matchesOrigin`). */
  readonly origins: readonly string[];
}

const MAX_HEADERS = 50;

export const extraHeadersField = z
  .record(z.string(), z.string())
  .superRefine((headers, context) => {
    for (const [name, value] of Object.entries(headers)) {
      const message = headerFormFault(name) ?? headerValueFault(value);
      if (message !== null) context.addIssue({ code: "custom", path: [name], message });
    }
  })
  .refine((headers) => Object.keys(headers).length <= MAX_HEADERS, `may have ${MAX_HEADERS} headers`);

export const headerOriginsField = z
  .array(
    z.string().superRefine((pattern, context) => {
      const message = pattern === EVERY_ORIGIN ? null : originPatternFault(pattern);
      if (message !== null) context.addIssue({ code: "custom", message });
    }),
  )
  .min(1)
  .max(MAX_HEADERS);

/** What a run, or a workflow, says of them; null where it says nothing. */
export interface HeadersWish {
  readonly values: ExtraHeaders["values"] | null;
  readonly origins: ExtraHeaders["origins"] | null;
}

export function headersWishOf(fields: {
  readonly extra_http_headers?: Readonly<Record<string, string>> | null | undefined;
  readonly extra_http_headers_origins?: readonly string[] | null | undefined;
}): HeadersWish {
  const origins = fields.extra_http_headers_origins?.map((origin) => origin.replace(/\/$/, "")) ?? null;
  return { values: fields.extra_http_headers ?? null, origins };
}

/** What the run says counts before what the workflow says. Where nobody says whom they are for they go to every site, as in Skyvern. */
export function extraHeaders(workflow: HeadersWish, run: HeadersWish): ExtraHeaders | null {
  const values = run.values ?? workflow.values ?? {};
  return Object.keys(values).length === 0 ? null : { values, origins: run.origins ?? workflow.origins ?? [EVERY_ORIGIN] };
}

/** Those that the browser sets itself are not sent: a warning for each. */
export function unsentHeaders(values: unknown): Fault[] {
  return Object.keys(isJsonObject(values) ? values : {}).flatMap((name): Fault[] => {
    const reason = browserHeaderReason(name);
    const message = `"${name}" is kept, and not sent: it ${reason}`;
    return reason === null ? [] : [{ path: `extra_http_headers.${name}`, message, code: "no_effect" }];
  });
}

/** As the settings of a tab have them. @param headers opened */
export function headersByOrigin({ values, origins }: ExtraHeaders): Record<string, Record<string, string>> {
  const sent = Object.fromEntries(Object.entries(values).filter(([name]) => browserHeaderReason(name) === null));
  return Object.keys(sent).length === 0 ? {} : Object.fromEntries(origins.map((origin) => [origin, sent]));
}

/** A shorter value is no secret worth the name, and would be found in too much that has nothing to do with it. */
const MIN_SECRET_LENGTH = 6;
/** One word with a digit in it, this long or longer: a token, whatever its header is called. */
const TOKEN = /^(?=.*\d)\S{16,}$/;

/**
 * What must not be seen of them anywhere, by its value: of headers that are named like a secret, also without the scheme before it (`Bearer …`),
 * and what looks like a token. `x-team: production` is none, for it would be taken out of whatever a page says.
 * @param values opened
 */
export function secretHeaderValues(values: ExtraHeaders["values"]): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const [, credentials] = /^[A-Za-z][\w-]* (\S+)$/.exec(value) ?? [];
    const parts = isSecretHeader(name) ? [value, ...(credentials === undefined ? [] : [credentials])] : TOKEN.test(value) ? [value] : [];
    return parts.filter((part) => part.length >= MIN_SECRET_LENGTH);
  });
}

/** How a sealed value begins, where it is kept. */
const SEALED = "sealed:";

export function isSealed(value: string): boolean {
  return value.startsWith(SEALED);
}

/** @param text what the vault made of the value */
export function toSealed(text: string): string {
  return SEALED + text;
}

/** What the vault is to open. */
export function sealedText(value: string): string {
  return value.slice(SEALED.length);
}

/** Fields of a workflow whose values are kept sealed, and are shown as `***`. */
export const SEALED_FIELDS = ["extra_http_headers", "cdp_connect_headers"] as const;

/** A workflow's definition as it may be shown. */
export function maskSealedFields(definition: JsonObject): JsonObject {
  const masked = SEALED_FIELDS.flatMap((field) => {
    const values = definition[field];
    return isJsonObject(values) ? [[field, Object.fromEntries(Object.keys(values).map((name) => [name, MASK]))] as const] : [];
  });
  return masked.length === 0 ? definition : { ...definition, ...Object.fromEntries(masked) };
}

/** For what the values are sealed: they can be opened for runs of the organization alone. */
export function headersPurpose(organizationId: string): string {
  return `headers:${organizationId}`;
}
