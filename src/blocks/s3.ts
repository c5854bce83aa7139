import { AwsV4Signer } from "aws4fetch";
import { z } from "zod";
import { OutboundError } from "../domain/outbound/outbound.ts";
import { type BlockContext, BlockError } from "./block.ts";
import { sanitize } from "./file-name.ts";
import { asBlockError, type OpenFile } from "./files.ts";

/** Until a file must have been taken. */
const TIMEOUT_MS = 120_000;
/** How much of a refusal's body is read: it is a small XML document. */
const REFUSAL_BYTES = 4096;

/** The fields by which a block names a bucket of its own. */
export const s3Fields = {
  s3_bucket: z
    .string()
    .min(1)
    .nullish()
    .describe("A bucket of yours, at AWS or at any server that speaks S3. Left out: the file is stored beside the run, as an artifact."),
  s3_endpoint: z
    .string()
    .min(1)
    .nullish()
    .describe("Address of the server, such as `https://<account>.r2.cloudflarestorage.com`. AWS when left out."),
  s3_prefix: z
    .string()
    .nullish()
    .describe(
      "What the keys of the objects begin with. The run's id and the block's label when left out: a repeat writes the same objects again.",
    ),
  region_name: z
    .string()
    .min(1)
    .nullish()
    .describe("The bucket's region; `auto` with an `s3_endpoint`, otherwise `us-east-1` when left out."),
  aws_access_key_id: z.string().min(1).nullish().describe("The key to sign with; required with `s3_bucket`."),
  aws_secret_access_key: z.string().min(1).nullish().describe("Its secret; better an expression of a credential than the secret itself."),
};
const s3Schema = z.object(s3Fields);
type S3Config = z.infer<typeof s3Schema>;

/** What is wrong with these fields together. */
export function checkS3Fields(fields: S3Config, context: z.RefinementCtx): void {
  const fault = (path: keyof S3Config, message: string) => context.addIssue({ code: "custom", path: [path], message });
  const others = Object.keys(s3Fields).filter((name): name is keyof S3Config => name !== "s3_bucket");
  if (fields.s3_bucket == null) {
    const set = others.find((name) => fields[name] != null);
    if (set !== undefined) fault("s3_bucket", `is required with ${set}`);
    return;
  }
  if (fields.aws_access_key_id == null) fault("aws_access_key_id", "is required with s3_bucket");
  if (fields.aws_secret_access_key == null) fault("aws_secret_access_key", "is required with s3_bucket");
}

export const storedFileSchema = z.object({
  file_name: z.string(),
  content_type: z.string(),
  size_bytes: z.int(),
  artifact_id: z.string().nullable().describe("Of a file that is stored beside the run; null for one in a bucket of yours."),
  uri: z.string().describe("`s3://bucket/key`, or the artifact's id."),
});
export type StoredFile = z.infer<typeof storedFileSchema>;

/**
 * Stores files where the fields say: in a bucket, or beside the run. What is stored here already is not stored again.
 * @param type of the artifacts
 * @throws BlockError
 */
export async function storeFiles(context: BlockContext, config: S3Config, files: readonly OpenFile[], type: string): Promise<StoredFile[]> {
  const stored: StoredFile[] = [];
  const keys = new Set<string>();
  for (const file of files) {
    const { name, contentType, bytes } = file;
    const facts = { file_name: name, content_type: contentType, size_bytes: bytes.byteLength };
    if (config.s3_bucket == null) {
      const artifactId = file.artifactId ?? (await context.saveArtifact({ type, name, contentType, bytes })).artifactId;
      stored.push({ ...facts, artifact_id: artifactId, uri: artifactId });
    } else {
      const key = freeKey(keys, (config.s3_prefix ?? `${context.idempotencyKey}/`) + (sanitize(name) || "file"));
      await putObject(context, config, config.s3_bucket, key, file);
      stored.push({ ...facts, artifact_id: null, uri: `s3://${config.s3_bucket}/${key}` });
    }
  }
  return stored;
}

/** `a/list.csv`, then `a/list (2).csv`: no file of a block takes the place of another. */
function freeKey(taken: Set<string>, wanted: string): string {
  const [, stem = wanted, ending = ""] = /^(.*[^/])(\.[^./]+)$/s.exec(wanted) ?? [];
  let key = wanted;
  for (let number = 2; taken.has(key); number++) key = `${stem} (${number})${ending}`;
  taken.add(key);
  return key;
}

async function putObject(
  context: BlockContext,
  config: S3Config,
  bucket: string,
  key: string,
  { contentType, bytes }: OpenFile,
): Promise<void> {
  const url = objectUrl(config, bucket, key);
  const signer = new AwsV4Signer({
    method: "PUT",
    url,
    headers: { "content-type": contentType, "x-amz-content-sha256": await sha256(bytes) },
    accessKeyId: config.aws_access_key_id ?? "",
    secretAccessKey: config.aws_secret_access_key ?? "",
    service: "s3",
    region: regionOf(config),
    datetime: new Date(context.now()).toISOString().replaceAll(/[-:]|\.\d{3}/g, ""),
  });
  const signed = await signer.sign();
  const request = {
    method: "PUT",
    url: signed.url.href,
    headers: Object.fromEntries(signed.headers),
    body: bytes,
    timeoutMs: TIMEOUT_MS,
    followRedirects: false,
    signal: context.signal,
    keepBytes: REFUSAL_BYTES,
  };
  const response = await context.http.send(request).catch((error: unknown) => {
    throw error instanceof OutboundError ? asBlockError(error) : error;
  });
  if (response.status >= 200 && response.status < 300) return;
  throw new BlockError(`s3://${bucket}/${key} was not stored: ${reasonOf(response.status, new TextDecoder().decode(response.body))}`, {
    errorClass: response.status >= 500 || response.status === 429 ? "temporary" : "block",
  });
}

/** The bucket in the path where the server is named, in the host at AWS: what each of them takes. */
function objectUrl(config: S3Config, bucket: string, key: string): string {
  const path = key.split("/").map(encodeSegment).join("/");
  if (config.s3_endpoint != null) return `${config.s3_endpoint.replace(/\/+$/, "")}/${encodeSegment(bucket)}/${path}`;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw new BlockError(`"${bucket}" is no name of a bucket`);
  return `https://${bucket}.s3.${encodeSegment(regionOf(config))}.amazonaws.com/${path}`;
}

function regionOf({ region_name, s3_endpoint }: S3Config): string {
  return region_name ?? (s3_endpoint == null ? "us-east-1" : "auto");
}

/** As signatures have it (RFC 3986): these are left as they are by `encodeURIComponent`. */
function encodeSegment(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `403 AccessDenied: Access Denied`, from the server's XML. */
function reasonOf(status: number, body: string): string {
  const [code, message] = ["Code", "Message"].map((name) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1]);
  return code === undefined
    ? `the server answered ${status}`
    : `the server answered ${status} ${code}${message === undefined ? "" : `: ${message}`}`;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
