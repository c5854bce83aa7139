import { describe, expect, it } from "vitest";
import { actions } from "../../../src/blocks/actions.ts";
import type { BrowserTarget } from "../../../src/domain/browser/browser.ts";
import type { JsonObject } from "../../../src/domain/json.ts";
import { type FrameSite, evaluate, frame, htmlOn, browserOfFile, perform, runBlock, show, SOON } from "./harness.ts";

const { page } = await browserOfFile();

const run = (...steps: JsonObject[]) => runBlock(actions, page, { steps });

const SITES: readonly FrameSite[] = ["same site", "other site", "other process"];

/** A form far down in the frame's own page, which tells the page around it what was clicked. */
const PAYMENT = `<title>Payment</title><style>body { margin: 0 }</style><div style="height:900px">Terms</div>
  <form action=/submit method=post><label>Card <input name=card></label><select name=kind><option>Debit<option>Credit</select><button>Pay</button></form>
  <ul><li><b>A</b> <i>1,50</i><li><b>B</b> <i>2</i></ul><button id=tell type=button onclick="parent.postMessage(event.isTrusted, '*')">Tell</button>`;

/** The frame is far down in the page, and has a border and a padding. */
const around = (inside: string) =>
  `<title>Shop</title><h1>Shop</h1><div style="height:1500px">Goods</div>${inside}<p>Foot</p>
   <script>window.told = []; addEventListener("message", (event) => told.push(event.data))</script>`;
const SHOWN = "id=pay name=payment style='border:9px solid;padding:7px;width:420px;height:260px'";

describe.each(SITES)("a frame of the %s", (site) => {
  const open = (markup = PAYMENT) => show(page, around(frame(SHOWN, htmlOn(site, markup))));

  it("is filled in, sent and read like the page itself", async () => {
    await open();
    const { output } = await run(
      { action: "fill", target: { label: "Card", frame: "payment" }, value: "4711" },
      { action: "type", target: { label: "Card", frame: "payment" }, text: "-12" },
      { action: "select", target: { css: "select", frame: "payment" }, label: "Credit" },
      {
        action: "extract",
        name: "before",
        fields: {
          shop: "h1",
          lines: { rows: { css: "li", frame: "#pay" }, fields: { name: "b", price: { target: "i", type: "number" } } },
          absent: { target: { css: "em", frame: "nowhere" }, required: false },
        },
      },
      { action: "click", target: { role: "button", name: "Pay", frame: { css: "iframe" } } },
      { action: "wait_for", text: "Received", frame: "payment" },
      { action: "extract", name: "after", fields: { sent: { target: { css: "#form", frame: "payment" } } } },
    );
    expect(output).toMatchObject({
      title: "Shop",
      before: {
        shop: "Shop",
        lines: [
          { name: "A", price: 1.5 },
          { name: "B", price: 2 },
        ],
        absent: null,
      },
      after: { sent: "card=4711-12&kind=Credit" },
    });
  });

  it("is found by name, selector and address, and clicked where it is shown", async () => {
    await open();
    const frames: BrowserTarget[] = ["payment", "#pay", `${new URL(htmlOn(site, "")).origin}/**`, { css: "iframe", nth: 0 }];
    for (const name of frames) await perform(page, { do: "click", target: { css: "#tell", frame: name } });
    await expect.poll(() => evaluate(page, "told")).toEqual([true, true, true, true]);
  });

  it("runs scripts in its own world, and waits for what they say", async () => {
    await open("<script>var count = 0; setTimeout(() => { count = 2 }, 300)</script><b id=b>Here</b>");
    const { output } = await run(
      { action: "wait_for", function: "count === 2", frame: "payment" },
      {
        action: "evaluate",
        script: "[count + args.more, b.textContent, await 1, typeof pilotfish]",
        args: { more: 1 },
        frame: "#pay",
        name: "seen",
      },
    );
    expect(output["seen"]).toEqual([3, "Here", 1, "undefined"]);
    const late = { action: "wait_for", function: "count > 5 && 'more'", frame: "payment", timeout_seconds: 0.5 };
    await expect(run(late)).rejects.toThrow("the script's value is still false on http://");
    await expect(run({ ...late, frame: "nowhere" })).rejects.toThrow("frame nowhere: no frame matches");
  });

  it("may hold another", async () => {
    const inner = "<button onclick=\"top.postMessage('deep', '*')\">Deep</button>";
    await open(`<div style="height:300px"></div>${frame("name=inner", htmlOn("other process", inner))}`);
    const deep = { css: "[name=inner]", frame: "payment" };
    await perform(page, { do: "click", target: { text: "Deep", frame: deep } });
    await expect.poll(() => evaluate(page, "told")).toEqual(["deep"]);
    expect(await page.evaluate("document.body.textContent", {}, { ...SOON, frame: deep })).toBe("Deep");
  });

  it("may be replaced when what is in it has been found already", async () => {
    // The page scrolls to show what is to be clicked; at that moment it puts another frame in the place of the one around that.
    const inner = frame("name=inner", htmlOn(site, "<button onclick=\"top.postMessage('deep', '*')\">Deep</button>"));
    const next = JSON.stringify(frame(SHOWN, htmlOn(site, inner))).replaceAll("<", "\\x3c");
    const replace = `<script>addEventListener("scroll", () => { pay.outerHTML = ${next} }, { once: true })</script>`;
    await show(page, around(frame(SHOWN, htmlOn(site, inner)) + replace));
    await perform(page, { do: "click", target: { text: "Deep", frame: { css: "[name=inner]", frame: "payment" } } });
    await expect.poll(() => evaluate(page, "told.filter((what) => what === 'deep')")).toEqual(["deep"]);
  });

  it("is painted by element", async () => {
    await open(`<div style="height:700px"></div><p style="width:120px;height:40px;margin:0;background:#00f">Blue</p>`);
    const picture = await page.screenshot({ ...SOON, fullPage: false, target: { css: "p", frame: "payment" } });
    const header = new DataView(picture.buffer, picture.byteOffset, 24);
    expect([header.getUint32(16), header.getUint32(20)]).toEqual([120, 40]);
  });

  it("gives and takes what is dragged", async () => {
    const box = (id: string, more: string) => `<p id=${id} style="width:80px;height:40px;margin:10px;background:#ccc" ${more}>${id}</p>`;
    const tell = (what: string) => `top.postMessage(${what}, '*')`;
    const from = (id: string) => box(id, `draggable=true ondragstart="event.dataTransfer.setData('text/plain', '${id}')"`);
    const to = (id: string) =>
      box(
        id,
        `ondragover="event.preventDefault()" ondrop="event.preventDefault(); ${tell(`event.dataTransfer.getData('text/plain') + ' on ${id}'`)}"`,
      );
    const second = frame("name=second style='width:420px;height:200px'", htmlOn(site, `<div style="height:500px"></div>${to("d")}`));
    await show(page, around(`${from("a")}${to("b")}${frame(SHOWN, htmlOn(site, from("c") + to("e")))}${second}`));
    const place = (css: string, inside?: string): BrowserTarget => (inside === undefined ? css : { css, frame: inside });
    const [a, b, c, d, e] = [place("#a"), place("#b"), place("#c", "payment"), place("#d", "second"), place("#e", "payment")] as const;
    // What the browser lets be dragged, and what it does not: for people neither.
    const ways: [what: BrowserTarget, where: BrowserTarget, told: string, sites: readonly FrameSite[]][] = [
      [a, e, "a on e", ["same site"]],
      [c, b, "c on b", ["same site"]],
      [c, d, "c on d", ["same site", "other site"]],
      [c, e, "c on e", SITES],
      [a, b, "a on b", SITES],
    ];
    for (const [what, where, told, sites] of ways) {
      await evaluate(page, "told.length = 0");
      const dragging = perform(page, { do: "drag", target: what, to: where });
      if (sites.includes(site)) await dragging;
      else await expect(dragging).rejects.toThrow("the browser lets nothing be dragged from the one document into the other");
      await expect.poll(() => evaluate(page, "told")).toEqual(sites.includes(site) ? [told] : []);
    }
  });

  it("lets a page wait for what it is answered", async () => {
    await open(`<button onclick="fetch('/status?code=202')">Ask</button>`);
    const ask = { action: "click", target: { text: "Ask", frame: "payment" } };
    await run(ask, { action: "wait_for", response: { url: "**/status", status: 202 } });
    const [came, never] = [202, 404].map((status) => ({ action: "wait_for", response: { url: "**/status", status } }));
    await expect(run(ask, came!, { ...never, timeout_seconds: 0.7 })).rejects.toThrow("since the step before there were GET");
  });

  it("is found again when the page replaces it", async () => {
    await open("<p>Wait</p>");
    const url = JSON.stringify(htmlOn(site, PAYMENT));
    await evaluate(
      page,
      `setTimeout(() => { const old = pay; const next = old.cloneNode(); next.src = ${url}; old.replaceWith(next); }, 200)`,
    );
    await perform(page, { do: "click", target: { css: "#tell", frame: "payment" } });
    await expect.poll(() => evaluate(page, "told")).toEqual([true]);
    await evaluate(page, "setTimeout(() => pay.remove(), 200)");
    await perform(page, { do: "wait_for", target: { css: "#tell", frame: "payment" }, state: "hidden" });
  });

  it("keeps a busy script to itself: the page goes on", async () => {
    await open(`<button onclick="while (true) {}">Hang</button>`);
    await expect(perform(page, { do: "click", target: { text: "Hang", frame: "payment" }, timeoutMs: 800 })).rejects.toMatchObject({
      errorClass: "temporary",
    });
    await perform(page, { do: "wait_for_text", text: "Foot" });
  });
});

