import { z } from "zod";
import { browserTargetSchema, type Download, NoDownload } from "../domain/browser/browser.ts";
import { BlockError, defineBlock } from "./block.ts";
import { assertPageStatus, onPage } from "./browser-block.ts";
import { fileName, sanitize } from "./file-name.ts";
import { describeFile } from "./files.ts";
import { engineField, parameterKeysField, stepsField, totpFields } from "./skyvern-fields.ts";
import { unused } from "../domain/workflow/unused-fields.ts";

const NEEDS_MODEL =
  "a model to find the download by navigation_goal, which this service does not have: name what to click in `selector`, or the file's address in `url`";

export const fileDownload = defineBlock({
  type: "file_download",
  category: "browser",
  summary:
    "Download a file with the page's session and keep it as an artifact: click `selector` (on `url`, if one is given), or without a `selector` take the file at `url`.",
  repeatable: false,
  needs: ({ selector, navigation_goal: goal }) => (selector == null && goal != null ? NEEDS_MODEL : null),
  config: z
    .strictObject({
      url: z.string().min(1).nullish().describe("With a `selector`: the page to open first. Without: the address of the file."),
      selector: browserTargetSchema.nullish().describe("What starts the download when it is clicked: a CSS selector or a target object."),
      navigation_goal: z
        .string()
        .nullish()
        .describe("How to find the download, in words: needs a model where there is no `selector`. With one, it is a note for people."),
      download_suffix: z.string().nullish().describe("Name of the file. Without an ending it keeps that of the file as it came."),
      download_timeout: z.number().positive().max(780).nullish().describe("Seconds until the whole file must be there; 60 when left out."),
      title: z.string().nullish().describe("For people."),
      ...engineField,
      ...stepsField,
      ...parameterKeysField,
      ...totpFields,
      prompt: unused(z.string()),
      path: unused(z.string()),
      continue_on_empty: z
        .boolean()
        .default(false)
        .describe("Complete without a file when no download begins in time, instead of failing."),
      download_target: z
        .literal("website", 'must be "website"; for a bucket use http_request or download_to_s3')
        .nullish()
        .describe("Where from: `website`."),
    })
    .refine((config) => config.url != null || config.selector != null || config.navigation_goal != null, {
      path: ["selector"],
      message: "is required: what to click. (Or url: the address of the file.)",
    }),
  output: z.object({
    downloaded_files: z
      .array(
        z.object({
          artifact_id: z.string().describe("By which later blocks name the file."),
          file_name: z.string(),
          content_type: z.string(),
          size_bytes: z.int(),
          sha256: z.string(),
        }),
      )
      .describe("The file; empty with `continue_on_empty` when there was none."),
    downloaded_file_artifact_ids: z.array(z.string()).describe("Their ids."),
    url: z.string().describe("Address of the page at the end."),
  }),
  example: {
    block_type: "file_download",
    label: "get_list",
    url: "https://shop.example.com/account",
    selector: "#export",
    download_suffix: "list.csv",
  },
  execute(context, config) {
    return onPage(context, async (page) => {
      const options = { timeoutMs: (config.download_timeout ?? 60) * 1000, signal: context.signal };
      const { url, selector } = config;
      let download: Download | null = null;
      try {
        if (selector != null) {
          if (url != null) assertPageStatus(await page.goto(url, { ...options, waitUntil: "load" }));
          download = await page.download(selector, options);
        } else if (url != null && config.navigation_goal == null) download = await page.download({ url }, options);
        else throw new BlockError(`The block needs ${NEEDS_MODEL}`);
      } catch (error) {
        if (!(error instanceof NoDownload) || !config.continue_on_empty) throw error;
      }
      const files =
        download === null ? [] : [await context.saveArtifact({ type: "download", ...fileOf(download, config.download_suffix ?? null) })];
      return {
        downloaded_files: files.map(describeFile),
        downloaded_file_artifact_ids: files.map(({ artifactId }) => artifactId),
        url: page.url(),
      };
    });
  },
});

/** The name that is asked for, with the ending of the file as it came where it has none. */
function fileOf({ suggestedName, disposition, url, contentType, bytes }: Download, wanted: string | null) {
  const own = fileName(suggestedName, { headers: { "content-disposition": disposition }, url });
  const asked = sanitize(wanted ?? "");
  const ending = /\.[^.]+$/.exec(own)?.[0] ?? "";
  return { name: asked === "" ? own : /\.[^.]+$/.test(asked) ? asked : asked + ending, contentType, bytes };
}
