import { z } from "zod";
import { artifactResponse } from "./artifact.ts";
import type { JsonObject } from "./json.ts";
import { absent, createdAt, modifiedAt } from "./view-field.ts";

/** What `artifactResponse` makes. */
export const artifactSchema = z
  .strictObject({
    artifact_id: z.string().describe("The artifact's id, `a_…`."),
    artifact_type: z.string().describe("What it is: `screenshot`, `pdf`, `download` and the like."),
    uri: z.string().describe("Where its content is, on this service."),
    bundle_key: absent,
    checksum: z.string().describe("SHA-256, hexadecimal."),
    file_size: z.int().describe("Bytes."),
    task_id: absent,
    step_id: absent,
    workflow_run_id: z.string().describe("The run."),
    workflow_run_block_id: z.string().nullable().describe("The block that made it, as the timeline names it."),
    run_id: z.string().describe("The run."),
    browser_session_id: absent,
    observer_cruise_id: absent,
    observer_thought_id: absent,
    ai_suggestion_id: absent,
    signed_url: z.string().describe("A link that needs no key, for an hour (screenshots, recordings) or 12."),
    archived: z.literal(false).describe("Skyvern's; always false here."),
    organization_id: z.string().describe("Whose it is."),
    created_at: createdAt,
    modified_at: modifiedAt,
    file_name: z.string().describe("Its name, with its ending."),
    content_type: z.string().describe("Its content type."),
  })
  .meta({ id: "Artifact" });

export const artifactExample: JsonObject = artifactResponse(
  {
    artifactId: "a_01JDAA0000000000000000000D01JDAA0000000000000000000F",
    type: "screenshot",
    name: "price.png",
    contentType: "image/png",
    sizeBytes: 48_213,
    sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    createdAt: Date.UTC(2026, 0, 31, 12, 0, 3),
    blockPath: "price",
  },
  "o_01JDAA0000000000000000000A",
  ({ artifactId }) =>
    `https://pilotfish.example/v1/artifacts/${artifactId}/content?expiry=1769864700&kid=o_01JDAA0000000000000000000A&sig=…`,
);
