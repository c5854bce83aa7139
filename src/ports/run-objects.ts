import type { OrganizationId, RunId } from "../domain/id.ts";
import type { JsonObject } from "../domain/json.ts";
import type { PackedPlan } from "../domain/workflow/packed-plan.ts";
import type { RunNews } from "../domain/run/run-news.ts";
import type { WireStatus } from "../domain/run/run-view.ts";
import type { FinalStatus, RunFacts } from "../domain/run/run.ts";

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
  /** The live view: 101 with a WebSocket where it is asked for, else 200 with server-sent events; 404, or 429 when too many watch. */
  fetch(request: Request): Promise<Response>;
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

/** The queue is transport: a run sends its news again until they are acknowledged. */
export interface RunNewsQueue {
  send(news: RunNews): Promise<void>;
}

/** What a block asks of the run that it starts. */
export interface ChildWish {
  readonly workflowPermanentId: string;
  readonly parameters: JsonObject;
  readonly wait: boolean;
  /** The session whose browser it is to use; null for none in particular. */
  readonly browserSessionId: string | null;
  /** Does it go on in its parent's browser session? */
  readonly useParentBrowser: boolean;
  /** Where its browser begins when that is its own; JSON text of a `BrowserState`, null for an empty page. */
  readonly browserState: string | null;
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
    request: ChildWish,
  ): Promise<{ readonly ok: true; readonly runId: RunId; readonly json: string } | { readonly ok: false; readonly message: string }>;
}
