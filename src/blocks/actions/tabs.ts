import { z } from "zod";
import type { TabChoice } from "../../ports/page-surroundings.ts";
import { assertPageStatus } from "../browser-block.ts";
import { defineStep, exactlyOne, resultName, type Step } from "./step.ts";

/** The fields that name a tab. */
const choice = {
  index: z.int().exactOptional().describe("By its place in the order of opening: 0 is the first, -1 the last."),
  url: z.string().min(1).exactOptional().describe("By its address: `*` within a path segment, `**` across segments."),
  title: z.string().trim().min(1).exactOptional().describe("By a part of its title, in any case."),
};
type Choice = { [Name in keyof typeof choice]?: z.infer<(typeof choice)[Name]> };

function choiceOf({ index, url, title }: Choice): TabChoice | null {
  if (index !== undefined) return { index };
  if (url !== undefined) return { url };
  return title === undefined ? null : { title };
}

function describeChoice({ index, url, title }: Choice): string {
  return title === undefined ? (url ?? (index === undefined ? "" : String(index))) : JSON.stringify(title);
}

export const newTab = defineStep({
  action: "new_tab",
  summary: "Open another tab and go on there. What is set for the tab before (viewport, headers, …) holds for it too.",
  onlyReads: true,
  fields: { url: z.string().min(1).exactOptional().describe("Absolute http(s) address to open. Default: an empty page.") },
  describe: ({ url }) => url ?? "",
  async run({ url }, { page, options }) {
    const arrival = await page.tabs.open(url ?? null, options);
    if (arrival !== null) assertPageStatus(arrival);
    return undefined;
  },
});

export const switchTab = defineStep({
  action: "switch_tab",
  summary: "Go on in another tab, once it is there and has loaded. Of several that fit it is the one that was opened last.",
  onlyReads: true,
  fields: {
    ...choice,
    newest: z
      .literal(true)
      .exactOptional()
      .describe("The tab that was opened last and that no step has been on: a window that the click before has opened. Waits for one."),
  },
  faults: (step) => exactlyOne(step as Choice & { newest?: true } & Step, ["index", "url", "title", "newest"]),
  describe: (step) => (step.newest === true ? "newest" : describeChoice(step)),
  async run(step, { page, options }) {
    await page.tabs.switchTo(choiceOf(step) ?? { newest: true }, options);
    return undefined;
  },
});

export const closeTab = defineStep({
  action: "close_tab",
  summary: "Close this tab, or another one. After this one, the tab that had opened it comes next, or the last one.",
  onlyReads: true,
  fields: choice,
  faults: (step) => (choiceOf(step) === null ? [] : exactlyOne(step as Choice & Step, ["index", "url", "title"])),
  describe: describeChoice,
  async run(step, { page, options }) {
    await page.tabs.closeTab(choiceOf(step), options);
    return undefined;
  },
});

export const listTabs = defineStep({
  action: "list_tabs",
  summary: "Read which tabs there are: index, address, title, and which is the current one.",
  onlyReads: true,
  fields: { name: resultName },
  describe: ({ name }) => name,
  resultName: ({ name }) => name,
  run: async (_, { page, options }) => (await page.tabs.list(options)).map((tab) => ({ ...tab })),
});
