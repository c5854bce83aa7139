import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import { type BrowserTarget, framesOf, PageError, PLAIN_CLICK } from "../../../domain/browser/browser.ts";
import type { Deadline } from "../deadline.ts";
import type { FramePlace } from "./frames.ts";
import type { Box } from "../in-page/protocol.ts";
import { between, dragTo, pressAt, releaseAt } from "./input.ts";
import type { Found, Operations } from "./operations.ts";
import type { PageParts } from "./page-parts.ts";

/** So many moves a drag takes: pages look at where it is on its way. */
const DRAG_MOVES = 8;

/** After a move that may have begun a drag: the browser tells of that a moment later. */
const BEGIN_MS = 20;

/** A frame of another process may be at a move still when it has been answered. */
const LATE_MS = 200;

/**
 * Drags what was found onto another element. Inside a page the browser makes drag and drop of the pointer's moves by itself. Where a frame has part
 * in it, it loses the way from one document to the other: there its word that HTML drag and drop begins is taken, and the rest is said to it.
 */
export class Drag {
  readonly #parts: PageParts;
  readonly #operations: Operations;

  constructor(parts: PageParts, operations: Operations) {
    this.#parts = parts;
    this.#operations = operations;
  }

  /** @throws TimeUp, PageError when the browser drags nothing from the one document into the other */
  async run({ target, to }: { target: BrowserTarget; to: BrowserTarget }, found: Found, deadline: Deadline): Promise<void> {
    const isInside = framesOf(target).length === 0 && framesOf(to).length === 0;
    const html = isInside ? null : await HtmlDrag.listen(found.place?.cdp ?? this.#parts.tab.cdp, this.#parts, deadline);
    try {
      const source = await this.#take(target, found, deadline);
      if (source !== null) await this.#bring(source, to, html, deadline);
    } finally {
      html?.end();
    }
  }

  /** Presses the button on what is to be dragged. @returns where */
  async #take(target: BrowserTarget, found: Found, deadline: Deadline): Promise<{ at: Box; place: FramePlace | null } | null> {
    const { tab, renderer } = this.#parts;
    for (let { box, place } = found; box !== null;) {
      const at: Box = box;
      const { missed } = await this.#operations.input(() => pressAt(tab.cdp, at), place, deadline, { button: "down" });
      if (missed === null) return { at, place };
      await renderer.ask(releaseAt(tab.cdp, at, PLAIN_CLICK), deadline);
      if (deadline.remainingMs === 0) throw new PageError(missed, { errorClass: "block" });
      ({ box, place } = await this.#operations.point({ do: "point", target, first: false }, deadline));
    }
    return null;
  }

  /**
   * The place to drop is looked for when the button is down, and again after the first move: pages make room for what is dragged. Not on arrival:
   * there a list that is put into order by dragging moves what was aimed at out of the way, and going after it would undo that.
   */
  async #bring(
    { at: from, place: source }: { at: Box; place: FramePlace | null },
    to: BrowserTarget,
    html: HtmlDrag | null,
    deadline: Deadline,
  ): Promise<void> {
    const { tab, renderer } = this.#parts;
    let at = from;
    try {
      for (const isFirst of [true, false]) {
        const { box, own, place } = await this.#operations.point({ do: "drop", target: to }, deadline);
        if (box === null) return;
        const next = isFirst ? between(at, box, 1 / DRAG_MOVES) : box;
        if (html?.hasBegun !== true) {
          const isTaken = async () => (await html?.begins(BEGIN_MS)) === true;
          await renderer.ask(dragTo(tab.cdp, at, next, isFirst ? 1 : DRAG_MOVES - 1, isTaken), deadline);
          if (html !== null && !(await html.begins(LATE_MS)) && (await this.#saw(source, deadline)).start) await deadline.wait(html.began);
        }
        at = next;
        if (html?.hasBegun !== true) continue;
        if ((place ?? tab).cdp !== html.cdp) throw notBetween();
        await html.over(own ?? box, deadline);
        const isElsewhere = place?.frameId !== source?.frameId;
        if (isElsewhere && !(await this.#saw(place, deadline)).over) throw notBetween();
      }
      await html?.drop(deadline);
    } finally {
      const last = at;
      await html?.cancel(deadline).catch(() => undefined); // the button is let go in any case
      await this.#operations.input(() => releaseAt(tab.cdp, last, PLAIN_CLICK), null, deadline);
    }
  }

  async #saw(place: FramePlace | null, deadline: Deadline): Promise<{ start: boolean; over: boolean }> {
    const { library } = this.#parts;
    return await (place === null ? library.call("sawDrag", [], deadline) : library.callIn(place, "sawDrag", [], deadline));
  }
}

function notBetween(): PageError {
  const why = "they are of different sites, or frames with processes of their own";
  return new PageError(`the browser lets nothing be dragged from the one document into the other: ${why}`, { errorClass: "block" });
}

/** HTML drag and drop that the browser tells the tab of when it begins; from there on the session of its document is told of it, step by step. */
class HtmlDrag {
  readonly cdp: CDPSession;
  readonly #parts: PageParts;
  #data: CDPEvents["Input.dragIntercepted"]["data"] | null = null;
  #at: Box | null = null;
  readonly #beginning = Promise.withResolvers<void>();

  private constructor(cdp: CDPSession, parts: PageParts) {
    this.cdp = cdp;
    this.#parts = parts;
    parts.tab.cdp.on("Input.dragIntercepted", this.#begin);
  }

  /** @param cdp of the document that something is to be dragged from */
  static async listen(cdp: CDPSession, parts: PageParts, deadline: Deadline): Promise<HtmlDrag> {
    const drag = new HtmlDrag(cdp, parts);
    await parts.tab.wait(parts.tab.cdp.send("Input.setInterceptDrags", { enabled: true }), deadline);
    return drag;
  }

  readonly #begin = ({ data }: CDPEvents["Input.dragIntercepted"]): void => {
    this.#data = data;
    this.#beginning.resolve();
  };

  get hasBegun(): boolean {
    return this.#data !== null;
  }

  get began(): Promise<void> {
    return this.#beginning.promise;
  }

  /** @returns has it begun, by the end of this time? */
  async begins(withinMs: number): Promise<boolean> {
    await Promise.race([this.#beginning.promise, new Promise((resolve) => setTimeout(resolve, withinMs))]);
    return this.hasBegun;
  }

  /** @param at in the viewport of the session's own outermost document */
  async over(at: Box, deadline: Deadline): Promise<void> {
    if (this.#at === null) await this.#say("dragEnter", at, deadline);
    await this.#say("dragOver", at, deadline);
    this.#at = at;
  }

  async drop(deadline: Deadline): Promise<void> {
    if (this.#at === null) return;
    await this.#say("drop", this.#at, deadline);
    this.#data = null;
  }

  /** Does nothing when it was dropped, or has not begun. */
  async cancel(deadline: Deadline): Promise<void> {
    if (this.hasBegun) await this.#say("dragCancel", this.#at ?? { x: 0, y: 0 }, deadline);
    this.#data = null;
  }

  end(): void {
    const { cdp } = this.#parts.tab;
    cdp.off("Input.dragIntercepted", this.#begin);
    cdp.send("Input.setInterceptDrags", { enabled: false }).catch(() => undefined); // the tab is gone
  }

  async #say(type: "dragEnter" | "dragOver" | "drop" | "dragCancel", { x, y }: Pick<Box, "x" | "y">, deadline: Deadline): Promise<void> {
    if (this.#data === null) return;
    await this.#parts.renderer.ask(this.cdp.send("Input.dispatchDragEvent", { type, x, y, data: this.#data }), deadline);
  }
}
