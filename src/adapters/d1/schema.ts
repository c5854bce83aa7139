/**
 * The tables of D1. Instants are integers, milliseconds since the epoch. Where a row belongs to an organization its id leads the key, so that
 * every lookup names the organization and one can never read another's. Each index is there for one query, named beside it. SQLite uses a
 * partial index only for a query that states the same condition literally, not by a parameter.
 */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { PROFILE_SOURCES } from "../../domain/browser/browser-profile.ts";
import { SESSION_STATUSES } from "../../domain/browser/browser-session.ts";
import { CREDENTIAL_TYPES } from "../../domain/credential/credential.ts";
import type {
  ApiKeyId,
  BrowserProfileId,
  BrowserSessionId,
  CredentialId,
  DeliveryId,
  FileId,
  FolderId,
  OrganizationId,
  RunId,
  ScheduleId,
  TotpCodeId,
  WorkflowId,
  WorkflowVersionId,
} from "../../domain/id.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { OrganizationBrowser } from "../../domain/browser/remote-browser.ts";
import type { RunIndexRow } from "../../domain/run/run-view.ts";
import { MISSED_POLICIES } from "../../domain/schedule/schedule.ts";
import type { WorkflowStatus } from "../../domain/workflow/workflow-status.ts";

/** A tenant. */
export const organizations = sqliteTable("organizations", {
  organizationId: text("organization_id").$type<OrganizationId>().primaryKey(),
  name: text("name").notNull(),
  /** Hosts that the outbound guard lets through although they are private, as `host` or `host:port`. */
  allowedHosts: text("allowed_hosts", { mode: "json" }).$type<string[]>().notNull(),
  /** Hosts that it lets nobody reach, and the only ones that it lets be reached, if there are any; written alike. */
  deniedHosts: text("denied_hosts", { mode: "json" }).$type<string[]>().notNull().default([]),
  onlyHosts: text("only_hosts", { mode: "json" }).$type<string[]>().notNull().default([]),
  maxConcurrentRuns: integer("max_concurrent_runs").notNull().default(100),
  maxRunSeconds: integer("max_run_seconds").notNull().default(3_600),
  maxWorkflowBlocks: integer("max_workflow_blocks").notNull().default(50),
  /** The browser of its runs; its address and headers are sealed by the vault for `remotePurpose`. */
  browser: text("browser", { mode: "json" }).$type<OrganizationBrowser>(),
  /** `whsec_…`, sealed by the vault for `webhookSecretPurpose`. */
  sealedWebhookSecret: text("webhook_secret").notNull(),
  createdAt: integer("created_at").notNull(),
});

