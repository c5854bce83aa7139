import { ServiceError } from "../domain/error.ts";
import type { OrganizationId } from "../domain/id.ts";
import { isFinalStatus } from "../domain/run/run.ts";
import type { RunObject, RunObjects } from "../ports/run-objects.ts";
import { notFound, requireRunId } from "./runs.ts";

/** A run that can be watched. @throws ServiceError not_found; conflict when it has ended */
export async function findLiveRun(deps: { runs: RunObjects }, organizationId: OrganizationId, id: string): Promise<RunObject> {
  const run = deps.runs.get(organizationId, requireRunId(id));
  const report = await run.report(0);
  if (report === null) throw notFound(id);
  if (isFinalStatus(report.status))
    throw new ServiceError("conflict", `Run ${id} has ended: ${report.status}. Its last page is the first of its screenshot_urls.`);
  return run;
}
