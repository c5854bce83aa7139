import { Buffer } from "node:buffer";
import type { PageAction } from "../../domain/browser.ts";
import type { PageOp } from "./in-page/protocol.ts";

/** An operation of the library, and how long it may wait. */
export interface TimedOp {
  readonly op: PageOp;
  readonly timeoutMs: number;
}

/** Actions that share one call of the library; only the last may need more than the library can do. */
export interface Batch {
  readonly actions: readonly PageAction[];
  readonly ops: readonly TimedOp[];
}

/** The longest batch that begins with this action. */
export function takeBatch(actions: readonly PageAction[], from: number): Batch {
  const taken: PageAction[] = [];
  const ops: TimedOp[] = [];
  for (const action of actions.slice(from)) {
    const op = toOp(action);
    if (op === null && taken.length > 0) break;
    taken.push(action);
    if (op === null) break;
    ops.push({ op, timeoutMs: action.timeoutMs });
    if (op.do === "point" || op.do === "focus") break; // the pointer or the keyboard comes next
  }
  return { actions: taken, ops };
}

/** The library's part of an action; null when it has none. */
function toOp(action: PageAction): PageOp | null {
  switch (action.do) {
    case "click":
      return { do: "point", target: action.target, first: action.first ?? false };
    case "hover":
      return { do: "point", target: action.target, first: false };
    case "type":
    case "press":
      return action.target === null ? null : { do: "focus", target: action.target };
    case "fill":
      return { do: "fill", target: action.target, value: action.value };
    case "select":
      return { do: "select", target: action.target, by: action.by, wanted: action.wanted };
    case "check":
      return { do: "check", target: action.target, checked: action.checked };
    case "upload": {
      const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
      return {
        do: "upload",
        target: action.target,
        files: action.files.map(({ name, contentType, bytes }) => ({ name, contentType, base64: encode(bytes) })),
      };
    }
    case "scroll":
      if ("target" in action.to) return { do: "scroll", target: action.to.target };
      return "edge" in action.to ? { do: "scroll_to", edge: action.to.edge } : { do: "scroll_by", x: action.to.byX, y: action.to.byY };
    case "wait_for":
      return { do: action.state === "visible" ? "wait_visible" : "wait_hidden", target: action.target };
    case "wait_for_text":
      return { do: "wait_text", text: action.text };
    case "wait_for_url":
    case "wait_for_load":
      return null;
  }
}
