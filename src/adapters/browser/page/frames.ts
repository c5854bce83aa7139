import type { CDPSession } from "@cloudflare/puppeteer";
import { type BrowserTarget, describeTarget, isAddressPattern, PageError } from "../../../domain/browser/browser.ts";
import type { Children } from "../tabs/children.ts";
import { type Deadline, TimeUp } from "../deadline.ts";
import { matchesGlob } from "./glob.ts";
import type { FrameTree } from "./frame-tree.ts";
import type { Box } from "../in-page/protocol.ts";
import type { Library } from "./library.ts";
import { type Place, toScript, WORLD } from "./place.ts";
import type { Renderer } from "./renderer.ts";
import { ContextLost, type Tab } from "../tabs/tab.ts";

/** A document inside the page, and the element that shows it in the document around it. */
export interface FramePlace extends Place {
  readonly around: Place | FramePlace;
  readonly frameId: string;
  /** Of the element, in the library's world around it. */
  readonly elementId: string;
  /** Of the page or the frame whose process it is in. */
  readonly targetId: string;
}

/** No frame fits so far. */
class NoFrame extends Error {}

/**
 * The documents inside a page. A frame of another site may live in another process: then it has a session of its own, otherwise that of the
 * document around it. Nothing is asked about frames until one is needed, and each time anew: they come and go.
 */
export class Frames {
  readonly #tab: Tab;
  readonly #renderer: Renderer;
  readonly #library: Library;
  readonly #children: Children;

  constructor(tab: Tab, children: Children, renderer: Renderer, library: Library) {
    this.#tab = tab;
    this.#children = children;
    this.#renderer = renderer;
    this.#library = library;
  }

  /**
   * Goes through frames, each of which is waited for.
   * @param path as of `framesOf`, at least one
   * @throws PageError when one is not there in time, TimeUp
   */
  async enter(path: readonly BrowserTarget[], deadline: Deadline): Promise<FramePlace> {
    let seen = "";
    try {
      for (let pause = 10; ; pause = Math.min(100, pause * 2)) {
        try {
          return await this.#look(path, deadline);
        } catch (error) {
          if (!(error instanceof NoFrame || error instanceof ContextLost)) throw error;
          if (error instanceof NoFrame) seen = error.message;
        }
        await deadline.pause(pause);
      }
    } catch (error) {
      if (!(error instanceof TimeUp) || seen === "") throw error;
      throw new PageError(seen, { errorClass: "block", cause: error });
    }
  }

  /** @returns null when one of the frames is not there just now */
  async find(path: readonly BrowserTarget[], deadline: Deadline): Promise<FramePlace | null> {
    try {
      return await this.#look(path, deadline);
    } catch (error) {
      if (error instanceof NoFrame || error instanceof ContextLost) return null;
      throw error;
    }
  }

  /**
   * Where something in a frame is: in the viewport of the page, and in the one that its session begins with.
   * @param isCovered may something lie over the frame there?
   * @returns why it is nowhere, as a sentence, when it is not
   * @throws ContextLost, TimeUp
   */
  async outward(place: FramePlace, box: Box, isCovered: boolean, deadline: Deadline): Promise<{ box: Box; own: Box } | string> {
    let outer: Box = box;
    let own: Box | null = null;
    for (let inner: Place | FramePlace = place; "around" in inner; inner = inner.around) {
      if (inner.cdp !== inner.around.cdp) own ??= outer;
      const answer = await this.#askAround(inner, "outside", [outer, isCovered], deadline);
      if (typeof answer === "string") return answer;
      outer = answer as Box;
    }
    return { box: outer, own: own ?? outer };
  }

  /**
   * Why what is in a frame is not seen, as a sentence; null when it is.
   * @throws ContextLost, TimeUp
   */
  async whyHidden(place: FramePlace, deadline: Deadline): Promise<string | null> {
    for (let inner: Place | FramePlace = place; "around" in inner; inner = inner.around) {
      const hidden = await this.#askAround(inner, "whyFrameHidden", [], deadline);
      if (typeof hidden === "string") return hidden;
    }
    return null;
  }

  /**
   * The world of the page's own scripts in a frame. Chromium tells of it only to a session that listens to the runtime, which a page could notice:
   * so one of its own listens for a moment.
   * @throws ContextLost, TimeUp
   */
  async mainWorld({ cdp, frameId, targetId }: FramePlace, deadline: Deadline): Promise<Place> {
    const listener = await this.#openSession(targetId, deadline);
    try {
      let contextId: number | null = null;
      listener.on("Runtime.executionContextCreated", ({ context: { id, auxData } }) => {
        const { frameId: of, isDefault } = auxData as { frameId?: string; isDefault?: boolean };
        if (of === frameId && isDefault === true) contextId = id;
      });
      await this.#renderer.askIn({ cdp: listener, contextId: 0 }, listener.send("Runtime.enable"), deadline); // all that are there, then the answer
      if (contextId === null) throw new ContextLost("the frame is gone");
      return { cdp, contextId };
    } finally {
      listener.detach().catch(() => undefined); // it is over
    }
  }

