/** The other runs that blocks of a run start, and what a block gets of them. */
import type { ChildRequest } from "../../blocks/block.ts";
import type { BrowserState } from "../../domain/browser/browser.ts";
import { isJsonObject, type Json, type JsonObject } from "../../domain/json.ts";
import type { RunId } from "../../domain/id.ts";
import { childrenAwaited, generationOf } from "../../domain/run/run-inspect.ts";
import { type FinalStatus, isFinalStatus, type Run } from "../../domain/run/run.ts";
import type { Log } from "../../ports/log.ts";
import type { ChildRuns, RunObjects } from "../../ports/run-objects.ts";
import { asText, stateForChild } from "../browser/browser-state-seal.ts";
import { failed, type Outcome } from "../attempt/answer.ts";
import { logFields } from "../log-fields.ts";

/**
 * Starts the run that a block asks for; the same one again when that is repeated.
 * @param browser of the parent: a child may begin where its pages are
 * @returns the outcome of the block: that it waits, or what is known of the other run already
 */
export async function startChild(
  { children, log }: { readonly children: ChildRuns; readonly log: Log },
  run: Run,
  path: string,
  request: ChildRequest,
  browser: { lastState(): Promise<BrowserState | null> },
): Promise<Outcome> {
  let started;
  try {
    const state = copiesBrowser(run, request) ? await browser.lastState() : null;
    const browserState = state === null ? null : asText(stateForChild(state));
    started = await children.start(run.facts, { path, generation: generationOf(run, path) }, { ...request, browserState });
  } catch (error) {
    log.error("a child run could not be started", error, logFields(run.facts, { path }));
    return failed("resource", "The other run could not be started just now.");
  }
  if (!started.ok) return failed("block", started.message);
  if (request.wait) return { type: "waiting", wait: { for: "child", runId: started.runId } };
  return { type: "completed", output: childOutput(JSON.parse(started.json) as Json) };
}

/** Does a child begin with the state of its parent's browser? Not in one that both are given by its id. */
function copiesBrowser(run: Run, { useParentBrowser, browserSessionId }: ChildRequest): boolean {
  return useParentBrowser && browserSessionId === null && run.facts.browser === undefined;
}

/** The end of a run that a block waits for. */
export interface ChildEnd {
  readonly path: string;
  readonly runId: RunId;
  readonly status: FinalStatus;
  /** Its report as JSON text. */
  readonly json: string;
}

/** Children tell their end; should that word have been lost, they are asked, one after the other. @returns those that have ended */
export async function* endedChildren({ runs }: { readonly runs: RunObjects }, run: Run): AsyncGenerator<ChildEnd> {
  for (const { path, runId } of childrenAwaited(run)) {
    const report = await runs.get(run.facts.organizationId, runId).report(0);
    const nobody = { status: "failed", json: JSON.stringify({ run_id: runId, failure_reason: "it does not exist" }) };
    const { status, json } = report ?? nobody;
    if (isFinalStatus(status)) yield { path, runId, status, json };
  }
}

/** What the end of another run makes of the block that waits for it. */
export function outcomeOfChild({ runId, status, json }: Pick<ChildEnd, "runId" | "status" | "json">): Outcome {
  const child = JSON.parse(json) as { readonly failure_reason?: string | null } & JsonObject; // a run's report
  if (status === "completed") return { type: "completed", output: childOutput(child) };
  return failed("block", `The run ${runId} ended ${status}${child.failure_reason ? `: ${child.failure_reason}` : ""}`);
}

/** The output of a child run as its parent's block gives it (Skyvern's fields). */
function childOutput(child: Json): Json {
  if (!isJsonObject(child)) return child;
  return {
    workflow_run_id: child.run_id ?? null,
    workflow_permanent_id: child.workflow_permanent_id ?? null,
    status: child.status ?? null,
    failure_reason: child.failure_reason ?? null,
    outputs: child.output ?? null,
  };
}
