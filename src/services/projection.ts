import { webhookBody } from "../domain/delivery.ts";
import { deliveryIdOf, eventIdOf, type RunId } from "../domain/id.ts";
import type { JsonObject } from "../domain/json.ts";
import { isMailto } from "../domain/mail.ts";
import type { QueueMessage } from "../ports/deliveries.ts";
import type { Log } from "../ports/log.ts";
import type { RunIndex } from "../ports/run-index.ts";
import type { RunNews } from "../domain/run/run-news.ts";
import type { RunObjects, RunWebhookEvent } from "../ports/run-objects.ts";
import { type DeliveryDeps, recordDeliveries } from "./deliveries.ts";

interface ProjectionDeps extends Pick<DeliveryDeps, "deliveries" | "deliveryQueue" | "clock" | "log"> {
  readonly runIndex: RunIndex;
  readonly runs: RunObjects;
}

/**
 * Takes news of runs into the index and makes webhook deliveries of it; then tells each run that it is recorded. Everything may be repeated.
 * @returns for each of `batch`, whether it is done; what is not may be tried again
 * @throws when the index cannot be written: nothing of the batch is done then
 */
export async function projectRuns(deps: ProjectionDeps, batch: readonly RunNews[]): Promise<boolean[]> {
  const rows = new Map(batch.toSorted((a, b) => a.row.seq - b.row.seq).map(({ row }) => [row.workflowRunId, row]));
  await deps.runIndex.upsert([...rows.values()]);
  const results = await Promise.allSettled(
    batch.map(async ({ row, hasMessages }) => {
      const run = deps.runs.get(row.organizationId, row.workflowRunId);
      if (hasMessages) {
        const events = await run.webhookEvents();
        const due = events.filter(({ seq }) => seq <= row.seq);
        await recordDeliveries(
          deps,
          due.map((event) => ({
            deliveryId: deliveryIdOf(row.workflowRunId, event.seq, isMailto(event.url) ? "mail" : "webhook"),
            organizationId: row.organizationId,
            workflowRunId: row.workflowRunId,
            eventType: event.type,
            url: event.url,
            body: isMailto(event.url) ? event.json : bodyOf(row.workflowRunId, event),
          })),
        );
      }
      await run.acknowledge(row.seq);
    }),
  );
  for (const result of results) if (result.status === "rejected") deps.log.error("news of a run were not taken in", result.reason);
  return results.map(({ status }) => status === "fulfilled");
}

function bodyOf(runId: RunId, { seq, type, at, json }: RunWebhookEvent): string {
  return webhookBody({ eventId: eventIdOf(runId, seq), type, at, run: JSON.parse(json) as JsonObject });
}

/** The consumer of the queue `run-events`: what was taken in is settled, the rest is given again. */
export async function consumeNews(batch: { readonly messages: readonly QueueMessage[] }, deps: ProjectionDeps): Promise<void> {
  const done = await projectRuns(
    deps,
    batch.messages.map(({ body }) => body as RunNews),
  ); // only run objects write to this queue
  for (const [index, message] of batch.messages.entries())
    if (done[index]) message.ack();
    else message.retry();
}

/** Runs of which nothing was heard for this long are woken. It is also how often the sweep is made. */
const STALE_MS = 60_000;

/**
 * Wakes runs that are not final and have been silent: whatever stranded them, they go on. Those that sleep by right sleep on.
 * @param limit how many at once; where more are silent, each sweep takes the next ones
 * @returns how many were woken
 */
export async function wakeSilentRuns(deps: { runIndex: RunIndex; runs: RunObjects; log: Log }, now: number, limit = 500): Promise<number> {
  const silent = await deps.runIndex.unfinished(now - STALE_MS, Math.floor(now / STALE_MS), limit);
  const results = await Promise.allSettled(
    silent.map(({ organizationId, workflowRunId }) => deps.runs.get(organizationId, workflowRunId).wake()),
  );
  for (const result of results) if (result.status === "rejected") deps.log.error("a silent run could not be woken", result.reason);
  return silent.length;
}
