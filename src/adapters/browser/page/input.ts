import type { CDPSession } from "@cloudflare/puppeteer";
import type { Press } from "../../../domain/browser/browser.ts";
import { type KeyPress, MODIFIERS } from "./keys.ts";

interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * Moves the pointer there, presses and releases. All that travels together: it is handled in its order anyway.
 * @returns when the page has handled it
 */
export async function clickAt(cdp: CDPSession, { x, y }: Point, press: Press): Promise<void> {
  const events = [cdp.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y, modifiers: bitsOf(press) })];
  for (let clickCount = 1; clickCount <= press.count; clickCount++) {
    const event = { x, y, modifiers: bitsOf(press), button: press.button, clickCount };
    for (const type of ["mousePressed", "mouseReleased"] as const) events.push(cdp.send("Input.dispatchMouseEvent", { type, ...event }));
  }
  await Promise.all(events);
}

/** Lets the button go. */
export async function releaseAt(cdp: CDPSession, { x, y }: Point, press: Press): Promise<void> {
  const event = { x, y, modifiers: bitsOf(press), button: press.button, clickCount: press.count };
  await cdp.send("Input.dispatchMouseEvent", { type: "mouseReleased", ...event });
}

function bitsOf({ modifiers }: Press): number {
  return modifiers.reduce((bits, modifier) => bits | MODIFIERS[modifier], 0);
}

/** So long a person rests before letting go. Pages need it: some heed nothing for a moment after each exchange in a list (Sortable: 30 ms). */
const REST_MS = 60;

/** Moves the pointer there and presses the button. */
export async function pressAt(cdp: CDPSession, { x, y }: Point): Promise<void> {
  await Promise.all([
    cdp.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y }),
    cdp.send("Input.dispatchMouseEvent", { type: "mousePressed", x, y, button: "left", buttons: 1, clickCount: 1 }),
  ]);
}

/**
 * Moves the pointer with the button pressed. One move after the other: where the page lets something be dragged (HTML drag and drop) the browser
 * makes drag events of them from the first on.
 * @param moves so many
 * @param isTaken asked after each: is the rest of the way no matter of the pointer's?
 */
export async function dragTo(cdp: CDPSession, from: Point, to: Point, moves: number, isTaken: () => Promise<boolean>): Promise<void> {
  for (let step = 1; step <= moves + 1; step++) {
    if (step > moves) await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const { x, y } = between(from, to, Math.min(1, step / moves)); // twice there: what is dragged over a place is said to it by the next move
    await cdp.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y, button: "left", buttons: 1 });
    if (await isTaken()) return;
  }
}

/** @param part of the way, from 0 to 1 */
export function between<P extends Point>(from: Point, to: P, part: number): P {
  return { ...to, x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

export async function moveTo(cdp: CDPSession, { x, y }: Point): Promise<void> {
  await cdp.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
}

/**
 * All of them travel together.
 * @returns when the page has handled all
 */
export async function pressKeys(cdp: CDPSession, keys: readonly KeyPress[]): Promise<void> {
  await Promise.all(keys.flatMap((key) => press(cdp, key)));
}

/** Is it a key of the keyboard, and not text that is put in without one? */
export function isPressed({ code }: KeyPress): boolean {
  return code !== "";
}

function press(cdp: CDPSession, press: KeyPress): Promise<void>[] {
  const { key, code, keyCode, text, modifiers } = press;
  if (!isPressed(press)) return [cdp.send("Input.insertText", { text })];
  const event = { key, code, windowsVirtualKeyCode: keyCode, modifiers };
  const down =
    text === ""
      ? { type: "rawKeyDown" as const, ...event, ...editingCommands(key, modifiers) }
      : { type: "keyDown" as const, ...event, text, unmodifiedText: text };
  return [cdp.send("Input.dispatchKeyEvent", down), cdp.send("Input.dispatchKeyEvent", { type: "keyUp", ...event })];
}

/** Shortcuts that the browser's window handles, and so a page without one does not know. */
function editingCommands(key: string, modifiers: number): { commands?: string[] } {
  const commands =
    modifiers === 2
      ? ({ a: "selectAll", c: "copy", x: "cut", v: "paste", z: "undo", y: "redo" } as Record<string, string>)[key]
      : undefined;
  return commands === undefined ? {} : { commands: [commands] };
}
