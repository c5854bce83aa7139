import { z } from "zod";
import type { JsonObject } from "./json.ts";
import { absent, instant } from "./view-field.ts";

const blockSchema = z
  .strictObject({
    workflow_run_block_id: z.string().describe("Made of the run's id and the block's path: the same however often it is asked for."),
    block_workflow_run_id: z.string().nullable().describe("The run that the block started and waits for."),
    workflow_run_id: z.string().describe("The run."),
    organization_id: z.string().describe("Whose it is."),
    parent_workflow_run_block_id: z.string().nullable().describe("The loop around it."),
    block_type: z.string().describe("One of the block types."),
    label: z.string().describe("The block's name."),
    status: z
      .enum(["pending", "retrying", "running", "waiting", "completed", "failed", "terminated", "skipped", "canceled"])
      .describe("`pending`, `retrying` (between attempts) and `waiting` (for a person, or another run) are ours."),
    output: z.json().describe("What it returned; null before its end."),
    continue_on_failure: z.boolean().describe("Does the run go on when it fails?"),
    failure_reason: z.string().nullable().describe("Why it failed, was skipped, or is tried again."),
    error_codes: z.array(z.string()).describe("The codes that the failure has by `error_code_mapping`."),
    duration: z.number().nullable().describe("Seconds from its start to its end."),
    current_value: z.string().nullable().describe("In a loop: the value of this iteration; JSON where it is no text."),
    current_index: z.int().nullable().describe("In a loop: which iteration, from 0."),
    executed_branch_next_block: z.string().nullable().describe("Of a `conditional`: the block that the branch leads to."),
    instructions: z.string().nullable().describe("What a person is asked, while it waits for one."),
    actions: z.array(z.never()).describe("Skyvern's; always empty here."),
    created_at: instant.describe("When it began, or the run was made."),
    modified_at: instant.describe("When it ended, or began."),
    path: z.string().describe("Its place: `orders[3].lines[0].read`."),
    attempt: z.int().min(0).describe("Which attempt this is, from 1; 0 before the first."),
    started_at: instant.nullable().describe("When the attempt began."),
    finished_at: instant.nullable().describe("When it ended."),
    outcome: z.enum(["failed", "unknown"]).nullable().describe("Of a failure: `unknown` when nobody can say whether it took effect."),
    retry_at: instant.nullable().describe("When it is tried again."),
    waiting_for: z.string().nullable().describe("What it waits for."),
  })
  .meta({ id: "RunBlock" });

/** What `timeline` makes a list of. */
export const timelineEntrySchema = z
  .strictObject({
    type: z.literal("block").describe("Skyvern's kinds of entries, of which there is one here."),
    thought: absent,
    get children() {
      return z.array(timelineEntrySchema).describe("The blocks of a loop's iterations, newest first.");
    },
    created_at: instant.describe("As the block's."),
    modified_at: instant.describe("As the block's."),
    block: blockSchema.describe("The block."),
  })
  .meta({ id: "TimelineEntry" });

export const timelineExample: JsonObject = {
  type: "block",
  thought: null,
  children: [],
  created_at: "2026-01-31T12:00:00.020Z",
  modified_at: "2026-01-31T12:00:02.020Z",
  block: {
    workflow_run_block_id: "wrb_01JDAA0000000000000000000D_open",
    block_workflow_run_id: null,
    workflow_run_id: "wr_01JDAA0000000000000000000D",
    organization_id: "o_01JDAA0000000000000000000A",
    parent_workflow_run_block_id: null,
    block_type: "goto_url",
    label: "open",
    status: "completed",
    output: { url: "https://shop.example/kettle", status: 200, title: "Kettle" },
    continue_on_failure: false,
    failure_reason: null,
    error_codes: [],
    duration: 2,
    current_value: null,
    current_index: null,
    executed_branch_next_block: null,
    instructions: null,
    actions: [],
    created_at: "2026-01-31T12:00:00.020Z",
    modified_at: "2026-01-31T12:00:02.020Z",
    path: "open",
    attempt: 1,
    started_at: "2026-01-31T12:00:00.020Z",
    finished_at: "2026-01-31T12:00:02.020Z",
    outcome: null,
    retry_at: null,
    waiting_for: null,
  },
};
