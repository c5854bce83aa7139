import type { ChildRequest } from "../blocks/block.ts";
import type { Wait } from "../domain/block-state.ts";
import type { Json } from "../domain/json.ts";
import type { BlockFailure } from "../domain/recovery.ts";

/** What came of one attempt at a block. */
export type Answer =
  | { readonly type: "completed"; readonly output: Json; readonly branch?: number }
  | { readonly type: "slept"; readonly until: number; readonly output: Json }
  | { readonly type: "opened"; readonly items: readonly Json[] | null }
  | { readonly type: "waiting"; readonly wait: Wait & { for: "decision" } }
  | { readonly type: "child"; readonly request: ChildRequest }
  | { readonly type: "skipped"; readonly reason: string }
  | { readonly type: "terminated"; readonly reason: string }
  | { readonly type: "failed"; readonly failure: BlockFailure };
