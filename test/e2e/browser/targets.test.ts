import { describe, expect, it } from "vitest";
import type { BrowserTarget } from "../../../src/domain/browser/browser.ts";
import { AT_ONCE_MS } from "../../patience.ts";
import { evaluate, browserOfFile, perform, show, SOON } from "./harness.ts";

const { page } = await browserOfFile();

const FORM = `<title>Form</title>
<form>
  <label for=mail>E-mail *</label><input id=mail>
  <label>Password <input id=pass type=password></label>
  <label for=pass2>New password<i aria-hidden=true> *</i></label><input id=pass2>
  <label for=pass3>Confirm new password<i aria-hidden=true> *</i></label><input id=pass3>
  <input id=search placeholder="Search the shop">
  <span id=cap>Amount</span><input id=amount type=number aria-labelledby=cap>
  <button id=save type=button data-testid=save-button>Save <b>now</b></button>
  <button id=save-as type=button aria-label="Save as a draft">…</button>
  <a id=help href="#help"><img alt="Help"></a>
  <input id=send type=button value="Send it">
  <ul><li id=one>One <button id=del-1 type=button>Delete</button></li><li id=two>Two <button id=del-2 type=button>Delete</button></li></ul>
  <p id=hash>The hash</p>
  <div id=tab role=tab>Details</div>
  <button id=undo type=button><u>U</u>ndo</button><button id=undo-all type=button>Undo all</button>
  <button id=cart type=button><div>Add to</div><div>the</div> c&shy;art<br>now</button>
</form>
<script>/* the hash */ document.addEventListener("click", (event) => { window.clicked = event.target.closest("[id]")?.id; });</script>`;

describe("a target finds the element by", () => {
  it.each<[string, BrowserTarget, string]>([
    ["CSS", "#save", "save"],
    ["CSS in an object", { css: "#save" }, "save"],
    ["text, over inner elements and in any case", { text: "save NOW" }, "save"],
    ["text of a button input", { text: "Send it" }, "send"],
    ["text that a script holds too", { text: "the hash" }, "hash"],
    ["part of the text, where nothing has it exactly", { text: "details" }, "tab"],
    ["role and name from its content", { role: "button", name: "Save now" }, "save"],
    ["role and exact name before a contained one", { role: "button", name: "save as a draft" }, "save-as"],
    ["role and name over inner elements, as one word", { role: "button", name: "undo" }, "undo"],
    ["text over blocks and lines, without what nobody sees", { text: "Add to the cart now" }, "cart"],
    ["role and name from an image inside", { role: "link", name: "Help" }, "help"],
    ["explicit role", { role: "tab", name: "Details" }, "tab"],
    ["label with `for`", { label: "E-mail" }, "mail"],
    ["label around it", { label: "Password" }, "pass"],
    ["label without the star that is not read aloud", { label: "New password" }, "pass2"],
    ["label with that star", { label: "New password *" }, "pass2"],
    ["aria-labelledby", { label: "Amount" }, "amount"],
    ["role with the name from its label", { role: "textbox", name: "Password" }, "pass"],
    ["placeholder", { placeholder: "search the" }, "search"],
    ["test id", { test_id: "save-button" }, "save"],
    ["XPath", { xpath: "//li[2]/button" }, "del-2"],
    ["nth", { text: "Delete", nth: 1 }, "del-2"],
    ["nth from the end", { role: "button", name: "Delete", nth: -2 }, "del-1"],
    ["within another target", { text: "Delete", within: { css: "li", nth: 1 } }, "del-2"],
    ["within, by XPath", { xpath: ".//button", within: "#one" }, "del-1"],
  ])("%s", async (_, target, id) => {
    await show(page, FORM);
    await perform(page, { do: "click", target });
    expect(await evaluate(page, "window.clicked")).toBe(id);
  });
});

