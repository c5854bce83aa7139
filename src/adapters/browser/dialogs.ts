import { type Browser, type CDPSession, type Target, TargetType } from "@cloudflare/puppeteer";

/** Dismisses; but a page that asks whether it may be left is told yes. An open dialog would hold up every call. */
export function answerDialogs(cdp: CDPSession): void {
  cdp.on("Page.javascriptDialogOpening", ({ type }) => {
    cdp.send("Page.handleJavaScriptDialog", { accept: type === "beforeunload" }).catch(() => undefined); // it was closed meanwhile
  });
}

/** A dialog in a window that a page has opened would hold up the page too, when they share a process. */
export function watchPopups(browser: Browser): void {
  const watch = async (target: Target) => {
    if (target.type() !== TargetType.PAGE || target.opener() === undefined) return;
    const cdp = await target.createCDPSession();
    answerDialogs(cdp);
    await cdp.send("Page.enable");
  };
  const watchAny = (target: Target) => void watch(target).catch(() => undefined); // closed already
  browser.on("targetcreated", watchAny);
  browser.targets().forEach(watchAny); // those of a browser that is taken up again
}
