import type { BlockContext, BlockType } from "../blocks/block.ts";
import { findBlockType, readsSecrets } from "../blocks/registry.ts";
import type { EngineDeps } from "../compose.ts";
import { isDownload } from "../domain/artifact.ts";
import { blockAt, labelOf } from "../domain/block-state.ts";
import { artifactIdOf, isId } from "../domain/id.ts";
import { isFinal, type Run } from "../domain/run.ts";
import type { Answer, AttemptPlace } from "./answer.ts";
import { executeBlock } from "./execute-block.ts";
import { withOwnFiles } from "./own-files.ts";
import type { RunBrowser, TakenPage } from "./run-browser.ts";
import type { RunEvidence } from "./run-evidence.ts";
import { scopeOf } from "./run-scope.ts";
import { AttemptSecrets } from "./run-secrets.ts";
import type { RunStorage } from "./run-storage.ts";
import { hidingSecretInput } from "./secret-input.ts";

/** The run that attempts belong to. */
export interface AttemptHost {
  /** As it is now. */
  run(): Run | null;
  browserOf(run: Run): RunBrowser;
  /** An attempt works on this page. @param hide takes its secrets out of a text */
  entered(page: TakenPage, hide: (text: string) => string): void;
  /** The page is given up. */
  left(page: TakenPage): void;
  /** Makes the answer's event. */
  answer(answer: Answer, base: AttemptPlace & { readonly at: number }): Promise<void>;
  /** Does what has to be done before the run ends by this answer. */
  beforeEnd(answer: Answer, place: AttemptPlace): Promise<void>;
  /** For the log. */
  fields(path: string, attempt: number): Record<string, string | number>;
}

/** Attempts at blocks: what a block is given, what becomes of its page, and what is kept of that. */
export class Attempts {
  readonly #deps: EngineDeps;
  readonly #storage: RunStorage;
  readonly #evidence: RunEvidence;
  readonly #host: AttemptHost;

  constructor(deps: EngineDeps, storage: RunStorage, evidence: RunEvidence, host: AttemptHost) {
    this.#deps = deps;
    this.#storage = storage;
    this.#evidence = evidence;
    this.#host = host;
  }

  /** One attempt, from its beginning to its answer. */
  async make(place: AttemptPlace, signal: AbortSignal): Promise<void> {
    const { path, attempt } = place;
    const run = this.#host.run();
    const block = run === null ? undefined : blockAt(run.blocks, path);
    const node = run?.plan.nodes[labelOf(path)];
    if (run === null || node === undefined || block?.status !== "running" || signal.aborted) return;
    const blockType = findBlockType(node.blockType);
    const browser = this.#host.browserOf(run);
    if (blockType?.category === "browser") browser.claim(run, path);
    const secrets = blockType === undefined ? null : this.#secretsOf(run, blockType, signal, block.tries.resourceWaits);
    let taken: Promise<TakenPage> | null = null;
    const take = async (): Promise<TakenPage> => {
      const page = await browser.take(path, signal);
      this.#host.entered(page, (text) => secrets?.mask.text(text) ?? text);
      await this.#evidence.before(run, place, page.page);
      return secrets === null ? page : { ...page, page: hidingSecretInput(page.page, secrets.mask) };
    };
    const context = this.#contextOf(run, place, signal, async () => (await (taken ??= take())).page);
    let answer: Answer = blockType
      ? await executeBlock(
          node,
          blockType,
          scopeOf(run, path, block.startedAt),
          context,
          (error) => this.#deps.log.error("block threw", error, this.#host.fields(path, attempt)),
          secrets,
        )
      : {
          type: "failed",
          failure: { kind: "unknown", outcome: "failed", message: `This version of the service has no block type "${node.blockType}".` },
        };
    const end = taken !== null && answer.type === "failed" ? await browser.describeEnd() : null;
    if (end !== null && answer.type === "failed") answer = { ...answer, failure: { ...answer.failure, kind: "block", message: end } };
    if (!signal.aborted) await this.#host.beforeEnd(answer, place);
    if (taken !== null) answer = await this.#leavePage(run, place, answer, signal, taken, secrets);
    else if (answer.type === "skipped") browser.unclaim(path);
    if (!signal.aborted) await this.#host.answer(answer, { at: this.#deps.clock.now(), ...place });
    const now = this.#host.run();
    if (taken !== null && now !== null) await browser.tidy(now);
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
      saveArtifact: async (file) => {
        const artifactId = artifactIdOf(runId, this.#deps.ids.next("artifact"));
        const saved = await this.#deps.artifacts.save({ organizationId, runId, path }, { artifactId, ...file });
        this.#storage.addArtifact(saved);
        return saved;
      },
    };
  }

  /** Null, and no work, for a run without credentials and for blocks that are given none. */
  #secretsOf({ facts }: Run, blockType: BlockType, signal: AbortSignal, waits: number): AttemptSecrets | null {
    if (facts.credentials === undefined || !readsSecrets(blockType)) return null;
    return new AttemptSecrets(this.#deps, facts, facts.credentials, { signal, waits });
  }

  /**
   * Keeps what is to be kept of the page, and lets go of it. Where it is gets stored in the same turn, and so in the same commit, as the answer that follows.
   * @returns the answer; of a failure with what was kept
   */
  async #leavePage(
    run: Run,
    place: AttemptPlace,
    answer: Answer,
    signal: AbortSignal,
    taking: Promise<TakenPage>,
    secrets: AttemptSecrets | null,
  ): Promise<Answer> {
    const browser = this.#host.browserOf(run);
    const taken = await taking.catch(() => null); // it was not to be had, which the answer says
    if (taken === null) return answer;
    try {
      if (signal.aborted) {
        const now = this.#host.run();
        if (now?.status === "timed_out") await this.#evidence.brokenOff(now, place.path, taken.page);
        this.#host.left(taken);
        await browser.startOver(place.path);
        return answer;
      }
      const failed = answer.type === "failed";
      const evidence = await this.#evidence.after(run, place, taken, secrets?.mask ?? null, failed);
      if (failed) {
        this.#host.left(taken);
        await browser.startOver(place.path); // another attempt begins where this one did
        return { ...answer, failure: { ...answer.failure, evidence } };
      }
      const write = await browser.checkpoint(run, place.path);
      const now = this.#host.run();
      if (now !== null && !isFinal(now)) write?.();
      return answer;
    } finally {
      taken.giveBack();
    }
  }
}
