import { blockAt } from "../../domain/run/block-state.ts";
import { isFinal, type Run } from "../../domain/run/run.ts";
import type { AttemptPlace } from "../attempt/answer.ts";

/** The attempts and checks that this incarnation of a run's object works on, one for a block. */
export class LiveWork {
  readonly #works = new Map<string, { readonly attempt: number; readonly abort: AbortController; readonly done: Promise<void> }>();

  get isEmpty(): boolean {
    return this.#works.size === 0;
  }

  /** Of the blocks. */
  get paths(): string[] {
    return [...this.#works.keys()];
  }

  has(path: string): boolean {
    return this.#works.has(path);
  }

  /**
   * Begins after the turn that calls it has committed, not inside it.
   * @returns when it is over, however
   */
  begin({ path, attempt }: AttemptPlace, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const abort = new AbortController();
    const done = Promise.resolve()
      .then(() => work(abort.signal))
      .finally(() => {
        if (this.#works.get(path)?.abort === abort) this.#works.delete(path);
      });
    this.#works.set(path, { attempt, abort, done: done.catch(() => undefined) }); // who began it is told
    return done;
  }

  /** Its answer is being written: what follows from that may be the next work on the same block. */
  answered({ path, attempt }: AttemptPlace): void {
    if (this.#works.get(path)?.attempt === attempt) this.#works.delete(path);
  }

  /** Aborts what the run does not wait for any more. */
  abortWhatIsOver(run: Run): void {
    for (const [path, { attempt, abort }] of this.#works) {
      const block = blockAt(run.blocks, path);
      const goesOn = (block?.status === "running" || block?.status === "looping") && block.attempt === attempt;
      if (!goesOn) abort.abort(new Error(isFinal(run) ? `the run is ${run.status}` : "the block is over"));
    }
  }

  /** Resolves when all that is under way now is over. */
  async finished(): Promise<void> {
    await Promise.all([...this.#works.values()].map(({ done }) => done));
  }
}
