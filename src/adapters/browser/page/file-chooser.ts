import { Buffer } from "node:buffer";
import type { CDPEvents } from "@cloudflare/puppeteer";
import { type PageFile, PageError } from "../../../domain/browser/browser.ts";
import { type Deadline, inSeconds, TimeUp } from "../deadline.ts";
import type { Tab } from "../tabs/tab.ts";

/** A chooser opens at the click, or a moment later. */
const OPEN_MS = 5_000;

/**
 * Gives files to whichever input a click opens a chooser for; also one that the page has put nowhere.
 * @throws PageError when the click opens none, or it takes one file only
 */
export async function chooseFiles(tab: Tab, files: readonly PageFile[], click: () => Promise<void>, deadline: Deadline): Promise<void> {
  const { cdp } = tab;
  const opened = Promise.withResolvers<CDPEvents["Page.fileChooserOpened"]>();
  cdp.on("Page.fileChooserOpened", opened.resolve);
  try {
    await tab.wait(cdp.send("Page.setInterceptFileChooserDialog", { enabled: true }), deadline);
    await click();
    const { mode, backendNodeId } = await tab.wait(opened.promise, deadline.atMost(OPEN_MS));
    if (mode === "selectSingle" && files.length > 1)
      throw new PageError(`the chooser that it opens takes one file, not ${files.length}`, { errorClass: "block" });
    if (backendNodeId === undefined) throw new PageError("the chooser that it opens belongs to no file input", { errorClass: "block" });
    const { object } = await tab.wait(cdp.send("DOM.resolveNode", { backendNodeId }), deadline);
    const sent = files.map(({ name, contentType, bytes }) => ({ name, contentType, base64: Buffer.from(bytes).toString("base64") }));
    const give = { objectId: object.objectId!, functionDeclaration: GIVE_FILES, arguments: [{ value: sent }] };
    await tab.wait(cdp.send("Runtime.callFunctionOn", give), deadline);
  } catch (error) {
    if (!(error instanceof TimeUp)) throw error;
    throw new PageError(`it is no file input, and clicking it opened no file chooser within ${inSeconds(OPEN_MS)}`, {
      errorClass: "block",
      cause: error,
    });
  } finally {
    cdp.off("Page.fileChooserOpened", opened.resolve);
    cdp.send("Page.setInterceptFileChooserDialog", { enabled: false }).catch(() => undefined); // the tab is gone
  }
}

/** `this` is the input. */
const GIVE_FILES = `function (files) {
  const transfer = new DataTransfer();
  for (const { name, contentType, base64 } of files)
    transfer.items.add(new File([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], name, { type: contentType }));
  this.files = transfer.files;
  this.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
  this.dispatchEvent(new Event("change", { bubbles: true }));
}`;
