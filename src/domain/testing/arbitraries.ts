/**
 * Random workflows, and what happens at each attempt at their blocks. A workflow is generated as a `Program`, whose meaning is plain from its
 * form, and written down as the definition that a caller would post; so the way from the definition to the plan is part of what is tried.
 */
import * as fc from "fast-check";
import type { JsonObject } from "../json.ts";

/** A workflow whose meaning is its form: lists run in order, and in version 3 when what they depend on has ended. */
export interface Program {
  readonly version: 1 | 2 | 3;
  readonly blocks: readonly ProgramBlock[];
  readonly finally: ProgramBlock | null;
  readonly maxParallelBlocks: number;
  /** Tries at the whole run. */
  readonly runAttempts: number;
}

export type ProgramBlock = Flags & { readonly label: string } & (
    | { readonly kind: "step" }
    | {
        readonly kind: "for_loop";
        readonly items: number;
        readonly maxConcurrency: number;
        readonly completeIfEmpty: boolean;
        readonly body: readonly ProgramBlock[];
      }
    | { readonly kind: "while_loop"; readonly rounds: number; readonly body: readonly ProgramBlock[] }
    | { readonly kind: "conditional"; readonly branches: readonly Branch[] }
  );

/** In version 2 the blocks of the branch; in version 3 the block that it leads to. Neither: straight on. */
export interface Branch {
  readonly blocks: readonly ProgramBlock[];
  readonly target: string | null;
}

interface Flags {
  readonly continueOnFailure: boolean;
  readonly nextLoopOnFailure: boolean;
  readonly attempts: number;
  /** Is every failure worth another attempt, or only one that may pass? */
  readonly retryOnAny: boolean;
  readonly onInterrupted: "retry" | "fail" | "ask";
  /** Version 3: blocks of the same list, all before this one. */
  readonly dependsOn: readonly string[];
}

/** What comes of one attempt. */
export type Outcome =
  | { readonly type: "completed"; readonly pick: number }
  | { readonly type: "skipped" | "terminated" | "slept" | "child" }
  | { readonly type: "failed"; readonly kind: "temporary" | "timeout" | "block" | "resource" | "unknown" }
  /** The answer of a person; null when nobody answers in time. */
  | { readonly type: "decision"; readonly approved: boolean | null }
  /** `approved`: what a person says, where one is asked. */
  | { readonly type: "interrupted"; readonly approved: boolean };

/** The same path and attempt always come to the same outcome. */
export type Script = (path: string, attempt: number) => Outcome;

/** An attempt beyond this completes, so that no script goes on for ever. */
const LAST_SCRIPTED_ATTEMPT = 7;

const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 10, arbitrary: fc.nat(5).map((pick): Outcome => ({ type: "completed", pick })) },
  { weight: 2, arbitrary: fc.constantFrom<Outcome[]>({ type: "slept" }, { type: "child" }) },
  { weight: 1, arbitrary: fc.constantFrom<Outcome[]>({ type: "skipped" }, { type: "terminated" }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom("temporary", "timeout", "block", "resource", "unknown").map((kind): Outcome => ({ type: "failed", kind })),
  },
  { weight: 2, arbitrary: fc.constantFrom(true, false, null).map((approved): Outcome => ({ type: "decision", approved })) },
  { weight: 2, arbitrary: fc.boolean().map((approved): Outcome => ({ type: "interrupted", approved })) },
);

export const scripts: fc.Arbitrary<Script> = fc.array(outcomes, { minLength: 1, maxLength: 16 }).map((list): Script => {
  const script: Script = (path, attempt) =>
    attempt > LAST_SCRIPTED_ATTEMPT ? { type: "completed", pick: 0 } : list[hash(`${path}#${attempt}`) % list.length]!;
  return Object.assign(script, { [fc.toStringMethod]: () => JSON.stringify(list) });
});

/** A stream of choices for what the outcomes leave open: the order of answers, and the faults. */
export const choices = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => [...bytes]);

const MAX_DEPTH = 3;

