import type { RunFacts } from "../domain/run/run.ts";
import type { AttemptPlace } from "./attempt/answer.ts";

/** What every line of the log that is about a run says of it, and of the attempt where there is one. */
export function logFields(
  { organizationId, runId }: Pick<RunFacts, "organizationId" | "runId">,
  place: Partial<AttemptPlace> = {},
): Record<string, string | number> {
  const { path, attempt } = place;
  return {
    organization_id: organizationId,
    run_id: runId,
    ...(path === undefined ? {} : { block: path }),
    ...(attempt === undefined ? {} : { attempt }),
  };
}