describe("a click reaches", () => {
  it.each([
    ["what only shows something else", "<a id=a href='#x' style='display:contents'><b>Hi</b></a>"],
    ["what only shows a text", "<button id=a style='display:contents'>Hi</button>"],
    ["what has no size of its own", "<a id=a href='#x'><b style='float:left;width:50px;height:50px'></b></a>"],
    [
      "a ring, whose middle is not it",
      "<svg width=200 height=200><circle id=a cx=100 cy=100 r=80 fill=none stroke=red stroke-width=20 /></svg>",
    ],
    [
      "what is covered in its middle",
      "<div style='position:relative'><button id=a style='width:300px'>A</button><i style='position:absolute;left:50px;width:200px;height:50px'></i></div>",
    ],
    [
      "an area of an image map",
      `<img usemap="#m" width=200 height=200 src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"><map name=m><area id=a shape=poly coords="100,100,180,100,180,180" href="#x"></map>`,
    ],
    [
      "what comes to light only at the lower edge of the window",
      "<header style='position:fixed;inset:0 0 auto;height:600px;background:#fff'>Shop</header><p style='height:3000px'></p><button id=a>A</button><p style='height:3000px'>",
    ],
    [
      "a text that is given to a slot of a button",
      "<x-a id=a>Hi</x-a><script>customElements.define('x-a', class extends HTMLElement { constructor() { super(); this.attachShadow({ mode: 'open' }).innerHTML = '<button><slot></slot></button>' } })</script>",
      { text: "hi" },
    ],
    [
      "a button whose text is given to its slot",
      "<x-a id=a>Hi</x-a><script>customElements.define('x-a', class extends HTMLElement { constructor() { super(); this.attachShadow({ mode: 'open' }).innerHTML = '<button><slot></slot></button>' } })</script>",
      { role: "button", name: "hi" },
    ],
    [
      "what moves away as the field before loses the focus",
      "<input autofocus onblur='error.hidden = false'><p id=error hidden style='height:60px'>Wrong!</p><button id=a>A</button>",
    ],
  ])("%s", async (_, markup, target: BrowserTarget = "#a") => {
    await show(
      page,
      `${markup}<script>addEventListener("click", (event) => { if (event.target.closest("#a")) window.clicks = (window.clicks ?? 0) + 1 })</script>`,
    );
    await perform(page, { do: "click", target });
    expect(await evaluate(page, "window.clicks")).toBe(1);
  });

  it.each([
    [
      "opens something over itself",
      "const veil = document.createElement('p'); veil.style = 'position:fixed;inset:0'; document.body.append(veil)",
    ],
    ["goes away", "a.remove()"],
  ])("once what %s as it is pressed", async (_, script) => {
    await show(page, `<button id=a>A</button><script>window.downs = 0; a.onpointerdown = () => { downs++; ${script} }</script>`);
    await perform(page, { do: "click", target: "#a" });
    expect(await evaluate(page, "downs")).toBe(1);
  });
});

/** A shop whose buttons are in open shadow trees, one inside the other, with a text and a label that the page gives to a slot. */
const SHADOW = `<title>Shadow</title><main><button id=light>Light</button>
<x-shop id=shop><b slot=title>Our <i>shop</i></b><x-row></x-row></x-shop><button id=last>Last</button><x-closed style="display:block;height:9px"></x-closed></main>
<script>
  window.clicked = null;
  const define = (name, mode, markup) => customElements.define(name, class extends HTMLElement {
    constructor() { super(); this.attachShadow({ mode }).innerHTML = markup; }
  });
  define("x-field", "open", "<label for=f>Amount</label><input id=f placeholder='How many' data-testid=amount><button id=deep aria-labelledby=n>×</button><span id=n>Remove it</span>");
  define("x-row", "open", "<p>Row <em>seven</em></p><x-field></x-field><slot></slot>");
  define("x-shop", "open", "<h2><slot name=title></slot></h2><section class=list><button id=order>Order <b>now</b></button><slot></slot></section>");
  define("x-closed", "closed", "<button>Hidden away</button>");
  addEventListener("click", (event) => { window.clicked = event.composedPath().find((node) => node.id)?.id; }, true);
</script>`;

describe("through open shadow trees a target finds the element by", () => {
  it.each<[string, BrowserTarget, string]>([
    ["CSS", "#order", "order"],
    ["CSS that leads into the tree", "main x-shop .list button", "order"],
    ["CSS through two trees", "x-shop x-field button", "deep"],
    ["CSS, in the order of the page", { css: "button", nth: 1 }, "order"],
    ["text", { text: "order now" }, "order"],
    ["text with an own tree around it", { text: "Row seven", within: "x-row" }, "shop"],
    ["text that is given to a slot", { text: "our shop" }, "shop"],
    ["role and name from the same tree", { role: "button", name: "Remove it" }, "deep"],
    ["label", { label: "Amount" }, "f"],
    ["placeholder", { placeholder: "how many" }, "f"],
    ["test id", { test_id: "amount" }, "f"],
    ["within a host", { role: "button", within: "x-field" }, "deep"],
  ])("%s", async (_, target, id) => {
    await show(page, SHADOW);
    await perform(page, { do: "click", target });
    expect(await evaluate(page, "window.clicked")).toBe(id);
  });

  it("text that is waited for, and a field that is filled", async () => {
    await show(page, SHADOW);
    await perform(page, { do: "wait_for_text", text: "Row seven" }, { do: "fill", target: { label: "Amount" }, value: "3" });
    const read = { kind: "value", many: false, required: true, part: "text" } as const;
    const findings = await page.read({ field: { ...read, target: "#f" }, row: { ...read, target: "x-row" } }, SOON);
    expect(findings).toMatchObject({ field: { values: ["3"] }, row: { values: ["Row seven Amount×Remove it"] } });
  });

  it("nothing in closed ones, which is said", async () => {
    await show(page, SHADOW);
    await expect(perform(page, { do: "click", target: { text: "Hidden away" }, timeoutMs: 300 })).rejects.toThrow(
      /no element matches .*; <x-closed> may hold it in a closed shadow tree/,
    );
  });
});