export const apiKeys = sqliteTable(
  "api_keys",
  {
    apiKeyId: text("api_key_id").$type<ApiKeyId>().primaryKey(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    /** What a key is looked up by: the public part of a key of our form, else the beginning of its digest. */
    prefix: text("prefix").notNull(),
    /** SHA-256 of the whole key, hexadecimal. */
    hash: text("hash").notNull(),
    name: text("name").notNull(),
    createdAt: integer("created_at").notNull(),
    revokedAt: integer("revoked_at"),
  },
  (table) => [
    index("api_keys_by_prefix").on(table.prefix), // who is calling?
    uniqueIndex("api_keys_live_hash")
      .on(table.hash)
      .where(sql`revoked_at is null`), // a live key names one organization
  ],
);

export const workflows = sqliteTable(
  "workflows",
  {
    workflowPermanentId: text("workflow_permanent_id").$type<WorkflowId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    latestVersion: integer("latest_version").notNull(),
    /** Title, status and `is_saved_task` are those of the latest version's definition. */
    title: text("title").notNull(),
    status: text("status").$type<WorkflowStatus>().notNull().default("published"),
    isSavedTask: integer("is_saved_task", { mode: "boolean" }).notNull().default(false),
    /** Is it a template of its organization? Not versioned, like the folder. */
    isTemplate: integer("is_template", { mode: "boolean" }).notNull().default(false),
    /** A folder that is not deleted. */
    folderId: text("folder_id").$type<FolderId>(),
    createdAt: integer("created_at").notNull(),
    /** When the latest version was made. */
    modifiedAt: integer("modified_at").notNull(),
    deletedAt: integer("deleted_at"),
  },
  (table) => {
    // Each ends in the order of the lists. The title is there for a search, and `deleted_at` since SQLite looks it up in the table otherwise:
    // so counting and searching read the index alone.
    const list = [table.status, table.isSavedTask, table.modifiedAt, table.workflowPermanentId, table.title, table.deletedAt] as const;
    return [
      primaryKey({ columns: [table.organizationId, table.workflowPermanentId] }),
      index("workflows_by_status")
        .on(table.organizationId, ...list)
        .where(sql`deleted_at is null`), // all of an organization's workflows
      index("workflows_by_folder")
        .on(table.organizationId, table.folderId, ...list)
        .where(sql`deleted_at is null and folder_id is not null`), // those of a folder, and how many
      index("workflows_templates")
        .on(table.organizationId, table.isTemplate, ...list)
        .where(sql`deleted_at is null and is_template = 1`), // the organization's templates
      index("workflows_templates_by_folder")
        .on(table.organizationId, table.folderId, table.isTemplate, ...list)
        .where(sql`deleted_at is null and is_template = 1 and folder_id is not null`), // those of a folder
    ];
  },
);

/** Where an organization keeps workflows together. A deleted folder holds none. */
export const folders = sqliteTable(
  "folders",
  {
    folderId: text("folder_id").$type<FolderId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    title: text("title").notNull(),
    description: text("description"),
    createdAt: integer("created_at").notNull(),
    /** When the title or the description was last changed. */
    modifiedAt: integer("modified_at").notNull(),
    deletedAt: integer("deleted_at"),
  },
  (table) => [
    primaryKey({ columns: [table.organizationId, table.folderId] }),
    index("folders_newest")
      .on(table.organizationId, table.modifiedAt, table.folderId, table.title)
      .where(sql`deleted_at is null`), // the list
  ],
);

/** Immutable: a row is written once and never changed. */
export const workflowVersions = sqliteTable(
  "workflow_versions",
  {
    workflowId: text("workflow_id").$type<WorkflowVersionId>().notNull(),
    workflowPermanentId: text("workflow_permanent_id").$type<WorkflowId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    /** From 1. */
    version: integer("version").notNull(),
    /** The whole definition (title, settings, `workflow_definition`) as it was posted. */
    definition: text("definition", { mode: "json" }).$type<JsonObject>().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.organizationId, table.workflowPermanentId, table.version] })],
);

/**
 * The index of runs, for lists and for the sweeper. The run object owns the truth; this is its projection and may be a moment behind. Lists
 * are in the order of creation; the id decides between runs of the same millisecond.
 */
