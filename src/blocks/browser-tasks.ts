/** Skyvern's blocks in which a model drives the browser by a goal. */
import { z } from "zod";
import { unused } from "../domain/workflow/unused-fields.ts";
import { aModel, defineModelBlock } from "./model-block.ts";
import { dataSchema, engineField, parameterKeysField, stepsField, totpFields } from "./skyvern-fields.ts";

const need = aModel("to act on the page by a goal", "the block type actions does it by steps");

const pageFields = {
  url: z.string().nullish().describe("Open this address first."),
  title: z.string().nullish().describe("For people."),
};
const downloadFields = {
  complete_on_download: z.boolean().nullish().describe("Done as soon as a file was downloaded. Default: false."),
  download_suffix: z.string().nullish().describe("Name of the downloaded file."),
};
const criteriaFields = {
  complete_criterion: z.string().nullish().describe("In words: when it is done."),
  terminate_criterion: z.string().nullish().describe("In words: when the run is to end as `terminated`."),
};
const verificationFields = {
  complete_verification: z.boolean().nullish().describe("Check at the end that the goal was reached. Default: true."),
  include_action_history_in_verification: unused(z.boolean(), false),
};
const goal = z.string().min(1).describe("What is to be done, in words.");
const howFields = { ...engineField, ...stepsField, ...parameterKeysField };

export const task = defineModelBlock({
  type: "task",
  category: "browser",
  summary: "Skyvern's first block: act on the page by a goal, and read from it.",
  repeatable: false,
  need,
  config: z.strictObject({
    ...pageFields,
    navigation_goal: goal.nullish().describe("What is to be done, in words."),
    data_extraction_goal: z.string().nullish().describe("What is to be read, in words."),
    data_schema: dataSchema.describe("The form of what is read."),
    ...downloadFields,
    ...criteriaFields,
    ...verificationFields,
    ...totpFields,
    ...howFields,
  }),
  example: {
    block_type: "task",
    label: "order",
    url: "https://shop.example.com/",
    navigation_goal: "Put the cheapest lamp into the cart.",
    data_extraction_goal: "Its name and price",
  },
});

export const taskV2 = defineModelBlock({
  type: "task_v2",
  category: "browser",
  summary: "Reach a goal in as many steps as it takes, planned on the way.",
  repeatable: false,
  need,
  config: z.strictObject({
    prompt: goal,
    url: pageFields.url,
    ...totpFields,
    max_iterations: unused(z.int().min(1), 50),
    max_steps: unused(z.int().min(1), 25),
  }),
  example: { block_type: "task_v2", label: "research", prompt: "Find the three cheapest lamps.", url: "https://shop.example.com/" },
});

export const navigation = defineModelBlock({
  type: "navigation",
  category: "browser",
  summary: "Act on the page until a goal is reached.",
  repeatable: false,
  need,
  config: z.strictObject({
    navigation_goal: goal,
    ...pageFields,
    ...downloadFields,
    ...criteriaFields,
    complete_criterion_is_untrusted: unused(z.boolean(), false),
    ...verificationFields,
    ...totpFields,
    ...howFields,
  }),
  example: { block_type: "navigation", label: "to_cart", navigation_goal: "Open the cart.", complete_criterion: "The cart is shown." },
});

export const action = defineModelBlock({
  type: "action",
  category: "browser",
  summary: "One act on the page, described in words.",
  repeatable: false,
  need,
  config: z.strictObject({
    navigation_goal: goal,
    ...pageFields,
    selector: z.string().nullish().describe("The element."),
    ai_fallback: unused(z.enum(["fallback", "proactive"]), "fallback"),
    ...downloadFields,
    ...totpFields,
    ...howFields,
  }),
  example: { block_type: "action", label: "accept", navigation_goal: "Click the button that accepts the terms." },
});

export const login = defineModelBlock({
  type: "login",
  category: "browser",
  summary: "Log in with a credential.",
  repeatable: false,
  need: aModel("to find its way through a login", "the block type actions fills in and submits a form"),
  config: z.strictObject({
    ...pageFields,
    navigation_goal: goal.nullish().describe("What is to be done, in words."),
    ...criteriaFields,
    ...verificationFields,
    skip_saved_profile: unused(z.boolean(), false),
    ...totpFields,
    ...howFields,
  }),
  example: { block_type: "login", label: "log_in", url: "https://shop.example.com/login", complete_criterion: "The account is shown." },
});

export const validation = defineModelBlock({
  type: "validation",
  category: "browser",
  summary: "Judge the page by criteria in words, and end the run as `terminated` where it does not meet them.",
  repeatable: true,
  need: aModel("to judge the page", "a conditional decides by what an extraction has read"),
  config: z
    .strictObject({
      ...criteriaFields,
      without_page_information: unused(z.boolean(), false),
      ...howFields,
    })
    .refine(({ complete_criterion, terminate_criterion }) => Boolean(complete_criterion ?? terminate_criterion), {
      path: ["complete_criterion"],
      message: "is required, or else terminate_criterion",
    }),
  example: { block_type: "validation", label: "is_ordered", complete_criterion: "The page thanks for the order." },
});
