import { z } from "zod";
import type { QuestionMail } from "../domain/run/block-state.ts";
import { MAIL_ADDRESS } from "../domain/mail.ts";
import { AwaitDecision, type BlockContext, defineBlock } from "./block.ts";
import { addressesSchema } from "./mail-address.ts";

const config = z.strictObject({
  instructions: z.string().nullish().describe("What the person is to look at."),
  positive_descriptor: z.string().default("Approve").describe("What the link that approves is called."),
  negative_descriptor: z.string().default("Reject").describe("What the link that rejects is called."),
  recipients: addressesSchema(0)
    .default([])
    .describe(
      "Whom the question is mailed to, with a link for each answer, by the service's own mail server. Without one, only the webhook tells people.",
    ),
  sender: z.string().nullish().describe("Whom an answer to the mail goes to. The mail itself is from the service's sender."),
  subject: z.string().max(1000).nullish().describe("Of the mail: one line."),
  body: z.string().max(100_000).nullish().describe("Of the mail: what stands above the links. The `instructions` when left out."),
});
type Config = z.infer<typeof config>;

export const humanInteraction = defineBlock({
  type: "human_interaction",
  category: "control",
  role: "person",
  summary:
    "Pause until a person approves or rejects, by the API or by one-time links: in the `workflow_run.paused` webhook, and in a mail to `recipients`. Rejecting ends the run as " +
    "`terminated`; nobody answering within `timeout_seconds` (2 hours) fails the block. A paused run holds nothing and costs nothing.",
  repeatable: true,
  config,
  output: z.object({ approved: z.literal(true).describe("A rejection has no output: it ends the run.") }),
  example: { block_type: "human_interaction", label: "approval", instructions: "Is the price right?", timeout_seconds: 86_400 },
  execute: async (context, config) =>
    new AwaitDecision(config.instructions ?? null, config.positive_descriptor, config.negative_descriptor, mailOf(context, config)),
});

/** Skyvern's own address, which its editor puts in. */
const SKYVERN_SENDER = "hello@skyvern.com";

/** @returns null when nobody is to be mailed, or the service cannot */
function mailOf({ mailer }: BlockContext, { recipients, sender, subject, body }: Config): QuestionMail | null {
  if (recipients.length === 0 || mailer.serviceSender === null) return null;
  const replyTo = sender != null && sender !== SKYVERN_SENDER && MAIL_ADDRESS.test(sender) ? sender : null;
  return { to: recipients, replyTo, subject: subject ?? null, body: body ?? null };
}