  /** Asks the document around a frame about its element. */
  async #askAround(
    { around, elementId }: FramePlace,
    method: "outside" | "whyFrameHidden",
    args: readonly unknown[],
    deadline: Deadline,
  ): Promise<unknown> {
    const functionDeclaration = `function() { return pilotfish.${method}(this, ...${toScript(args)}) }`;
    const asked = around.cdp.send("Runtime.callFunctionOn", {
      objectId: elementId,
      functionDeclaration,
      awaitPromise: true,
      returnByValue: true,
    });
    const { result, exceptionDetails } = await this.#renderer.askIn(around, asked, deadline);
    if (exceptionDetails !== undefined) throw new ContextLost("the frame is gone");
    return result.value;
  }

  /** @throws NoFrame, ContextLost, TimeUp, PageError */
  async #look(path: readonly BrowserTarget[], deadline: Deadline): Promise<FramePlace> {
    let place: Place | FramePlace = await this.#library.enterPage(deadline);
    for (const frame of path) place = await this.#step(place, frame, deadline);
    return place as FramePlace; // the path is not empty
  }

  async #step(around: Place | FramePlace, frame: BrowserTarget, deadline: Deadline): Promise<FramePlace> {
    const ask = <T>(work: Promise<T>) => this.#renderer.askIn(around, work, deadline);
    const elementId = isAddressPattern(frame)
      ? await this.#elementByAddress(around, frame, deadline)
      : await this.#elementByTarget(around, frame, deadline);
    const { node } = await ask(around.cdp.send("DOM.describeNode", { objectId: elementId }));
    const { frameId, contentDocument } = node;
    if (frameId === undefined) throw new NoFrame(`frame ${describeTarget(frame)}: <${node.localName}> is not a frame`);
    const cdp = contentDocument === undefined ? this.#children.frame(frameId) : around.cdp;
    if (cdp === undefined) throw new ContextLost("the frame is gone"); // it has come into this process, or nowhere
    const created = cdp.send("Page.createIsolatedWorld", { frameId, worldName: WORLD });
    const { executionContextId } = await this.#renderer.askIn({ cdp, contextId: 0 }, created, deadline);
    const targetId = contentDocument === undefined ? frameId : "targetId" in around ? around.targetId : this.#tab.id;
    return { cdp, contextId: executionContextId, around, frameId, elementId, targetId };
  }

  async #elementByTarget(around: Place, frame: BrowserTarget, deadline: Deadline): Promise<string> {
    const { objectId, value } = await this.#library.ask(around, `pilotfish.frame(${toScript(frame)})`, deadline, false);
    if (objectId === undefined) throw new NoFrame(`frame ${describeTarget(frame)}: ${String(value)}`);
    return objectId;
  }

  /** By the address that the frame shows now, which only the browser knows. */
  async #elementByAddress(around: Place | FramePlace, pattern: string, deadline: Deadline): Promise<string> {
    const ask = <T>(work: Promise<T>) => this.#renderer.askIn(around, work, deadline);
    const aroundId = "frameId" in around ? around.frameId : this.#tab.id;
    const [{ frameTree }, { targetInfos }] = await ask(
      Promise.all([around.cdp.send("Page.getFrameTree"), this.#tab.cdp.send("Target.getTargets", { filter: [{ type: "iframe" }] })]),
    );
    const inside = treeOf(frameTree, aroundId)?.childFrames ?? [];
    const frames = [
      ...inside.map(({ frame }) => ({ id: frame.id, url: frame.url + (frame.urlFragment ?? "") })),
      ...targetInfos.filter((info) => parentOf(info) === aroundId).map(({ targetId, url }) => ({ id: targetId, url })),
    ];
    const matching = frames.filter(({ url }) => matchesGlob(pattern, url));
    const [match] = matching;
    if (match === undefined || matching.length > 1) {
      const shown = frames.length === 0 ? "there are no frames" : `the frames there show ${frames.map(({ url }) => url).join(", ")}`;
      throw new NoFrame(
        `frame ${pattern}: ${matching.length === 0 ? "none has this address" : `${matching.length} have this address`}; ${shown}`,
      );
    }
    const { backendNodeId } = await ask(around.cdp.send("DOM.getFrameOwner", { frameId: match.id }));
    await this.#library.ask(around, "0", deadline, true); // the library has to be there
    const { object } = await ask(around.cdp.send("DOM.resolveNode", { backendNodeId, executionContextId: around.contextId }));
    if (object.objectId === undefined) throw new ContextLost("the frame is gone");
    return object.objectId;
  }

  /** @throws ContextLost when there is no such target, TimeUp */
  async #openSession(targetId: string, deadline: Deadline): Promise<CDPSession> {
    const connection = this.#tab.cdp.connection();
    if (connection === undefined) throw this.#tab.lose("the connection to the browser was lost");
    try {
      const { targetInfo } = await deadline.wait(connection.send("Target.getTargetInfo", { targetId }));
      return await deadline.wait(connection.createSession(targetInfo));
    } catch (error) {
      if (error instanceof TimeUp || deadline.signal.aborted) throw error;
      throw new ContextLost("the frame is gone", { cause: error }); // it has come into this process, or nowhere
    }
  }
}

/** The part of a tree that begins with this frame. */
function treeOf(tree: FrameTree, frameId: string): FrameTree | undefined {
  if (tree.frame.id === frameId) return tree;
  return tree.childFrames?.map((child) => treeOf(child, frameId)).find((found) => found !== undefined);
}

/** The frame around a frame in another process. */
function parentOf(info: object): unknown {
  return "parentFrameId" in info ? info.parentFrameId : undefined; // the library's types do not know it yet
}
