import type { CDPSession } from "@cloudflare/puppeteer";
import type { Press } from "../../../domain/browser/browser.ts";
import { type KeyPress, MODIFIERS } from "./keys.ts";

interface Point {
  readonly x: number;
  readonly y: number;
}

/** So many keys are under way at once. */
const KEYS_AT_ONCE = 100;

/**
 * Moves the pointer there, presses and releases. All that travels together: it is handled in its order anyway.
 * @returns when the page has handled it
 */
export async function clickAt(cdp: CDPSession, { x, y }: Point, { button, count, modifiers: held }: Press): Promise<void> {
  const modifiers = held.reduce((bits, modifier) => bits | MODIFIERS[modifier], 0);
  const events = [cdp.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y, modifiers })];
  for (let clickCount = 1; clickCount <= count; clickCount++) {
    for (const type of ["mousePressed", "mouseReleased"] as const)
      events.push(cdp.send("Input.dispatchMouseEvent", { type, x, y, modifiers, button, clickCount }));
  }
  await Promise.all(events);
}

/** So many moves a drag takes: pages look at where it is on its way. */
const DRAG_MOVES = 8;

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
 * @param isTaken asked after each: is the rest of the way no matter of the pointer's?
 */
export async function dragTo(cdp: CDPSession, from: Point, to: Point, isTaken: () => Promise<boolean>): Promise<void> {
  for (let step = 1; step <= DRAG_MOVES; step++) {
    const part = step / DRAG_MOVES;
    const [x, y] = [from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part];
    await cdp.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y, button: "left", buttons: 1 });
    if (await isTaken()) return;
  }
}

export async function releaseAt(cdp: CDPSession, { x, y }: Point): Promise<void> {
  await cdp.send("Input.dispatchMouseEvent", { type: "mouseReleased", x, y, button: "left", clickCount: 1 });
}

export async function moveTo(cdp: CDPSession, { x, y }: Point): Promise<void> {
  await cdp.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
}

/** @returns when the page has handled all */
export async function pressKeys(cdp: CDPSession, keys: readonly KeyPress[]): Promise<void> {
  for (let from = 0; from < keys.length; from += KEYS_AT_ONCE) {
    await Promise.all(keys.slice(from, from + KEYS_AT_ONCE).flatMap((key) => press(cdp, key)));
  }
}

function press(cdp: CDPSession, { key, code, keyCode, text, modifiers }: KeyPress): Promise<void>[] {
  if (code === "") return [cdp.send("Input.insertText", { text })];
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
