import { blockAt, type BlockState, type QuestionMail, walk } from "../../domain/run/block-state.ts";
import type { JsonObject } from "../../domain/json.ts";
import { mailtoUrl, type ServiceMail } from "../../domain/mail.ts";
import { replay } from "../../domain/run/run-transition.ts";
import type { Run, RunEvent } from "../../domain/run/run.ts";
import { runResponse, type RunTraces, webhookFields } from "../../domain/run/run-view.ts";
import type { DecisionTokens } from "../../ports/decision-tokens.ts";
import type { RunWebhookEvent } from "../../ports/run-objects.ts";

/**
 * The events of a journal that a run's webhook is told of, each with the run as it was at that moment, and the mails that ask people.
 * @param after only events beyond this one
 * @param url of the webhook; null for none
 */
export async function webhookEventsOf(
  journal: readonly { seq: number; event: RunEvent }[],
  after: number,
  url: string | null,
  traces: RunTraces,
  tokens: DecisionTokens,
): Promise<RunWebhookEvent[]> {
  const found: RunWebhookEvent[] = [];
  for (const { seq, event } of journal) {
    const type = seq > after ? webhookTypeOf(event) : null;
    if (type === null) continue;
    const asItWas = replay(journal.slice(0, journal.findIndex((row) => row.seq === seq) + 1).map((row) => row.event));
    if (asItWas === null) continue;
    if (event.type === "block_waiting" && event.wait.for === "decision" && event.wait.mail !== undefined)
      found.push({ seq, type, at: event.at, ...(await questionMail(asItWas, event.path, event.wait.mail, tokens)) });
    if (url === null) continue;
    const made = traces.artifacts.filter(({ createdAt }) => createdAt <= event.at);
    const told = runResponse(asItWas, { ...traces, artifacts: made, retriedByRunId: null });
    const fields =
      type === "workflow_run.paused" ? { ...webhookFields(told), waiting_for: await decisionsOf(asItWas, tokens) } : webhookFields(told);
    found.push({ seq, type, at: event.at, url, json: JSON.stringify(fields) });
  }
  return found;
}

function webhookTypeOf(event: RunEvent): RunWebhookEvent["type"] | null {
  switch (event.type) {
    case "run_started":
      return "workflow_run.started";
    case "run_ended":
      return `workflow_run.${event.status}`;
    case "run_paused":
      return "workflow_run.paused";
    case "block_waiting":
      return event.wait.for === "decision" ? "workflow_run.paused" : null;
    default:
      return null;
  }
}

/** The question as a mail. */
async function questionMail(run: Run, path: string, mail: QuestionMail, tokens: DecisionTokens): Promise<{ url: string; json: string }> {
  const block = blockAt(run.blocks, path);
  if (block?.status !== "waiting" || block.wait.for !== "decision") throw new Error(`${path} asks nobody`);
  const { approve, reject, until } = await describe(run, path, { ...block, wait: block.wait }, tokens);
  const question = mail.body ?? block.wait.instructions ?? `The run ${run.facts.runId} waits at "${path}" for an answer.`;
  const lines = [
    question,
    `${approve.label}: ${approve.url}`,
    `${reject.label}: ${reject.url}`,
    ...(until === null ? [] : [`The question stands until ${until}. It can be answered once.`]),
  ];
  const message: ServiceMail = {
    to: [...mail.to],
    replyTo: mail.replyTo,
    subject: mail.subject ?? `${run.facts.workflowTitle}: your answer is needed`,
    text: `${lines.join("\n\n")}\n`,
  };
  return { url: mailtoUrl(mail.to), json: JSON.stringify(message) };
}

/** What people are asked, with a link for each answer: it works once, as long as the question stands. */
async function decisionsOf(run: Run, tokens: DecisionTokens): Promise<JsonObject[]> {
  const waiting = [...walk(run.blocks)].filter(
    (entry): entry is { path: string; block: BlockState & { status: "waiting" } } => entry.block.status === "waiting",
  );
  return await Promise.all(waiting.flatMap(({ path, block }) => (block.wait.for === "child" ? [] : [describe(run, path, block, tokens)])));
}

type Question = JsonObject & { readonly until: string | null } & Record<
    "approve" | "reject",
    { readonly label: string; readonly url: string }
  >;

async function describe(run: Run, path: string, block: BlockState & { status: "waiting" }, tokens: DecisionTokens): Promise<Question> {
  const { organizationId, runId, apiOrigin } = run.facts;
  const link = `${apiOrigin}/v1/decisions/${await tokens.make({ organizationId, runId, path, attempt: block.attempt })}`;
  const decision = block.wait.for === "decision" ? block.wait : { instructions: null, approve: "Run again", reject: "Fail" };
  return {
    block: path,
    instructions: decision.instructions,
    until: block.until === null ? null : new Date(block.until).toISOString(),
    approve: { label: decision.approve, url: `${link}?answer=approve` },
    reject: { label: decision.reject, url: `${link}?answer=reject` },
  };
}
