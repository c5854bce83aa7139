import { describe, expect, it } from "vitest";
import { actions } from "../../../src/blocks/actions.ts";
import type { JsonObject } from "../../../src/domain/json.ts";
import { at, browserOfFile, runBlock, show, SOON } from "./harness.ts";

const one = await browserOfFile();

const run = (...steps: JsonObject[]) => runBlock(actions, one.page, { steps });
const ask = { action: "evaluate", script: "[alert('hey'), confirm('sure?'), prompt('name?', 'Ann')].slice(1)", name: "answers" };
const again = { ...ask, name: "again" };

describe("dialogs", () => {
  it.each([
    ["dismissed, as long as nothing is said", [], [false, null], ["dismiss", "dismiss", "dismiss"]],
    ["accepted, with what a prompt suggests", [{ action: "dialog", respond: "accept" }], [true, "Ann"], ["accept", "accept", "accept"]],
    ["accepted, with a text", [{ action: "dialog", respond: "accept", text: "Bob" }], [true, "Bob"], ["accept", "accept", "accept"]],
    ["accepted so many times", [{ action: "dialog", respond: "accept", times: 2 }], [true, null], ["accept", "accept", "dismiss"]],
    [
      "dismissed again",
      [
        { action: "dialog", respond: "accept" },
        { action: "dialog", respond: "dismiss" },
      ],
      [false, null],
      ["dismiss", "dismiss", "dismiss"],
    ],
  ])("are %s", async (_, steps, answers, responds) => {
    const fresh = await one.lease.openTab({ tabId: null, state: null, signal: SOON.signal });
    await show(fresh.page, "<title>Asks</title>");
    const { output } = await runBlock(actions, fresh.page, { steps: [...steps, ask, { action: "get_dialogs", name: "seen" }] });
    expect(output["answers"]).toEqual(answers);
    expect(output["seen"]).toMatchObject([
      { type: "alert", message: "hey", respond: responds[0], text: null, url: fresh.page.url() },
      { type: "confirm", message: "sure?", respond: responds[1], text: null },
      { type: "prompt", message: "name?", respond: responds[2], text: answers[1] },
    ]);
    await fresh.close();
  });

  it("are told once, are waited for, and are answered alike in the next document and in windows", async () => {
    await show(one.page, "<title>Later</title><script>setTimeout(() => confirm('late'), 200)</script>");
    const { output } = await run(
      { action: "dialog", respond: "accept" },
      { action: "get_dialogs", name: "late", at_least: 1 },
      { action: "goto", url: at("/list") },
      again,
      { action: "evaluate", script: "void window.open('/list?page=2')" },
      { action: "switch_tab", newest: true },
      { ...ask, name: "window" },
      { action: "close_tab" },
      { action: "get_dialogs", name: "all" },
      { action: "get_dialogs", name: "none", at_least: 1, timeout_seconds: 0.2 },
    );
    expect(output).toMatchObject({ late: [{ message: "late" }], again: [true, "Ann"], window: [true, "Ann"], none: [] });
    expect(output["all"]).toHaveLength(6);
  });

  it("without end hold nothing up, and the last 100 are kept", async () => {
    await show(one.page, "<title>Nags</title>");
    const { output } = await run(
      { action: "get_dialogs", name: "before" },
      { action: "evaluate", script: "for (let i = 0; i < 120; i++) alert(i)" },
      { action: "get_dialogs", name: "seen" },
    );
    const seen = output["seen"] as { message: string }[];
    expect([seen.length, seen[0]?.message, seen.at(-1)?.message]).toEqual([100, "20", "119"]);
  });

  it.each([
    ["a text for Cancel", { action: "dialog", respond: "dismiss", text: "x" }, /text.*goes with `respond: accept`/],
    ["an unknown answer", { action: "dialog", respond: "ok" }, /respond/],
    ["no times", { action: "dialog", respond: "accept", times: 0 }, /times/],
  ])("refuse %s", async (_, step, message) => {
    expect(() => actions.config.parse({ steps: [step] })).toThrow(message);
  });
});
