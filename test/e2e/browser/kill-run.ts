import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Tenant } from "../../workers/api.ts";

/** Ends the object of a run as the platform may at any moment: what it holds in memory is gone, its connection to the browser too. */
export async function killRun({ organizationId }: Tenant, runId: string): Promise<void> {
  const run = env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${organizationId}:${runId}`));
  await runInDurableObject(run, (_object, state) => state.abort("killed by the test")).catch(() => undefined); // it cannot answer any more
}