export const runs = sqliteTable(
  "runs",
  {
    workflowRunId: text("workflow_run_id").$type<RunId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    workflowPermanentId: text("workflow_permanent_id").$type<WorkflowId>().notNull(),
    workflowId: text("workflow_id").$type<WorkflowVersionId>().notNull(),
    version: integer("version").notNull(),
    workflowTitle: text("workflow_title").notNull(),
    status: text("status").$type<RunIndexRow["status"]>().notNull(),
    failureReason: text("failure_reason"),
    /** Skyvern's `trigger_type`: `api`, `manual`, … */
    triggerType: text("trigger_type").$type<RunIndexRow["triggerType"]>().notNull(),
    /** The schedule that started it. */
    scheduleId: text("workflow_schedule_id").$type<ScheduleId>(),
    /** The run whose `workflow_trigger` started it. */
    parentRunId: text("parent_workflow_run_id").$type<RunId>(),
    /** The run that it tries again. */
    retriedFromRunId: text("retried_from_workflow_run_id").$type<RunId>(),
    webhookUrl: text("webhook_callback_url"),
    sequentialKey: text("sequential_key"),
    /** The session whose browser it uses. */
    browserSessionId: text("browser_session_id").$type<BrowserSessionId>(),
    /** The profile that its browser began with. */
    browserProfileId: text("browser_profile_id").$type<BrowserProfileId>(),
    createdAt: integer("created_at").notNull(),
    queuedAt: integer("queued_at"),
    startedAt: integer("started_at"),
    /** Set exactly when the status is final. */
    finishedAt: integer("finished_at"),
    modifiedAt: integer("modified_at").notNull(),
    /** The last event of the run's journal that this row reflects: an older projection never overwrites a newer one. */
    seq: integer("seq").notNull(),
  },
  (table) => {
    const isChild = sql`(parent_workflow_run_id is not null)`;
    const { organizationId, workflowPermanentId, status, createdAt, workflowRunId } = table;
    return [
      primaryKey({ columns: [organizationId, workflowRunId] }), // one run
      index("runs_newest").on(organizationId, createdAt, workflowRunId), // all of an organization's runs
      index("runs_by_status").on(organizationId, status, createdAt, workflowRunId), // those of one status
      index("runs_by_workflow").on(organizationId, workflowPermanentId, isChild, createdAt, workflowRunId), // those of one workflow
      index("runs_by_workflow_status").on(organizationId, workflowPermanentId, status, isChild, createdAt, workflowRunId), // of one status
      index("runs_by_browser_session")
        .on(organizationId, table.browserSessionId, createdAt, workflowRunId)
        .where(sql`browser_session_id is not null`), // those of one session
      index("runs_by_browser_profile")
        .on(organizationId, table.browserProfileId, createdAt, workflowPermanentId)
        .where(sql`browser_profile_id is not null`), // who used one?
      index("runs_by_retried")
        .on(organizationId, table.retriedFromRunId)
        .where(sql`retried_from_workflow_run_id is not null`), // by which run was this one tried again?
      index("runs_unfinished")
        .on(table.modifiedAt)
        .where(sql`finished_at is null`), // the sweeper: which runs have been still for too long?
    ];
  },
);

/** The titles that an organization's workflows, and the templates it ran, had in its runs: what a search reads instead of the runs. */
export const runTitles = sqliteTable(
  "run_titles",
  {
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    workflowPermanentId: text("workflow_permanent_id").$type<WorkflowId>().notNull(),
    workflowTitle: text("workflow_title").notNull(),
  },
  (table) => [primaryKey({ columns: [table.organizationId, table.workflowPermanentId, table.workflowTitle] })],
);

/** The error codes of runs that have ended. Immutable: an end is final. */
export const runErrorCodes = sqliteTable(
  "run_error_codes",
  {
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    errorCode: text("error_code").notNull(),
    /** Of the run. */
    createdAt: integer("created_at").notNull(),
    workflowRunId: text("workflow_run_id").$type<RunId>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.organizationId, table.errorCode, table.createdAt, table.workflowRunId] })], // those of one code
);

