import type { Context } from "hono";
import { z } from "zod";
import { ServiceError, type Fault, invalidInput } from "../../domain/error.ts";
import { fileContentPath, fileLinkExpiry, MAX_FILE_BYTES, RETENTION_DAYS, type StoredFile } from "../../domain/file.ts";
import type { OrganizationId } from "../../domain/id.ts";
import type { JsonObject } from "../../domain/json.ts";
import { faultsOf } from "../../domain/workflow/schema-faults.ts";
import { formatInstant, formatInstantOrNull } from "../../domain/time.ts";
import { createdAt, instant } from "../../domain/view-field.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileExpiries, FileLinks, Files } from "../../ports/files.ts";
import type { Ids } from "../../ports/ids.ts";
import { deleteFile, openFile, readFile, uploadFile } from "../../services/files.ts";
import type { AppEnv } from "../auth.ts";
import { readBytes } from "../body.ts";
import { FILE_HEADERS, FILE_RESPONSES, fileResponse } from "../file-response.ts";
import { empty, json, routeFor } from "../route.ts";

/** Of a multipart body besides the file. */
const FORM_BYTES = 65_536;
const MAX_NAME_LENGTH = 200;

export interface FileRouteDeps {
  readonly files: Files;
  readonly fileExpiries: FileExpiries;
  readonly links: FileLinks;
  readonly ids: Ids;
  readonly clock: Clock;
}

const retentionField = z.coerce
  .number<string>()
  .int()
  .min(RETENTION_DAYS.min)
  .max(RETENTION_DAYS.max)
  .optional()
  .describe("Days until the file is deleted; it is kept when absent.");

const retention = z.object({ retention_days: retentionField });

const formSchema = z.object({
  file: z.string().meta({ contentMediaType: "application/octet-stream" }).describe("The file."),
  retention_days: retentionField,
});

const uploadFields = {
  file_id: z.string().describe("The file's id, `file_…`."),
  s3_uri: z.string().describe("Its lasting address: runs of the organization, and its API keys, read it there."),
  presigned_url: z.string().describe("A link that needs no key, for seven days, or until the file expires."),
  expires_at: instant.nullable().describe("When it is deleted; null when it is kept."),
};

const uploadSchema = z.strictObject(uploadFields).meta({ id: "UploadedFile" });

const fileSchema = z
  .strictObject({
    ...uploadFields,
    file_name: z.string().describe("Its name."),
    content_type: z.string().describe("Its content type."),
    file_size: z.int().describe("Bytes."),
    checksum: z.string().describe("SHA-256, hexadecimal."),
    created_at: createdAt,
  })
  .meta({ id: "File" });

const uploadExample: JsonObject = {
  file_id: "file_01JDAA0000000000000000000H",
  s3_uri: "https://pilotfish.example/v1/files/file_01JDAA0000000000000000000H/content",
  presigned_url: "https://pilotfish.example/v1/files/file_01JDAA0000000000000000000H/content?expiry=…",
  expires_at: null,
};

const fileExample: JsonObject = {
  ...uploadExample,
  file_name: "orders.csv",
  content_type: "text/csv",
  file_size: 1_204,
  checksum: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  created_at: "2026-01-31T12:00:00.000Z",
};

const route = routeFor<FileRouteDeps>();