describe("a page cannot break the search", () => {
  it.each([
    [
      "by names that hide a form's own",
      "<form><input name=children><input name=textContent><input name=matches><input name=getAttribute><input name=parentNode><input name=childNodes><input name=tagName><button type=button>Go</button></form>",
    ],
    [
      "by names that hide the document's own",
      "<img name=querySelectorAll><img name=title><img name=body><img name=evaluate><form name=documentElement></form><button>Go</button>",
    ],
    ["by the library's own name", "<p id=pilotfish>x</p><button>Go</button>"],
    [
      "by other prototypes",
      "<button>Go</button><script>Element.prototype.getAttribute = Element.prototype.matches = document.querySelectorAll = () => { throw new Error('mine') }; Array.prototype.filter = Array.prototype.map = () => []; JSON.parse = () => null</script>",
    ],
  ])("%s", async (_, markup) => {
    await show(page, `${markup}<script>addEventListener("click", () => { window.done = true })</script>`);
    await perform(page, { do: "wait_for_text", text: "Go" }, { do: "click", target: { role: "button", name: "Go", within: "body" } });
    expect(await evaluate(page, "window.done")).toBe(true);
    await expect(perform(page, { do: "click", target: { text: "Gone" }, timeoutMs: 600 })).rejects.toThrow("no element matches");
  });
});

describe("what cannot be clicked is told as it is:", () => {
  const clickable = (markup: string) => `<title>Shop</title>${markup}`;
  it.each<[string, string, BrowserTarget, RegExp]>([
    [
      "no match, with the names that are there",
      "<button>Sign in</button><button>Cancel</button>",
      { role: "button", name: "Log in" },
      /no element matches on http.*"Shop"; elements of role button there: "Sign in", "Cancel"/,
    ],
    [
      "no such role, with the roles that are there",
      "<h1>Hi</h1><a href=/>x</a>",
      { role: "button" },
      /there is no button; roles there: .*"heading".*"link"/,
    ],
    ["no such label", "<label>Mail <input></label>", { label: "Phone" }, /labels there: "Mail"/],
    ["no such text", "<button>Order</button>", { text: "Buy" }, /buttons and links there: "Order"/],
    ["no such placeholder", "<input placeholder=Name>", { placeholder: "Mail" }, /placeholders there: "Name"/],
    ["no such test id", "<i data-testid=a></i>", { test_id: "b" }, /test ids there: "a"/],
    ["how far a selector comes", "<form><p></p><p></p></form>", "form p button", /no element matches .*; 2 match "form p"/],
    ["too few for nth", "<button>A</button>", { css: "button", nth: 3 }, /only 1 element matches, so there is no nth 3/],
    ["nothing to look within", "<button>A</button>", { css: "button", within: "form" }, /nothing matches its `within`/],
    [
      "several matches",
      "<button id=a>A</button><button id=b>B</button>",
      "button",
      /2 elements match: <button id="a">A<\/button>, <button id="b">B<\/button>; say which by `nth`/,
    ],
    [
      "hidden",
      "<div style='display:none'><button>A</button></div>",
      "button",
      /<button>A<\/button> is not visible \(display: none of <div>/,
    ],
    ["invisible", "<button style='visibility:hidden'>A</button>", "button", /is not visible \(visibility: hidden\)/],
    ["disabled", "<button disabled>A</button>", "button", /<button>A<\/button> is disabled/],
    ["disabled by ARIA", "<button aria-disabled=true>A</button>", "button", /is disabled/],
    [
      "covered",
      "<button>A</button><div id=veil style='position:fixed;inset:0'></div>",
      "button",
      /<button>A<\/button> is covered by <div id="veil">/,
    ],
    [
      "moving",
      "<style>@keyframes m{to{margin-left:900px}}button{animation:m 1s linear infinite}</style><button>A</button>",
      "button",
      /keeps moving/,
    ],
    ["a selector that is none", "", "button[", /"button\[" is not a CSS selector/],
    ["an XPath that is none", "", { xpath: "//[" }, /"\/\/\[" is not an XPath/],
    [
      "without a size",
      "<button style='width:0;height:0;padding:0;border:0'></button>",
      "button",
      /is not visible \(it has no size: 0 × 0\)/,
    ],
    ["in a closed part", "<details><summary>More</summary><button>A</button></details>", "button", /inside <details>.*, which is closed\)/],
    [
      "outside of the page",
      "<button style='position:absolute;left:-500px'>A</button>",
      "button",
      /cannot be scrolled into view: it lies outside of the page, at -500, \d+ \(\d+ × \d+\)/,
    ],
    [
      "frames that are not searched",
      "<iframe name=pay srcdoc='<button>A</button>'></iframe>",
      "button",
      /not searched: <iframe name="pay"> \(name it by `frame`\)/,
    ],
  ])("%s", async (_, markup, target, message) => {
    await show(page, clickable(markup));
    await expect(perform(page, { do: "click", target, timeoutMs: 400 })).rejects.toMatchObject({
      name: "PageError",
      errorClass: "block",
      actionIndex: 0,
      message: expect.stringMatching(message),
    });
  });

  it("fails at once when waiting cannot help", async () => {
    await show(page, "<button>A</button><button>B</button>");
    const before = Date.now();
    await expect(perform(page, { do: "click", target: "button" })).rejects.toThrow("2 elements match");
    expect(Date.now() - before).toBeLessThan(AT_ONCE_MS);
  });
});

