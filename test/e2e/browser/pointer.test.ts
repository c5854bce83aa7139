import { describe, expect, it } from "vitest";
import { actions } from "../../../src/blocks/actions.ts";
import type { JsonObject } from "../../../src/domain/json.ts";
import { browserOfFile, evaluate, frame, type FrameSite, htmlOn, runBlock, show } from "./harness.ts";

const { page } = await browserOfFile();

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

it.each<FrameSite>(["same site", "other process"])(
  "clicks what a frame of the %s shows, once, where the frame itself is the target",
  async (site) => {
    const button = `<button style="position:fixed;inset:0" onclick="top.postMessage('clicked', '*')">Inside</button>`;
    const count = "<script>window.clicks = 0; onmessage = () => clicks++</script>";
    const inner = { css: "#inner", frame: "#outer" };
    const clickBoth = (inside: JsonObject, around: JsonObject | string) =>
      run(
        { action: "click", target: inside },
        { action: "wait_for", function: "clicks === 1" },
        { action: "click", target: around },
        { action: "wait_for", function: "clicks === 2" },
      );
    await show(page, frame("id=outer", htmlOn(site, button)) + count);
    await clickBoth({ css: "button", frame: "#outer" }, "#outer");
    await show(page, frame("id=outer", htmlOn(site, frame("id=inner", htmlOn(site, button)))) + count);
    await clickBoth({ css: "button", frame: inner }, inner);
  },
);

it("clicks once where the page keeps every event from whoever listens", async () => {
  const types = '["pointerdown", "mousedown", "pointerup", "mouseup", "click"]';
  const keep = `for (const type of ${types}) addEventListener(type, (event) => { event.stopImmediatePropagation(); log.push(type) }, true);`;
  await show(page, `<button id=a>A</button><script>window.log = []; ${keep}</script>`);
  await run({ action: "click", target: "#a" });
  expect(await evaluate(page, "log")).toEqual(JSON.parse(types));
});

it("chooses in the list of a select that was clicked, by keys", async () => {
  await show(page, "<select id=a><option>One<option>Two<option>Three</select>");
  await run({ action: "click", target: "#a" }, { action: "press", key: "ArrowDown" }, { action: "press", key: "Enter" });
  expect(await evaluate(page, "a.value")).toBe("Two");
});

it("gives an element the focus without a click", async () => {
  await show(page, `<input id=a><input id=b>${LOG}`);
  await run({ action: "focus", target: "#a" }, { action: "focus", target: "#b" }, { action: "type", text: "x" });
  expect(await evaluate(page, "[...log.map((entry) => entry.trim()), b.value]")).toEqual(["focus a", "blur a", "focus b", "x"]);
});

it("lets keys click what has the focus, wherever the pointer rests", async () => {
  await show(page, `<p id=a>A</p><form onsubmit="window.sent = true; return false"><input id=b><button>Send</button></form>`);
  await run({ action: "focus", target: "#b" }, { action: "hover", target: "#a" }, { action: "press", key: "Enter" });
  expect(await evaluate(page, "window.sent")).toBe(true);
});

