/**
 * How a run must end, found the simple way: recursively, one block after the other, without events, time or parallelism. What the order of answers
 * decides where things run side by side is left open: such a block may have ended, and then only in one way; or it may have been cut short.
 */
import type { Json } from "../json.ts";
import { type Branch, itemsOf, outcomeAt, outputAt, type Program, type ProgramBlock, type Script } from "./arbitraries.ts";

export interface Expected {
  readonly status: "completed" | "failed" | "terminated";
  /** By path. A block that is not here must never begin. */
  readonly blocks: ReadonlyMap<string, ExpectedBlock>;
}

export interface ExpectedBlock {
  readonly status: "completed" | "failed" | "terminated" | "skipped";
  /** Of a completed block; undefined when the order of answers decides it. */
  readonly output: Json | undefined;
  readonly branch: number | null;
  /** Is it certain that it comes to its end? */
  readonly certain: boolean;
}

/** The order of answers decides how the run goes on. */
export class Undetermined extends Error {}

/** @throws Undetermined */
export function interpret(program: Program, script: Script): Expected {
  return new Interpreter(program, script).run();
}

/** `goesOn`: the block that ended it asks for the next iteration. */
type End = { readonly status: "completed" } | { readonly status: "failed" | "terminated"; readonly goesOn: boolean };
type BadEnd = Exclude<End, { status: "completed" }>;
const COMPLETED = { status: "completed" } as const;

const MAX_INTERRUPTIONS = 5;

