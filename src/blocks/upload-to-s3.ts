import { z } from "zod";
import { defineBlock } from "./block.ts";
import { DOWNLOADS, FILE_REFERENCE, openFiles } from "./files.ts";
import { checkS3Fields, s3Fields, storedFileSchema, storeFiles } from "./s3.ts";

export const uploadToS3 = defineBlock({
  type: "upload_to_s3",
  category: "data",
  summary:
    "Store files of the run in a bucket of yours, at AWS, R2 or any server that speaks S3; without a bucket, beside the run as artifacts.",
  repeatable: true, // the same objects are written again
  config: z
    .strictObject({
      path: z
        .json()
        .default(DOWNLOADS)
        .describe(`The files, all together at most 25 MB: ${FILE_REFERENCE}. A list means all of its items.`),
      ...s3Fields,
    })
    .superRefine(checkS3Fields),
  output: z.object({ files: z.array(storedFileSchema).describe("In the order in which they were named.") }),
  example: {
    block_type: "upload_to_s3",
    label: "keep_lists",
    path: DOWNLOADS,
    s3_bucket: "lists",
    s3_endpoint: "https://accountid.r2.cloudflarestorage.com",
    s3_prefix: "lists/{{ current_date }}/",
    aws_access_key_id: "AKIAIOSFODNN7EXAMPLE",
    aws_secret_access_key: "the secret of that key",
  },
  async execute(context, config) {
    return { files: await storeFiles(context, config, await openFiles(context, config.path ?? DOWNLOADS), "upload") };
  },
});
