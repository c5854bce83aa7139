import { Buffer } from "node:buffer";
import { type BrowserTarget, framesOf, type PageAction, pathTo } from "../../../domain/browser/browser.ts";
import type { PageOp } from "../in-page/protocol.ts";

/** An operation of the library, and how long it may wait. */
export interface TimedOp {
  readonly op: PageOp;
  readonly timeoutMs: number;
  /** The frames that lead to its document, as of `framesOf`; left out for the page itself. */
  readonly frames?: readonly BrowserTarget[];
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
    if ((op === null || op.do === "scroll_end") && taken.length > 0) break; // the library waits only for the first
    const frames = framesOfAction(action);
    if (taken.length > 0 && JSON.stringify(frames) !== JSON.stringify(ops[0]?.frames)) break; // each document has a library of its own
    taken.push(action);
    if (op === null) break;
    ops.push({ op, timeoutMs: action.timeoutMs, frames });
    if (needsInput(action)) break;
  }
  return { actions: taken, ops };
}

function framesOfAction(action: PageAction): readonly BrowserTarget[] {
  if ("frame" in action && action.frame !== undefined) return pathTo(action.frame);
  return "target" in action && action.target !== null ? framesOf(action.target) : [];
}

/** Do the pointer or the keyboard come after the library's part? For an upload they may: what is not a file input is clicked to open a chooser. */
function needsInput({ do: kind }: PageAction): boolean {
  const kinds: readonly PageAction["do"][] = ["click", "hover", "drag", "type", "press", "upload"];
  return kinds.includes(kind);
}

/** The library's part of an action; null when it has none. */
function toOp(action: PageAction): PageOp | null {
  switch (action.do) {
    case "click":
      return { do: "point", target: action.target, first: action.first ?? false };
    case "hover":
    case "drag":
      return { do: "point", target: action.target, first: false };
    case "focus":
      return { do: "focus", target: action.target, secret: false };
    case "type":
      return action.target === null ? null : { do: "focus", target: action.target, secret: action.secret ?? false };
    case "press":
      return action.target === null ? null : { do: "focus", target: action.target, secret: false };
    case "fill":
      return { do: "fill", target: action.target, value: action.value, secret: action.secret ?? false };
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
    case "show":
      return { do: "scroll", target: action.target };
    case "scroll":
      return scrollOp(action);
    case "wait_for":
      return { do: action.state === "visible" ? "wait_visible" : "wait_hidden", target: action.target };
    case "wait_for_text":
      return { do: "wait_text", text: action.text };
    case "wait_for_url":
    case "wait_for_load":
    case "wait_for_response":
    case "wait_for_function":
      return null;
  }
}

function scrollOp({ target, distance }: Extract<PageAction, { do: "scroll" }>): PageOp {
  if (!("edge" in distance)) return { do: "scroll_by", target, x: distance.byX, y: distance.byY };
  if (distance.edge !== "end") return { do: "scroll_to", target, edge: distance.edge };
  return { do: "scroll_end", target, maxScrolls: distance.maxScrolls, idleMs: distance.idleMs };
}
