/**
 * Ids are a prefix, `_` and a ULID: unique, sortable by time, and telling what they name. The prefixes are Skyvern's
 * where it has one. (`ports/ids.ts` has the generator: making an id needs chance.)
 */
export interface IdTypes {
  organization: `o_${string}`;
  apiKey: `ak_${string}`;
  workflow: `wpid_${string}`;
  workflowVersion: `w_${string}`;
  folder: `fld_${string}`;
  run: `wr_${string}`;
  blockRun: `wrb_${string}`;
  artifact: `a_${string}`;
  file: `file_${string}`;
  delivery: `whd_${string}`;
  schedule: `wfs_${string}`;
  event: `evt_${string}`;
  request: `req_${string}`;
  credential: `cred_${string}`;
  totpCode: `otp_${string}`;
  browserSession: `pbs_${string}`;
  browserProfile: `bp_${string}`;
}

export const ID_PREFIXES = {
  organization: "o",
  apiKey: "ak",
  workflow: "wpid",
  workflowVersion: "w",
  folder: "fld",
  run: "wr",
  blockRun: "wrb",
  artifact: "a",
  file: "file",
  delivery: "whd",
  schedule: "wfs",
  event: "evt",
  request: "req",
  credential: "cred",
  totpCode: "otp",
  browserSession: "pbs",
  browserProfile: "bp",
} as const satisfies { [K in keyof IdTypes]: string };

export type OrganizationId = IdTypes["organization"];
export type ApiKeyId = IdTypes["apiKey"];
export type WorkflowId = IdTypes["workflow"];
export type WorkflowVersionId = IdTypes["workflowVersion"];
export type FolderId = IdTypes["folder"];
export type RunId = IdTypes["run"];
export type BlockRunId = IdTypes["blockRun"];
export type ArtifactId = IdTypes["artifact"];
export type CredentialId = IdTypes["credential"];
export type TotpCodeId = IdTypes["totpCode"];
export type BrowserSessionId = IdTypes["browserSession"];
export type BrowserProfileId = IdTypes["browserProfile"];
export type FileId = IdTypes["file"];
export type DeliveryId = IdTypes["delivery"];
export type ScheduleId = IdTypes["schedule"];

/** Is `text` an id of this kind, by its form? Says nothing of whether the thing exists. */
export function isId<K extends keyof IdTypes>(kind: K, text: string): text is IdTypes[K] {
  return text.length <= 100 && /^[a-z]+_[A-Za-z0-9_-]+$/.test(text) && text.startsWith(`${ID_PREFIXES[kind]}_`);
}

/** The id of a block's row in a run's timeline. It is made from its place, so it is the same however often it is asked for. */
export function blockRunIdOf(runId: RunId, path: string): BlockRunId {
  return `wrb_${runId.slice(ID_PREFIXES.run.length + 1)}_${path}`;
}

/** An artifact's id holds the run that it belongs to, so that it is found without an index: `a_`, the run's ULID, its own. */
export function artifactIdOf(runId: RunId, own: ArtifactId): ArtifactId {
  return `a_${runId.slice(ID_PREFIXES.run.length + 1)}${own.slice(ID_PREFIXES.artifact.length + 1)}`;
}

/** The run that an artifact belongs to, null when the id is not one that `artifactIdOf` made. */
export function runOfArtifact(artifactId: ArtifactId): RunId | null {
  const [, run] = /^a_([0-9A-Z]{26})[0-9A-Z]{26}$/.exec(artifactId) ?? [];
  return run === undefined ? null : `wr_${run}`;
}

/** The id of an event of a run's journal, for the outside. */
export function eventIdOf(runId: RunId, seq: number): IdTypes["event"] {
  return `evt_${runId.slice(ID_PREFIXES.run.length + 1)}_${seq}`;
}

/** The id of the delivery of an event to the run's own webhook, or by mail: the same however often the event is told. */
export function deliveryIdOf(runId: RunId, seq: number, by: "webhook" | "mail" = "webhook"): DeliveryId {
  return `whd_${runId.slice(ID_PREFIXES.run.length + 1)}_${seq}${by === "mail" ? "_mail" : ""}`;
}