const rarely = fc.nat(4).map((n) => n === 4);
const flags = fc.record({
  continueOnFailure: rarely,
  nextLoopOnFailure: rarely,
  attempts: fc.integer({ min: 1, max: 3 }),
  retryOnAny: fc.boolean(),
  onInterrupted: fc.constantFrom("retry" as const, "fail" as const, "ask" as const),
});

/** A block before it has a label and dependencies; `links` become these. */
type Draft = Omit<Flags, "dependsOn"> & { readonly links: number } & (
    | { readonly kind: "step" }
    | {
        readonly kind: "for_loop";
        readonly items: number;
        readonly maxConcurrency: number;
        readonly completeIfEmpty: boolean;
        readonly body: readonly Draft[];
      }
    | { readonly kind: "while_loop"; readonly rounds: number; readonly body: readonly Draft[] }
    | { readonly kind: "conditional"; readonly branches: readonly (readonly Draft[])[] }
  );

function drafts(version: 1 | 2 | 3, depth: number, maxLength: number): fc.Arbitrary<Draft[]> {
  return fc.array(draft(version, depth), { minLength: 1, maxLength });
}

function draft(version: 1 | 2 | 3, depth: number): fc.Arbitrary<Draft> {
  const step: fc.Arbitrary<Pick<Draft, "kind">> = fc.constant({ kind: "step" as const });
  const forms: fc.WeightedArbitrary<object>[] = [{ weight: 4, arbitrary: step }];
  if (depth < MAX_DEPTH) {
    const body = drafts(version, depth + 1, 3 - Math.min(depth, 2) + 1);
    forms.push(
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("for_loop"),
          items: fc.nat(3),
          maxConcurrency: fc.integer({ min: 1, max: 3 }),
          completeIfEmpty: fc.boolean(),
          body,
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("while_loop"), rounds: fc.nat(2), body }) },
    );
    const branches = version === 2 ? fc.oneof(fc.constant([]), drafts(2, depth + 1, 2)) : fc.constant([]);
    if (version !== 1)
      forms.push({
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant("conditional"), branches: fc.array(branches, { minLength: 1, maxLength: 3 }) }),
      });
  }
  return fc.tuple(fc.oneof(...forms), flags, fc.nat(1023)).map(([form, common, links]) => ({ ...common, ...form, links }) as Draft); // `form` is one of the kinds, whole
}

export const programs: fc.Arbitrary<Program> = fc.constantFrom(1 as const, 2 as const, 3 as const).chain((version) =>
  fc
    .record({
      blocks: drafts(version, 0, 4),
      last: fc.option(flags),
      maxParallelBlocks: fc.integer({ min: 1, max: 4 }),
      runAttempts: fc.integer({ min: 1, max: version === 1 ? 3 : 2 }),
    })
    .map(({ blocks, last, maxParallelBlocks, runAttempts }) => ({
      version,
      blocks: label(blocks, version, labels()),
      finally: last === null ? null : { ...last, kind: "step" as const, label: "last", dependsOn: [] },
      maxParallelBlocks,
      runAttempts,
    })),
);

function* labels(): Generator<string, never> {
  for (let number = 0; ; number += 1) yield `b${number}`;
}

/** Gives labels to the blocks of a list and those inside them; in version 3 also dependencies on blocks before, and targets to the branches. */
function label(list: readonly Draft[], version: 1 | 2 | 3, names: Generator<string, never>): ProgramBlock[] {
  const own = list.map(() => names.next().value);
  return list.map(({ links, ...draft }, index) => {
    const dependsOn = version === 3 ? own.slice(0, index).filter((_, before) => ((links >> before) & 1) === 1) : [];
    const common = { label: own[index]!, dependsOn };
    switch (draft.kind) {
      case "step":
        return { ...draft, ...common };
      case "for_loop":
      case "while_loop":
        return { ...draft, ...common, body: label(draft.body, version, names) };
      case "conditional": {
        const later = own.slice(index + 1);
        const targetOf = (branch: number) => (version === 3 ? (later[((links >> 4) + branch) % (later.length + 1)] ?? null) : null);
        return {
          ...draft,
          ...common,
          branches: draft.branches.map((blocks, branch) => ({ blocks: label(blocks, version, names), target: targetOf(branch) })),
        };
      }
    }
  });
}

