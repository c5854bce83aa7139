import { z } from "zod";
import { browserTargetSchema, describeTarget, type BrowserTarget, type PageFindings } from "../domain/browser/browser.ts";
import { isJsonObject, type Json, type JsonObject } from "../domain/json.ts";
import type { BrowserPage } from "../ports/browser-page.ts";
import type { PageOptions } from "../ports/page-options.ts";
import { BlockError, defineBlock } from "./block.ts";
import { unused } from "../domain/workflow/unused-fields.ts";
import { AS_LONG_AS_THE_BLOCK_MS, assertPageStatus, onPage } from "./browser-block.ts";
import { misfitOf, schemaFaults } from "./json-schema.ts";
import { aModel } from "./model-block.ts";
import { dataSchema, engineField, parameterKeysField, stepsField } from "./skyvern-fields.ts";
import { type Fields, fieldsSchema, toInformation, toQuery } from "./extraction/fields.ts";

const READ_BY_GOAL = aModel("to read the page by a goal", "name what to read in selectors");

function isByGoal({ selectors }: JsonObject): boolean {
  return selectors === undefined;
}

/** How long the click that leads to the next page and its loading may take. */
const NEXT_PAGE_MS = 30_000;

export const extraction = defineBlock({
  type: "extraction",
  category: "browser",
  summary: "Read typed values, lists of records and tables from the page, over as many pages as there are.",
  repeatable: true,
  needs: (block) => (isByGoal(block) ? READ_BY_GOAL : null),
  config: z
    .strictObject({
      selectors: fieldsSchema
        .exactOptional()
        .describe(
          "Names to what is read: a CSS selector (its text); `{target, type, attribute, many, required}`; a list of records `{rows, fields}`; or a table `{table, types}`.",
        ),
      next: browserTargetSchema
        .exactOptional()
        .describe(
          "What to click for the next page. Lists and tables are joined over the pages; other fields are read from the first. Ends when it is missing, hidden or disabled.",
        ),
      url: z.string().min(1).nullish().describe("Open this address first."),
      title: z.string().nullish().describe("For people."),
      data_extraction_goal: unused(
        z.string().min(1),
        null,
        "What to read, in words, which needs a model: without `selectors` a run fails here; with them it is kept and has no effect.",
        isByGoal,
      ),
      data_schema: dataSchema.describe(
        "With `selectors`: a JSON Schema that what was read, over all pages, has to fit; otherwise the block fails.",
      ),
      ...engineField,
      ...stepsField,
      ...parameterKeysField,
      max_pages: z.int().min(1).max(1000).default(100).describe("With `next`: read at most so many pages."),
      wait_seconds: z.number().min(0).max(600).default(10).describe("How long to wait for what is required, and for the next page."),
    })
    .refine(({ selectors, data_extraction_goal }) => selectors !== undefined || data_extraction_goal != null, {
      path: ["selectors"],
      message: "is required: names to what is read. (Or data_extraction_goal, which needs a model.)",
    })
    .superRefine(({ selectors, data_schema: schema }, refinement) => {
      if (selectors === undefined || !isJsonObject(schema)) return;
      for (const { path, message } of schemaFaults(schema))
        refinement.addIssue({ code: "custom", path: ["data_schema", ...path], message });
    })
    .refine(({ next, selectors = {} }) => next === undefined || Object.values(selectors).some(isList), {
      path: ["next"],
      message: "`next` joins lists over pages: name at least one list (`rows`, `table` or `many`) in `selectors`",
    }),
  output: z.object({
    extracted_information: z.record(z.string(), z.json()).describe("What was read, by the names in `selectors`."),
    page_count: z.int().describe("How many pages were read."),
    has_more_pages: z.boolean().describe("Was there another page when `max_pages` was reached?"),
  }),
  example: {
    block_type: "extraction",
    label: "products",
    selectors: {
      heading: "h1",
      products: {
        rows: "table#results tbody tr",
        fields: { name: "td.name", price: { target: "td.price", type: "number" }, link: { target: "a", type: "url" } },
      },
    },
    next: { role: "link", name: "Next" },
    max_pages: 20,
  },
  execute(context, { selectors = {}, ...config }) {
    const options = { timeoutMs: config.wait_seconds * 1000, signal: context.signal };
    return onPage(context, async (page) => {
      if (config.url != null)
        assertPageStatus(await page.goto(config.url, { ...options, timeoutMs: AS_LONG_AS_THE_BLOCK_MS, waitUntil: "load" }));
      let findings = await page.read(toQuery(selectors), options);
      let information = toInformation(selectors, findings);
      let pageCount = 1;
      const lists = Object.fromEntries(Object.entries(selectors).filter(([, field]) => isList(field)));
      const hasNext = async () => config.next !== undefined && (await page.canClick(config.next, options));
      let more = await hasNext();
      for (; more && pageCount < config.max_pages; more = await hasNext()) {
        findings = await readNextPage(page, config.next!, lists, findings, options);
        information = joinLists(information, toInformation(lists, findings));
        pageCount++;
      }
      assertFits(information, config.data_schema);
      return { extracted_information: information, page_count: pageCount, has_more_pages: more };
    });
  },
});

/** @throws BlockError that says what does not fit */
function assertFits(information: JsonObject, schema: z.infer<typeof dataSchema>): void {
  if (schema == null) return;
  if (!isJsonObject(schema)) throw new BlockError("data_schema is no JSON Schema: with selectors it must be an object");
  const misfit = misfitOf(information, schema);
  if (misfit !== null) throw new BlockError(`what was read does not fit data_schema: ${misfit}`);
}

function isList(field: Fields[string]): boolean {
  return typeof field === "object" && ("rows" in field || "table" in field || field.many);
}

/** Goes to the next page and reads the lists there. */
async function readNextPage(
  page: BrowserPage,
  next: BrowserTarget,
  lists: Fields,
  before: PageFindings,
  options: PageOptions,
): Promise<PageFindings> {
  const from = page.url();
  await page.perform([{ do: "click", target: next, first: true, timeoutMs: NEXT_PAGE_MS }], options);
  const after = await page.read(toQuery(lists), { ...options, changed: true });
  if (Object.keys(lists).every((key) => JSON.stringify(after[key]) === JSON.stringify(before[key]))) {
    const waited = `within ${options.timeoutMs / 1000} s`;
    throw new BlockError(
      `next ${describeTarget(next)}: clicking it on ${from} did not change what the selectors find ${waited}. If that was the last page, ` +
        "name a target that only other pages have (such as `a.next:not(.disabled)`), or set max_pages; if it is slow, raise wait_seconds.",
    );
  }
  return after;
}

function joinLists(information: JsonObject, lists: JsonObject): JsonObject {
  const joined = Object.entries(lists).map(([key, list]) => [
    key,
    [...(information[key] as readonly Json[]), ...(list as readonly Json[])],
  ]);
  return { ...information, ...Object.fromEntries(joined) };
}
