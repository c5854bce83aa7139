/** Stored credentials: what they hold, what of it may be shown, and what a run may read. Fields are Skyvern's (1.0.50). */
import { z } from "zod";
import type { CredentialId, OrganizationId } from "../id.ts";
import type { Json, JsonObject } from "../json.ts";
import { readTotpSecret } from "./totp.ts";

export const CREDENTIAL_TYPES = ["password", "credit_card", "secret"] as const;
export type CredentialType = (typeof CREDENTIAL_TYPES)[number];

const TOTP_TYPES = ["authenticator", "email", "text", "passkey", "none"] as const;
/** Characters of one field. */
const MAX_FIELD_LENGTH = 10_000;

const plain = z.string().max(500);
const filled = z.string().min(1, "must not be empty").max(MAX_FIELD_LENGTH);

const passwordSchema = z.strictObject({
  username: plain.describe("Shown in answers."),
  password: z.string().max(MAX_FIELD_LENGTH).describe("Never shown."),
  totp: z
    .string()
    .max(MAX_FIELD_LENGTH)
    .nullish()
    .superRefine((text, context) => {
      const read = text == null || text.trim() === "" ? null : readTotpSecret(text);
      if (read?.ok === false) context.addIssue({ code: "custom", message: read.message });
    })
    .describe("The secret of an authenticator app, as base32 text or an `otpauth://totp/…` address. Never shown."),
  totp_type: z.enum(TOTP_TYPES).default("none").describe("How the site asks for a one-time code."),
  totp_identifier: plain
    .nullish()
    .describe("By what name codes are sent to `POST /v1/credentials/totp`: an e-mail address, a phone number."),
  metadata: z.record(z.string(), z.json()).nullish().describe("Kept encrypted, never shown, and not readable by expressions."),
});

const isBilling = (name: string): boolean => /^billing_\w{1,60}$/.test(name);
const cardFields = {
  card_number: z
    .string()
    .max(40)
    .transform((text) => text.replaceAll(/[\s-]/g, ""))
    .refine(
      (digits) => /^\d{12,19}$/.test(digits) && passesLuhn(digits),
      "is not the number of a card: its digits do not fit together (Luhn)",
    )
    .describe("12 to 19 digits; spaces and dashes are taken out. Never shown but for the last four."),
  card_cvv: z
    .string()
    .regex(/^\d{3,4}$/, "must be 3 or 4 digits")
    .describe("Never shown."),
  card_exp_month: z.string().regex(/^(0?[1-9]|1[0-2])$/, "must be a month, 01 to 12"),
  card_exp_year: z.string().regex(/^(\d{2}|\d{4})$/, "must be a year of two or four digits"),
  card_brand: plain.nullish().describe("Made from the number when absent."),
  card_holder_name: plain,
};
const cardSchema = z
  .object(cardFields)
  .catchall(z.union([plain, z.null()]))
  .superRefine((card, context) => {
    for (const field of Object.keys(card)) {
      if (field in cardFields || isBilling(field)) continue;
      const names = Object.keys(cardFields).join(", ");
      context.addIssue({
        code: "custom",
        path: [field],
        message: `unknown field "${field}"; a card has ${names}, and fields that begin with billing_`,
      });
    }
  });

const secretSchema = z.strictObject({
  secret_value: filled.describe("Never shown."),
  secret_label: plain.nullish().describe("Shown in answers."),
});

export const SECRET_SCHEMAS = { password: passwordSchema, credit_card: cardSchema, secret: secretSchema } as const;

/** What a credential holds, as it is sealed. */
export type CredentialSecrets =
  | ({ readonly credential_type: "password" } & z.infer<typeof passwordSchema>)
  | ({ readonly credential_type: "credit_card" } & z.infer<typeof cardSchema>)
  | ({ readonly credential_type: "secret" } & z.infer<typeof secretSchema>);

/** Fields that expressions may read, of every type. A card has its `billing_*` fields besides. */
export const CREDENTIAL_FIELDS = [
  "username",
  "password",
  "totp",
  "totp_identifier",
  "card_number",
  "card_cvv",
  "card_exp_month",
  "card_exp_year",
  "card_brand",
  "card_holder_name",
  "secret_value",
  "secret_label",
] as const;

/** Fields whose values are searched for in everything that a block gives back. The others are shown by the API. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(["password", "totp", "card_number", "card_cvv", "secret_value"]);

export function isSecretField(field: string): boolean {
  return SECRET_FIELDS.has(field);
}

/** What of a credential may be shown. */
export function shownOf(secrets: CredentialSecrets): JsonObject {
  switch (secrets.credential_type) {
    case "password":
      return { username: secrets.username, totp_type: secrets.totp_type, totp_identifier: secrets.totp_identifier ?? null };
    case "credit_card":
      return { last_four: secrets.card_number.slice(-4), brand: secrets.card_brand?.trim() || brandOf(secrets.card_number) };
    case "secret":
      return { secret_label: secrets.secret_label ?? null };
  }
}

/**
 * The value of a field for an expression; undefined when a credential of its type has no such field, or none was stored. Not for `totp`, which is
 * a code of the moment.
 */
export function fieldOf(secrets: CredentialSecrets, field: string): Json | undefined {
  if (field === "card_brand" && secrets.credential_type === "credit_card")
    return secrets.card_brand?.trim() || brandOf(secrets.card_number);
  if (field === "credential_type" || field === "metadata" || !Object.hasOwn(secrets, field)) return undefined;
  return (secrets as JsonObject)[field] ?? undefined;
}

/** What a credential's ciphertext was sealed for: it opens for no other credential and no other organization. */
export function credentialPurpose(organizationId: OrganizationId, credentialId: CredentialId): string {
  return `credential:${organizationId}:${credentialId}`;
}

/** The check digit of card numbers (ISO/IEC 7812-1, annex B). */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const value = Number(digits.at(-1 - index)) * (index % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** By the issuers' ranges of first digits. */
const BRANDS: readonly (readonly [RegExp, string])[] = [
  [/^4/, "visa"],
  [/^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, "mastercard"],
  [/^3[47]/, "amex"],
  [/^(6011|64[4-9]|65)/, "discover"],
  [/^3(0[0-5]|[689])/, "diners"],
  [/^35(2[89]|[3-8])/, "jcb"],
  [/^62/, "unionpay"],
  [/^(50|5[6-9]|6)/, "maestro"],
];

export function brandOf(cardNumber: string): string {
  return BRANDS.find(([pattern]) => pattern.test(cardNumber))?.[1] ?? "other";
}
