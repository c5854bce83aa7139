/**
 * What a run is, and what can happen to it. Its whole life is pure: `run-transition.ts` says what one event makes of it, `run-advance.ts` what
 * follows from that by itself. The journal is the list of events; a run is nothing but their fold.
 */
import type { RunEvidenceSettings } from "../evidence/evidence.ts";
import type { ExtraHeaders } from "../browser/extra-headers.ts";
import type { BlockState, Scope, Wait } from "./block-state.ts";
import type {
  BrowserProfileId,
  BrowserSessionId,
  CredentialId,
  OrganizationId,
  RunId,
  ScheduleId,
  WorkflowId,
  WorkflowVersionId,
} from "../id.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Plan } from "../workflow/plan.ts";
import type { BlockFailure } from "../recovery.ts";

/** What was decided before the run began and never changes. */
export interface RunFacts extends RunEvidenceSettings {
  readonly runId: RunId;
  readonly organizationId: OrganizationId;
  readonly workflowPermanentId: WorkflowId;
  readonly workflowId: WorkflowVersionId;
  readonly version: number;
  readonly workflowTitle: string;
  /** Converted to the types that the workflow declares. */
  readonly parameters: JsonObject;
  /** What context parameters read, by key; absent where the workflow has none. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Absent where the workflow names no credential. */
  readonly credentials?: RunCredentials;
  /** The request as it was sent, which the API echoes. */
  readonly request: JsonObject;
  readonly webhookUrl: string | null;
  /** Hosts that the organization may reach though the guard would refuse them. */
  readonly allowedHosts: readonly string[];
  /** Hosts that it may not; absent where there are none, like the next. */
  readonly deniedHosts?: readonly string[];
  /** The only hosts that it may reach. */
  readonly onlyHosts?: readonly string[];
  /** How long it may be at work; time asleep, waiting or paused does not count. */
  readonly maxSeconds: number;
  /** What the gate is told. A child has none: it shares its parent's slot. */
  readonly admission: {
    readonly limit: number;
    readonly priority: number;
    /** Runs with the same key come one after the other. */ readonly sequentialKey: string | null;
  } | null;
  /** By what it was started; absent in runs that were started before this was kept, all of them by the API. */
  readonly triggerType?: TriggerType;
  /** The address of the API as its caller sees it, for links. */
  readonly apiOrigin: string;
  /** The run whose `workflow_trigger` started this one and waits for it. */
  readonly parent: { readonly runId: RunId; readonly path: string; readonly depth: number } | null;
  /** The session whose browser it uses; absent when it has one of its own. */
  readonly browser?: {
    readonly sessionId: BrowserSessionId;
    /** The run in whose name it has the session, when that is another: one that waits for this one. */
    readonly holder?: RunId;
  };
  /** A browser that is not of the service. */
  readonly remote?: SealedRemote;
  /** What the requests of its pages carry besides; each value sealed for `headersPurpose`. */
  readonly headers?: ExtraHeaders;
  /** What its browser begins with and leaves; absent when both are nothing. */
  readonly memory?: RunMemory;
  /** The schedule that started it; absent when none did. */
  readonly scheduleId?: ScheduleId;
  /** The run that this one tries again, and the outputs taken over from it, by label. */
  readonly retryOf: {
    readonly runId: RunId;
    readonly kept: Readonly<Record<string, { readonly output: Json; readonly branch: number | null }>>;
  } | null;
}

/** What the browser of a run begins with, and for whom it is taken down what it remembers at the end of a completed run. */
export interface RunMemory {
  /** The profile that it begins with; wins over `keep`. */
  readonly profileId: BrowserProfileId | null;
  /** Where runs of the workflow leave what is remembered for the next; null when they do not. */
  readonly keep: WorkflowMemoryId | null;
  /** Does it begin with nothing, whatever is there? */
  readonly isFresh: boolean;
}

/** Which of the memories of a workflow: the one that all its runs share, or that of a `browser_profile_key`. */
export type WorkflowMemoryId = WorkflowId | `${WorkflowId}:${string}`;

export interface SealedRemote {
  /** `RemoteAddress`, sealed for `remotePurpose`. */
  readonly sealed: string;
  /** Whose it is when the run has named none itself: its organization's, as it was when the run began. */
  readonly of?: "organization";
  /** Headers of the run's workflow, sent when connecting in place of none of its own; each value sealed for `headersPurpose`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** As it may be shown; absent in runs that were started before it was kept, whose request has it. */
  readonly address?: string;
}

/** Where a run has its browser from, should it need one. */
export const BROWSER_SOURCES = ["service", "session", "organization", "run"] as const;

export function browserSourceOf({ browser, remote }: Pick<RunFacts, "browser" | "remote">): (typeof BROWSER_SOURCES)[number] {
  if (browser !== undefined) return "session";
  return remote === undefined ? "service" : (remote.of ?? "run");
}

/** The browser that a run has named itself, for one that goes on where it was. */
export function namedRemote({ remote }: Pick<RunFacts, "remote">): SealedRemote | null {
  return remote === undefined || remote.of === "organization" ? null : remote;
}

/** Which credentials a run may use: never what they hold. */
export interface RunCredentials {
  /** By the parameter's key. */
  readonly ids: Readonly<Record<string, CredentialId>>;
  /** By what name one-time codes are sent in, where the credential has none of its own. */
  readonly totpIdentifier: string | null;
  /** Where one-time codes are asked for. */
  readonly totpUrl: string | null;
}

