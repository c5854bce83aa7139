import { describe, expect, it } from "vitest";
import {
  blockAt,
  type BlockState,
  hasEnded,
  isLive,
  type Iteration,
  iterationsOf,
  labelOf,
  parsePath,
  pathIn,
  type Scope,
  walk,
} from "./block-state.ts";
import { NO_TRIES } from "../recovery.ts";

const begun = { tries: NO_TRIES, attempt: 1, startedAt: 1 };
const ended = { attempt: 1, startedAt: 1, finishedAt: 2 };
const done: BlockState = { status: "completed", ...ended, output: 1, branch: null, kept: false };
const running: BlockState = { status: "running", ...begun };
const iteration = (blocks: Scope): Iteration => ({ value: null, blocks, status: "running", reason: null });
const looping = (...iterations: Iteration[]): BlockState => ({
  status: "looping",
  ...begun,
  items: [],
  iterations,
  granted: 0,
  done: false,
});

describe("a path", () => {
  it("is read step by step", () => {
    expect(parsePath("orders[3].lines[10].read")).toEqual([
      { label: "orders", index: 3 },
      { label: "lines", index: 10 },
      { label: "read", index: null },
    ]);
  });

  it.each(["", ".", "a.", "a[x]", "a[1", "a[1]b", "[1]"])("is not %j", (text) => {
    expect(() => parsePath(text)).toThrow("not the path of a block");
  });

  it("is made of the loop's path, the iteration and the label, and ends in that label", () => {
    const path = pathIn("orders[3].lines", 0, "größe_2");
    expect([path, labelOf(path), labelOf("orders"), labelOf("orders[3]")]).toEqual([
      "orders[3].lines[0].größe_2",
      "größe_2",
      "orders",
      "orders",
    ]);
  });
});

describe("the status of a block", () => {
  const pending = { status: "pending", tries: NO_TRIES, notBefore: null, failure: null } as const;
  /** [has ended, is live]; a status without a row does not compile. */
  const table: Record<BlockState["status"], [BlockState, boolean, boolean]> = {
    pending: [pending, false, false],
    running: [running, false, true],
    sleeping: [{ status: "sleeping", ...begun, since: 1, until: 2, output: null }, false, true],
    waiting: [{ status: "waiting", ...begun, since: 1, until: null, wait: { for: "interruption" } }, false, true],
    looping: [looping(), false, true],
    completed: [done, true, false],
    failed: [{ status: "failed", ...ended, failure: { kind: "block", outcome: "failed", message: "x" } }, true, false],
    terminated: [{ status: "terminated", ...ended, reason: "x" }, true, false],
    skipped: [{ status: "skipped", ...ended, reason: "x" }, true, false],
    canceled: [{ status: "canceled", ...ended }, true, false],
  };

  it.each(Object.values(table))("says whether it has ended and whether it is live: $status", (block, over, live) => {
    expect([hasEnded(block), isLive(block)]).toEqual([over, live]);
  });

  it("is neither of a block that has not begun", () => {
    expect([hasEnded(undefined), isLive(undefined)]).toEqual([false, false]);
  });
});

describe("the blocks of a run", () => {
  const inner: Scope = new Map([["read", running]]);
  const root: Scope = new Map<string, BlockState>([
    ["login", done],
    ["orders", looping(iteration(new Map([["open", done]])), iteration(new Map<string, BlockState>([["open", done], ["lines", looping(iteration(inner))]])))],
  ]); // prettier-ignore

  it("are found by their paths", () => {
    expect(blockAt(root, "login")).toBe(done);
    expect(blockAt(root, "orders[1].lines[0].read")).toBe(running);
  });

  it.each(["nobody", "orders[2].open", "orders[0].lines[0].read", "login[0].x", "orders.open"])("are not found at %s", (path) => {
    expect(blockAt(root, path)).toBeUndefined();
  });

  it("are walked with their paths, loops before what is in them", () => {
    expect([...walk(root)].map(({ path }) => path)).toEqual([
      "login",
      "orders",
      "orders[0].open",
      "orders[1].open",
      "orders[1].lines",
      "orders[1].lines[0].read",
    ]);
  });

  it("are still walked in a loop that has ended", () => {
    const loop: BlockState = { ...done, iterations: [iteration(inner)] };
    expect([...walk(new Map([["loop", loop]]))].map(({ path }) => path)).toEqual(["loop", "loop[0].read"]);
  });

  it("have iterations only where they are loops", () => {
    expect([iterationsOf(undefined), iterationsOf(running), iterationsOf(done), iterationsOf(looping(iteration(inner)))]).toEqual([
      [],
      [],
      [],
      [iteration(inner)],
    ]);
  });
});
