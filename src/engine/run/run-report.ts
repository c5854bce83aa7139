import { artifactContentPath, linkExpiry, type LinkToArtifact } from "../../domain/artifact.ts";
import { runResponse, type RunTraces, statusOf } from "../../domain/run/run-view.ts";
import type { Run } from "../../domain/run/run.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileLinks } from "../../ports/files.ts";
import type { RunReport } from "../../ports/run-objects.ts";
import type { RunStorage } from "./run-storage.ts";

interface ReportDeps {
  readonly clock: Clock;
  readonly links: FileLinks;
}

/** A run as its API tells it. */
export function reportOf(deps: ReportDeps, storage: RunStorage, run: Run): RunReport {
  return { status: statusOf(run), json: JSON.stringify(runResponse(run, tracesOf(deps, storage, run))) };
}

/** What is told of a run beside its journal: the files that it has made, with links to them, and who tries it again. */
export function tracesOf({ clock, links }: ReportDeps, storage: RunStorage, { facts }: Run): RunTraces {
  const now = clock.now();
  const linkTo: LinkToArtifact = ({ artifactId, type }) =>
    facts.apiOrigin + links.make(facts.organizationId, artifactContentPath(artifactId), linkExpiry(type, now));
  return { artifacts: storage.artifacts, linkTo, retriedByRunId: storage.retriedBy };
}
