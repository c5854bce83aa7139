import type { z } from "zod";
import type { QuestionMail } from "../domain/run/block-state.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { BlockRole } from "../domain/workflow/plan.ts";
import type { SavedArtifact } from "../ports/artifacts.ts";
import type { BrowserPage } from "../ports/browser-page.ts";
import type { HttpClient } from "../ports/http.ts";
import type { Mailer } from "../ports/mail.ts";

/** What kind of block it is, for the documentation. */
export type BlockCategory = "browser" | "data" | "control";

/** Everything a block may use. It knows nothing of storage, queues or retries. */
export interface BlockContext {
  /** Aborted when the run is canceled or the block is out of time. Pass it on to everything that waits. */
  readonly signal: AbortSignal;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** The same for every attempt at this block in this run: what an outside system can recognise a repeat by. */
  readonly idempotencyKey: string;
  /** Milliseconds since the epoch. */
  now(): number;
  /** The run's page; the first call leases a browser. Later blocks go on where this one left the page. */
  page(): Promise<BrowserPage>;
  /** HTTP by way of the outbound guard. */
  readonly http: HttpClient;
  /** Mail to the outside. */
  readonly mailer: Mailer;
  /** A stored file of the organization, with its content. @returns null when there is none of this id */
  openArtifact(artifactId: string): Promise<{ readonly artifact: SavedArtifact; readonly body: ReadableStream } | null>;
  /** The files that the run has downloaded so far, oldest first. */
  downloads(): Promise<SavedArtifact[]>;
  /** Stores a file beside the run: `saveArtifact({ type: "screenshot", name: "order.png", contentType: "image/png", bytes })`. */
  saveArtifact(file: NewArtifact): Promise<SavedArtifact>;
}

/** A file that a block made. */
export interface NewArtifact {
  /** Skyvern's artifact types where one fits: `screenshot`, `pdf`, `download`, `html`, `har`. */
  readonly type: string;
  /** File name with its ending, no folders. */
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/**
 * A block type: one file in this folder and one line in `registry.ts`. Validation, the HTTP schema and `docs/blocks.md` read it.
 * `config` holds the fields of this type only (the fields that every block has are in `domain/workflow/schema.ts`); every string in it may hold
 * expressions, which are filled in before `execute` is called with the checked result.
 */
export interface BlockType<Config = unknown, Output = unknown> {
  readonly type: string;
  readonly category: BlockCategory;
  /** What the engine must know of its form; left out for a plain step. */
  readonly role?: BlockRole;
  /**
   * May its fields use the secrets of credentials? What it gives back is searched for them all the same. By default yes, except for `control`. No
   * for a type that keeps its fields, or gives them to a model.
   */
  readonly readsSecrets?: boolean;
  /** One sentence, for the documentation. */
  readonly summary: string;
  /** May it be run again when nobody knows whether it ran? False for what changes the outside world: clicking, submitting, e-mail. */
  readonly repeatable: boolean | ((config: JsonObject) => boolean);
  readonly config: z.ZodType<Config>;
  readonly output: z.ZodType<Output>;
  /** A whole block as a caller would write it, for the documentation; a test saves it. */
  readonly example: JsonObject;
  /** @throws BlockError for what the workflow's author can act on; anything else is a bug and fails the run */
  execute(context: BlockContext, config: Config): Promise<Output | Directive>;
  /**
   * What the block would need that this service does not have, as the end of `The block "x" (type) needs …`. A workflow with it is saved with
   * that sentence as a warning, and a run that reaches it fails with the same. Null, or left out: it runs.
   * @param block as it was written, with the fields that every block has; those of the type in their one form
   */
  readonly needs?: (block: JsonObject) => string | null;
  /** Why a workflow with this block is not saved, and what to use instead: the end of `is not run by this service: …`. Null, or left out: it is. */
  readonly refuses?: (config: JsonObject) => string | null;
  /** Rewrites a config as it was written into the one form that is checked for names, filled in and executed. */
  normalize?(config: JsonObject): JsonObject;
}

/** Keeps the types of a block's config and output while it is defined; the registry holds them all as `BlockType`. */
export function defineBlock<Config, Output>(block: BlockType<Config, Output>): BlockType {
  return block; // sound: `execute` is given what `config` has parsed
}

/** What a block returns instead of an output, when the engine is to do something with the run. */
export type Directive = Sleep | OpenLoop | TakeBranch | AwaitDecision | AwaitChild | Terminate;

/** Ends an attempt without holding anything: the run sleeps until then and the block completes with `output`. */
export class Sleep {
  /** Milliseconds since the epoch. */
  readonly until: number;
  readonly output: Json;
  constructor(until: number, output: Json) {
    this.until = until;
    this.output = output;
  }
}

/** Begins the iterations of a loop. */
export class OpenLoop {
  /** Null: ask before each iteration. */
  readonly items: readonly Json[] | null;
  constructor(items: readonly Json[] | null) {
    this.items = items;
  }
}

/** Completes a conditional. */
export class TakeBranch {
  /** From 0; null when no branch matched and there is no default, which fails the block. */
  readonly index: number | null;
  readonly nextLabel: string | null;
  constructor(index: number | null, nextLabel: string | null) {
    this.index = index;
    this.nextLabel = nextLabel;
  }
}

/** Waits for a person. */
export class AwaitDecision {
  readonly instructions: string | null;
  /** What the two answers are called. */
  readonly approve: string;
  readonly reject: string;
  /** Whom the question is mailed to, with a link for each answer; null for nobody. */
  readonly mail: QuestionMail | null;
  constructor(instructions: string | null, approve: string, reject: string, mail: QuestionMail | null = null) {
    this.mail = mail;
    this.instructions = instructions;
    this.approve = approve;
    this.reject = reject;
  }
}

/** Starts another run, and waits for its end if asked to. */
export class AwaitChild {
  readonly child: ChildRequest;
  constructor(child: ChildRequest) {
    this.child = child;
  }
}
export interface ChildRequest {
  readonly workflowPermanentId: string;
  readonly parameters: JsonObject;
  readonly wait: boolean;
  /** The session whose browser it uses; null for none in particular. */
  readonly browserSessionId: string | null;
  /** Does it go on in the browser of the run that starts it? */
  readonly useParentBrowser: boolean;
}

/** Ends the run in good order: as `terminated`, not as failed. */
export class Terminate {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/**
 * Why a block failed, which decides what the engine does: `temporary` may go away by itself (a time-out, a 5xx, a crashed browser),
 * `block` will not (no such element, a 404), `resource` means there is no browser to be had just now.
 */
export type BlockErrorClass = "temporary" | "block" | "resource";

/** A failure that the author of the workflow can act on. The message is shown to them: what happened, on what, and what was found instead. */
export class BlockError extends Error {
  override readonly name = "BlockError";
  readonly errorClass: BlockErrorClass;
  /** For `resource`: when to try again, in milliseconds, if the platform named it. */
  readonly retryAfterMs: number | undefined;
  /** For `resource`: the run is told when there is one. */
  readonly waitsFor: "browser" | undefined;

  constructor(
    message: string,
    options: { errorClass?: BlockErrorClass; retryAfterMs?: number; waitsFor?: "browser"; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.errorClass = options.errorClass ?? "block";
    this.retryAfterMs = options.retryAfterMs;
    this.waitsFor = options.waitsFor;
  }
}
