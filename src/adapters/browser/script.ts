import type { CDPSession } from "@cloudflare/puppeteer";
import { PageError } from "../../domain/browser.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import type { Deadline } from "./deadline.ts";
import { type Renderer, toScript } from "./renderer.ts";

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

/** Of an object in the page, or of what a promise in the page comes to. */
async function toJson(cdp: CDPSession, renderer: Renderer, objectId: string, deadline: Deadline): Promise<Json> {
  const functionDeclaration = "async function() { return JSON.stringify(await this); }";
  const asked = cdp.send("Runtime.callFunctionOn", { objectId, functionDeclaration, awaitPromise: true, returnByValue: true });
  const json: unknown = valueOf(await renderer.ask(asked, deadline)).value;
  return typeof json === "string" ? (JSON.parse(json) as Json) : null; // `undefined`, a function or a symbol have no JSON
}

interface Evaluation<R> {
  readonly result: R;
  readonly exceptionDetails?: { text: string; exception?: { description?: string; value?: unknown } };
}

function valueOf<R>({ result, exceptionDetails }: Evaluation<R>): R {
  if (exceptionDetails === undefined) return result;
  const { exception, text } = exceptionDetails;
  throw new PageError(`the script threw ${exception?.description ?? JSON.stringify(exception?.value) ?? text}`, { errorClass: "block" });
}
