import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { blockCatalog } from "../../blocks/registry.ts";
import { packPlan, unpackPlan } from "./packed-plan.ts";
import { requireDefinition } from "./check-definition.ts";

const examples = join(import.meta.dirname, "../../../docs/examples");

it.each(readdirSync(examples))("packs the plan of %s, and gives it back as it was", (file) => {
  const { plan } = requireDefinition(JSON.parse(readFileSync(join(examples, file), "utf8")), blockCatalog);
  const stored = JSON.stringify(packPlan(plan));
  expect(unpackPlan(JSON.parse(stored))).toEqual(plan);
  expect(stored.length).toBeLessThan(JSON.stringify(plan).length);
});
