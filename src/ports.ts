/**
 * What the core asks of the outside. Interfaces only; `adapters/` implements them and `compose.ts` chooses.
 * An implementation and its fake pass the same contract suite (`test/contracts/`).
 */
import type { AdmissionAnswer, AdmissionCounts, AdmissionRequest, QueuePosition } from "./domain/admission.ts";
import type { StoredArtifact } from "./domain/artifact.ts";
import type {
  BrowserTarget,
  Cookies,
  Download,
  LoadState,
  PageAction,
  PageFindings,
  PageQuery,
  PageState,
  PAPER_INCHES,
} from "./domain/browser.ts";
import type { ByteRange } from "./domain/byte-range.ts";
import type { CredentialType } from "./domain/credential.ts";
import type { ClaimedDelivery, DeliveryReport, NewDelivery, Settlement } from "./domain/delivery.ts";
import type { Fault } from "./domain/error.ts";
import type {
  ApiKeyId,
  ArtifactId,
  CredentialId,
  DeliveryId,
  FileId,
  FolderId,
  IdTypes,
  OrganizationId,
  RunId,
  ScheduleId,
  TotpCodeId,
  WorkflowId,
  WorkflowVersionId,
} from "./domain/id.ts";
import type { StoredFile } from "./domain/file.ts";
import type { Json, JsonObject } from "./domain/json.ts";
import type { Mail, MailServer } from "./domain/mail.ts";
import type { Organization, OrganizationSettings } from "./domain/organization.ts";
import type { PackedPlan } from "./domain/packed-plan.ts";
import type { FinalStatus, RunFacts } from "./domain/run.ts";
import type { RunIndexRow, RunProjection, WireStatus } from "./domain/run-view.ts";
import type { Schedule } from "./domain/schedule.ts";
import type { TemplateIndex, TemplateVersion } from "./domain/template.ts";
import type { WorkflowStatus } from "./domain/workflow-status.ts";

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface Ids {
  /** A new id of this kind; ids made later sort later. */
  next<K extends keyof IdTypes>(kind: K): IdTypes[K];
}

/** One structured line. Values of parameters, outputs and secrets are never logged. */
export interface Log {
  info(message: string, fields?: Record<string, string | number | boolean | null>): void;
  error(message: string, error: unknown, fields?: Record<string, string | number | boolean | null>): void;
}

// ---------------------------------------------------------------------------------------------------------- HTTP

export interface HttpRequest {
  /** In any case. Not CONNECT or TRACE. */
  readonly method: string;
  readonly url: string;
  /** Not those that belong to the connection or to the service: `host`, `content-length`, `cf-*`, … */
  readonly headers: Readonly<Record<string, string>>;
  /** Not with GET or HEAD. */
  readonly body?: string | Uint8Array;
  /** For everything: all redirects, and the answer to its last byte. */
  readonly timeoutMs: number;
  readonly followRedirects: boolean;
  readonly signal: AbortSignal;
  /**
   * Keep at most so much of the answer's body, as far as it comes: the status is what counts. Without it the whole body is read, and one that
   * breaks off or is too large is an error.
   */
  readonly keepBytes?: number;
  /** An answer whose body is larger is an error. 5 MB when left out. */
  readonly maxBytes?: number;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; values of repeated headers are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** After redirects. */
  readonly url: string;
}

/** HTTP to the outside by way of the outbound guard: every hop is checked, the answer's size is limited. */
export interface HttpClient {
  /** @throws OutboundError when there is no answer, or none that may be used. A status such as 404 is an answer. */
  send(request: HttpRequest): Promise<HttpResponse>;
}

/** The client of an organization, which lets it reach its own `allowedHosts` besides the public internet. */
export type HttpClientFor = (allowedHosts: readonly string[]) => HttpClient;

// ---------------------------------------------------------------------------------------------------------- Mail

