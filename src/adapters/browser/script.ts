import type { CDPSession } from "@cloudflare/puppeteer";
import { PageError } from "../../domain/browser.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import { type Deadline, TimeUp } from "./deadline.ts";
import type { PageParts } from "./page-parts.ts";
import { toScript } from "./place.ts";
import type { Renderer } from "./renderer.ts";
import { ContextLost } from "./tab.ts";

/**
 * Runs a caller's script in the page's own world, as the browser's console would: statements with `await`, and the value of the last. In a
 * block, so that it declares nothing for later. `args` is a variable in it.
 * @throws PageError when the script throws or its value is no JSON; TimeUp; ContextLost when it left the document
 */
export async function runScript(cdp: CDPSession, renderer: Renderer, script: string, args: JsonObject, deadline: Deadline): Promise<Json> {
  const expression = `{ const args = ${toScript(args)};\n${script}\n}`;
  const options = { replMode: true, awaitPromise: true, userGesture: true };
  const value = valueOf(await renderer.ask(cdp.send("Runtime.evaluate", { expression, ...options }), deadline));
  if (value.type === "undefined") return null;
  if (value.type === "object" && value.subtype !== "node" && value.objectId !== undefined)
    return toJson(cdp, renderer, value.objectId, deadline);
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
export async function waitForScript({ tab, renderer, navigation }: PageParts, script: string, deadline: Deadline): Promise<void> {
  let seen = "the page did not answer";
  try {
    for (let pause = 20; ; pause = Math.min(200, pause * 2)) {
      const answer = await testScript(tab.cdp, renderer, script, deadline).catch((error: unknown) => {
        if (error instanceof ContextLost) return { holds: false, seen: "the page went to another document" };
        throw error;
      });
      if (answer.holds) return;
      seen = answer.seen;
      await deadline.pause(pause);
    }
  } catch (error) {
    if (!(error instanceof TimeUp)) throw error;
    throw new PageError(`${seen} on ${navigation.url}`, { errorClass: "block", cause: error });
  }
}

/**
 * Does a script's value hold, or that of the function it gives?
 * @returns otherwise what it gave instead, in words
 * @throws TimeUp; ContextLost when the document went away
 */
async function testScript(
  cdp: CDPSession,
  renderer: Renderer,
  script: string,
  deadline: Deadline,
): Promise<{ holds: true } | { holds: false; seen: string }> {
  const options = { replMode: true, awaitPromise: true };
  let answer: Evaluation<RemoteValue> = await renderer.ask(
    cdp.send("Runtime.evaluate", { expression: `{\n${script}\n}`, ...options }),
    deadline,
  );
  const { objectId, type, subtype } = answer.result;
  if (answer.exceptionDetails === undefined && objectId !== undefined && (type === "function" || subtype === "promise")) {
    const functionDeclaration = "async function() { return typeof this === 'function' ? await this() : await this; }";
    answer = await renderer.ask(cdp.send("Runtime.callFunctionOn", { objectId, functionDeclaration, awaitPromise: true }), deadline);
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
}

/** Of an object in the page, or of what a promise in the page comes to. */
async function toJson(cdp: CDPSession, renderer: Renderer, objectId: string, deadline: Deadline): Promise<Json> {
  const functionDeclaration = "async function() { return JSON.stringify(await this); }";
  const asked = cdp.send("Runtime.callFunctionOn", { objectId, functionDeclaration, awaitPromise: true, returnByValue: true });
  const json: unknown = valueOf(await renderer.ask(asked, deadline)).value;
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
