import type { CDPSession } from "@cloudflare/puppeteer";
import { type BrowserTarget, PageError } from "../../../domain/browser/browser.ts";
import type { Json, JsonObject } from "../../../domain/json.ts";
import { type Deadline, TimeUp } from "../deadline.ts";
import type { PageParts } from "./page-parts.ts";
import { toScript } from "./place.ts";
import { ContextLost } from "../tabs/tab.ts";

/**
 * Runs a caller's script in the page's own world, as the browser's console would: statements with `await`, and the value of the last. In a
 * block, so that it declares nothing for later. `args` is a variable in it.
 * @param frame the frames that lead to the document, as of `framesOf`; empty for the page itself
 * @throws PageError when the script throws or its value is no JSON; TimeUp; ContextLost when it left the document
 */
export async function runScript(
  parts: PageParts,
  frame: readonly BrowserTarget[],
  script: string,
  args: JsonObject,
  deadline: Deadline,
): Promise<Json> {
  const world = await enterWorld(parts, frame, deadline);
  const expression = `{ const args = ${toScript(args)};\n${script}\n}`;
  const value = valueOf(await evaluate(world, { expression, userGesture: true }, deadline));
  if (value.type === "undefined") return null;
  if (value.type === "object" && value.subtype !== "node" && value.objectId !== undefined) return toJson(world, value.objectId, deadline);
  if (value.objectId === undefined && value.unserializableValue === undefined && value.type !== "symbol") return value.value as Json;
  throw new PageError(`the script's value is no JSON: ${value.unserializableValue ?? value.description ?? value.type}`, {
    errorClass: "block",
  });
}

/**
 * Waits until a script's value, or that of the function it gives, holds. Asks again and again, in the document that is there: nothing is left
 * behind in the page.
 * @throws PageError with what it gave last
 */
export async function waitForScript(parts: PageParts, frame: readonly BrowserTarget[], script: string, deadline: Deadline): Promise<void> {
  let world: World | null = null;
  let seen = "the page did not answer";
  try {
    for (let pause = 20; ; pause = Math.min(200, pause * 2)) {
      try {
        world ??= await enterWorld(parts, frame, deadline);
        const answer = await testScript(world, script, deadline);
        if (answer.holds) return;
        seen = answer.seen;
      } catch (error) {
        if (!(error instanceof ContextLost)) throw error;
        world = null;
        seen = "the page went to another document";
      }
      await deadline.pause(pause);
    }
  } catch (error) {
    if (!(error instanceof TimeUp)) throw error;
    throw new PageError(`${seen} on ${parts.navigation.url}`, { errorClass: "block", cause: error });
  }
}

/** Where a script of the caller's runs. */
interface World {
  readonly cdp: CDPSession;
  /** Absent for the page itself, whichever document it shows. */
  readonly contextId?: number;
  readonly ask: <T>(work: Promise<T>, deadline: Deadline) => Promise<T>;
}

/** @throws PageError when a frame is not there in time; TimeUp, ContextLost */
async function enterWorld({ tab, renderer, frames }: PageParts, frame: readonly BrowserTarget[], deadline: Deadline): Promise<World> {
  if (frame.length === 0) return { cdp: tab.cdp, ask: (work, until) => renderer.ask(work, until) };
  const place = await frames.mainWorld(await frames.enter(frame, deadline), deadline);
  return { ...place, ask: (work, until) => renderer.askIn(place, work, until) };
}

function evaluate(
  { cdp, contextId, ask }: World,
  script: { readonly expression: string; readonly userGesture?: true },
  deadline: Deadline,
): Promise<Evaluation<RemoteValue>> {
  const options = { replMode: true, awaitPromise: true, ...(contextId === undefined ? {} : { contextId }) };
  return ask(cdp.send("Runtime.evaluate", { ...script, ...options }), deadline);
}

/**
 * Does a script's value hold, or that of the function it gives?
 * @returns otherwise what it gave instead, in words
 * @throws TimeUp; ContextLost when the document went away
 */
async function testScript(world: World, script: string, deadline: Deadline): Promise<{ holds: true } | { holds: false; seen: string }> {
  let answer = await evaluate(world, { expression: `{\n${script}\n}` }, deadline);
  const { objectId, type, subtype } = answer.result;
  if (answer.exceptionDetails === undefined && objectId !== undefined && (type === "function" || subtype === "promise")) {
    const functionDeclaration = "async function() { return typeof this === 'function' ? await this() : await this; }";
    answer = await world.ask(world.cdp.send("Runtime.callFunctionOn", { objectId, functionDeclaration, awaitPromise: true }), deadline);
  }
  if (answer.exceptionDetails !== undefined)
    return { holds: false, seen: `the script threw ${describeException(answer.exceptionDetails)}` };
  const value = answer.result;
  const isFalse = ["NaN", "-0", "0n"].includes(value.unserializableValue ?? "");
  const holds = value.objectId !== undefined || (value.unserializableValue === undefined ? Boolean(value.value) : !isFalse);
  if (holds || value.type === "symbol") return { holds: true };
  return { holds: false, seen: `the script's value is still ${value.unserializableValue ?? JSON.stringify(value.value) ?? "undefined"}` };
}

/** CDP's `Runtime.RemoteObject`, as far as it matters here. */
interface RemoteValue {
  readonly type: string;
  readonly subtype?: string;
  readonly value?: unknown;
  readonly objectId?: string;
  readonly unserializableValue?: string;
  readonly description?: string;
}

/** Of an object in the page, or of what a promise in the page comes to. */
async function toJson({ cdp, ask }: World, objectId: string, deadline: Deadline): Promise<Json> {
  const functionDeclaration = "async function() { return JSON.stringify(await this); }";
  const asked = cdp.send("Runtime.callFunctionOn", { objectId, functionDeclaration, awaitPromise: true, returnByValue: true });
  const json: unknown = valueOf(await ask(asked, deadline)).value;
  return typeof json === "string" ? (JSON.parse(json) as Json) : null; // `undefined`, a function or a symbol have no JSON
}

interface Evaluation<R> {
  readonly result: R;
  readonly exceptionDetails?: ExceptionDetails;
}

interface ExceptionDetails {
  readonly text: string;
  readonly exception?: { readonly description?: string; readonly value?: unknown };
}

function valueOf<R>({ result, exceptionDetails }: Evaluation<R>): R {
  if (exceptionDetails === undefined) return result;
  throw new PageError(`the script threw ${describeException(exceptionDetails)}`, { errorClass: "block" });
}

function describeException({ exception, text }: ExceptionDetails): string {
  return exception?.description ?? JSON.stringify(exception?.value) ?? text;
}
