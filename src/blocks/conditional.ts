import { z } from "zod";
import { jsonValue } from "../domain/json-value.ts";
import { isFalse } from "../domain/expression.ts";
import { isJsonObject } from "../domain/json.ts";
import { asksModel, CRITERIA_TYPES } from "../domain/workflow/criteria.ts";
import { defineBlock, TakeBranch } from "./block.ts";
import { aModel } from "./model-block.ts";

const JUDGE = aModel("to judge its branches, of which one is a prompt", "write an expression over what an extraction has read");

const branchSchema = z.strictObject({
  criteria: z
    .strictObject({
      criteria_type: z
        .enum(CRITERIA_TYPES)
        .default("jinja2_template")
        .describe("How the branch is judged; judging a `prompt` needs a model."),
      expression: jsonValue.describe("An expression; the branch is taken when its value is true."),
      description: z.string().nullish().describe("For people."),
    })
    .nullish()
    .describe("Absent for the default branch."),
  next_block_label: z.string().nullish().describe("The block that the branch leads to; absent: straight on to where the branches meet."),
  description: z.string().nullish().describe("For people."),
  is_default: z.boolean().default(false).describe("Taken when no other branch is."),
});

export const conditional = defineBlock({
  type: "conditional",
  category: "control",
  role: "conditional",
  summary: "Take the first branch whose expression is true.",
  repeatable: true,
  needs: ({ branch_conditions: branches }) =>
    Array.isArray(branches) && branches.some((branch) => isJsonObject(branch) && asksModel(branch.criteria)) ? JUDGE : null,
  config: z.strictObject({
    branch_conditions: z
      .array(branchSchema)
      .min(1)
      .max(50)
      .refine((branches) => branches.filter((branch) => branch.is_default).length <= 1, "may have one default branch")
      .refine(
        (branches) => branches.every((branch) => branch.is_default || branch.criteria != null),
        "every branch but the default needs criteria",
      )
      .describe("The branches, in the order in which they are tried."),
  }),
  output: z.object({
    branch_index: z.int().nullable().describe("Which branch was taken, from 0."),
    next_block_label: z.string().nullable().describe("Where it leads."),
  }),
  example: {
    block_type: "conditional",
    label: "is_express",
    branch_conditions: [{ criteria: { expression: "{{ 1 + 1 == 2 }}" }, description: "express orders" }, { is_default: true }],
  },
  async execute(_context, { branch_conditions: branches }) {
    const matching = branches.findIndex((branch) => !branch.is_default && branch.criteria != null && !isFalse(branch.criteria.expression));
    const index = matching >= 0 ? matching : branches.findIndex((branch) => branch.is_default);
    return new TakeBranch(index < 0 ? null : index, branches[index]?.next_block_label ?? null);
  },
});
