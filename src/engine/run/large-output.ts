import type { RunFacts } from "../../domain/run/run.ts";
import type { Log } from "../../ports/log.ts";
import { failed, type Outcome } from "../attempt/answer.ts";
import { logFields } from "../log-fields.ts";
import { type RunStorage, ValueTooLarge } from "./run-storage.ts";

/** How often a large output is tried to be stored, and the first wait between. */
const STORE_ATTEMPTS = 4;
const STORE_RETRY_MS = 250;

/** Stores what is large of an outcome outside the journal, before its event is written. @returns the outcome; a failure when that could not be done */
export async function storeLarge(
  { storage, log }: { readonly storage: RunStorage; readonly log: Log },
  facts: RunFacts,
  outcome: Outcome,
): Promise<Outcome> {
  if (outcome.type !== "completed" && outcome.type !== "opened") return outcome;
  for (let attempt = 1; ; attempt++) {
    try {
      await storage.prepare(outcome.type === "completed" ? outcome.output : outcome.items, facts);
      return outcome;
    } catch (error) {
      if (error instanceof ValueTooLarge) return failed("block", error.message);
      log.error("a large output could not be stored", error, logFields(facts));
      // The block has done its work: it is the storing that is tried again, not the block.
      if (attempt === STORE_ATTEMPTS) return failed("unknown", "The block took effect, but its output is large and could not be stored.");
      await sleep(STORE_RETRY_MS * attempt);
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