/** The program as a caller would post it. */
export function definitionOf(program: Program): JsonObject {
  const blocks = writeList(program.blocks, program.version, null);
  return {
    title: "Random",
    workflow_definition: {
      version: program.version,
      blocks: program.finally === null ? blocks : [...blocks, writeBlock(program.finally, program.version, null)],
      ...(program.version === 3 ? { max_parallel_blocks: program.maxParallelBlocks } : {}),
      ...(program.finally === null ? {} : { finally_block_label: program.finally.label }),
      ...(program.runAttempts > 1 ? { retry: { max_attempts: program.runAttempts } } : {}),
    },
  };
}

/** In version 2 the blocks of branches stand in the same list, after the conditional; where they end is left to the conditional. */
function writeList(list: readonly ProgramBlock[], version: 1 | 2 | 3, after: string | null): JsonObject[] {
  return list.flatMap((block, index) => {
    const written = writeBlock(block, version, list[index + 1]?.label ?? after);
    return block.kind === "conditional"
      ? [written, ...block.branches.flatMap(({ blocks }) => writeList(blocks, version, null))]
      : [written];
  });
}

function writeBlock(block: ProgramBlock, version: 1 | 2 | 3, next: string | null): JsonObject {
  const common = {
    label: block.label,
    continue_on_failure: block.continueOnFailure,
    next_loop_on_failure: block.nextLoopOnFailure,
    on_interrupted: block.onInterrupted,
    ...(block.retryOnAny ? { max_retries: block.attempts - 1 } : { retry: { max_attempts: block.attempts } }),
    ...(version === 2 && next !== null ? { next_block_label: next } : {}),
    ...(version === 3 && block.dependsOn.length > 0 ? { depends_on: [...block.dependsOn] } : {}),
  };
  switch (block.kind) {
    case "step":
      return { ...common, block_type: "set", values: { text: block.label } };
    case "for_loop": {
      const loop = {
        loop_variable_reference: itemsOf(block.items),
        max_concurrency: block.maxConcurrency,
        complete_if_empty: block.completeIfEmpty,
      };
      return { ...common, ...loop, block_type: "for_loop", loop_blocks: writeList(block.body, version, null) };
    }
    case "while_loop":
      return {
        ...common,
        block_type: "while_loop",
        condition: { expression: `{{ current_index < ${block.rounds} }}` },
        loop_blocks: writeList(block.body, version, null),
      };
    case "conditional":
      return {
        ...common,
        block_type: "conditional",
        branch_conditions: block.branches.map(({ blocks, target }, index) => {
          const leadsTo = blocks[0]?.label ?? target;
          return { criteria: { expression: `{{ ${index} == 0 }}` }, ...(leadsTo === null ? {} : { next_block_label: leadsTo }) };
        }),
      };
  }
}

/** What a for_loop of so many items goes over. */
export function itemsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `item ${index}`);
}

/** What comes of an attempt at this block: a loop and a conditional neither sleep nor wait, they open and choose. */
export function outcomeAt(script: Script, block: ProgramBlock, path: string, attempt: number): Outcome {
  const outcome = script(path, attempt);
  const waits = outcome.type === "slept" || outcome.type === "child" || outcome.type === "decision";
  return waits && block.kind !== "step" ? { type: "completed", pick: 0 } : outcome;
}

/** What a step that completes gives. */
export function outputAt(path: string, attempt: number): string {
  return `${path}#${attempt}`;
}

/** Every block of the program by its label. */
export function blocksOf(program: Program): Map<string, ProgramBlock> {
  const found = new Map<string, ProgramBlock>();
  const visit = (block: ProgramBlock): void => {
    found.set(block.label, block);
    if (block.kind === "conditional") for (const { blocks } of block.branches) blocks.forEach(visit);
    if ("body" in block) block.body.forEach(visit);
  };
  program.blocks.forEach(visit);
  if (program.finally !== null) visit(program.finally);
  return found;
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0)!, 0x01000193) >>> 0;
  return value;
}