/** Skyvern's words. */
export type TriggerType = "manual" | "mcp" | "api" | "scheduled" | "webhook";

export const FINAL_STATUSES = ["completed", "failed", "terminated", "canceled", "timed_out"] as const;

export type FinalStatus = (typeof FINAL_STATUSES)[number];

export function isFinalStatus(status: string): status is FinalStatus {
  return (FINAL_STATUSES as readonly string[]).includes(status);
}

/** How a run ends, once what is to run at the end has run. */
export interface Ending {
  readonly status: FinalStatus;
  /** Null for `completed`. */
  readonly reason: string | null;
}

export type Run = RunBase &
  (
    | { readonly status: "created" }
    | { readonly status: "queued"; readonly queuedAt: number }
    | (Started & {
        readonly status: "running";
        /** When the time that it may be at work is over, as far as it has been at work until now. */
        readonly deadlineAt: number;
        /** Since when it has not been at work; null while it is. */
        readonly idleSince: number | null;
        readonly pausedAt: number | null;
        /** Decided, and only the block that runs at the end is left. */
        readonly ending: Ending | null;
      })
    /** Failed, and tried again by the workflow's own policy. */
    | (Started & {
        readonly status: "retrying";
        readonly until: number;
        readonly deadlineAt: number;
        readonly idleSince: number;
        readonly reason: string;
      })
    | (Ending & {
        readonly status: FinalStatus;
        readonly queuedAt: number | null;
        /** Null when it ended before it began. */
        readonly startedAt: number | null;
        readonly finishedAt: number;
      })
  );

export type RunStatus = Run["status"];

export interface RunBase {
  readonly facts: RunFacts;
  readonly plan: Plan;
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly blocks: Scope;
  /** Which try at the whole run this is, from 1. */
  readonly runAttempt: number;
}

interface Started {
  readonly queuedAt: number | null;
  readonly startedAt: number;
}

export type ActiveRun = Extract<Run, { status: "running" }>;

/** A row of the journal. `at` is in milliseconds since the epoch. */
export type RunEvent =
  | { readonly type: "run_created"; readonly at: number; readonly facts: RunFacts; readonly plan: Plan }
  | { readonly type: "run_queued"; readonly at: number }
  | { readonly type: "run_started"; readonly at: number }
  | { readonly type: "run_paused"; readonly at: number }
  | { readonly type: "run_resumed"; readonly at: number }
  /** It is the run's turn for a browser: the blocks that wait for one start again. */
  | { readonly type: "browser_granted"; readonly at: number }
  | { readonly type: "run_retrying"; readonly at: number; readonly until: number; readonly reason: string }
  | ({ readonly type: "run_ending"; readonly at: number } & Ending)
  | ({ readonly type: "run_ended"; readonly at: number } & Ending)
  | ({ readonly type: "block_started" } & Attempt)
  | ({ readonly type: "block_slept"; readonly until: number; readonly output: Json } & Attempt)
  | ({ readonly type: "block_waiting"; readonly until: number | null; readonly wait: Wait } & Attempt)
  | ({ readonly type: "block_decided"; readonly approved: boolean } & Attempt)
  | ({ readonly type: "block_completed"; readonly output: Json; readonly branch?: number } & Attempt)
  | ({ readonly type: "block_skipped"; readonly reason: string } & Attempt)
  | ({
      readonly type: "block_failed";
      readonly failure: BlockFailure;
      /** 0 to 1: the jitter of the wait before another attempt. */ readonly random: number;
    } & Attempt)
  | ({ readonly type: "block_terminated"; readonly reason: string } & Attempt)
  | ({ readonly type: "block_interrupted" } & Attempt)
  | ({
      readonly type: "loop_opened";
      /** Null for a loop that asks before each iteration. */ readonly items: readonly Json[] | null;
    } & Attempt)
  | ({ readonly type: "loop_checked"; readonly index: number; readonly more: boolean } & Attempt)
  | ({ readonly type: "loop_completed" } & Attempt);

interface Attempt {
  readonly at: number;
  readonly path: string;
  readonly attempt: number;
}

export type BlockEvent = Extract<RunEvent, Attempt>;

/** `stale`: the event answers something that is over, or repeats what was said. `finished`: the run has ended; first final status wins. */
export type Step = { readonly ok: true; readonly run: Run } | { readonly ok: false; readonly reason: "stale" | "finished" };

/** A run from the first row of its journal. */
export function createRun(event: Extract<RunEvent, { type: "run_created" }>): Run {
  const { facts, plan, at } = event;
  const kept = Object.entries(facts.retryOf?.kept ?? {}).map(([label, { output, branch }]): [string, BlockState] => [
    label,
    { status: "completed", attempt: 0, startedAt: at, finishedAt: at, output, branch, kept: true },
  ]);
  return { status: "created", facts, plan, createdAt: at, modifiedAt: at, blocks: new Map(kept), runAttempt: 1 };
}

export function isFinal(run: Run): run is Extract<Run, { status: FinalStatus }> {
  return isFinalStatus(run.status);
}

/** Has it begun, and is its end not decided? */
export function mayBringToEnd(run: Run): run is Extract<Run, { status: "running" | "retrying" }> {
  return run.status === "retrying" || (run.status === "running" && run.ending === null);
}
