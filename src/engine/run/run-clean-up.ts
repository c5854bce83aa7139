import type { EngineDeps } from "../../compose.ts";
import type { RunId } from "../../domain/id.ts";
import type { FinalStatus, Run } from "../../domain/run/run.ts";
import type { LiveWork } from "./live-work.ts";
import { logFields } from "../log-fields.ts";
import type { RunPages } from "../browser/run-pages.ts";
import type { RunEvidence } from "../attempt/run-evidence.ts";
import { keepForWorkflow } from "../browser/run-memory.ts";
import { reportOf } from "./run-report.ts";
import type { RunStorage } from "./run-storage.ts";
import { within } from "../within.ts";

/** How long the browser of a run that has ended is kept for what is to be kept of attempts that were broken off: their picture, and storing it. */
const LAST_LOOK_MS = 6_000;

/** Why a run is canceled for which nobody waits any more. */
export const PARENT_ENDED = "The run that waited for it has ended.";

type EndedRun = Extract<Run, { status: FinalStatus }>;

/** What is left to be done for a run that has ended: it gives back what it holds, and tells those who wait for its end. */
export class RunCleanUp {
  readonly #deps: EngineDeps;
  readonly #storage: RunStorage;
  readonly #evidence: RunEvidence;
  #lastLook: Promise<void> | null = null;
  #isDone = false;

  constructor(deps: EngineDeps, storage: RunStorage, evidence: RunEvidence) {
    this.#deps = deps;
    this.#storage = storage;
    this.#evidence = evidence;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Never throws; to be repeated until it is done. @param live what was broken off by the end, and may have to end yet */
  async try(run: EndedRun, pages: RunPages, live: LiveWork): Promise<void> {
    if (this.#isDone) return;
    try {
      await Promise.all([
        this.#freeSlot(run),
        this.#giveBackBrowser(run, pages, live),
        this.#tellParent(run),
        ...this.#storage.children().map((childId) => this.#cancelChild(run, childId)),
      ]);
      this.#isDone = true;
    } catch (error) {
      this.#deps.log.error("clean-up failed; it is repeated", error, logFields(run.facts));
    }
  }

  async #freeSlot({ facts: { organizationId, runId, admission } }: EndedRun): Promise<void> {
    if (admission !== null) await this.#deps.gates.get(organizationId).release(runId);
  }

  async #tellParent(run: EndedRun): Promise<void> {
    const { organizationId, runId, parent } = run.facts;
    if (parent === null) return;
    const { json } = reportOf(this.#deps, this.#storage, run);
    await this.#deps.runs.get(organizationId, parent.runId).childEnded(parent.path, runId, run.status, json);
  }

  async #cancelChild({ facts: { organizationId } }: EndedRun, childId: RunId): Promise<void> {
    await this.#deps.runs.get(organizationId, childId).cancel(PARENT_ENDED);
  }

  /** After a last look at its page, for which what was broken off is let end. */
  async #giveBackBrowser(run: EndedRun, pages: RunPages, live: LiveWork): Promise<void> {
    await (this.#lastLook ??= this.#look(run, pages, live));
    if (run.status === "completed") await keepForWorkflow(this.#deps, run.facts, pages, this.#storage);
    await pages.browser.release();
  }

  async #look(run: EndedRun, pages: RunPages, live: LiveWork): Promise<void> {
    await within(LAST_LOOK_MS, live.finished());
    await this.#evidence.last(run, pages);
  }
}
