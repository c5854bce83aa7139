import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { actions } from "../../../src/blocks/actions.ts";
import type { JsonObject } from "../../../src/domain/json.ts";
import type { BrowserPage } from "../../../src/ports/browser.ts";
import { type OneTab, evaluate, leaseBrowser, runBlock, show } from "./harness.ts";

let lease: OneTab;
let page: BrowserPage;
beforeAll(async () => {
  lease = await leaseBrowser();
  page = lease.page;
});
afterAll(() => lease.close());

const run = (...steps: JsonObject[]) => runBlock(actions, page, { steps });

/** Keeps of every event that reaches an element with an id: type, id, button, and the keys that were held down. */
const LOG = `<script>window.log = []; for (const type of ["click", "dblclick", "contextmenu", "auxclick", "focus", "blur"])
  addEventListener(type, (event) => { if (event.target.id) log.push([type, event.target.id, event.button ?? null,
    ["alt", "ctrl", "meta", "shift"].filter((key) => event[key + "Key"]).join("+")].join(" ").trim()); }, true);</script>`;

describe("click", () => {
  it.each<[string, JsonObject, string[]]>([
    ["the left button", {}, ["click a 0"]],
    ["the right button", { button: "right" }, ["contextmenu a 2", "auxclick a 2"]],
    ["the middle button", { button: "middle" }, ["auxclick a 1"]],
    ["a double click", { count: 2 }, ["click a 0", "click a 0", "dblclick a 0"]],
    ["keys held down", { modifiers: ["Control", "Shift"] }, ["click a 0 ctrl+shift"]],
  ])("presses %s", async (_, how, expected) => {
    await show(page, `<p id=a>Here</p>${LOG}`);
    await run({ action: "click", target: "#a", ...how });
    const events = (await evaluate(page, "log")) as string[];
    expect(events.toSorted()).toEqual(expected.toSorted());
  });
});

it("gives an element the focus without a click", async () => {
  await show(page, `<input id=a><input id=b>${LOG}`);
  await run({ action: "focus", target: "#a" }, { action: "focus", target: "#b" }, { action: "type", text: "x" });
  expect(await evaluate(page, "[...log.map((entry) => entry.trim()), b.value]")).toEqual(["focus a", "blur a", "focus b", "x"]);
});
