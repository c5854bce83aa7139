import { Buffer } from "node:buffer";
import { type BrowserTarget, framesOf, PageError, PAPER_INCHES } from "../../../domain/browser/browser.ts";
import type { PictureOptions, PrintOptions } from "../../../ports/browser-page.ts";
import type { PageOptions } from "../../../ports/page-options.ts";
import { Deadline } from "../deadline.ts";
import { readStream } from "./download.ts";
import type { Box } from "../in-page/protocol.ts";
import type { Operations } from "./operations.ts";
import type { PageParts } from "./page-parts.ts";

/** Chromium paints no picture larger than this. */
const MAX_PICTURE_PX = 16_384;

/** A page as the browser paints and prints it. */
export class Pictures {
  readonly #parts: PageParts;
  readonly #operations: Operations;

  constructor(parts: PageParts, operations: Operations) {
    this.#parts = parts;
    this.#operations = operations;
  }

  /** As `BrowserPage.screenshot`. */
  async screenshot({ fullPage, target, screens = 1, timeoutMs, signal }: PageOptions & PictureOptions): Promise<Uint8Array> {
    const { tab, renderer, secrets } = this.#parts;
    const deadline = new Deadline(timeoutMs, signal);
    const capture = async () => {
      const isOnScreen = target === null && !fullPage && screens <= 1;
      const box =
        target !== null
          ? await this.#boxOf(target, timeoutMs, signal)
          : isOnScreen
            ? null
            : await this.#pageBox(deadline, fullPage ? null : screens);
      const clip = box === null ? {} : { clip: { ...box, scale: 1 }, captureBeyondViewport: true };
      const shoot = async () =>
        await renderer.ask(tab.cdp.send("Page.captureScreenshot", { format: "png", ...clip }), deadline).catch(throwUnpainted);
      return Buffer.from((await secrets.hiddenDuring(shoot, deadline)).data, "base64");
    };
    return renderer.inTime("be painted", capture());
  }

  /** As `BrowserPage.pdf`. */
  async pdf({ paper, landscape, background, foot, timeoutMs, signal }: PageOptions & PrintOptions): Promise<Uint8Array> {
    const { tab, renderer } = this.#parts;
    const deadline = new Deadline(timeoutMs, signal);
    const print = async () => {
      const [paperWidth, paperHeight] = PAPER_INCHES[paper];
      const sheet = { paperWidth, paperHeight, landscape, printBackground: background };
      const templates = foot === null ? {} : { displayHeaderFooter: true, headerTemplate: "<span></span>", footerTemplate: footOf(foot) };
      const { stream } = await renderer.ask(
        tab.cdp.send("Page.printToPDF", { ...sheet, ...templates, transferMode: "ReturnAsStream" }),
        deadline,
      );
      return await tab.wait(readStream(tab.cdp, stream!, "PDF"), deadline);
    };
    return renderer.inTime("be printed", print());
  }

  async #boxOf(target: BrowserTarget, timeoutMs: number, signal: AbortSignal): Promise<Box | null> {
    const { tab, renderer } = this.#parts;
    const frames = framesOf(target);
    const op = { op: { do: "box", target, inFrame: frames.length > 0 } as const, timeoutMs, frames };
    const { box, place, deadline } = await this.#operations.run([op], 0, signal);
    if (box === null || place === null) return box;
    const metrics = renderer.ask(tab.cdp.send("Page.getLayoutMetrics"), deadline ?? new Deadline(timeoutMs, signal));
    const { cssVisualViewport } = await metrics;
    return { ...box, x: box.x + cssVisualViewport.pageX, y: box.y + cssVisualViewport.pageY };
  }

  /** @param screens from where the page stands; null for all of it */
  async #pageBox(deadline: Deadline, screens: number | null): Promise<Box> {
    const { tab, renderer } = this.#parts;
    const { cssContentSize, cssLayoutViewport } = await renderer.ask(tab.cdp.send("Page.getLayoutMetrics"), deadline);
    const { pageX, pageY, clientWidth, clientHeight } = cssLayoutViewport;
    const whole = { x: 0, y: 0, width: cssContentSize.width, height: cssContentSize.height };
    const below = Math.max(cssContentSize.height - pageY, clientHeight);
    const box = screens === null ? whole : { x: pageX, y: pageY, width: clientWidth, height: Math.min(below, screens * clientHeight) };
    return { ...box, width: Math.min(box.width, MAX_PICTURE_PX), height: Math.min(box.height, MAX_PICTURE_PX) };
  }
}

/** Chromium fills in the elements of these classes. @param text plain */
function footOf(text: string): string {
  const plain = text.replaceAll(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const style = "font-size:7px;width:100%;box-sizing:border-box;padding:0 1cm;display:flex;gap:1cm;white-space:nowrap";
  return (
    `<div style="${style}"><span>${plain}</span><span class="url" style="overflow:hidden;flex:1"></span>` +
    `<span><span class="pageNumber"></span>/<span class="totalPages"></span></span></div>`
  );
}

/** What Chromium says of a page that it cannot paint just now: it changes too often, or is too large. */
function throwUnpainted(error: unknown): never {
  if (!(error instanceof Error) || error.name !== "ProtocolError") throw error;
  throw new PageError(`the page could not be painted: ${error.message}`, { errorClass: "temporary", cause: error });
}