/** When runs of a workflow are started by themselves. */
export const workflowSchedules = sqliteTable(
  "workflow_schedules",
  {
    scheduleId: text("workflow_schedule_id").$type<ScheduleId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    workflowPermanentId: text("workflow_permanent_id").$type<WorkflowId>().notNull(),
    cronExpression: text("cron_expression").notNull(),
    timezone: text("timezone").notNull(),
    enabled: integer("enabled", { mode: "boolean" }).notNull(),
    /** What its runs are started with, as it was sent. */
    parameters: text("parameters", { mode: "json" }).$type<JsonObject>(),
    name: text("name"),
    description: text("description"),
    /** What becomes of firings that were missed. */
    onMissed: text("on_missed", { enum: MISSED_POLICIES }).notNull(),
    /** The address of the API as whoever saved it saw it, for links. */
    apiOrigin: text("api_origin").notNull(),
    /** The first firing that was not taken care of; null while it is paused, and when it was deleted. */
    nextFireAt: integer("next_fire_at"),
    /** When the cron trigger looks at it: at `next_fire_at`, or later after a fault of the service. */
    dueAt: integer("due_at"),
    /** The firing that was taken care of last: when it was meant to be, the run it made, and what was wrong with it. */
    lastFireAt: integer("last_fire_at"),
    lastRunId: text("last_run_id").$type<RunId>(),
    lastError: text("last_error"),
    createdAt: integer("created_at").notNull(),
    modifiedAt: integer("modified_at").notNull(),
    deletedAt: integer("deleted_at"),
  },
  (table) => [
    primaryKey({ columns: [table.organizationId, table.workflowPermanentId, table.scheduleId] }), // one, and those of a workflow
    index("workflow_schedules_newest")
      .on(table.organizationId, table.scheduleId)
      .where(sql`deleted_at is null`), // all of an organization's
    index("workflow_schedules_due")
      .on(table.dueAt)
      .where(sql`due_at is not null`), // what the cron trigger is to look at now
  ],
);

export const idempotencyKeys = sqliteTable(
  "idempotency_keys",
  {
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    /** What the key is for: `create_workflow`, `create_run`. */
    scope: text("scope").notNull(),
    key: text("key").notNull(),
    /** Of the request that first used the key; another request under the same key is refused. */
    requestHash: text("request_hash").notNull(),
    /** The id of what that request creates, fixed before it is created. */
    resourceId: text("resource_id").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.organizationId, table.scope, table.key] }),
    index("idempotency_keys_by_age").on(table.createdAt), // the purge
  ],
);

/** Uploaded files that are not kept for good; the files themselves are in R2. A row may outlive its file, which is then deleted again. */
export const fileExpiries = sqliteTable(
  "file_expiries",
  {
    expiresAt: integer("expires_at").notNull(),
    fileId: text("file_id").$type<FileId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.expiresAt, table.fileId] })], // the purge
);

