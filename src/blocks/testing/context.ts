import type { BlockContext } from "../block.ts";

/** A context for tests of blocks in which there is nothing and nothing can be had; a test gives what its block uses. */
export function contextWith(parts: Partial<BlockContext>): BlockContext {
  const refuse = (what: string) => () => Promise.reject(new Error(`no ${what} here`));
  return {
    signal: new AbortController().signal,
    attempt: 1,
    idempotencyKey: "wr_1/block",
    now: () => Date.UTC(2026, 10, 22),
    page: refuse("page"),
    http: { send: refuse("HTTP") },
    mailer: { serviceSender: null, send: refuse("mail server") },
    openArtifact: async () => null,
    downloads: async () => [],
    saveArtifact: refuse("place for files"),
    ...parts,
  };
}