describe("an element is waited for until it", () => {
  it.each([
    ["appears", "setTimeout(() => document.body.append(b), 300)", ""],
    ["becomes visible", "document.body.append(b); b.hidden = true; setTimeout(() => { b.hidden = false }, 300)", ""],
    ["becomes enabled", "document.body.append(b); b.disabled = true; setTimeout(() => { b.disabled = false }, 300)", ""],
    ["is uncovered", "document.body.append(b); setTimeout(() => veil.remove(), 300)", "<div id=veil style='position:fixed;inset:0'></div>"],
    ["is alone", "document.body.append(b)", ""],
  ])("%s", async (_, script, markup) => {
    await show(
      page,
      `<body>${markup}<script>const b = document.createElement("button"); b.textContent = "Go"; b.onclick = () => { window.done = true }; ${script}</script>`,
    );
    await perform(page, { do: "click", target: { text: "Go" } });
    expect(await evaluate(page, "window.done")).toBe(true);
  });

  it("stops being drawn anew, or is found again each time", async () => {
    await show(
      page,
      `<div id=box></div><script>
        const draw = () => { box.innerHTML = "<button onclick='window.done = true'>Go</button>"; };
        draw();
        const drawing = setInterval(draw, 50);
        addEventListener("pointerdown", () => clearInterval(drawing), true); // nobody clicks anything that is replaced between press and release
      </script>`,
    );
    await perform(page, { do: "click", target: { text: "Go" } });
    expect(await evaluate(page, "window.done")).toBe(true);
  });

  it("is there again when it has moved away from under the pointer, and nothing else is clicked", async () => {
    await show(
      page,
      `<button id=go onclick='window.done = true'>Go</button><button id=wrong onclick='window.deleted = true' hidden>Delete</button><script>
        addEventListener("mousemove", () => { wrong.hidden = false; go.before(wrong); }, { once: true, capture: true });
      </script>`,
    );
    await perform(page, { do: "click", target: "#go" });
    expect(await evaluate(page, "[window.done, window.deleted ?? false]")).toEqual([true, false]);
  });

  it("comes out from below a header that stays", async () => {
    const header = "<header style='position:fixed;top:0;left:0;right:0;height:60px;background:#fff'>Shop</header>";
    await show(
      page,
      `${header}<div style='height:2000px'></div><button onclick='window.done = true'>Go</button><div style='height:2000px'></div><script>scrollTo(0, 1990)</script>`,
    );
    await perform(page, { do: "click", target: { text: "Go" } });
    expect(await evaluate(page, "window.done")).toBe(true);
  });

  it("comes into view", async () => {
    await show(page, "<div style='height:5000px'></div><button onclick='window.done = scrollY > 0'>Far down</button>");
    await perform(page, { do: "click", target: { text: "Far down" } });
    expect(await evaluate(page, "window.done")).toBe(true);
  });
});
