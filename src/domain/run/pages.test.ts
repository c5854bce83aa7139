import { describe, expect, it } from "vitest";
import type { PlanNode } from "../workflow/plan.ts";
import { isOver, PageClaims } from "./pages.ts";
import type { Run } from "./run.ts";

type Node = Partial<Pick<PlanNode, "maxConcurrency">> & { readonly after?: readonly string[] };

/** Claims a page for each block in this order, as a run does, and says which each got. */
function pagesOf(nodes: Readonly<Record<string, Node>>, paths: readonly string[], mode: "cursor" | "dependencies" = "dependencies") {
  const plan = {
    mode,
    nodes: Object.fromEntries(
      Object.entries(nodes).map(([label, { after = [], maxConcurrency = 1 }]) => [
        label,
        { label, maxConcurrency, dependsOn: after.map((before) => ({ label: before, reason: "depends_on" })) },
      ]),
    ),
  } as unknown as Run["plan"]; // what choosePage looks at
  const claims = new PageClaims({ pageOf: () => undefined, ownerOf: () => undefined });
  return Object.fromEntries(
    paths.map((path) => {
      claims.claim({ plan }, path);
      const page = claims.pageOf(path)!;
      return [path, { page, from: claims.originOf(page) }];
    }),
  );
}

const main = { page: "main", from: null };

describe("the page of a block", () => {
  it("is the run's one page where a cursor moves, also in loops", () => {
    expect(pagesOf({ a: {}, each: {}, b: {}, c: {} }, ["a", "each[0].b", "each[1].b", "c"], "cursor")).toEqual({
      a: main,
      "each[0].b": main,
      "each[1].b": main,
      c: main,
    });
  });

  it("is that of the block before, also by way of blocks without a page", () => {
    expect(pagesOf({ a: {}, http: { after: ["a"] }, b: { after: ["http"] } }, ["a", "b"])).toEqual({ a: main, b: main });
  });

  it("is a new one, beginning at the same address, for all but the first of those that fork", () => {
    expect(pagesOf({ a: {}, b: { after: ["a"] }, c: { after: ["a"] }, d: { after: ["a"] } }, ["a", "b", "c", "d"])).toEqual({
      a: main,
      b: main,
      c: { page: "c", from: { block: "a" } },
      d: { page: "d", from: { block: "a" } },
    });
  });

  it("is the first one's where branches meet", () => {
    const nodes = { a: {}, b: { after: ["a"] }, c: { after: ["a"] }, meet: { after: ["b", "c"] }, other: { after: ["c", "b"] } };
    expect(pagesOf(nodes, ["a", "b", "c", "meet"])).toMatchObject({ meet: main });
    expect(pagesOf(nodes, ["a", "b", "c", "other"])).toMatchObject({ other: { page: "c" } });
  });

  it("is empty and its own for a block that depends on none while another has the first page", () => {
    expect(pagesOf({ a: {}, b: {} }, ["a", "b"])).toEqual({ a: main, b: { page: "b", from: null } });
  });

  it("is handed from one iteration to the next, and on to what comes after the loop", () => {
    const nodes = { a: {}, each: { after: ["a"] }, b: {}, c: { after: ["b"] }, last: { after: ["each"] } };
    const pages = pagesOf(nodes, ["a", "each[0].b", "each[0].c", "each[1].b", "each[1].c", "last"]);
    expect(new Set(Object.values(pages).map((choice) => choice?.page))).toEqual(new Set(["main"]));
  });

  it("is each iteration's own where they run side by side, beginning where the loop's page stands", () => {
    for (const mode of ["cursor", "dependencies"] as const) {
      const nodes = { a: {}, each: { after: ["a"], maxConcurrency: 2 }, b: {}, c: { after: ["b"] }, last: { after: ["each"] } };
      expect(pagesOf(nodes, ["a", "each[0].b", "each[1].b", "each[0].c", "last"], mode)).toMatchObject({
        a: main,
        "each[0].b": { page: "each[0]", from: { page: "main" } },
        "each[1].b": { page: "each[1]", from: { page: "main" } },
        "each[0].c": { page: "each[0]" },
        last: main,
      });
    }
  });

  it("is handed on inside a loop inside an iteration with a page of its own", () => {
    const nodes = { outer: { maxConcurrency: 2 }, inner: {}, b: {} };
    expect(pagesOf(nodes, ["outer[1].inner[0].b", "outer[1].inner[1].b"], "cursor")).toMatchObject({
      "outer[1].inner[0].b": { page: "outer[1]" },
      "outer[1].inner[1].b": { page: "outer[1]" },
    });
  });

  it("is the same again for another attempt", () => {
    expect(pagesOf({ a: {}, b: { after: ["a"] }, c: { after: ["a"] } }, ["a", "b", "c", "c", "b"])).toMatchObject({
      b: main,
      c: { page: "c" },
    });
  });
});

describe("a page", () => {
  it("is over with the iteration for which it was opened", () => {
    const blocks = new Map([
      ["each", { status: "looping", iterations: [{ status: "completed" }, { status: "running", blocks: new Map() }] }],
    ]) as unknown as Run["blocks"]; // what isOver looks at
    const over = (page: string) => isOver({ blocks }, page);
    expect(["main", "report", "each[1]", "each[1].b"].map(over)).toEqual([false, false, false, false]);
    expect(["each[0]", "each[0].b", "each[7]"].map(over)).toEqual([true, true, true]);
  });
});
