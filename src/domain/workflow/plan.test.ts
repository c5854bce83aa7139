import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockCatalog } from "../../blocks/registry.ts";
import type { JsonObject } from "../json.ts";
import { findCycles, levelsOf, type Plan } from "./plan.ts";
import { blocksOf, definitionOf, type Program, programs } from "../testing/arbitraries.ts";
import { requireDefinition } from "./check-definition.ts";

const graph = (edges: Record<string, string[]>) => [Object.keys(edges), (label: string) => edges[label] ?? []] as const;

describe("findCycles", () => {
  it("names a cycle block by block, the first again at the end", () => {
    expect(findCycles(...graph({ start: ["a"], a: ["b"], b: ["c", "end"], c: ["a"], end: [] }))).toEqual([["a", "b", "c", "a"]]);
  });

  it("finds a block that leads to itself", () => {
    expect(findCycles(...graph({ a: [], b: ["b"] }))).toEqual([["b", "b"]]);
  });

  it("finds every cycle of those that have nothing in common, also behind another", () => {
    expect(findCycles(...graph({ a: ["b"], b: ["a", "c"], c: ["d"], d: ["c"], e: ["e"] }))).toEqual([
      ["a", "b", "a"],
      ["c", "d", "c"],
      ["e", "e"],
    ]);
  });

  it("takes ways that meet again for no cycle", () => {
    expect(findCycles(...graph({ a: ["b", "c"], b: ["d"], c: ["d"], d: [] }))).toEqual([]);
  });

  it("looks at each block once, however many ways lead to it", () => {
    const edges = Object.fromEntries(
      Array.from({ length: 50 }, (_, n) => [`b${n}`, [`b${n + 1}`, `b${n + 2}`].filter((label) => label !== "b50" && label !== "b51")]),
    );
    let looks = 0;
    const [labels, targets] = graph(edges);
    expect(findCycles(labels, (label) => ((looks += 1), targets(label)))).toEqual([]);
    expect(looks).toBe(50);
  });
});

describe("levelsOf", () => {
  const nodes = (edges: Record<string, string[]>) =>
    Object.fromEntries(
      Object.entries(edges).map(([label, labels]) => [
        label,
        { dependsOn: labels.map((before) => ({ label: before, reason: "depends_on" as const })) },
      ]),
    );

  it("puts each block behind the last of those that it waits for", () => {
    const edges = { join: ["a", "far"], a: [], far: ["b"], b: ["a"], alone: [] };
    expect(levelsOf(Object.keys(edges), nodes(edges))).toEqual([["a", "alone"], ["b"], ["far"], ["join"]]);
  });

  it("has none where there are no blocks", () => {
    expect(levelsOf([], {})).toEqual([]);
  });
});

describe("the plan of a random workflow", () => {
  const compile = (definition: JsonObject): Plan => requireDefinition(definition, blockCatalog).plan;
  const ofVersion = (version: Program["version"]) => programs.filter((program) => program.version === version);

  it("has every block once, each in one list", () => {
    fc.assert(
      fc.property(programs, (program) => {
        const { root, nodes, finallyLabel } = compile(definitionOf(program));
        const listed = [
          ...root,
          ...Object.values(nodes).flatMap(({ body }) => body ?? []),
          ...(finallyLabel === null ? [] : [finallyLabel]),
        ];
        const labels = [...blocksOf(program).keys()].toSorted();
        expect([listed.toSorted(), Object.keys(nodes).toSorted()]).toEqual([labels, labels]);
      }),
    );
  });

  it("of version 2 does not depend on the order in which the blocks stand", () => {
    const shuffles = fc.array(fc.nat(), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(ofVersion(2), shuffles, (program, keys) => {
        const definition = definitionOf(program);
        const [plan, shuffled] = [compile(definition), compile(shuffle(definition, keys))];
        expect(shuffled.root[0]).toBe(plan.root[0]);
        for (const [label, { next, branches, body }] of Object.entries(plan.nodes)) {
          const other = shuffled.nodes[label]!;
          expect([label, other.next, other.branches, other.body?.[0]]).toEqual([label, next, branches, body?.[0]]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("of version 3 has each block on the level behind those that it waits for", () => {
    fc.assert(
      fc.property(ofVersion(3), (program) => {
        const { root, nodes } = compile(definitionOf(program));
        const levels = levelsOf(root, nodes);
        const levelOf = new Map(levels.flatMap((labels, level) => labels.map((label) => [label, level])));
        expect(levelOf.size).toBe(root.length);
        for (const label of root)
          expect(levelOf.get(label)).toBe(Math.max(-1, ...nodes[label]!.dependsOn.map((before) => levelOf.get(before.label)!)) + 1);
      }),
    );
  });

  /** Reorders the blocks of every list by the keys. */
  function shuffle(definition: JsonObject, keys: readonly number[]): JsonObject {
    let taken = 0;
    const reorder = (blocks: readonly JsonObject[]): JsonObject[] =>
      blocks
        .map((block) => ({
          key: keys[(taken += 1) % keys.length]! % 97,
          block: Array.isArray(block.loop_blocks) ? { ...block, loop_blocks: reorder(block.loop_blocks as JsonObject[]) } : block,
        }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ block }) => block);
    const workflow = definition.workflow_definition as { readonly blocks: readonly JsonObject[] } & JsonObject;
    return { ...definition, workflow_definition: { ...workflow, blocks: reorder(workflow.blocks) } };
  }
});