/** Mail to the outside. A server that a caller names is spoken to by way of the outbound guard. */
export interface Mailer {
  /** Whom the service's own mail is from; null when it has no mail server. */
  readonly serviceSender: string | null;
  /**
   * @param options.server null: the service's own
   * @throws MailError when nobody got it, or nobody knows
   */
  send(
    mail: Mail,
    options: { readonly server: MailServer | null; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<SentMail>;
}

export interface SentMail {
  /** Whom the server took it for; at least one. */
  readonly accepted: readonly string[];
  readonly rejected: readonly { readonly address: string; readonly reason: string }[];
}

/** The mailer of an organization, which lets it reach its own `allowedHosts` besides the public internet. */
export type MailerFor = (allowedHosts: readonly string[]) => Mailer;

// ------------------------------------------------------------------------------------------------------- Browser

/** Opens browsers, or takes up one that was left running. */
export interface Browsers {
  /**
   * @param options.sessionId a browser to take up again, if it still lives and answers
   * @param options.cookies what a new browser begins with when there is none to take up
   * @param options.check says why an address may not be visited, or null; asked for every document, in frames and popups too, and for every redirect
   * @throws BrowserUnavailable when the platform has none to give just now
   */
  lease(options: {
    readonly sessionId: string | null;
    readonly cookies: Cookies;
    readonly check: (url: string) => Fault | null;
    readonly signal: AbortSignal;
  }): Promise<BrowserLease>;
  /** Ends a browser of which only the id is known. Never throws, like `BrowserLease.close`. */
  close(sessionId: string): Promise<void>;
}

/** A browser that is ours until `close`. Its tabs share its cookies. */
export interface BrowserLease {
  readonly sessionId: string;
  /** Was it taken up (true), or is it new (false)? */
  readonly resumed: boolean;
  /** False once the browser is gone (crashed, closed, disconnected): lease again. */
  readonly alive: boolean;
  /**
   * Opens a tab, or takes up one that was left open.
   * @param options.tabId a tab of this browser to take up again, if it is still there, reacts, and stands where it may
   * @param options.state what to restore in a new tab when there is none to take up; null for an empty page
   * @throws PageError
   */
  openTab(options: { readonly tabId: string | null; readonly state: PageState | null; readonly signal: AbortSignal }): Promise<BrowserTab>;
  /** Every cookie of the browser. */
  cookies(): Promise<Cookies>;
  /** Lets go and leaves the browser running, to be taken up again by its session id until it idles out. */
  disconnect(): Promise<void>;
  /** Ends the browser. Never throws: a browser that cannot be closed is already gone or will idle out. */
  close(): Promise<void>;
}

/** A tab of a leased browser. */
export interface BrowserTab {
  readonly tabId: string;
  readonly page: BrowserPage;
  /** Was it taken up (true), or is it new, with the state restored (false)? */
  readonly resumed: boolean;
  /** False once the tab is gone (crashed, closed) or its browser is: open it again, with its last checkpoint. */
  readonly alive: boolean;
  /** Address and storage, enough to go on in another tab. */
  checkpoint(): Promise<PageState>;
  /** Never throws. */
  close(): Promise<void>;
}

/**
 * A page as the blocks see it. Every method gives up after its time-out, rejects with the signal's reason as soon as it is aborted, and
 * otherwise throws `PageError`, whose message says what was found instead. Dialogs are dismissed (a `beforeunload` is accepted).
 */
export interface BrowserPage {
  /** The address now. */
  url(): string;
  /** The address and the title now. */
  where(options: PageOptions): Promise<{ url: string; title: string }>;
  /** `status` is null where there was no HTTP response (`about:blank`). A status of 400 or more is not an error here. */
  goto(
    url: string,
    options: PageOptions & { readonly waitUntil: LoadState },
  ): Promise<{ url: string; status: number | null; title: string }>;
  /**
   * Does the actions in their order. Each waits until its element is there, visible, enabled, at rest and not covered; one that leads to
   * another document waits until that has loaded. One list costs fewer round trips than many: give together what belongs together.
   * @throws PageError with `actionIndex`; the actions before it are done
   */
  perform(actions: readonly PageAction[], options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Reads everything in one visit, after waiting for what is required; what is still missing when the time is up is reported, not thrown.
   * @param options.changed wait also until it differs from what was last read in this document
   */
  read(query: PageQuery, options: PageOptions & { readonly changed?: boolean }): Promise<PageFindings>;
  /** Can this be clicked to go on? No when it is missing, hidden or disabled (also by `aria-disabled` or a class `disabled`). */
  canClick(target: BrowserTarget, options: PageOptions): Promise<boolean>;
  /** Runs a script in the page's own world. `args` is a variable in it. */
  evaluate(script: string, args: JsonObject, options: PageOptions): Promise<Json>;
  /** PNG. */
  screenshot(options: PageOptions & { readonly fullPage: boolean; readonly target: BrowserTarget | null }): Promise<Uint8Array>;
  /** PDF, as the browser prints the page. */
  pdf(options: PageOptions & PrintOptions): Promise<Uint8Array>;
  /**
   * Clicks what starts a download, or opens the address of a file with the page's session; answers with the file. The page stays where it is.
   * @throws NoDownload when none has begun in time
   */
  download(source: BrowserTarget | { readonly url: string }, options: PageOptions): Promise<Download>;
}

export interface PrintOptions {
  readonly paper: keyof typeof PAPER_INCHES;
  readonly landscape: boolean;
  /** Colours and pictures behind the text too. */
  readonly background: boolean;
  /** Plain text at the foot of every page, with the address and the page's number; null for none. */
  readonly foot: string | null;
}

export interface PageOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

// ----------------------------------------------------------------------------------------------------- Artifacts

/** A stored file, as a block sees it. */
export type SavedArtifact = Omit<StoredArtifact, "blockPath">;

/** Files of runs. Keys are `org/<organization>/run/<run>/<artifact>`, so that one organization can never name another's. */
export interface Artifacts {
  /** @param owner.path the block that makes it */
  save(
    owner: { organizationId: OrganizationId; runId: RunId; path: string },
    file: { artifactId: ArtifactId; type: string; name: string; contentType: string; bytes: Uint8Array },
  ): Promise<StoredArtifact>;
  /** Oldest first. */
  list(organizationId: OrganizationId, runId: RunId): Promise<StoredArtifact[]>;
  /** @returns null when this organization has no such artifact */
  get(organizationId: OrganizationId, artifactId: ArtifactId): Promise<StoredArtifact | null>;
  /** The same with the content. @param range null for all of it */
  open(
    organizationId: OrganizationId,
    artifactId: ArtifactId,
    range?: ByteRange | null,
  ): Promise<{ artifact: StoredArtifact; body: ReadableStream } | null>;
}

/** Files that callers upload. Keys are `org/<organization>/file/<file>`; what has expired is not found any more. */
export interface Files {
  save(
    organizationId: OrganizationId,
    file: { fileId: FileId; name: string; contentType: string; bytes: Uint8Array; createdAt: number; expiresAt: number | null },
  ): Promise<StoredFile>;
  /** @returns null when this organization has no such file */
  get(organizationId: OrganizationId, fileId: FileId): Promise<StoredFile | null>;
  /** The same with the content. @param range null for all of it */
  open(
    organizationId: OrganizationId,
    fileId: FileId,
    range?: ByteRange | null,
  ): Promise<{ file: StoredFile; body: ReadableStream } | null>;
  /** Deletes those that are there, at most 1,000. */
  delete(files: readonly { readonly organizationId: OrganizationId; readonly fileId: FileId }[]): Promise<void>;
}

/** When uploaded files are to be deleted, in D1. */
export interface FileExpiries {
  add(file: { organizationId: OrganizationId; fileId: FileId; expiresAt: number }): Promise<void>;
  /** Of any organization, those that expired first. */
  expired(now: number, limit: number): Promise<{ organizationId: OrganizationId; fileId: FileId }[]>;
  /** Forgets the first `limit` of those that expired until `now`. */
  forget(now: number, limit: number): Promise<void>;
}

/** Addresses by which a file can be read for a while without an API key: the path and what signs it, in Skyvern's form. */
export interface FileLinks {
  /** @param expiresAt in milliseconds since the epoch @returns the path with a query, to go behind the API's origin */
  make(organizationId: OrganizationId, path: string, expiresAt: number): string;
  /** @returns whose file may be read, or why none may */
  check(
    path: string,
    query: SignedQuery,
    now: number,
  ): { ok: true; organizationId: OrganizationId } | { ok: false; reason: "invalid" | "expired" };
}
export interface SignedQuery {
  readonly sig: string;
  /** Unix seconds. */
  readonly expiry: string;
  readonly kid: string;
}

// -------------------------------------------------------------------------------------------------------- Secrets

/** Encryption of what is stored: AES-GCM under the service's key, bound to a purpose so that a ciphertext cannot be moved elsewhere. */
export interface Vault {
  seal(purpose: string, text: string): Promise<string>;
  /** @throws when the text was not sealed for this purpose by this key */
  open(purpose: string, sealed: string): Promise<string>;
}

// ---------------------------------------------------------------------------------------------------- Deliveries

/** Webhook deliveries, in D1: the record. The queue below only says when to look at it. */
export interface Deliveries {
  /** Adds those whose id is new, due at once; the others stay as they are. */
  add(deliveries: readonly NewDelivery[], at: number): Promise<void>;
  /**
   * Takes a delivery for its next attempt, which is counted. Of several that claim it at the same time, one gets it.
   * @param leaseUntil when another may take it, should this attempt never be settled
   * @returns null when there is nothing to do now: it is not due, is settled, is being attempted, or does not exist
   */
  claim(deliveryId: DeliveryId, now: number, leaseUntil: number): Promise<ClaimedDelivery | null>;
  /** Ends a claimed attempt. @returns false when a later attempt was claimed meanwhile: nothing is changed then */
  settle(claimed: ClaimedDelivery, settlement: Settlement, at: number): Promise<boolean>;
  /** Pending deliveries of any organization that were due before this instant and are not being attempted, the longest due first. */
  overdue(dueBefore: number, now: number, limit: number): Promise<DeliveryId[]>;
  /** The newest first. */
  list(organizationId: OrganizationId, filter: { readonly workflowRunId?: RunId }, page: Page): Promise<DeliveryReport[]>;
  get(organizationId: OrganizationId, deliveryId: DeliveryId): Promise<DeliveryReport | null>;
  /** Makes one more attempt due at `now`, whatever came of the delivery. @returns false when an attempt is under way, or there is no such delivery */
  replay(organizationId: OrganizationId, deliveryId: DeliveryId, now: number): Promise<boolean>;
}

/** Asks, through a queue, that deliveries be attempted. May be lost, late, repeated or out of order. */
export interface DeliveryQueue {
  /** @param delaySeconds whole, at most 43,200: the longest that a queue holds a message back */
  send(deliveryIds: readonly DeliveryId[], delaySeconds: number): Promise<void>;
}

/** A message as a queue's consumer gets it; one that is neither acknowledged nor retried counts as acknowledged. */
export interface QueueMessage {
  readonly body: unknown;
  ack(): void;
  retry(options?: { readonly delaySeconds?: number }): void;
}

/**
 * Signs a message by Standard Webhooks 1.0.
 * @param secret `whsec_` and the key in base64
 * @param message.at when this attempt is made, in milliseconds since the epoch
 * @returns the headers that carry the signature
 */
export type SignWebhook = (
  secret: string,
  message: { readonly id: string; readonly at: number; readonly body: string },
) => Promise<Record<string, string>>;

// --------------------------------------------------------------------------------------------------------- Stores
// Of D1. Each method is one round trip. Everything that belongs to an organization is asked for with its id: what is another's does not exist.

export interface StoredOrganization extends Organization {
  /** `whsec_…`, sealed by the vault for `webhookSecretPurpose`. */
  readonly sealedWebhookSecret: string;
}

export interface Organizations {
  /** @returns false when the id is taken; nothing is changed then */
  insert(organization: StoredOrganization): Promise<boolean>;
  get(organizationId: OrganizationId): Promise<StoredOrganization | null>;
  /** @returns the organization as it is then, null when there is none */
  update(organizationId: OrganizationId, changes: OrganizationChanges): Promise<StoredOrganization | null>;
}

/** What is absent or undefined stays as it is. */
export type OrganizationChanges = { readonly [Name in keyof OrganizationSettings]?: OrganizationSettings[Name] | undefined };

/** An API key as it is kept: never the key itself. */
export interface StoredApiKey {
  readonly apiKeyId: ApiKeyId;
  readonly organizationId: OrganizationId;
  /** What it is looked up by. Not secret, and not promised to be unique. */
  readonly prefix: string;
  /** SHA-256 of the whole key, hexadecimal. */
  readonly hash: string;
  readonly name: string;
  readonly createdAt: number;
}

export interface ApiKeys {
  /** Stores the key, unless a key with this hash is live already. @returns the live key with this hash: this one or the other */
  insert(key: StoredApiKey): Promise<StoredApiKey>;
  /** The live keys with this prefix, each with its organization. */
  findLive(prefix: string): Promise<{ readonly hash: string; readonly organization: Organization }[]>;
  /** @returns false when this organization has no such live key */
  revoke(organizationId: OrganizationId, apiKeyId: ApiKeyId, at: number): Promise<boolean>;
}

/** A credential as it is kept: what it holds is sealed by the vault for `credentialPurpose`. */
export interface StoredCredential {
  readonly organizationId: OrganizationId;
  readonly credentialId: CredentialId;
  readonly name: string;
  readonly credentialType: CredentialType;
  /** What of its content answers show: see `shownOf`. */
  readonly shown: JsonObject;
  /** Skyvern's other fields, as they were sent. */
  readonly settings: JsonObject;
  /** JSON text of its `CredentialSecrets`. */
  readonly sealed: string;
  readonly createdAt: number;
  readonly modifiedAt: number;
}

/** Which credentials of an organization. What is absent restricts nothing. */
export interface CredentialFilter {
  readonly credentialType?: CredentialType;
  /** A part of the name, in any case. */
  readonly search?: string;
}

export interface Credentials {
  /** @returns false when the id was ever used; nothing is changed then */
  insert(credential: StoredCredential): Promise<boolean>;
  get(organizationId: OrganizationId, credentialId: CredentialId): Promise<StoredCredential | null>;
  /** Those of the ids that name credentials of this organization. */
  existing(organizationId: OrganizationId, ids: readonly CredentialId[]): Promise<CredentialId[]>;
  /** The newest first. */
  list(organizationId: OrganizationId, filter: CredentialFilter, page: Page): Promise<StoredCredential[]>;
  /** @returns the credential as it is then, null when there is none */
  update(
    organizationId: OrganizationId,
    credentialId: CredentialId,
    changes: Partial<Pick<StoredCredential, "name" | "credentialType" | "shown" | "settings" | "sealed">>,
    at: number,
  ): Promise<StoredCredential | null>;
  /** Forgets what it holds, for good. @returns false when there was none */
  delete(organizationId: OrganizationId, credentialId: CredentialId, at: number): Promise<boolean>;
}

/** A one-time code that was sent in. */
export interface StoredTotpCode {
  readonly organizationId: OrganizationId;
  readonly totpCodeId: TotpCodeId;
  readonly totpIdentifier: string;
  /** The code, sealed by the vault for `totpCodePurpose`. */
  readonly sealed: string;
  /** Skyvern's `workflow_id`, `workflow_run_id` and `task_id`: only the runs that they name may use it. */
  readonly workflowId: string | null;
  readonly workflowRunId: string | null;
  readonly taskId: string | null;
  readonly source: string | null;
  readonly type: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** When a run took it; each code is used once. */
  readonly usedAt: number | null;
}

export interface TotpCodes {
  /** @returns false when the id is taken; nothing is changed then */
  insert(code: StoredTotpCode): Promise<boolean>;
  /** Those that have not expired, the newest first. */
  list(organizationId: OrganizationId, filter: { readonly totpIdentifier?: string }, now: number, page: Page): Promise<StoredTotpCode[]>;
  /** Takes the newest code that this run may use; no one else gets it. @returns null when there is none */
  take(
    organizationId: OrganizationId,
    wanted: { readonly totpIdentifier: string; readonly workflowId: WorkflowId; readonly workflowRunId: RunId },
    now: number,
  ): Promise<StoredTotpCode | null>;
  /** Forgets codes that expired before this instant, at most `limit` of them. @returns how many */
  purge(expiredBefore: number, limit: number): Promise<number>;
}

/** One immutable version of a workflow. */
export interface StoredWorkflow {
  readonly organizationId: OrganizationId;
  readonly workflowPermanentId: WorkflowId;
  readonly workflowId: WorkflowVersionId;
  readonly version: number;
  readonly title: string;
  /** The whole definition as it was posted. */
  readonly definition: JsonObject;
  /** When this version was made. */
  readonly createdAt: number;
}

/** What holds for a workflow whatever its version. */
export interface WorkflowState {
  readonly folderId: FolderId | null;
  /** Is it a template of its organization? */
  readonly isTemplate: boolean;
  readonly deletedAt: number | null;
}

export type WorkflowInState = StoredWorkflow & WorkflowState;

/** A version to be stored, and the folder that the workflow is to be in. A folder that is deleted meanwhile counts as none. */
export interface NewVersion extends Omit<StoredWorkflow, "version"> {
  readonly folderId: FolderId | null;
}

/** Which workflows of an organization, by their latest version. What is absent restricts nothing. */
export interface WorkflowFilter {
  /** Any of these; an empty list is of none. */
  readonly statuses: readonly WorkflowStatus[];
  readonly isSavedTask?: boolean;
  /** Only the organization's templates. */
  readonly isTemplate?: true;
  readonly folderId?: FolderId;
  /** A part of the title, in any case. */
  readonly title?: string;
}

export interface Workflows {
  /** Stores version 1. @returns null when the workflow exists; nothing is changed then */
  create(workflow: NewVersion): Promise<WorkflowState | null>;
  /**
   * Stores the next version; of several at once each gets its own number.
   * @param workflow.folderId null leaves the workflow where it is
   * @returns its number, null when there is no such workflow
   */
  addVersion(workflow: NewVersion): Promise<(WorkflowState & { readonly version: number }) | null>;
  /** Where the workflow stands, deleted or not. @returns null when there never was such a workflow */
  head(organizationId: OrganizationId, workflowId: WorkflowId): Promise<(WorkflowState & { readonly latestVersion: number }) | null>;
  /** One version, also of a deleted workflow. */
  version(organizationId: OrganizationId, workflowId: WorkflowId, version: number): Promise<StoredWorkflow | null>;
  /** Newest first, without deleted workflows. */
  versions(organizationId: OrganizationId, workflowId: WorkflowId, page: Page): Promise<WorkflowInState[]>;
  /** The latest version of each workflow, last changed first. @returns also how many there are, at most `countUpTo`; null when it was not asked */
  list(
    organizationId: OrganizationId,
    filter: WorkflowFilter,
    page: KeysetPage<WorkflowId>,
  ): Promise<{ workflows: WorkflowInState[]; count: number | null }>;
  /** @param folderId null takes it out of its folder @returns false when there is no such workflow or no such folder */
  setFolder(organizationId: OrganizationId, workflowId: WorkflowId, folderId: FolderId | null): Promise<boolean>;
  /** @returns false when there is no such workflow */
  setTemplate(organizationId: OrganizationId, workflowId: WorkflowId, isTemplate: boolean): Promise<boolean>;
  /** @returns false when there was none */
  delete(organizationId: OrganizationId, workflowId: WorkflowId, at: number): Promise<boolean>;
}

export interface StoredFolder {
  readonly folderId: FolderId;
  readonly organizationId: OrganizationId;
  readonly title: string;
  readonly description: string | null;
  readonly createdAt: number;
  /** When the title or the description was last changed. */
  readonly modifiedAt: number;
}

export interface Folder extends StoredFolder {
  /** Workflows in it that are not deleted. */
  readonly workflowCount: number;
}

export interface Folders {
  /** @returns false when the id is taken, also by a deleted folder; nothing is changed then */
  create(folder: StoredFolder): Promise<boolean>;
  get(organizationId: OrganizationId, folderId: FolderId): Promise<Folder | null>;
  /** The same, also of a deleted folder. */
  getEver(organizationId: OrganizationId, folderId: FolderId): Promise<Folder | null>;
  /** Last changed first. @param title a part of the title, in any case; empty for all */
  list(organizationId: OrganizationId, title: string, page: KeysetPage<FolderId>): Promise<{ folders: Folder[]; count: number | null }>;
  /** What is undefined stays as it is. @returns null when there is no such folder */
  update(
    organizationId: OrganizationId,
    folderId: FolderId,
    changes: { readonly title?: string | undefined; readonly description?: string | null | undefined },
    at: number,
  ): Promise<Folder | null>;
  /**
   * Its workflows are deleted with it or left without a folder, in the same transaction.
   * @returns how many workflows were deleted; null when there is no such folder
   */
  delete(
    organizationId: OrganizationId,
    folderId: FolderId,
    options: { readonly deleteWorkflows: boolean; readonly at: number },
  ): Promise<number | null>;
}

/** A part of a list. */
export interface Page {
  readonly limit: number;
  readonly offset: number;
}

/** Where a row stands in a list: by an instant of it, newest first, and by its id among those of the same millisecond. */
export interface Position<Id extends string> {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly id: Id;
}

/** A part of a list that is found by the row before it, so that it costs the same wherever it is. */
export interface KeysetPage<Id extends string> extends Page {
  /** Begin behind this row; null at the newest. `offset` counts from there. */
  readonly after: Position<Id> | null;
  /** How far the rows that pass the filter are counted, whatever the page; null not at all. */
  readonly countUpTo: number | null;
}

/** Which runs of an organization. What is absent restricts nothing. */
export interface RunFilter {
  readonly workflowRunId?: RunId;
  /** Any of these; an empty list is of none. */
  readonly workflowPermanentIds?: readonly WorkflowId[];
  readonly statuses?: readonly RunIndexRow["status"][];
  /** Only runs that have ended with this code among their errors. */
  readonly errorCode?: string;
  /** Milliseconds since the epoch, included. */
  readonly createdFrom?: number;
  readonly createdUntil?: number;
  /** False leaves out the runs that other runs started; it counts only together with `workflowPermanentIds`. */
  readonly includeChildren?: boolean;
}

export interface ListedRun extends RunIndexRow {
  /** False also for a template's run: a template is no workflow of the organization. */
  readonly workflowDeleted: boolean;
}

export interface RunIndex {
  /** Writes them all or none. A row replaces only one with a smaller `seq`, so that late and repeated projections change nothing. */
  upsert(rows: readonly RunProjection[]): Promise<void>;
  get(organizationId: OrganizationId, runId: RunId): Promise<ListedRun | null>;
  /** Newest first. @returns also how many there are, at most `countUpTo`; null when it was not asked */
  list(organizationId: OrganizationId, filter: RunFilter, page: KeysetPage<RunId>): Promise<{ runs: ListedRun[]; count: number | null }>;
  /** Workflows and templates that have run under a title with this text in it, in any case; those that were made last first. */
  workflowsTitled(organizationId: OrganizationId, text: string, limit: number): Promise<WorkflowId[]>;
  /** The last run that tries this one again. */
  retriedBy(organizationId: OrganizationId, runId: RunId): Promise<RunId | null>;
  /**
   * Runs of any organization that are not final and have not changed since `modifiedBefore`, the stillest first, in pages of `limit`.
   * @param turn which page; the first comes again after the last, so that whoever counts on sees each of them
   */
  unfinished(modifiedBefore: number, turn: number, limit: number): Promise<RunIndexRow[]>;
}

/** Which schedules of an organization. What is absent restricts nothing. */
export interface ScheduleFilter {
  readonly workflowPermanentId?: WorkflowId;
  readonly enabled?: boolean;
  /** A part of the schedule's name or of its workflow's title, in any case. */
  readonly search?: string;
}

/** What a caller may change of a schedule, and what follows from it. What is absent or undefined stays. */
export type ScheduleChanges = { readonly [Name in ChangeableOfSchedule]?: Schedule[Name] | undefined };
type ChangeableOfSchedule =
  | "cronExpression"
  | "timezone"
  | "enabled"
  | "parameters"
  | "name"
  | "description"
  | "onMissed"
  | "apiOrigin"
  | "nextFireAt";

export interface Schedules {
  /** Stores it, unless its id is taken, its workflow is not there, or the organization has `limit` of them. @returns whether it was stored */
  create(schedule: Schedule, limit: number): Promise<boolean>;
  get(organizationId: OrganizationId, workflowId: WorkflowId, scheduleId: ScheduleId): Promise<Schedule | null>;
  /** Newest first, each with the title of its workflow. @returns also how many pass the filter */
  list(
    organizationId: OrganizationId,
    filter: ScheduleFilter,
    page: Page,
  ): Promise<{ readonly schedules: (Schedule & { readonly workflowTitle: string })[]; readonly count: number }>;
  /** @param before as it was read: it is changed only if its times and its state still are these @returns null when they are not */
  update(before: Schedule, changes: ScheduleChanges, at: number): Promise<Schedule | null>;
  /** @returns false when there was none */
  delete(organizationId: OrganizationId, workflowId: WorkflowId, scheduleId: ScheduleId, at: number): Promise<boolean>;
  /** Schedules of any organization that are due, the longest due first. */
  due(now: number, limit: number): Promise<Schedule[]>;
  /** The firings of `schedule` as it was read are taken care of, unless it was changed meanwhile. */
  settle(schedule: Schedule, outcome: Pick<Schedule, "nextFireAt" | "lastFireAt" | "lastRunId" | "lastError">): Promise<void>;
  /** Its firings could not be taken care of: it is due again at `dueAt`, unless it was changed meanwhile. */
  postpone(schedule: Schedule, dueAt: number, lastError: string): Promise<void>;
}

/** Which resource a request with an `Idempotency-Key` makes. */
interface IdempotencyClaim {
  readonly organizationId: OrganizationId;
  /** What the key is for; the same key may be used once in each scope. */
  readonly scope: string;
  readonly key: string;
  readonly requestHash: string;
  readonly resourceId: string;
  readonly createdAt: number;
}

export interface IdempotencyKeys {
  /**
   * Stores the claim, unless there is one for its organization, scope and key that was made at `freeBefore` or later.
   * @returns the claim that holds: this one or the earlier
   */
  claim(claim: IdempotencyClaim, freeBefore: number): Promise<IdempotencyClaim>;
  /** Forgets a claim, if it is still this resource's. */
  release(claim: Pick<IdempotencyClaim, "organizationId" | "scope" | "key" | "resourceId">): Promise<void>;
  /** Forgets claims made before this instant, at most `limit` of them. @returns how many */
  purge(madeBefore: number, limit: number): Promise<number>;
}

/** Global templates, in R2. What it returns may be up to a minute old. */
export interface Templates {
  /** Skyvern's `retrieve_global_workflows`: the ids that may be used, in the order of the file; none when the file is missing. */
  retrieveGlobalWorkflows(): Promise<readonly WorkflowId[]>;
  /** @returns null when there is no such template */
  index(workflowId: WorkflowId): Promise<TemplateIndex | null>;
  version(workflowId: WorkflowId, version: number): Promise<TemplateVersion | null>;
  /**
   * Makes this the latest version, unless the latest has the same hash, and lists the template. Safe to repeat after a crash at any point.
   * @returns the version that now is the latest, and whether it is new
   */
  publish(template: Omit<TemplateVersion, "version">): Promise<{ version: number; changed: boolean }>;
  /** Takes a template off the list; its versions are kept, and publishing it again goes on counting. @returns false when it was not listed */
  unpublish(workflowId: WorkflowId): Promise<boolean>;
}

// --------------------------------------------------------------------------------------------------- Runs at work

/** What a run is started with. Starting the same run id again changes nothing: it answers with the run that is there. */
export interface RunStart {
  readonly facts: RunFacts;
  readonly plan: PackedPlan;
  /** False when the organization's gate put it into the queue. */
  readonly admitted: boolean;
  /** Where its pages begin, as the run that it tries again left them; JSON text of a `BrowserState`. */
  readonly browserState: string | null;
}

/** A run as its object tells it. */
export interface RunReport {
  readonly status: WireStatus;
  /** The API's response, as JSON text: it crosses objects unread, however deep it is. */
  readonly json: string;
}

/** The object of one run. Null everywhere means that there is no such run. */
export interface RunObject {
  /** @param waitMs how long to wait for a final status before answering */
  start(start: RunStart, waitMs: number): Promise<RunReport>;
  report(waitMs: number): Promise<RunReport | null>;
  /** @returns the timeline as JSON text */
  timeline(): Promise<string | null>;
  /** @returns the report after canceling; a finished run stays as it is */
  cancel(reason: string): Promise<RunReport | null>;
  /** @returns the report, and whether anything was changed */
  pause(): Promise<Changed | null>;
  resume(): Promise<Changed | null>;
  /** A person's answer to what waits for one. @param path which block; null when there is only one */
  decide(path: string | null, approved: boolean): Promise<Changed | null>;
  /** The run that one of its blocks waits for has ended. @param json its report */
  childEnded(path: string, childId: RunId, status: FinalStatus, json: string): Promise<void>;
  /** What another run needs to try this one again. @param from a label, or `failed` or `start` */
  retrySource(from: string): Promise<RetrySource | null>;
  /** The gate has a slot for it. @returns false when it does not want one: it has ended or does not exist */
  admit(): Promise<boolean>;
  /** Wakes the object, which goes on with what it owes. @returns whether the run is still live */
  wake(): Promise<boolean>;
  /** Events for webhooks that are not acknowledged, each with the run as it was then, as JSON text. */
  webhookEvents(): Promise<RunWebhookEvent[]>;
  /** Another run tries this one again. */
  noteRetry(by: RunId): Promise<void>;
  /** What the run told up to this event of its journal is recorded. */
  acknowledge(seq: number): Promise<void>;
}

export interface Changed {
  readonly changed: boolean;
  readonly report: RunReport;
}

export type RetrySource =
  | {
      readonly ok: true;
      readonly facts: RunFacts;
      readonly kept: NonNullable<RunFacts["retryOf"]>["kept"];
      /** Where the pages were after the last blocks that ended; JSON text of a `BrowserState`. */
      readonly browserState: string | null;
    }
  | { readonly ok: false; readonly reason: "unfinished" | "unknown_label" | "nothing_failed"; readonly labels: readonly string[] };

/** Finds the object of a run. Another organization's run is another, empty object. */
export interface RunObjects {
  get(organizationId: OrganizationId, runId: RunId): RunObject;
}

export interface RunWebhookEvent {
  readonly seq: number;
  readonly type: "workflow_run.queued" | "workflow_run.started" | "workflow_run.paused" | `workflow_run.${FinalStatus}`;
  readonly at: number;
  /** Of the webhook; `mailto:…` for a mail that asks people. */
  readonly url: string;
  /** Skyvern's flat run fields; of a mail, `ServiceMail`. */
  readonly json: string;
}

/** News of a run, for the index and the webhooks. The queue is transport: the run sends it again until it is acknowledged. */
export interface RunNews {
  readonly row: RunProjection;
  /** May there be events for a webhook, or mails, to be fetched? */
  readonly hasMessages: boolean;
}
export interface RunNewsQueue {
  send(news: RunNews): Promise<void>;
}

/** Admission of an organization's runs. Every call may be repeated. A child run takes no part in it: it shares its parent's slot. */
export interface Gate {
  /**
   * A run that asks again is told where it stands now. That changes nothing, except that a key which was not told before holds from then on: it may
   * cost the run its slot, not its place. Of a run that is rejected nothing is kept.
   */
  admit(request: AdmissionRequest): Promise<AdmissionAnswer>;
  /** Gives the slot, or the place in the queue, back. The runs that get a slot by this are told (`RunObject.admit`). */
  release(runId: RunId): Promise<void>;
  /** @returns null when the run does not wait */
  position(runId: RunId): Promise<QueuePosition | null>;
  describe(): Promise<AdmissionCounts>;
}
export interface Gates {
  get(organizationId: OrganizationId): Gate;
}

/** Values too large for a row of the journal, by their content: storing one again changes nothing. */
export interface LargeValues {
  /** @returns the key to get it by */
  put(owner: Pick<RunFacts, "organizationId" | "runId">, text: string): Promise<string>;
  /** @throws when it is gone */
  get(key: string): Promise<string>;
}

/** Which question of a run a person answers. */
export interface Decision {
  readonly organizationId: OrganizationId;
  readonly runId: RunId;
  readonly path: string;
  readonly attempt: number;
}

/** Tokens for the links by which a person decides. */
export interface DecisionTokens {
  make(decision: Decision): Promise<string>;
  /** @returns null when the service did not make this token */
  read(token: string): Promise<Decision | null>;
}

/** Starts the runs that blocks of other runs ask for. */
export interface ChildRuns {
  /**
   * Safe to repeat: the same place starts the same child.
   * @param place which block of the parent asks; `generation` changes when it is to be another child
   * @returns the child and its report as JSON text, or why it may not be started
   */
  start(
    parent: RunFacts,
    place: { readonly path: string; readonly generation: string },
    request: { readonly workflowPermanentId: string; readonly parameters: JsonObject; readonly wait: boolean },
  ): Promise<{ readonly ok: true; readonly runId: RunId; readonly json: string } | { readonly ok: false; readonly message: string }>;
}