describe("a frame that cannot be used is told as it is:", () => {
  it.each<[string, BrowserTarget, RegExp]>([
    ["no such name", "checkout", /frame checkout: no frame matches on .*; frames there: <iframe id="pay" name="payment"> src="http/],
    ["no such address", "https://pay.example.com/**", /none has this address; the frames there show http:/],
    ["not a frame", "h1", /frame h1: <h1>Shop<\/h1> is not a frame/],
    ["several", "iframe", /2 elements match: .*say which by `nth`/],
    ["nothing in it", "payment", /no element matches on .*"Payment"/],
    ["hidden", "#hidden", /the frame <iframe id="hidden"> is not visible \(display: none\)/],
  ])("%s", async (_, name, message) => {
    const second =
      name === "iframe" || name === "#hidden"
        ? frame("id=hidden style='display:none'", htmlOn("same site", "<p>x</p><b style='width:9px;height:9px;display:block'></b>"))
        : "";
    await show(page, around(frame(SHOWN, htmlOn("same site", PAYMENT)) + second));
    await expect(
      perform(page, { do: "click", target: { css: name === "#hidden" ? "b" : "em", frame: name }, timeoutMs: 500 }),
    ).rejects.toThrow(message);
  });

  it("covered", async () => {
    await show(page, around(`${frame(SHOWN, htmlOn("other process", PAYMENT))}<div id=veil style="position:fixed;inset:0"></div>`));
    await expect(perform(page, { do: "click", target: { css: "#tell", frame: "payment" }, timeoutMs: 2000 })).rejects.toThrow(
      /the frame <iframe id="pay" name="payment"> is covered by <div id="veil">/,
    );
  });
});
