import { type Context, Hono } from "hono";
import { z } from "zod";
import type { JsonObject } from "../../domain/json.ts";
import { formatInstant } from "../../domain/time.ts";
import type { Artifacts, SavedArtifact } from "../../ports.ts";
import { listArtifacts, openArtifact } from "../../services/artifacts.ts";
import { continueRun, decideRun, pauseRun, repeatRun, resumeRun, retryRun } from "../../services/run-control.ts";
import { cancelRun, getRun, getTimeline, type StartDeps, startRun } from "../../services/runs.ts";
import type { AppEnv } from "../auth.ts";
import { BODY_LIMITS, readBody, readOptionalBodyAs } from "../body.ts";
import { query, templateField } from "../query.ts";

/** The longest that `Prefer: wait` holds an answer back, in seconds. */
const MAX_WAIT_SECONDS = 60;

const startQuery = z.object({ template: templateField });

const retrySchema = z.strictObject({
  from_block: z.string().default("failed").describe("Where to begin: a label of the outermost list, `failed`, or `start`."),
  parameters: z.record(z.string(), z.json()).default({}).describe("Parameters to change."),
  version: z
    .union([z.int().min(1), z.literal("latest")])
    .optional()
    .describe("Another version of the workflow; the run's own when absent."),
});

const decisionSchema = z.strictObject({
  block: z.string().optional().describe("The path of the block that is answered, when several wait."),
});

export interface RunRouteDeps extends StartDeps {
  readonly artifacts: Artifacts;
}

/** Runs and what they leave behind. Mounted under `/v1`. */
export function runRoutes(deps: RunRouteDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  for (const path of ["/run/workflows", "/run/agents"]) {
    app.post(path, query(startQuery), async (c) => {
      const { value } = await readBody(c, BODY_LIMITS.request);
      const caller = callerOf(c);
      const { json } = await startRun(deps, c.get("organization"), value, {
        template: c.req.valid("query").template,
        ...caller,
      });
      if (caller.waitMs > 0) c.header("Preference-Applied", `wait=${caller.waitMs / 1000}`);
      return jsonText(c, json);
    });
  }
  for (const path of ["/workflows/runs/:id", "/agents/runs/:id"] as const) {
    app.post(`${path}/retry`, async (c) =>
      jsonText(c, (await repeatRun(deps, c.get("organization"), c.req.param("id"), callerOf(c))).json),
    );
    app.post(`${path}/continue`, async (c) => jsonText(c, (await continueRun(deps, c.get("organization"), c.req.param("id"))).json));
  }
  return app
    .get("/runs/:id", async (c) => {
      const { json } = await getRun(deps, c.get("organization"), c.req.param("id"), callerOf(c).waitMs);
      return jsonText(c, json);
    })
    .get("/runs/:id/timeline", async (c) => jsonText(c, await getTimeline(deps, c.get("organization"), c.req.param("id"))))
    .post("/runs/:id/cancel", async (c) => {
      await cancelRun(deps, c.get("organization"), c.req.param("id"));
      return c.json(null);
    })
    .post("/runs/:id/pause", async (c) => jsonText(c, (await pauseRun(deps, c.get("organization"), c.req.param("id"))).json))
    .post("/runs/:id/resume", async (c) => jsonText(c, (await resumeRun(deps, c.get("organization"), c.req.param("id"))).json))
    .post("/runs/:id/approve", async (c) => jsonText(c, (await decide(c, deps, true)).json))
    .post("/runs/:id/reject", async (c) => jsonText(c, (await decide(c, deps, false)).json))
    .post("/runs/:id/retry", async (c) => {
      const wish = await readOptionalBodyAs(c, retrySchema, BODY_LIMITS.request);
      const { json } = await retryRun(deps, c.get("organization"), c.req.param("id"), wish.from_block, {
        parameters: wish.parameters,
        version: wish.version ?? null,
        ...callerOf(c),
      });
      return jsonText(c, json);
    })
    .get("/runs/:id/artifacts", async (c) => {
      const organization = c.get("organization");
      const artifacts = await listArtifacts(deps, organization, c.req.param("id"));
      return c.json(artifacts.map((artifact) => artifactResponse(artifact, c.req.param("id"), organization.organizationId)));
    })
    .get("/artifacts/:id/content", async (c) => {
      const { artifact, body } = await openArtifact(deps, c.get("organization"), c.req.param("id"));
      return c.body(body, 200, {
        "content-type": artifact.contentType,
        "content-length": String(artifact.sizeBytes),
        // Never shown inside our own origin: it is a file that some page made.
        "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(artifact.name)}`,
        "content-security-policy": "sandbox; default-src 'none'",
        etag: `"${artifact.sha256}"`,
      });
    });
}

async function decide(c: Context<AppEnv, "/runs/:id/approve" | "/runs/:id/reject">, deps: RunRouteDeps, approved: boolean) {
  const { block } = await readOptionalBodyAs(c, decisionSchema, BODY_LIMITS.request);
  return await decideRun(deps, c.get("organization"), c.req.param("id"), block ?? null, approved);
}

/** How long the caller prefers to wait, the address by which it knows the API, and the key under which it repeats the request. */
function callerOf(c: Context<AppEnv>): { waitMs: number; apiOrigin: string; idempotencyKey: string | null } {
  return {
    waitMs: preferredWait(c.req.header("prefer")) * 1000,
    apiOrigin: new URL(c.req.url).origin,
    idempotencyKey: c.req.header("idempotency-key") ?? null,
  };
}

/** RFC 7240's `wait`, in seconds, cut to the longest that is granted; 0 when it is not asked for. */
export function preferredWait(header: string | undefined): number {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?=$|[,;\s])/i.exec(header ?? "") ?? [];
  return Math.min(Number(seconds ?? 0), MAX_WAIT_SECONDS);
}

/** The body is JSON already: the run's object wrote it. */
function jsonText(c: Context<AppEnv>, json: string): Response {
  return c.body(json, 200, { "content-type": "application/json" });
}

/** Skyvern's `Artifact`; `file_name` and `content_type` are ours. */
function artifactResponse(artifact: SavedArtifact, runId: string, organizationId: string): JsonObject {
  const createdAt = formatInstant(artifact.createdAt);
  return {
    artifact_id: artifact.artifactId,
    artifact_type: artifact.type,
    uri: `/v1/artifacts/${artifact.artifactId}/content`,
    bundle_key: null,
    checksum: artifact.sha256,
    file_size: artifact.sizeBytes,
    task_id: null,
    step_id: null,
    workflow_run_id: runId,
    workflow_run_block_id: null,
    run_id: runId,
    browser_session_id: null,
    signed_url: null,
    archived: false,
    organization_id: organizationId,
    created_at: createdAt,
    modified_at: createdAt,
    file_name: artifact.name,
    content_type: artifact.contentType,
  };
}
