import { z } from "zod";
import { unused } from "../domain/workflow/unused-fields.ts";
import { AwaitDecision, defineBlock } from "./block.ts";

export const humanInteraction = defineBlock({
  type: "human_interaction",
  category: "control",
  role: "person",
  summary:
    "Pause until a person approves or rejects, by the API or by the one-time links in the `workflow_run.paused` webhook. Rejecting ends the run as " +
    "`terminated`; nobody answering within `timeout_seconds` (2 hours) fails the block. A paused run holds nothing and costs nothing.",
  repeatable: true,
  config: z.strictObject({
    instructions: z.string().nullish().describe("What the person is to look at."),
    positive_descriptor: z.string().default("Approve").describe("What the link that approves is called."),
    negative_descriptor: z.string().default("Reject").describe("What the link that rejects is called."),
    recipients: unused(z.array(z.string()), [], "Kept; has no effect: the webhook tells people."),
    sender: unused(z.string(), "hello@skyvern.com"),
    subject: unused(z.string()),
    body: unused(z.string()),
  }),
  output: z.object({ approved: z.literal(true).describe("A rejection has no output: it ends the run.") }),
  example: { block_type: "human_interaction", label: "approval", instructions: "Is the price right?", timeout_seconds: 86_400 },
  execute: async (_context, config) =>
    new AwaitDecision(config.instructions ?? null, config.positive_descriptor, config.negative_descriptor),
});
