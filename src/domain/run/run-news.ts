/** What the outside is told of a run, and when. */
import type { Json } from "../json.ts";
import type { Plan } from "../workflow/plan.ts";
import { indexRow, type RunProjection } from "./run-view.ts";
import type { Run, RunEvent } from "./run.ts";

/** News of a run, for the index and the webhooks. */
export interface RunNews {
  readonly row: RunProjection;
  /** May there be events for a webhook, or mails, to be fetched? */
  readonly hasMessages: boolean;
}

/** @param seq of its last event */
export function newsOf(run: Run, seq: number): RunNews {
  return { row: indexRow(run, seq), hasMessages: run.facts.webhookUrl !== null || asksByMail(run.plan) };
}

/** Does the outside learn of this event? */
export function isNews({ type }: RunEvent): boolean {
  return type.startsWith("run_") || type === "block_waiting" || type === "block_decided";
}

/** May one of its blocks ask people by mail? */
function asksByMail({ nodes }: Plan): boolean {
  return Object.values(nodes).some(({ role, config }) => role === "person" && !isNothing(config["recipients"] ?? null));
}

function isNothing(value: Json): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}