/** A block of the outermost list, on whatever branch. */
function findBlock(list: readonly ProgramBlock[], label: string): ProgramBlock | undefined {
  for (const block of list) {
    if (block.label === label) return block;
    const found =
      block.kind === "conditional"
        ? block.branches.map(({ blocks }) => findBlock(blocks, label)).find((inner) => inner !== undefined)
        : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

class Interpreter {
  readonly #program: Program;
  readonly #script: Script;
  readonly #blocks = new Map<string, ExpectedBlock>();
  /** Attempts at each block that has begun. */
  readonly #attempts = new Map<string, number>();

  constructor(program: Program, script: Script) {
    this.#program = program;
    this.#script = script;
  }

  run(): Expected {
    let end = this.#list(this.#program.blocks, "");
    for (let runAttempt = 1; end.status === "failed" && runAttempt < this.#program.runAttempts; runAttempt += 1) {
      // What a parallel run has completed when it fails depends on the order of answers.
      if (this.#program.version === 3) throw new Undetermined();
      this.#keepWhatCompleted();
      end = this.#list(this.#program.blocks, "");
    }
    const last = this.#program.finally;
    if (last === null) return { status: end.status, blocks: this.#blocks };
    const lastEnd = badEnd(last, this.#block(last, ""));
    return { status: end.status === "completed" && lastEnd !== null ? lastEnd.status : end.status, blocks: this.#blocks };
  }

  #keepWhatCompleted(): void {
    for (const [path, { status }] of this.#blocks) {
      if (path.includes("[") || status === "completed" || status === "skipped") continue;
      if (!findBlock(this.#program.blocks, path)?.continueOnFailure) this.#leaveOpen(path);
    }
  }

  /** Another attempt at a loop begins anew. Where the run is cut short before that, the blocks of the last one are what is seen. */
  #openAgainInside(path: string): void {
    this.#leaveOpenInside(`${path}[`);
    for (const inner of this.#attempts.keys()) if (inner.startsWith(`${path}[`)) this.#attempts.delete(inner);
  }

  #list(list: readonly ProgramBlock[], prefix: string): End {
    return this.#program.version === 3 ? this.#graph(list, prefix) : this.#sequence(list, prefix);
  }

  #sequence(list: readonly ProgramBlock[], prefix: string): End {
    for (const block of list) {
      const ended = this.#block(block, prefix);
      const bad = badEnd(block, ended);
      if (bad !== null) return bad;
      const branch = takenBranch(block, ended);
      const inBranch = branch === undefined ? COMPLETED : this.#sequence(branch.blocks, prefix);
      if (inBranch.status !== "completed") return inBranch;
    }
    return COMPLETED;
  }

  /** As if nothing were cut short: all that can be reached is, except behind a bad end. */
  #graph(list: readonly ProgramBlock[], prefix: string): End {
    /** For each block that can be reached, itself and all that it waits for. */
    const behind = new Map<string, Set<string>>();
    const bad: { label: string; end: BadEnd }[] = [];
    for (const block of list) {
      const choosers = list.filter((other) => other.kind === "conditional" && other.branches.some(({ target }) => target === block.label));
      const dependencies = [...block.dependsOn, ...choosers.map(({ label }) => label)];
      if (dependencies.some((label) => !behind.has(label) || bad.some((ended) => ended.label === label))) continue;
      behind.set(block.label, new Set([block.label, ...dependencies.flatMap((label) => [...behind.get(label)!])]));
      const taken =
        choosers.length === 0 ||
        choosers.some((chooser) => takenBranch(chooser, this.#blocks.get(prefix + chooser.label)!)?.target === block.label);
      const ended = taken ? this.#block(block, prefix) : this.#record(prefix + block.label, { status: "skipped" });
      const end = badEnd(block, ended);
      if (end !== null) bad.push({ label: block.label, end });
    }
    const [first] = bad;
    if (first === undefined) return COMPLETED;
    for (const label of behind.keys()) if (!bad.every((ended) => behind.get(ended.label)!.has(label))) this.#leaveOpen(prefix + label);
    return agreed(bad.map(({ end }) => end));
  }

  #block(block: ProgramBlock, prefix: string): ExpectedBlock {
    const path = prefix + block.label;
    const kept = this.#blocks.get(path);
    if (kept?.certain) return kept;
    let [failures, interruptions] = [0, 0];
    for (;;) {
      const attempt = (this.#attempts.get(path) ?? 0) + 1;
      this.#attempts.set(path, attempt);
      this.#openAgainInside(path);
      const outcome = outcomeAt(this.#script, block, path, attempt);
      let failure: "passing" | "lasting" | null = null;
      switch (outcome.type) {
        case "skipped":
        case "terminated":
          return this.#record(path, { status: outcome.type });
        case "slept":
        case "child":
          return this.#record(path, { status: "completed", output: outputAt(path, attempt) });
        case "decision":
          if (outcome.approved === true) return this.#record(path, { status: "completed", output: { approved: true } });
          if (outcome.approved === false) return this.#record(path, { status: "terminated" });
          failure = "lasting";
          break;
        case "interrupted":
          interruptions += 1;
          if (block.onInterrupted === "retry" ? interruptions <= MAX_INTERRUPTIONS : block.onInterrupted === "ask" && outcome.approved)
            continue;
          return this.#record(path, { status: "failed" });
        case "failed":
          if (outcome.kind === "resource") continue;
          if (outcome.kind === "unknown") return this.#record(path, { status: "failed" });
          failure = outcome.kind === "block" ? "lasting" : "passing";
          break;
        case "completed": {
          if (block.kind === "step") return this.#record(path, { status: "completed", output: outputAt(path, attempt) });
          if (block.kind === "conditional")
            return this.#record(path, { status: "completed", output: null, branch: outcome.pick % block.branches.length });
          if (block.kind === "for_loop" && block.items === 0 && !block.completeIfEmpty) return this.#record(path, { status: "terminated" });
          const end = this.#iterations(block, path);
          if (end.status === "completed") return this.#record(path, { status: "completed", output: this.#loopOutput(block, path) });
          if (end.status === "terminated") return this.#record(path, { status: "terminated" });
          failure = "lasting";
        }
      }
      failures += 1;
      if (failures < block.attempts && (failure === "passing" || block.retryOnAny)) continue;
      return this.#record(path, { status: "failed" });
    }
  }

  #iterations(loop: Loop, path: string): End {
    const concurrency = loop.kind === "for_loop" ? loop.maxConcurrency : 1;
    const bad: { index: number; end: BadEnd }[] = [];
    let begun = 0;
    // An iteration that ends badly ends the loop, so it never makes room for another.
    for (; begun < roundsOf(loop) && bad.length < concurrency; begun += 1) {
      const end = this.#list(loop.body, `${path}[${begun}].`);
      if (end.status !== "completed" && !end.goesOn && !loop.nextLoopOnFailure) bad.push({ index: begun, end });
    }
    if (bad.length === 0) return COMPLETED;
    for (let index = 0; index < begun; index += 1) {
      const isCertain = concurrency === 1 || (bad.length === 1 && bad[0]!.index === index);
      if (!isCertain) this.#leaveOpenInside(`${path}[${index}].`);
    }
    return agreed(bad.map(({ end }) => end));
  }

  /** For each iteration, what its blocks gave. */
  #loopOutput(loop: Loop, path: string): Json | undefined {
    const values = loop.kind === "for_loop" ? itemsOf(loop.items) : Array.from({ length: loop.rounds }, (_, index) => index);
    const output: Json[] = [];
    for (const [index, value] of values.entries()) {
      const prefix = `${path}[${index}].`;
      const ended = [...this.#blocks].filter(([inner]) => inner.startsWith(prefix) && !inner.slice(prefix.length).includes("["));
      if (ended.some(([, { status, output, certain }]) => !certain || (status === "completed" && output === undefined))) return undefined;
      const completed = ended.filter(([, { status }]) => status === "completed");
      output.push(
        completed.map(([inner, block]) => ({
          loop_value: value,
          output_parameter: { key: `${inner.slice(prefix.length)}_output` },
          output_value: block.output!,
        })),
      );
    }
    return output;
  }

  #record(path: string, block: Pick<ExpectedBlock, "status"> & Partial<ExpectedBlock>): ExpectedBlock {
    const ended = { output: undefined, branch: null, certain: true, ...block };
    this.#blocks.set(path, ended);
    return ended;
  }

  #leaveOpen(path: string): void {
    const block = this.#blocks.get(path);
    if (block !== undefined) this.#blocks.set(path, { ...block, certain: false });
    this.#leaveOpenInside(`${path}[`);
  }

  #leaveOpenInside(prefix: string): void {
    for (const [path, block] of this.#blocks) if (path.startsWith(prefix)) this.#blocks.set(path, { ...block, certain: false });
  }
}

type Loop = Extract<ProgramBlock, { kind: "for_loop" | "while_loop" }>;

function roundsOf(loop: Loop): number {
  return loop.kind === "for_loop" ? loop.items : loop.rounds;
}

/** How a block ends what is around it; null when that goes on. */
function badEnd(block: ProgramBlock, ended: ExpectedBlock): BadEnd | null {
  const bad = (ended.status === "failed" || ended.status === "terminated") && !block.continueOnFailure;
  return bad ? { status: ended.status, goesOn: block.nextLoopOnFailure } : null;
}

function takenBranch(block: ProgramBlock, ended: ExpectedBlock): Branch | undefined {
  return block.kind === "conditional" && ended.branch !== null ? block.branches[ended.branch] : undefined;
}

/** The first of these in time is the end; it is known only where they are alike. */
function agreed(ends: readonly BadEnd[]): BadEnd {
  const [first, ...others] = ends;
  if (first === undefined || others.some(({ status, goesOn }) => status !== first.status || goesOn !== first.goesOn))
    throw new Undetermined();
  return first;
}
