import { z } from "zod";
import { parameterKeysField } from "./skyvern-fields.ts";
import { defineRefusedBlock } from "./refused-block.ts";

/** What Skyvern's fields for the credentials of a storage begin with. */
const CREDENTIAL_FIELD = /^(?:s3|aws|azure|google|sftp)_[a-z0-9_]+$/;

export const fileUpload = defineRefusedBlock({
  type: "file_upload",
  category: "data",
  summary: "Send the files of the run to a storage of somebody else's.",
  reason:
    "it writes to no storage of somebody else's. Keep files with upload_to_s3, from where they can be fetched by their artifacts' ids, or send them on with an http_request",
  config: z
    .looseObject({
      storage_type: z.enum(["s3", "azure", "google_drive", "sftp"]).nullish().describe("Which storage. Default: `s3`."),
      path: z.string().nullish().describe("What is sent."),
      prompt: z.string().nullish().describe("What is sent, in words."),
      ...parameterKeysField,
    })
    .superRefine((config, context) => {
      const known = new Set(["storage_type", "path", "prompt", "parameter_keys"]);
      const keys = Object.keys(config).filter((key) => !known.has(key) && !CREDENTIAL_FIELD.test(key));
      if (keys.length > 0) context.addIssue({ code: "unrecognized_keys", keys, input: config });
    }),
  example: { block_type: "file_upload", label: "backup", storage_type: "sftp", sftp_host: "files.example.com", path: "/backup" },
});
