/**
 * A small server on loopback that speaks S3 (PUT and GET of objects) and checks every signature by AWS's description of Signature Version 4, on its
 * own and not with the library that signs. Runs in Node, as a global setup.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** `http://127.0.0.1:<port>`; `GET /<bucket>/<key>` shows what was stored, without a signature. */
    s3Origin: string;
  }
}

/** The one account. Its buckets are there as soon as they are named, but `missing`; `slow` is told to slow down. */
const KEY = { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

export default async function serve({ provide }: TestProject): Promise<() => Promise<void>> {
  const objects = new Map<string, { readonly body: Buffer; readonly contentType: string }>();
  const server = createServer((request, response) => {
    const fail = (status: number, code: string, message: string) =>
      response
        .writeHead(status, { "content-type": "application/xml" })
        .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
    void buffer(request).then((body) => {
      const place = decodeURIComponent(request.url ?? "");
      if (request.method === "GET") {
        const object = objects.get(place);
        if (object === undefined) return fail(404, "NoSuchKey", "The specified key does not exist.");
        return response.setHeader("content-type", object.contentType).end(object.body);
      }
      const refusal = whyRefused(request, body);
      if (refusal !== null) return fail(403, refusal, "The request is not signed by this account.");
      if (place.startsWith("/missing/")) return fail(404, "NoSuchBucket", "The specified bucket does not exist.");
      if (place.startsWith("/slow/")) return fail(503, "SlowDown", "Reduce your request rate.");
      objects.set(place, { body, contentType: request.headers["content-type"] ?? "" });
      return response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  provide("s3Origin", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

/** @returns S3's code for what is wrong with the signature, null when it is right */
function whyRefused(request: IncomingMessage, body: Buffer): string | null {
  const { authorization = "", "x-amz-date": date, "x-amz-content-sha256": contentHash } = request.headers;
  const [, id, day, region, signedHeaders, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? [];
  if (id === undefined || day === undefined || region === undefined || signedHeaders === undefined || signature === undefined)
    return "AuthorizationHeaderMalformed";
  if (id !== KEY.id) return "InvalidAccessKeyId";
  if (typeof date !== "string" || !date.startsWith(day) || Math.abs(Date.now() - parseDate(date)) > 15 * 60_000)
    return "RequestTimeTooSkewed";
  if (contentHash !== createHash("sha256").update(body).digest("hex")) return "XAmzContentSHA256Mismatch";
  const names = signedHeaders.split(";");
  if (!["host", "x-amz-content-sha256", "x-amz-date"].every((name) => names.includes(name))) return "AccessDenied";
  const headers = names.map((name) => `${name}:${String(request.headers[name]).trim().replaceAll(/ +/g, " ")}\n`).join("");
  const [path, query = ""] = (request.url ?? "").split("?");
  const canonical = [request.method, path, query, headers, signedHeaders, contentHash].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const key = [day, region, "s3", "aws4_request"].reduce<Buffer | string>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    `AWS4${KEY.secret}`,
  );
  const expected = createHmac("sha256", key).update(text).digest();
  return timingSafeEqual(expected, Buffer.from(signature, "hex")) ? null : "SignatureDoesNotMatch";
}

/** `20261122T103000Z` */
function parseDate(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
}
