/** What is known of a stored file of a run, and what the API says of it. */
import { type ArtifactId, blockRunIdOf, type OrganizationId, runOfArtifact } from "./id.ts";
import type { Json, JsonObject } from "./json.ts";
import { formatInstant } from "./time.ts";

/** A file that a block of a run made. */
export interface StoredArtifact {
  readonly artifactId: ArtifactId;
  /** Skyvern's artifact types where one fits: `screenshot`, `pdf`, `download`, … */
  readonly type: string;
  readonly name: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** The place of the block that made it; null for files that were stored before this was kept. */
  readonly blockPath: string | null;
}

/** Makes an address by which an artifact can be read for a while without an API key. */
export type LinkToArtifact = (artifact: StoredArtifact) => string;

const HOUR_MS = 3_600_000;
/** Links of one artifact stay the same for this long, so that what reads them can cache. */
const LINK_STEP_MS = 300_000;
/** Screenshots that a run's response shows, of many. */
const SHOWN_SCREENSHOTS = 100;

/** The path that an artifact's content is read by. Skyvern's, and part of what its links sign. */
export function artifactContentPath(artifactId: ArtifactId): string {
  return `/v1/artifacts/${artifactId}/content`;
}

/** When a link that is made now ends, in milliseconds: Skyvern's hour for what shows the page, and 12 hours for the rest, or a little more. */
export function linkExpiry(type: string, now: number): number {
  const lifetime = isScreenshot(type) || type === "recording" ? HOUR_MS : 12 * HOUR_MS;
  return (Math.floor(now / LINK_STEP_MS) + 1) * LINK_STEP_MS + lifetime;
}

/** Skyvern's `Artifact`; `file_name` and `content_type` are ours. */
export function artifactResponse(artifact: StoredArtifact, organizationId: OrganizationId, linkTo: LinkToArtifact): JsonObject {
  const runId = runOfArtifact(artifact.artifactId);
  const createdAt = formatInstant(artifact.createdAt);
  return {
    artifact_id: artifact.artifactId,
    artifact_type: artifact.type,
    uri: artifactContentPath(artifact.artifactId),
    bundle_key: null,
    checksum: artifact.sha256,
    file_size: artifact.sizeBytes,
    task_id: null,
    step_id: null,
    workflow_run_id: runId,
    workflow_run_block_id: runId === null || artifact.blockPath === null ? null : blockRunIdOf(runId, artifact.blockPath),
    run_id: runId,
    browser_session_id: null,
    observer_cruise_id: null,
    observer_thought_id: null,
    ai_suggestion_id: null,
    signed_url: linkTo(artifact),
    archived: false,
    organization_id: organizationId,
    created_at: createdAt,
    modified_at: createdAt,
    // Ours:
    file_name: artifact.name,
    content_type: artifact.contentType,
  };
}

/** The fields of a run's response that tell of its files; null where there are none. The last page first, then the newest screenshots. */
export function filesOfRun(artifacts: readonly StoredArtifact[], linkTo: LinkToArtifact): Record<RunFileField, Json> {
  const pictures = artifacts.filter(({ type }) => isScreenshot(type)).toReversed();
  const screenshots = [
    ...pictures.filter(({ type }) => type === "screenshot_final"),
    ...pictures.filter(({ type }) => type !== "screenshot_final"),
  ];
  const recording = artifacts.findLast(({ type }) => type === "recording");
  const downloads = artifacts.filter(isDownload);
  return {
    downloaded_files: downloads.length === 0 ? null : downloads.map((artifact) => fileInfo(artifact, linkTo)),
    screenshot_urls: screenshots.length === 0 ? null : screenshots.slice(0, SHOWN_SCREENSHOTS).map(linkTo),
    recording_url: recording === undefined ? null : linkTo(recording),
  };
}
type RunFileField = "downloaded_files" | "screenshot_urls" | "recording_url";

/** Skyvern's types of screenshots: what a block asked for, what was kept of an attempt, and the last page of a run. */
function isScreenshot(type: string): boolean {
  return type === "screenshot" || type === "screenshot_action" || type === "screenshot_final";
}

export function isDownload({ type }: StoredArtifact): boolean {
  return type === "download";
}

/** Skyvern's `FileInfo`. */
function fileInfo(artifact: StoredArtifact, linkTo: LinkToArtifact): JsonObject {
  return {
    url: linkTo(artifact),
    checksum: artifact.sha256,
    filename: artifact.name,
    file_size: artifact.sizeBytes,
    modified_at: formatInstant(artifact.createdAt),
    artifact_id: artifact.artifactId,
  };
}
