import { z } from "zod";
import { parameterKeysField } from "./skyvern-fields.ts";
import { defineRefusedBlock } from "./refused-block.ts";

export const emailInbox = defineRefusedBlock({
  type: "email_inbox",
  category: "data",
  summary: "Look for messages in a mailbox.",
  reason:
    "it opens no mailboxes. Ask the mailbox's API with an http_request, or let what receives the mail start the run and give the message as a parameter",
  config: z.strictObject({
    email_client: z.enum(["gmail", "outlook"]).describe("Whose mailbox it is."),
    credential_id: z.string().nullish().describe("Who reads."),
    folder: z.string().nullish().describe("Where to look."),
    prompt: z.string().nullish().describe("What to look for, in words."),
    sender: z.string().nullish().describe("Messages of this sender."),
    subject: z.string().nullish().describe("Messages with this subject."),
    newer_than_days: z.int().nullish().describe("Messages of the last days."),
    max_results: z.int().nullish().describe("Default: 25."),
    include_body: z.boolean().nullish().describe("Default: true."),
    ...parameterKeysField,
  }),
  example: { block_type: "email_inbox", label: "codes", email_client: "gmail", subject: "Your order" },
});
