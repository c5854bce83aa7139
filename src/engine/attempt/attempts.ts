import type { BlockContext, BlockType } from "../../blocks/block.ts";
import { findBlockType, readsSecrets } from "../../blocks/registry.ts";
import type { EngineDeps } from "../../compose.ts";
import { isDownload } from "../../domain/artifact.ts";
import { blockAt, labelOf } from "../../domain/run/block-state.ts";
import { isId } from "../../domain/id.ts";
import type { Run } from "../../domain/run/run.ts";
import { type Answer, type AttemptPlace, failed } from "./answer.ts";
import { executeBlock } from "./execute-block.ts";
import type { LiveView } from "../run/live-view.ts";
import { logFields } from "../log-fields.ts";
import { keepArtifact } from "./keep-artifact.ts";
import { withOwnFiles } from "./own-files.ts";
import type { RunPages, TakenPage } from "../browser/run-pages.ts";
import type { RunEvidence } from "./run-evidence.ts";
import { scopeOf } from "./run-scope.ts";
import { AttemptSecrets } from "./run-secrets.ts";
import type { RunStorage } from "../run/run-storage.ts";
import { hidingSecretInput } from "./secret-input.ts";

/** What an attempt leaves. */
export interface Attempted {
  readonly answer: Answer;
  /** Writes down where its page is, in the same commit as the event of its answer; null when there is nothing to be written. */
  readonly checkpoint: (() => void) | null;
}

/** Attempts at blocks: what a block is given, what becomes of its page, and what is kept of that. */
export class Attempts {
  readonly #deps: EngineDeps;
  readonly #storage: RunStorage;
  readonly #evidence: RunEvidence;
  readonly #view: LiveView;

  constructor(deps: EngineDeps, storage: RunStorage, evidence: RunEvidence, view: LiveView) {
    this.#deps = deps;
    this.#storage = storage;
    this.#evidence = evidence;
    this.#view = view;
  }

  /**
   * One attempt, from its beginning until its page is free for the next.
   * @param run in which the attempt has begun
   * @param signal when it is aborted nobody wants the answer any more
   * @returns null when there is no such attempt
   */
  async make(run: Run, pages: RunPages, place: AttemptPlace, signal: AbortSignal): Promise<Attempted | null> {
    const { path } = place;
    const block = blockAt(run.blocks, path);
    const node = run.plan.nodes[labelOf(path)];
    if (node === undefined || block?.status !== "running" || signal.aborted) return null;
    const blockType = findBlockType(node.blockType);
    if (blockType === undefined)
      return { answer: failed("unknown", `This version of the service has no block type "${node.blockType}".`), checkpoint: null };
    if (blockType.category === "browser") pages.claim(run, path);
    const secrets = this.#secretsOf(run, blockType, signal, block.tries.resourceWaits);
    let taken: Promise<TakenPage> | null = null;
    const take = async (): Promise<TakenPage> => {
      const page = await pages.take(path, signal);
      this.#view.follow(page, (text) => secrets?.mask.text(text) ?? text);
      await this.#evidence.before(run, place, page.page);
      return secrets === null ? page : { ...page, page: hidingSecretInput(page.page, secrets.mask) };
    };
    const context = this.#contextOf(run, place, signal, async () => (await (taken ??= take())).page);
    const onBug = (error: unknown) => this.#deps.log.error("block threw", error, logFields(run.facts, place));
    const answer = await executeBlock(node, blockType, scopeOf(run, path, block.startedAt), context, onBug, secrets);
    if (taken !== null) return await this.#leavePage(run, pages, place, answer, signal, taken, secrets);
    if (answer.type === "skipped") pages.unclaim(path);
    return { answer, checkpoint: null };
  }

  #contextOf(run: Run, { path, attempt }: AttemptPlace, signal: AbortSignal, page: BlockContext["page"]): BlockContext {
    const { organizationId, runId } = run.facts;
    return {
      signal,
      attempt,
      idempotencyKey: `${runId}/${path}`,
      now: () => this.#deps.clock.now(),
      page,
      http: withOwnFiles(this.#deps.httpFor(run.facts), this.#deps, run.facts),
      mailer: this.#deps.mailerFor(run.facts),
      openArtifact: async (artifactId) =>
        isId("artifact", artifactId) ? await this.#deps.artifacts.open(organizationId, artifactId) : null,
      downloads: async () => this.#storage.artifacts.filter(isDownload),
      saveArtifact: async (file) => await keepArtifact(this.#deps, this.#storage, run.facts, path, file),
    };
  }

  /** Null, and no work, for a run without credentials and headers of its own, and for blocks that are given none. */
  #secretsOf({ facts }: Run, blockType: BlockType, signal: AbortSignal, waits: number): AttemptSecrets | null {
    if ((facts.credentials === undefined && facts.headers === undefined) || !readsSecrets(blockType)) return null;
    return new AttemptSecrets(this.#deps, facts, { signal, waits });
  }

  /** Keeps what is to be kept of the page, and lets go of it. The answer of a failure tells what was kept. */
  async #leavePage(
    run: Run,
    pages: RunPages,
    place: AttemptPlace,
    given: Answer,
    signal: AbortSignal,
    taking: Promise<TakenPage>,
    secrets: AttemptSecrets | null,
  ): Promise<Attempted> {
    const answer = await explained(given, pages);
    const taken = await taking.catch(() => null); // it was not to be had, which the answer says
    if (taken === null) return { answer, checkpoint: null };
    try {
      const end = signal.aborted ? "broken_off" : answer.type === "failed" ? "failed" : "done";
      const evidence = await this.#evidence.after(run, place, taken, secrets?.mask ?? null, end);
      if (end === "done") return { answer, checkpoint: await pages.checkpoint(run, place.path) };
      this.#view.leave(taken);
      await pages.startOver(place.path); // another attempt begins where this one did
      return { answer: answer.type === "failed" ? { ...answer, failure: { ...answer.failure, evidence } } : answer, checkpoint: null };
    } finally {
      taken.giveBack();
    }
  }
}

/** A failure for which the browser itself is the reason says so, and is not tried again. */
async function explained(answer: Answer, pages: RunPages): Promise<Answer> {
  if (answer.type !== "failed") return answer;
  const end = await pages.browser.describeEnd();
  return end === null ? answer : { ...answer, failure: { ...answer.failure, kind: "block", message: end } };
}
