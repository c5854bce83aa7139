import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startShop } from "../../src/cli/demo-shop.ts";
import { startService } from "../../src/cli/service.ts";
import { connectService } from "../../src/cli/service-client.ts";
import { eventually } from "../eventually.ts";
import { UNTIL_IT_ENDS } from "../patience.ts";

const API_KEY = "key-of-the-readme-test";

it("the workflow in twenty lines of the README does what the README says", async () => {
  const readme = await readFile(join(import.meta.dirname, "..", "..", "README.md"), "utf8");
  const [, yaml_definition] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? [];
  const state = await mkdtemp(join(tmpdir(), "pilotfish-readme-"));
  const [service, shop] = await Promise.all([startService({ state, devApiKey: API_KEY, quiet: true }), startShop()]);
  try {
    const api = connectService(service.url, { apiKey: API_KEY });
    const { workflow_permanent_id } = await api.call<{ workflow_permanent_id: string }>("POST", "/v1/workflows", { yaml_definition });
    const request = { workflow_id: workflow_permanent_id, parameters: { shop: shop.url } };
    for (let time = 1; time <= 3; time++) {
      const run = await api.call<{ status: string; output: object }>("POST", "/v1/run/workflows", request, UNTIL_IT_ENDS);
      expect(run).toMatchObject({ status: "completed", output: { verdict_output: { text: "It costs 79.", bought: true } } });
    }
    await eventually(async () => expect(await api.call("GET", "/v1/browsers")).toMatchObject({ in_use: 0 }));
    expect(service.logs()).not.toMatch(/^\s+at /m); // a newcomer who reads the log sees what the runs did, and no stack of anything
  } finally {
    await Promise.all([service.stop(), shop.close()]);
    await rm(state, { recursive: true, force: true });
  }
});
