import { z } from "zod";
import { BlockError, defineBlock } from "./block.ts";
import { FILE_REFERENCE, openFiles } from "./files.ts";
import { checkS3Fields, s3Fields, storedFileSchema, storeFiles } from "./s3.ts";

export const downloadToS3 = defineBlock({
  type: "download_to_s3",
  category: "data",
  summary: "Fetch a file by its address and store it in a bucket of yours; without a bucket, beside the run as an artifact.",
  repeatable: true, // the same object is written again
  config: z.strictObject({ url: z.json().describe(`The file, at most 25 MB: ${FILE_REFERENCE}.`), ...s3Fields }).superRefine(checkS3Fields),
  output: storedFileSchema,
  example: { block_type: "download_to_s3", label: "fetch_list", url: "https://shop.example.com/list.csv" },
  async execute(context, config) {
    const files = await openFiles(context, config.url);
    if (files.length !== 1) throw new BlockError(`url means ${files.length} files; it must mean one`);
    const [stored] = await storeFiles(context, config, files, "download");
    return stored!;
  },
});
