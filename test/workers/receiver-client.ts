import { inject } from "vitest";
import type { Answer, ReceivedRequest } from "./receiver.ts";

/** A path of the receiver (`receiver.ts`) that this test has for itself. */
export interface Box {
  readonly url: string;
  /** What has come so far, in order. */
  requests(): Promise<ReceivedRequest[]>;
  /** Lets go of the answers that are held. */
  release(): Promise<void>;
}

/** @param answers how to answer, in this order; the last repeats. None: 200 with nothing in it */
export async function openBox(...answers: readonly Answer[]): Promise<Box> {
  const name = crypto.randomUUID();
  const origin = inject("receiverOrigin");
  const ask = async (what: "answers" | "requests" | "release", init?: RequestInit): Promise<ReceivedRequest[]> =>
    (await fetch(`${origin}/${what}/${name}`, init)).json();
  if (answers.length > 0) await ask("answers", { method: "POST", body: JSON.stringify(answers) });
  return { url: `${origin}/box/${name}`, requests: () => ask("requests"), release: async () => void (await ask("release")) };
}
