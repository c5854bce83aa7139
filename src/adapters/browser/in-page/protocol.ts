import type { BrowserTarget, PageFindings, PageQuery } from "../../../domain/browser/browser.ts";

/** What the library in the page can do by itself, or make ready for real input. */
export type PageOp =
  /** Brings the element into view and says where the pointer has to go. `first`: of several, the first that can be acted on. */
  | { readonly do: "point"; readonly target: BrowserTarget; readonly first: boolean }
  /** The same for what something is dragged to, and so lies over it. */
  | { readonly do: "drop"; readonly target: BrowserTarget }
  /** `secret`: what goes into it is not to be seen in pictures. */
  | { readonly do: "focus"; readonly target: BrowserTarget; readonly secret: boolean }
  | { readonly do: "fill"; readonly target: BrowserTarget; readonly value: string; readonly secret: boolean }
  | {
      readonly do: "select";
      readonly target: BrowserTarget;
      readonly by: "value" | "label" | "index";
      readonly wanted: readonly string[];
    }
  | { readonly do: "check"; readonly target: BrowserTarget; readonly checked: boolean }
  | {
      readonly do: "upload";
      readonly target: BrowserTarget;
      readonly files: readonly { name: string; contentType: string; base64: string }[];
    }
  | { readonly do: "scroll"; readonly target: BrowserTarget }
  /** These scroll the page itself where the target is null. */
  | { readonly do: "scroll_to"; readonly target: BrowserTarget | null; readonly edge: "top" | "bottom" }
  | { readonly do: "scroll_by"; readonly target: BrowserTarget | null; readonly x: number; readonly y: number }
  /** Goes on until nothing has come for `idleMs`. */
  | { readonly do: "scroll_end"; readonly target: BrowserTarget | null; readonly maxScrolls: number; readonly idleMs: number }
  | { readonly do: "wait_visible" | "wait_hidden"; readonly target: BrowserTarget }
  | { readonly do: "wait_text"; readonly text: string }
  /** Where an element is, for a screenshot of it: in the whole page; in a frame's own viewport, brought into view, for one inside. */
  | { readonly do: "box"; readonly target: BrowserTarget; readonly inFrame: boolean };

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** How far a list of operations came. */
export type RunAnswer = { readonly done: number } & (
  | { readonly state: "complete"; /** Of the last operation: where to point, or its box. */ readonly box: Box | null }
  /** The operation after `done` is not possible yet; `seen` says why: a sentence about what was found instead. */
  | { readonly state: "waiting"; readonly seen: string }
  /** It will not become possible by waiting. */
  | { readonly state: "failed"; readonly seen: string }
  /** An operation has set off for another document: the rest is for that one. */
  | { readonly state: "leaving" }
);

/** What has become of input, as far as the document can know. */
export interface Arrival {
  /** What the pointer met instead of what it was sent to, or why typed keys came to nothing, as a sentence; null when all was well. */
  readonly missed: string | null;
  /** The button has gone down, and was to come up again, but has not. */
  readonly isHeld: boolean;
  /** Of the keys, so many did not come. */
  readonly keysMissed: number;
}

export interface Whereabouts {
  readonly url: string;
  readonly title: string;
  /** HTTP status of the document, 0 when it has none. */
  readonly status: number;
}

/**
 * What is put into the page's isolated world as `pilotfish`. Waiting calls return after at most `waitMs`, so that the caller can tell a
 * page that does not answer from one that does not have what is wanted.
 */
export interface PageLibrary {
  /**
   * Does operations in their order. Only the first waits for what it needs; when a later one would have to, the answer is `waiting`. So a call
   * that dies with its document while waiting has done nothing.
   */
  run(ops: readonly PageOp[], waitMs: number): Promise<RunAnswer>;
  /** Waits for what is required and, if asked to, until it differs from what was read last; gives what there is when the time is up. */
  read(query: PageQuery, changed: boolean, waitMs: number): Promise<PageFindings>;
  canClick(target: BrowserTarget): boolean;
  where(): Whereabouts;
  storage(): { origin: string; local: Record<string, string>; session: Record<string, string> } | null;
  /**
   * Removes these keys (null: all), then puts these entries.
   * @returns null, `none` for a document without storage, or why an entry was not taken
   */
  changeStorage(kind: "local" | "session", removed: readonly string[] | null, entries: Readonly<Record<string, string>>): string | null;
  /**
   * Waits until input has come, which in a frame of another process may be a little later than its answer, and lets the page do what it has already
   * set out to do.
   * @param button what the pointer was sent for by the last `run`, if it was
   * @param keys so many were sent
   */
  settle(
    button: "down" | "up" | "over",
    keys: number,
  ): Promise<Arrival & { /** Is another document on its way? */ readonly leaving: boolean }>;
  /** Resolves when the button has gone down in this document since the last `point`, at once where that was in a frame inside it. */
  pressed(): Promise<true>;
  /** Has the button gone down in this document since it came? */
  wasPressed(): boolean;
  /** HTML drag and drop in this document: has it begun since the last `point`, and has it come over it since the last `drop`? */
  sawDrag(): { readonly start: boolean; readonly over: boolean };
  /** The element that shows a frame, or why there is none. */
  frame(target: BrowserTarget): Element | string;
  /** Why what is in a frame is not seen; null when it is. */
  whyFrameHidden(frame: Element): string | null;
  /**
   * Where a box in a frame's viewport is in the viewport around it, scrolled into view; or why it is nowhere.
   * @param isCovered may something lie over the frame there?
   */
  outside(frame: Element, box: Box, isCovered: boolean): Promise<Box | string>;
  /** What has the focus is not to be seen in pictures from now on. */
  markFocused(): void;
  /** Makes password fields and those that were filled with a secret unreadable, also those that come, until `showSecrets` was called as often. @returns how many frames cannot be entered from here, and are there any */
  hideSecrets(): { readonly hasFrames: boolean; readonly foreign: number };
  /** Hides frames that cannot be entered as a whole, until `showSecrets`. */
  coverFrames(): void;
  showSecrets(): void;
  /** Ends what waits. */
  cancel(): void;
}