describe("drag", () => {
  const BOXES = `<style>div { width: 80px; height: 80px; position: absolute; left: 20px } #b { top: 300px; left: 400px; width: 200px }</style>
    <div id=a>A</div><div id=b>B</div>`;

  it("moves what follows the pointer", async () => {
    await show(
      page,
      `${BOXES}<script>
        a.onpointerdown = (down) => {
          a.setPointerCapture(down.pointerId);
          a.onpointermove = (event) => { window.moves = (window.moves ?? 0) + 1; a.style.left = event.clientX - 40 + "px"; a.style.top = event.clientY - 40 + "px"; };
          a.onpointerup = () => { a.onpointermove = null; window.dropped = document.elementsFromPoint(500, 340).map((element) => element.id); };
        };
      </script>`,
    );
    await run({ action: "drag", target: "#a", to: "#b" });
    expect(await evaluate(page, "[dropped.slice(0, 2).sort(), moves >= 5]")).toEqual([["a", "b"], true]);
  });

  it("drags and drops as HTML has it", async () => {
    const handlers = `<script>
      window.log = [];
      for (const type of ["dragstart", "dragenter", "drop", "dragend"]) addEventListener(type, (event) => log.push(type + " " + event.target.id), true);
      a.ondragstart = (event) => event.dataTransfer.setData("text/plain", "order 7");
      b.ondragover = (event) => event.preventDefault();
      b.ondrop = (event) => { event.preventDefault(); b.textContent = event.dataTransfer.getData("text/plain"); };
    </script>`;
    await show(page, `${BOXES.replace("id=a", "id=a draggable=true")}${handlers}`);
    await run({ action: "drag", target: "#a", to: "#b" });
    expect(await evaluate(page, "[b.textContent, log.filter((entry) => /start|drop|end|enter b/.test(entry))]")).toEqual([
      "order 7",
      ["dragstart a", "dragenter b", "drop b", "dragend a"],
    ]);
  });

  it("follows a place to drop that makes room, from one end of a long page to the other", async () => {
    await show(
      page,
      `<p id=a>A</p><p style="height:2000px"></p><p id=b style="height:90px">B</p><script>
        a.onpointerdown = () => addEventListener("pointermove", () => { b.style.marginTop = "200px"; }, { once: true });
        addEventListener("pointerup", (event) => { window.dropped = event.target.id; });
      </script>`,
    );
    await run({ action: "drag", target: "#a", to: "#b" });
    expect(await evaluate(page, "dropped")).toBe("b");
  });

  it("puts a list into another order, in which what it is dropped on makes way", async () => {
    await show(
      page,
      `<ul>${[1, 2, 3].map((id) => `<li id=l${id} style="height:40px">${id}</li>`).join("")}</ul><script>
        let held = null;
        addEventListener("pointerdown", (event) => { held = event.target.closest("li"); });
        addEventListener("pointerup", () => { held = null; });
        addEventListener("pointermove", ({ clientX, clientY }) => {
          const over = document.elementFromPoint(clientX, clientY).closest("li");
          if (held === null || over === null || over === held) return;
          if (held.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING) over.after(held); else over.before(held);
        });
      </script>`,
    );
    await run({ action: "drag", target: "#l1", to: "#l3" });
    expect(await evaluate(page, "[...document.querySelectorAll('li')].map(({ id }) => id)")).toEqual(["l2", "l3", "l1"]);
  });

  it("rests before it drops, as some lists heed nothing for a moment after each exchange", async () => {
    await show(
      page,
      `<ul>${[1, 2, 3].map((id) => `<li id=l${id} draggable=true style="height:40px">${id}</li>`).join("")}</ul><script>
        let [held, quiet] = [null, false];
        addEventListener("dragstart", (event) => { held = event.target; });
        addEventListener("dragover", (event) => {
          event.preventDefault();
          const over = event.target.closest("li");
          if (quiet || over === null || over === held) return;
          if (held.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING) over.after(held); else over.before(held);
          quiet = true;
          setTimeout(() => { quiet = false; }, 30);
        });
      </script>`,
    );
    await run({ action: "drag", target: "#l1", to: "#l3" });
    expect(await evaluate(page, "[...document.querySelectorAll('li')].map(({ id }) => id)")).toEqual(["l2", "l3", "l1"]);
  });

  it("lets go when there is no place to drop", async () => {
    await show(page, `${BOXES}<script>window.up = 0; addEventListener("mouseup", () => { up++; })</script>`);
    await expect(run({ action: "drag", target: "#a", to: "#c", timeout_seconds: 0.6 })).rejects.toThrow(
      "steps[0] drag #a to #c: no element matches",
    );
    expect(await evaluate(page, "up")).toBe(1);
  });
});