/** Files that callers upload. */
export const fileRoutes = [
  route(
    {
      method: "post",
      paths: { uploadFile: "/v1/upload_file" },
      tag: "Files",
      summary: "Upload a file",
      description: `For runs to use: give its address as a parameter. At most ${MAX_FILE_BYTES} bytes.`,
      caller: "api_key",
      body: {
        schema: formSchema,
        example: { file: "sku,price", retention_days: 30 },
        required: true,
        maxBytes: MAX_FILE_BYTES + FORM_BYTES,
        types: ["multipart/form-data"],
        read: readUpload,
      },
      responses: { 200: json("The file.", uploadSchema, uploadExample) },
    },
    async (deps, { c, organization: { organizationId }, body }) => {
      const file = await uploadFile(deps, organizationId, body);
      return c.json(uploadResponse(c, deps, organizationId, file));
    },
  ),
  route(
    {
      method: "get",
      paths: { readFile: "/v1/files/{file_id}" },
      tag: "Files",
      summary: "What is known of an uploaded file, with a fresh link",
      caller: "api_key",
      responses: { 200: json("The file.", fileSchema, fileExample) },
    },
    async (deps, { c, organization: { organizationId }, params }) => {
      const file = await readFile(deps, organizationId, params.file_id);
      return c.json({
        ...uploadResponse(c, deps, organizationId, file),
        file_name: file.name,
        content_type: file.contentType,
        file_size: file.sizeBytes,
        checksum: file.sha256,
        created_at: formatInstant(file.createdAt),
      });
    },
  ),
  route(
    {
      method: "get",
      paths: { readFileContent: "/v1/files/{file_id}/content" },
      tag: "Files",
      summary: "The content of an uploaded file",
      caller: "file_link",
      headers: FILE_HEADERS,
      responses: FILE_RESPONSES,
      errors: ["range_not_satisfiable"],
    },
    async (deps, { c, params }) => {
      const owner = c.get("fileOwner");
      return await fileResponse(
        c,
        () => readFile(deps, owner, params.file_id),
        async (range) => (await openFile(deps, owner, params.file_id, range)).body,
      );
    },
  ),
  route(
    {
      method: "delete",
      paths: { deleteFile: "/v1/files/{file_id}" },
      tag: "Files",
      summary: "Delete an uploaded file",
      caller: "api_key",
      responses: { 204: empty("It is deleted.") },
    },
    async (deps, { c, organization: { organizationId }, params }) => {
      await deleteFile(deps, organizationId, params.file_id);
      return c.body(null, 204);
    },
  ),
];

/** Skyvern's fields. `s3_uri` is the file's lasting address, for its organization's runs and keys; `presigned_url` is for everyone, for a while. */
function uploadResponse(
  c: Context<AppEnv>,
  { links, clock }: FileRouteDeps,
  organizationId: OrganizationId,
  { fileId, expiresAt }: StoredFile,
): JsonObject {
  const { origin } = new URL(c.req.url);
  const path = fileContentPath(fileId);
  return {
    file_id: fileId,
    s3_uri: origin + path,
    presigned_url: origin + links.make(organizationId, path, fileLinkExpiry(clock.now(), expiresAt)),
    expires_at: formatInstantOrNull(expiresAt),
  };
}

/** @throws ServiceError unsupported_media_type, body_too_large, malformed_body, invalid_input */
async function readUpload(c: Context<AppEnv>): Promise<Parameters<typeof uploadFile>[2]> {
  const contentType = c.req.header("content-type") ?? "";
  if (!/^multipart\/form-data\b/i.test(contentType))
    throw new ServiceError("unsupported_media_type", "Send the file as multipart/form-data, in the field file.");
  const bytes = await readBytes(c.req.raw, MAX_FILE_BYTES + FORM_BYTES);
  const form = await new Response(bytes, { headers: { "content-type": contentType } }).formData().catch((cause: unknown) => {
    throw new ServiceError("malformed_body", "The body cannot be read: it is not the multipart/form-data that its content type says.", {
      cause,
    });
  });
  const given = form.get("file");
  const days = form.get("retention_days") ?? c.req.query("retention_days");
  const parsed = retention.safeParse(days === null || days === undefined || days === "" ? {} : { retention_days: days });
  const faults: Fault[] = parsed.success ? [] : faultsOf(parsed.error, retention);
  if (given === null) faults.push({ path: "file", message: "is required: the file, as a part of the form", code: "required" });
  if (given === null || !parsed.success) throw invalidInput("The form is not valid", faults);
  const retentionDays = parsed.data.retention_days ?? null;
  // Skyvern's own client sends the content as a text field.
  if (typeof given === "string")
    return { name: "file.txt", contentType: "text/plain", bytes: new TextEncoder().encode(given), retentionDays };
  const name = given.name.split(/[/\\]/).at(-1)?.slice(0, MAX_NAME_LENGTH) || "file";
  return { name, contentType: given.type || "application/octet-stream", bytes: new Uint8Array(await given.arrayBuffer()), retentionDays };
}
