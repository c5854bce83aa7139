import { z } from "zod";
import { MAIL_ADDRESS, MAX_RECIPIENTS } from "../domain/mail.ts";

export const addressSchema = z.string().trim().regex(MAIL_ADDRESS, "must be one address such as ann@example.com or Ann <ann@example.com>");

/** Addresses, as a list or as a text with commas between. @param least how many there must be */
export function addressesSchema(least: 0 | 1) {
  return z
    .union([z.array(addressSchema), z.string().transform(splitAddresses).pipe(z.array(addressSchema))])
    .refine((list) => list.length >= least && list.length <= MAX_RECIPIENTS, `must be ${least} to ${MAX_RECIPIENTS} addresses`);
}

function splitAddresses(text: string): string[] {
  return text
    .split(/[,;]/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
