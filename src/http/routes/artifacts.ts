import type { Context } from "hono";
import { z } from "zod";
import { artifactContentPath, artifactResponse, linkExpiry, type LinkToArtifact } from "../../domain/artifact.ts";
import { artifactExample, artifactSchema } from "../../domain/artifact-view-schema.ts";
import type { OrganizationId } from "../../domain/id.ts";
import { formatInstant } from "../../domain/time.ts";
import { instant } from "../../domain/view-field.ts";
import type { Artifacts } from "../../ports/artifacts.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileLinks } from "../../ports/files.ts";
import type { RunObjects } from "../../ports/run-objects.ts";
import { listArtifacts, openArtifact, readArtifact } from "../../services/artifacts.ts";
import type { AppEnv } from "../auth.ts";
import { FILE_HEADERS, FILE_RESPONSES, fileResponse } from "../file-response.ts";
import { several } from "../query.ts";
import { json, routeFor } from "../route.ts";

/** What `GET …/signed-url` gives is for use at once (Skyvern's five minutes). */
const SHORT_LINK_MS = 300_000;

export interface ArtifactRouteDeps {
  readonly artifacts: Artifacts;
  readonly runs: RunObjects;
  readonly links: FileLinks;
  readonly clock: Clock;
}

const signedSchema = z
  .strictObject({
    artifact_id: z.string().describe("The artifact."),
    signed_url: z.string().describe("A link that needs no key."),
    expires_at: instant.describe("When the link ends, five minutes from now."),
  })
  .meta({ id: "SignedArtifact" });

const route = routeFor<ArtifactRouteDeps>();

/** Files of runs. */
export const artifactRoutes = [
  route(
    {
      method: "get",
      paths: { listArtifacts: "/v1/runs/{run_id}/artifacts" },
      tag: "Files",
      summary: "The files of a run, the oldest first",
      caller: "api_key",
      query: z.strictObject({ artifact_type: several(z.string().max(100), 20).describe("Only files of these types.") }),
      responses: { 200: json("The files.", z.array(artifactSchema), [artifactExample]) },
    },
    async (deps, { c, organization, params, query }) => {
      const artifacts = await listArtifacts(deps, organization, params.run_id, query.artifact_type ?? null);
      const { organizationId } = organization;
      return c.json(artifacts.map((artifact) => artifactResponse(artifact, organizationId, linksOf(c, deps, organizationId))));
    },
  ),
  route(
    {
      method: "get",
      paths: { readArtifact: "/v1/artifacts/{artifact_id}" },
      tag: "Files",
      summary: "What is known of a file of a run",
      caller: "api_key",
      responses: { 200: json("The file.", artifactSchema, artifactExample) },
    },
    async (deps, { c, organization: { organizationId }, params }) => {
      const artifact = await readArtifact(deps, organizationId, params.artifact_id);
      return c.json(artifactResponse(artifact, organizationId, linksOf(c, deps, organizationId)));
    },
  ),
  route(
    {
      method: "get",
      paths: { signArtifact: "/v1/artifacts/{artifact_id}/signed-url" },
      tag: "Files",
      summary: "A link to the content, for five minutes",
      caller: "api_key",
      responses: {
        200: json("The link.", signedSchema, {
          artifact_id: "a_01JDAA0000000000000000000D01JDAA0000000000000000000F",
          signed_url: "https://pilotfish.example/v1/artifacts/a_01JDAA0000000000000000000D01JDAA0000000000000000000F/content?expiry=…",
          expires_at: "2026-01-31T12:05:00.000Z",
        }),
      },
    },
    async (deps, { c, organization: { organizationId }, params }) => {
      const { artifactId } = await readArtifact(deps, organizationId, params.artifact_id);
      const expiresAt = deps.clock.now() + SHORT_LINK_MS;
      const link = deps.links.make(organizationId, artifactContentPath(artifactId), expiresAt);
      return c.json({ artifact_id: artifactId, signed_url: new URL(c.req.url).origin + link, expires_at: formatInstant(expiresAt) });
    },
  ),
  route(
    {
      method: "get",
      paths: { readArtifactContent: "/v1/artifacts/{artifact_id}/content" },
      tag: "Files",
      summary: "The content of a file of a run",
      caller: "file_link",
      headers: FILE_HEADERS,
      responses: FILE_RESPONSES,
      errors: ["range_not_satisfiable"],
    },
    async (deps, { c, params }) => {
      const owner = c.get("fileOwner");
      return await fileResponse(
        c,
        () => readArtifact(deps, owner, params.artifact_id),
        async (range) => (await openArtifact(deps, owner, params.artifact_id, range)).body,
      );
    },
  ),
];

/** Makes links at the address by which the caller knows the API. */
function linksOf(c: Context<AppEnv>, { links, clock }: ArtifactRouteDeps, organizationId: OrganizationId): LinkToArtifact {
  const { origin } = new URL(c.req.url);
  return ({ artifactId, type }) => origin + links.make(organizationId, artifactContentPath(artifactId), linkExpiry(type, clock.now()));
}