/** One message to one URL, with its attempts. */
export const webhookDeliveries = sqliteTable(
  "webhook_deliveries",
  {
    /** Also the `webhook-id` that the receiver sees, the same on every attempt. */
    deliveryId: text("delivery_id").$type<DeliveryId>().primaryKey(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    workflowRunId: text("workflow_run_id").$type<RunId>().notNull(),
    eventType: text("event_type").notNull(),
    url: text("url").notNull(),
    /** The exact bytes that are signed and sent. */
    body: text("body").notNull(),
    status: text("status", { enum: ["pending", "delivered", "failed"] }).notNull(),
    attempts: integer("attempts").notNull().default(0),
    /** When the next attempt is due; null when there is none to come. */
    nextAttemptAt: integer("next_attempt_at"),
    /** Until then the attempt belongs to whoever claimed it. */
    leaseUntil: integer("lease_until"),
    lastStatusCode: integer("last_status_code"),
    lastError: text("last_error"),
    createdAt: integer("created_at").notNull(),
    deliveredAt: integer("delivered_at"),
  },
  (table) => [
    index("webhook_deliveries_by_run").on(table.organizationId, table.workflowRunId, table.deliveryId), // the deliveries of a run
    index("webhook_deliveries_due")
      .on(table.nextAttemptAt)
      .where(sql`status = 'pending'`), // what is to be sent now
  ],
);

/** What logs in, pays or opens something: what it holds is ciphertext. A deleted one keeps its row without it, so that its id is never used again. */
export const credentials = sqliteTable(
  "credentials",
  {
    credentialId: text("credential_id").$type<CredentialId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    name: text("name").notNull(),
    credentialType: text("credential_type", { enum: CREDENTIAL_TYPES }).notNull(),
    /** What answers show of its content. */
    shown: text("shown", { mode: "json" }).$type<JsonObject>().notNull(),
    /** Skyvern's other fields. */
    settings: text("settings", { mode: "json" }).$type<JsonObject>().notNull(),
    /** Its content, sealed by the vault for `credentialPurpose`; empty when it was deleted. */
    sealed: text("sealed").notNull(),
    createdAt: integer("created_at").notNull(),
    modifiedAt: integer("modified_at").notNull(),
    deletedAt: integer("deleted_at"),
  },
  (table) => [
    primaryKey({ columns: [table.organizationId, table.credentialId] }),
    index("credentials_newest")
      .on(table.organizationId, table.createdAt, table.credentialId)
      .where(sql`deleted_at is null`), // the list
  ],
);

/** One-time codes that were sent in, for ten minutes. */
export const totpCodes = sqliteTable(
  "totp_codes",
  {
    totpCodeId: text("totp_code_id").$type<TotpCodeId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    totpIdentifier: text("totp_identifier").notNull(),
    /** The code, sealed by the vault for `totpCodePurpose`. */
    sealed: text("sealed").notNull(),
    workflowId: text("workflow_id"),
    workflowRunId: text("workflow_run_id"),
    taskId: text("task_id"),
    source: text("source"),
    type: text("type"),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    /** When a run took it. */
    usedAt: integer("used_at"),
  },
  (table) => [
    primaryKey({ columns: [table.organizationId, table.totpCodeId] }),
    index("totp_codes_by_identifier").on(table.organizationId, table.totpIdentifier, table.createdAt), // a run that waits for one; the list of one
    index("totp_codes_newest").on(table.organizationId, table.createdAt), // the list
    index("totp_codes_by_expiry").on(table.expiresAt), // the purge
  ],
);

/** The index of browser sessions. A session's object owns the truth; this may be a moment behind. */
export const browserSessions = sqliteTable(
  "browser_sessions",
  {
    browserSessionId: text("browser_session_id").$type<BrowserSessionId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    status: text("status", { enum: SESSION_STATUSES }).notNull(),
    timeoutMinutes: integer("timeout_minutes").notNull(),
    /** The profile that its browser began with, or that was made of it at its end. */
    browserProfileId: text("browser_profile_id").$type<BrowserProfileId>(),
    /** Is a profile made of it at its end? */
    generateProfile: integer("generate_browser_profile", { mode: "boolean" }).notNull().default(false),
    /** The run that uses it. */
    runId: text("workflow_run_id").$type<RunId>(),
    warning: text("warning"),
    createdAt: integer("created_at").notNull(),
    startedAt: integer("started_at"),
    /** Set exactly when the status is final. */
    completedAt: integer("completed_at"),
    modifiedAt: integer("modified_at").notNull(),
    /** The change of the session that this row reflects: an older one never overwrites a newer one. */
    revision: integer("revision").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.organizationId, table.browserSessionId] }),
    index("browser_sessions_newest").on(table.organizationId, table.createdAt, table.browserSessionId), // the history
    index("browser_sessions_open")
      .on(table.organizationId, table.createdAt, table.browserSessionId)
      .where(sql`completed_at is null`), // the list
  ],
);

/** What browsers remember, under a name. What it is is in R2, sealed. */
export const browserProfiles = sqliteTable(
  "browser_profiles",
  {
    browserProfileId: text("browser_profile_id").$type<BrowserProfileId>().notNull(),
    organizationId: text("organization_id").$type<OrganizationId>().notNull(),
    name: text("name").notNull(),
    description: text("description"),
    /** What it was made of. */
    source: text("source", { enum: PROFILE_SOURCES }).notNull(),
    cookieCount: integer("cookie_count").notNull(),
    originCount: integer("origin_count").notNull(),
    createdAt: integer("created_at").notNull(),
    modifiedAt: integer("modified_at").notNull(),
    deletedAt: integer("deleted_at"),
  },
  (table) => [
    primaryKey({ columns: [table.organizationId, table.browserProfileId] }),
    index("browser_profiles_newest")
      .on(table.organizationId, table.createdAt, table.browserProfileId)
      .where(sql`deleted_at is null`), // the list
  ],
);
