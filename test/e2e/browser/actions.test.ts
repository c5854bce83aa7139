import { beforeEach, describe, expect, it } from "vitest";
import { actions } from "../../../src/blocks/actions.ts";
import type { Json, JsonObject } from "../../../src/domain/json.ts";
import { at, evaluate, html, browserOfFile, runBlock, show, SOON } from "./harness.ts";

const { page } = await browserOfFile();

/** Runs steps on the page as it is. */
const run = (...steps: JsonObject[]) => runBlock(actions, page, { steps });
/** Every event that reached an element of the page, as `<id>:<type>`. */
const EVENTS = `<script>window.events = []; for (const type of ["input", "change", "keydown", "mouseover", "click"]) {
  document.addEventListener(type, (event) => { if (event.target.id) window.events.push(event.target.id + ":" + type); }, true);
}</script>`;
const value = (id: string): Promise<Json> => evaluate(page, `document.getElementById("${id}").value`);

describe("goto", () => {
  it("opens an address and tells where it arrived", async () => {
    const { output } = await run({ action: "goto", url: at(`/redirect?to=${encodeURIComponent("/list?page=2")}`) });
    expect(output).toEqual({ url: at("/list?page=2"), title: "List 2" });
  });

  it.each([
    [404, "block"],
    [503, "temporary"],
  ])("fails on a page with status %i: %s", async (code, errorClass) => {
    const message = `steps[0] goto ${at(`/status?code=${code}`)}: ${at(`/status?code=${code}`)} answered with status ${code} ("Status ${code}")`;
    await expect(run({ action: "goto", url: at(`/status?code=${code}`) })).rejects.toMatchObject({
      name: "BlockError",
      errorClass,
      message,
    });
  });
});

describe("back, forward and reload", () => {
  it("move in the tab's history", async () => {
    await show(page, "<title>First</title>");
    const { output } = await run(
      { action: "goto", url: at("/list?page=2") },
      { action: "back" },
      { action: "extract", name: "before", fields: { title: "title" } },
      { action: "forward", wait_until: "domcontentloaded" },
    );
    expect(output).toEqual({ url: at("/list?page=2"), title: "List 2", before: { title: "First" } });
  });

  it("move within a document", async () => {
    await show(page, "<title>One</title><a href='#there'>There</a><p id=there>Here</p>");
    const here = page.url();
    const { output } = await run({ action: "click", target: "a" }, { action: "back" });
    expect(output["url"]).toBe(here);
    await run({ action: "forward" });
    expect(page.url()).toBe(`${here}#there`);
  });

  it("load the page again", async () => {
    await show(page, "<input id=a value=old>");
    await run({ action: "fill", target: "#a", value: "new" }, { action: "reload" });
    expect(await value("a")).toBe("old");
  });

  it("say when there is nothing to go to", async () => {
    await page.goto(at("/list"), { ...SOON, waitUntil: "load" });
    await expect(run({ action: "forward" })).rejects.toThrow(
      /^steps\[0\] forward: there is nothing to go forward to: the tab's history has \d+ pages, and .*\/list is the last$/,
    );
  });
});

describe("fill", () => {
  it.each([
    ["text", "<input id=a value=old>", "new"],
    ["an empty text", "<input id=a value=old>", ""],
    ["a number", "<input id=a type=number>", "12.5"],
    ["a date", "<input id=a type=date>", "2026-11-22"],
    ["a text area", "<textarea id=a>old</textarea>", "two\nlines"],
    ["a colour", "<input id=a type=color>", "#00ff00"],
    ["what its label names", "<label id=l>Name <input id=a></label>", "Ann"],
  ])("puts %s in", async (_, markup, text) => {
    await show(page, markup + EVENTS);
    await run({ action: "fill", target: "#a", value: text });
    expect(await value("a")).toBe(text);
    expect(await evaluate(page, "window.events")).toEqual(expect.arrayContaining(["a:input", "a:change"]));
  });

  it.each([
    ["<input id=a type=color>", "#00FF00", "#00ff00"],
    ["<input id=a type=datetime-local>", "2026-01-31 13:45:00", "2026-01-31T13:45"],
    ["<input id=a type=range>", "30.0", "30"],
    ["<input id=a type=email>", " ann@example.test ", "ann@example.test"],
    ["<input id=a oninput='a.value = a.value.toUpperCase()'>", "new", "NEW"],
    ["<input id=a><script>a.onchange = () => { window.entry = a.value; a.value = '' }</script>", "new", ""],
    [
      "<input id=a><script>a.oninput = () => { const now = a.value; a.value = ''; setTimeout(() => { a.value = now }, 50) }</script>",
      "new",
      "new",
    ],
    [
      "<p id=box></p><script>const field = (late) => { box.innerHTML = `<input id=a ${late}>` }; field(\"onfocus='field(1)'\")</script>",
      "new",
      "new",
    ],
  ])("holds what %s makes of it", async (markup, text, held) => {
    await show(page, markup);
    await run({ action: "fill", target: "#a", value: text });
    expect(await value("a")).toBe(held);
  });

  it("takes a number, as a whole expression gives it", async () => {
    await show(page, "<input id=a>");
    await run({ action: "fill", target: "#a", value: 7 });
    expect(await value("a")).toBe("7");
  });

  it("replaces the content of an editable element", async () => {
    await show(page, "<div id=a contenteditable>old</div>");
    await run({ action: "fill", target: "#a", value: "new" });
    expect(await evaluate(page, "document.getElementById('a').textContent")).toBe("new");
  });

  it("tells an editor that keeps its text itself", async () => {
    await show(
      page,
      `<div id=a contenteditable>old</div><script>
        window.text = a.textContent;
        a.addEventListener("beforeinput", (event) => {
          const [{ startContainer, startOffset, endOffset }] = event.getTargetRanges();
          event.preventDefault();
          text = (startContainer === a && startOffset === 0 && endOffset === 1 ? "" : text) + (event.data ?? "");
          setTimeout(() => { a.textContent = text; }, 20);
        });
      </script>`,
    );
    await run({ action: "fill", target: "#a", value: "new" });
    expect(await evaluate(page, "[text, a.textContent]")).toEqual(["new", "new"]);
    await run({ action: "fill", target: "#a", value: "" });
    expect(await evaluate(page, "[text, a.textContent]")).toEqual(["", ""]);
  });

  it.each([
    ["<div id=a>x</div>", /<div id="a">x<\/div> is not a field/],
    ["<div id=a contenteditable onbeforeinput='return false'>x</div>", /has put back what it held before/],
    ["<input id=a type=checkbox>", /is not a field; use check/],
    ["<select id=a></select>", /use select/],
    ["<input id=a type=date>", /does not take this value: it is no date \(such as 2026-01-31\)/],
    ["<input id=a type=color>", /does not take this value: it is no color/],
    ["<input id=a maxlength=4>", /takes 4 characters at most, and the value has more/],
    ["<input id=a value=old oninput='a.value = `old`'>", /was filled, but the page has put back what it held before/],
    ["<input id=a value=old oninput='queueMicrotask(() => { a.value = `old` })'>", /has put back what it held before/],
    ["<input id=a oninput='a.value = ``'>", /has put back what it held before/],
    ["<div inert><input id=a></div>", /is inert/],
    ["<input id=a><dialog id=d>Sure?</dialog><script>d.showModal()</script>", /is behind <dialog id="d">Sure\?<\/dialog>, which is open/],
  ])("refuses %s", async (markup, message) => {
    await show(page, markup);
    await expect(run({ action: "fill", target: "#a", value: "x 12345", timeout_seconds: 0.5 })).rejects.toThrow(message);
  });

  it("never shows the value in a failure", async () => {
    await show(page, "<title>x</title>");
    await expect(run({ action: "fill", target: "#a", value: "s3cret", timeout_seconds: 0.3 })).rejects.not.toThrow("s3cret");
  });
});

describe("type and press", () => {
  it("types key by key at the end of a field", async () => {
    await show(page, `<input id=a value="x-">${EVENTS}`);
    await run({ action: "type", target: "#a", text: "Aé!9" });
    expect(await value("a")).toBe("x-Aé!9");
    expect(await evaluate(page, "window.events.filter((event) => event === 'a:keydown').length")).toBe(3);
  });

  it.each([
    ["a number", "<input id=a type=number value=1>", "2.5", "12.5"],
    ["an e-mail address", "<input id=a type=email value=ann@>", "b.test", "ann@b.test"],
    ["a field that is replaced when it gets the focus", "<p id=box><input id=a onfocus='box.innerHTML = `<input id=a>`'>", "x", "x"],
    [
      "a field that is drawn anew for each key",
      "<p id=box></p><script>const field = (text) => { box.innerHTML = `<input id=a oninput='field(this.value); a.focus(); a.setSelectionRange(9, 9)'>`; a.value = text }; field('')</script>",
      "abcd",
      "abcd",
    ],
  ])("types at the end of %s", async (_, markup, text, held) => {
    await show(page, markup);
    await run({ action: "type", target: "#a", text });
    expect(await value("a")).toBe(held);
  });

  it.each([
    ["<p id=a>A</p><input id=b autofocus>", /<p id="a">A<\/p> does not take the focus, which is on <input id="b">/],
    ["<div inert><input id=a></div>", /is inert/],
    [
      "<p id=box></p><script>const field = (text) => { box.innerHTML = `<input id=a oninput='field(this.value)'>`; a.value = text }; field('')</script>",
      /3 keys came to nothing: <input id="a"> had lost the focus/,
    ],
    ["<input id=a maxlength=1>", /3 keys came to nothing: the field had as many characters as it takes \(`delay_ms` gives/],
  ])("does not type past %s", async (markup, message) => {
    await show(page, markup);
    await expect(run({ action: "type", target: "#a", text: "abcd", timeout_seconds: 1 })).rejects.toThrow(message);
  });

  it("types where the focus is", async () => {
    await show(page, "<input id=a><input id=b>");
    await run({ action: "click", target: "#b" }, { action: "type", text: "here" });
    expect(await value("b")).toBe("here");
  });

  it("leaves time between the keys", async () => {
    await show(page, "<input id=a><script>times = []; a.onkeydown = () => times.push(performance.now())</script>");
    await run({ action: "type", target: "#a", text: "abc", delay_ms: 60 });
    expect(await value("a")).toBe("abc");
    expect(await evaluate(page, "times[2] - times[0] >= 110")).toBe(true);
  });

  it("presses chords", async () => {
    await show(page, "<input id=a value=old>");
    await run({ action: "press", target: "#a", key: "Control+A" }, { action: "press", key: "Backspace" }, { action: "type", text: "new" });
    expect(await value("a")).toBe("new");
  });

  it("submits a form by Enter and waits for what it leads to", async () => {
    await show(page, "<form action=/submit method=post><input name=q></form>");
    const { output } = await run({ action: "fill", target: { role: "textbox" }, value: "desk" }, { action: "press", key: "Enter" });
    expect(output).toEqual({ url: at("/submit"), title: "Received" });
    expect(await evaluate(page, "form.textContent")).toBe("q=desk");
  });

  it("names a key that does not exist", async () => {
    await show(page, "<input>");
    await expect(run({ action: "press", key: "Entr" })).rejects.toThrow('steps[0] press Entr: there is no key "Entr"');
  });
});

describe("select", () => {
  const SELECT = `<select id=a><option value=s>Small</option><option value=l>Very  large</option><option value=x disabled>Gone</option></select>${EVENTS}`;
  it.each([
    ["value", { value: "l" }],
    ["label", { label: "very large" }],
    ["index", { index: 1 }],
    ["index from the end", { index: -2 }],
  ])("chooses by %s", async (_, choice) => {
    await show(page, SELECT);
    await run({ action: "select", target: "#a", ...choice });
    expect(await value("a")).toBe("l");
    expect(await evaluate(page, "window.events")).toEqual(["a:input", "a:change"]);
  });

  it.each<[string, JsonObject, Json]>([
    ["by values", { values: ["a", "c"] }, ["a", "c"]],
    ["by labels", { labels: ["Bee"] }, ["b"]],
    ["none", { values: [] }, []],
  ])("chooses exactly several options: %s", async (_, choice, expected) => {
    await show(page, `<select id=a multiple><option value=a selected>Ay<option value=b>Bee<option value=c>Cee</select>${EVENTS}`);
    await run({ action: "select", target: "#a", ...choice });
    expect(await evaluate(page, "[...a.selectedOptions].map((option) => option.value)")).toEqual(expected);
    expect(await evaluate(page, "window.events")).toEqual(["a:input", "a:change"]);
  });

  it("says that only one can be chosen", async () => {
    await show(page, SELECT);
    await expect(run({ action: "select", target: "#a", values: ["s", "l"] })).rejects.toThrow("takes one option, not 2");
  });

  it("says which options there are, and that one is disabled", async () => {
    await show(page, SELECT);
    await expect(run({ action: "select", target: "#a", label: "Medium", timeout_seconds: 0.3 })).rejects.toThrow(
      'has no option with the label "Medium"; it has "Small", "Very large", "Gone"',
    );
    await expect(run({ action: "select", target: "#a", value: "x", timeout_seconds: 0.3 })).rejects.toThrow(
      'the option "x" of <select id="a"',
    );
  });

  it("goes on in the page that the choice leads to", async () => {
    await show(
      page,
      "<form action=/submit method=post><select name=size onchange='form.submit()'><option>S<option>L</select><input name=late></form>",
    );
    const { output } = await run(
      { action: "select", target: "select", label: "L" },
      { action: "extract", name: "sent", fields: { form: "#form" } },
    );
    expect(output["sent"]).toEqual({ form: "size=L&late=" });
  });

  it("does not do the next step in the page that it is leaving", async () => {
    await show(
      page,
      "<form action=/submit method=post><select name=size onchange='form.submit()'><option>S<option>L</select><input name=late></form>",
    );
    const steps = [
      { action: "select", target: "select", label: "L" },
      { action: "fill", target: "[name=late]", value: "x", timeout_seconds: 0.5 },
    ];
    await expect(run(...steps)).rejects.toThrow(/steps\[1\] fill \[name=late\]: no element matches on .*\/submit/);
  });
});

describe("check and uncheck", () => {
  const BOXES = `<label><input id=a type=checkbox>Terms</label><input id=b type=checkbox checked><input id=r type=radio name=r>
    <label><input id=h type=checkbox style="opacity:0;position:absolute;width:0;height:0">Hidden</label><span id=s role=switch aria-checked=false onclick="setAttribute('aria-checked', 'true')">On</span>${EVENTS}`;
  beforeEach(() => show(page, BOXES));

  it("ticks and clears, and leaves alone what is so already", async () => {
    await run(
      { action: "check", target: { label: "Terms" } },
      { action: "uncheck", target: "#b" },
      { action: "check", target: "#r" },
      { action: "check", target: "#a" },
    );
    expect(await evaluate(page, "[a.checked, b.checked, r.checked]")).toEqual([true, false, true]);
    expect(await evaluate(page, "window.events.filter((event) => event === 'a:click').length")).toBe(1);
  });

  it("ticks a box that is hidden behind its label, and a switch of the page's own making", async () => {
    await run({ action: "check", target: { label: "Hidden" } }, { action: "check", target: { role: "switch" } });
    expect(await evaluate(page, "[h.checked, s.getAttribute('aria-checked')]")).toEqual([true, "true"]);
  });

  it.each([
    ["at once", "onclick", "on()"],
    ["when its framework draws it", "onclick", "queueMicrotask(on)"],
    ["when the server has answered", "onclick", "setTimeout(on, 150)"],
    ["as soon as it is pressed", "onpointerdown", "on()"],
  ])("waits for a switch that turns %s, and turns it once", async (_, event, script) => {
    await show(
      page,
      `<button id=s role=switch aria-checked=false ${event}="${script}">On</button><script>
        window.turns = 0; const on = () => s.setAttribute("aria-checked", String(++turns % 2 === 1));
      </script>`,
    );
    await run({ action: "check", target: "#s" }, { action: "check", target: "#s" });
    expect(await evaluate(page, "[turns, s.getAttribute('aria-checked')]")).toEqual([1, "true"]);
  });

  it.each([
    ["<input id=x type=checkbox onchange='queueMicrotask(() => { x.checked = false })'>", "is still unchecked after a click"],
    ["<div inert><input id=x type=checkbox></div>", "is inert"],
    ["<input id=x type=checkbox><dialog id=d>Sure?</dialog><script>d.showModal()</script>", 'is behind <dialog id="d">'],
  ])("says that %s does not become ticked", async (markup, message) => {
    await show(page, markup);
    await expect(run({ action: "check", target: "#x", timeout_seconds: 0.5 })).rejects.toThrow(message);
    expect(await evaluate(page, "x.checked")).toBe(false);
  });

  it("says that a radio button cannot be cleared", async () => {
    await run({ action: "check", target: "#r" });
    await expect(run({ action: "uncheck", target: "#r" })).rejects.toThrow("is a radio button: check another of its group");
  });
});

it("hovers", async () => {
  await show(
    page,
    "<style>#menu { display: none } nav:hover #menu { display: block }</style><nav>Menu<button id=menu onclick='window.done = true'>Item</button></nav>",
  );
  await run({ action: "hover", target: "nav" }, { action: "click", target: { text: "Item" } });
  expect(await evaluate(page, "window.done")).toBe(true);
});

it.each([
  ["moves away", "addEventListener('mousemove', () => a.before(document.createElement('hr')), { once: true, capture: true })"],
  ["goes away", "a.onmouseenter = () => { a.remove(); b.hidden = false }"],
  ["is covered", "a.onmouseenter = () => { b.style = 'position:fixed;inset:0'; b.hidden = false }"],
])("hovers over what %s then", async (_, script) => {
  await show(
    page,
    `<style>hr { height: 200px }</style><div id=a>A</div><div id=b hidden>B</div><script>const [a, b] = document.querySelectorAll("div"); ${script}</script>`,
  );
  await run({ action: "hover", target: "#a", timeout_seconds: 5 });
  expect(await evaluate(page, "a.matches(':hover') || !b.hidden")).toBe(true);
});

describe("scroll", () => {
  const position = () => evaluate(page, "[scrollX, scrollY]");
  beforeEach(() => show(page, "<div style='width:3000px;height:3000px'></div><p id=end>End</p>"));

  it("brings an element into view", async () => {
    await run({ action: "scroll", target: "#end" });
    expect(await evaluate(page, "end.getBoundingClientRect().top < innerHeight")).toBe(true);
  });

  it("goes to an end and by an amount", async () => {
    await run({ action: "scroll", to: "bottom" });
    expect(await evaluate(page, "scrollY + innerHeight >= document.documentElement.scrollHeight - 1")).toBe(true);
    await run({ action: "scroll", to: "top" }, { action: "scroll", by: { x: 30, y: 200 } });
    expect(await position()).toEqual([30, 200]);
  });

  it("scrolls what is inside an element", async () => {
    await show(
      page,
      "<div id=box style='height:100px;overflow:auto'><ul><li style='height:900px'>Long</ul></div><p style='height:2000px'>",
    );
    await run({ action: "scroll", target: "li", by: { y: 40 } });
    expect(await evaluate(page, "[box.scrollTop, scrollY]")).toEqual([40, 0]);
    await run({ action: "scroll", target: "#box", to: "bottom" });
    expect(await evaluate(page, "box.scrollTop + box.clientHeight >= box.scrollHeight - 1")).toBe(true);
    await expect(run({ action: "scroll", target: "p", to: "bottom" })).rejects.toThrow("does not scroll, nor does anything around it");
  });

  const GROWING = (around: string, entries: number) => `${around}<i id=mark>…</i></div><script>
    let count = 0;
    const add = () => { for (let i = 0; i < 10 && count < ${entries}; i++) mark.insertAdjacentHTML("beforebegin", "<p style='height:50px'>" + ++count + "</p>"); };
    add();
    new IntersectionObserver(([entry]) => entry.isIntersecting && setTimeout(add, 50)).observe(mark);
  </script>`;

  it.each([
    ["the page", "<div>", {}],
    ["an element", "<div id=box style='height:200px;overflow:auto'>", { target: "#box" }],
  ])("goes on to the end of a list that grows: %s", async (_, around, inside) => {
    await show(page, GROWING(around, 60));
    await run({ action: "scroll", to: "end", idle_seconds: 2, ...inside });
    expect(await evaluate(page, "count")).toBe(60);
  });

  it("stops in a list without an end after so many scrolls, or says that there was more", async () => {
    await show(page, GROWING("<div>", 1e6));
    await run({ action: "scroll", to: "end", max_scrolls: 3 });
    expect(await evaluate(page, "count")).toBeLessThan(60);
    await expect(run({ action: "scroll", to: "end", timeout_seconds: 1 })).rejects.toThrow(
      /more was still being loaded after \d+ scrolls; set max_scrolls/,
    );
  });
});

describe("upload", () => {
  const INPUT = "<input id=a type=file style='display:none'><input id=many type=file multiple>";
  const names = (id: string) =>
    evaluate(page, `Promise.all([...${id}.files].map(async (file) => [file.name, file.type, await file.text()]))`);
  beforeEach(() => show(page, INPUT));

  it("gives text, Base64 and fetched files to an input, hidden or not", async () => {
    await run({ action: "upload", target: "#a", files: [{ name: "a.txt", text: "häll" }] });
    expect(await names("a")).toEqual([["a.txt", "text/plain", "häll"]]);
    const files = [{ name: "b.bin", base64: btoa("b"), content_type: "application/x-b" }, { url: at("/report.csv") }];
    await run({ action: "upload", target: "#many", files });
    expect(await names("many")).toEqual([
      ["b.bin", "application/x-b", "b"],
      ["report.csv", "text/csv", "sku,price\nA-1,9\n"],
    ]);
  });

  it("fails at the step whose file is not to be had, after the steps before it", async () => {
    const steps = [
      { action: "scroll", to: "bottom" },
      { action: "upload", target: "#a", files: [{ url: at("/status?code=404") }] },
    ];
    await expect(run(...steps)).rejects.toThrow(`steps[1] upload #a: ${at("/status")} answered with status 404`);
  });

  it("gives stored files, by id, by an output or a list of them, under their own names or another", async () => {
    const stored = ["one", "two"].map((text) => ({
      type: "download",
      name: `${text}.txt`,
      contentType: "text/x",
      bytes: new TextEncoder().encode(text),
    }));
    const given = async (files: Json) => {
      await runBlock(actions, page, { steps: [{ action: "upload", target: "#many", files }] }, undefined, stored);
      return await names("many");
    };
    const id = `a_${"0".repeat(26)}`.replace(/.$/, "1");
    expect(
      await given([{ file: { artifact_id: "a_1", file_name: "one.txt", size_bytes: 3 }, name: "mine.txt", content_type: "text/y" }]),
    ).toEqual([["mine.txt", "text/y", "one"]]);
    expect(await given([{ file: { downloaded_files: [{ artifact_id: "a_1" }, { artifact_id: "a_2" }] } }, { text: "3" }])).toEqual([
      ["one.txt", "text/x", "one"],
      ["two.txt", "text/x", "two"],
      ["file", "text/plain", "3"],
    ]);
    expect(await given([{ file: id }])).toEqual([["one.txt", "text/x", "one"]]);
  });

  it.each<[string, JsonObject, string]>([
    ["an artifact that is not there", { file: { artifact_id: "a_9" } }, 'there is no artifact "a_9"'],
    ["a text that names no file", { file: "report" }, '"report" names no file'],
    ["what was never downloaded", { file: "SKYVERN_DOWNLOAD_DIRECTORY" }, "there is no file to upload"],
    ["an empty list", { file: [] }, "there is no file to upload"],
    ["too much", { text: "x".repeat(26 * 1024 * 1024) }, '"file" is larger than 25 MB'],
  ])("says what is wrong with %s", async (_, file, message) => {
    await expect(run({ action: "upload", target: "#a", files: [file] })).rejects.toThrow(`steps[0] upload #a: ${message}`);
  });

  describe("behind a button", () => {
    const BUTTON = (how: string) => `<button id=go onclick="${how}">Choose</button><input id=a type=file style='display:none'>`;

    it.each([
      ["that clicks the input", BUTTON("document.getElementById('a').click()")],
      [
        "whose input is nowhere in the page",
        BUTTON("window.a = Object.assign(document.createElement('input'), { type: 'file' }); window.a.click()"),
      ],
      ["that thinks a moment", BUTTON("setTimeout(() => document.getElementById('a').click(), 100)")],
    ])("%s, gives the files to the chooser that it opens", async (_, markup) => {
      await show(page, `${markup}<script>window.changes = 0; document.addEventListener('change', () => window.changes++, true)</script>`);
      await run({ action: "upload", target: "#go", files: [{ name: "a.txt", text: "häll" }] });
      expect(await names("window.a")).toEqual([["a.txt", "text/plain", "häll"]]);
    });

    it("says that it opens none, or takes one file only", async () => {
      await show(page, BUTTON("window.done = true"));
      await expect(run({ action: "upload", target: "#go", files: [{ text: "1" }], timeout_seconds: 0.5 })).rejects.toThrow(
        "steps[0] upload #go: it is no file input, and clicking it opened no file chooser",
      );
      await show(page, BUTTON("document.getElementById('a').click()"));
      await expect(run({ action: "upload", target: "#go", files: [{ text: "1" }, { text: "2" }] })).rejects.toThrow(
        "takes one file, not 2",
      );
    });
  });

  it("refuses several files where one is wanted", async () => {
    await expect(run({ action: "upload", target: "#a", files: [{ text: "1" }, { text: "2" }] })).rejects.toThrow("takes one file, not 2");
  });
});

describe("wait_for", () => {
  it.each([
    ["a visible element", "document.body.innerHTML = '<p id=x>x</p>'", { target: "#x" }],
    ["an element to go", "y.remove()", { target: "#y", state: "hidden" }],
    ["a text", "document.body.append('All  Done')", { text: "all done" }],
    ["an address", "history.pushState({}, '', '/orders/7?x=1')", { url: "/orders/*" }],
    ["an address of another page", "location.href = '/list?page=2'", { url: "**/list" }],
    ["a function", "window.ready = { yes: true }", { function: "window.ready.yes" }],
    ["a function of the page", "window.ready = 1", { function: "async () => window.ready" }],
    ["a load state", "", { load_state: "networkidle" }],
  ])("%s", async (_, script, condition) => {
    await show(page, `<p id=y>y</p><script>setTimeout(() => { ${script} }, 200)</script>`);
    await run({ action: "wait_for", ...condition });
  });

  it.each([
    ["#y", { target: "#y", state: "hidden" }, /still visible: .*<p id="y">/],
    ['"later"', { text: "later" }, /does not show this text/],
    ["/orders/*", { url: "/orders/*" }, /the address is still http/],
    ["function", { function: "window.ready" }, /the script's value is still undefined on http/],
    ["function", { function: "window.ready.yes" }, /the script threw TypeError/],
  ])("says what is so instead, for %s", async (name, condition, message) => {
    await show(page, "<p id=y>y</p>");
    const failure = run({ action: "wait_for", ...condition, timeout_seconds: 0.4 });
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toThrow(`steps[0] wait_for ${name}: `);
  });
});

describe("wait_for a response", () => {
  const PAGE = `<button onclick="fetch('/submit?n=1', { method: 'POST', body: '' }).then(() => { window.sent = true })">Send</button>`;

  it("takes one that the step before has asked for, whether it has come or not", async () => {
    await show(page, PAGE);
    await run(
      { action: "click", target: "button" },
      { action: "wait_for", function: "window.sent" },
      { action: "wait_for", response: { url: "**/submit?n=*", method: "post", status: 200 } },
    );
    const later = "setTimeout(() => fetch('/status?code=404'), 200)";
    await run({ action: "evaluate", script: later }, { action: "wait_for", response: { url: "**/status?code=404", status: 404 } });
    await run({ action: "goto", url: at("/list") }, { action: "wait_for", response: { url: at("/list") } });
  });

  it.each<[string, JsonObject, string]>([
    ["a script", { action: "evaluate", script: "await fetch('/status?code=503'); 1" }, `GET ${at("/status?code=503")} 503`],
    ["another page", { action: "goto", url: at("/list") }, `GET ${at("/list")} 200`],
  ])("does not take an earlier one, and tells what came instead: %s", async (_, between, instead) => {
    await show(page, PAGE);
    const steps = [
      { action: "click", target: "button" },
      { action: "wait_for", function: "window.sent" },
      between,
      { action: "wait_for", response: { url: "**/submit?n=*" }, timeout_seconds: 0.4 },
    ];
    await expect(run(...steps)).rejects.toThrow(
      `steps[3] wait_for **/submit?n=*: no such response within 0.4 s: since the step before there were ${instead}`,
    );
  });
});

describe("evaluate", () => {
  beforeEach(() => show(page, "<title>Here</title>"));

  it.each<[string, string, Json]>([
    ["an expression", "document.title", "Here"],
    ["the last of several statements", "const a = 2; a * 21", 42],
    ["an awaited promise", "const list = await new Promise((done) => setTimeout(() => done([1, null]), 20)); list", [1, null]],
    ["a promise", "new Promise((done) => setTimeout(() => done({ a: new Date(0) }), 20))", { a: "1970-01-01T00:00:00.000Z" }],
    ["a promise of nothing", "Promise.resolve()", null],
    ["null", "null", null],
    ["nothing", "undefined", null],
    ["arguments as data", "args.text + args.list.length", '`"</script>2'],
  ])("gives the value of %s", async (_, script, result) => {
    const { output } = await run({ action: "evaluate", script, args: { text: '`"</script>', list: [1, 2] }, name: "answer" });
    expect(output["answer"]).toEqual(result);
  });

  it("may be repeated with the same declarations", async () => {
    const step = { action: "evaluate", script: "const once = 1; once", name: "a" };
    await run(step);
    await expect(run(step)).resolves.toMatchObject({ output: { a: 1 } });
  });

  it.each([
    ["throw new Error('boom')", "the script threw Error: boom"],
    ["throw 'boom'", 'the script threw "boom"'],
    ["Promise.reject(new TypeError('later'))", "the script threw TypeError: later"],
    ["() => 1", "the script's value is no JSON: () => 1"],
    ["document.querySelector('title')", "the script's value is no JSON: title"],
    ["0 / 0", "the script's value is no JSON: NaN"],
    ["const a = []; a.push(a); a", "the script threw TypeError: Converting circular structure to JSON"],
    ["(", "the script threw SyntaxError"],
  ])("tells what is wrong with %s", async (script, message) => {
    await expect(run({ action: "evaluate", script })).rejects.toThrow(`steps[0] evaluate: ${message}`);
  });

  it("waits for the page that it leads to", async () => {
    const { output } = await run({ action: "evaluate", script: "location.href = '/list?page=3'" });
    expect(output["title"]).toBe("List 3");
  });
});

it("extracts typed values, keeps screenshots, and names the failing step after the ones that worked", async () => {
  await show(page, "<h1>Order 7</h1><i class=total>€ 1.234,50</i>");
  const { output, artifacts } = await run(
    { action: "extract", name: "order", fields: { heading: "h1", total: { target: ".total", type: "number" } } },
    { action: "screenshot", name: "order/7", full_page: true },
    { action: "screenshot", target: "h1" },
  );
  expect(output["order"]).toEqual({ heading: "Order 7", total: 1234.5 });
  expect(artifacts.map(({ type, name, contentType }) => [type, name, contentType])).toEqual([
    ["screenshot", "order_7.png", "image/png"],
    ["screenshot", "screenshot.png", "image/png"],
  ]);
  const failing = run(
    { action: "scroll", to: "top" },
    { action: "hover", target: "h1" },
    { action: "click", target: { role: "button", name: "Order" }, timeout_seconds: 0.3 },
  );
  await expect(failing).rejects.toThrow('steps[2] click {"role":"button","name":"Order"}: no element matches');
});

describe("download", () => {
  it.each([
    ["a link to an attachment", "<a id=d href=/report.csv>CSV</a>", "report.csv"],
    ["a link with a name of its own", "<a id=d href=/report.csv download=mine.csv>CSV</a>", "report.csv"],
    ["a form", "<form action=/report.csv method=post><button id=d>CSV</button></form>", "report.csv"],
    ["a link to another tab", "<a id=d href=/report.csv target=_blank>CSV</a>", "report.csv"],
    [
      "a file that the page makes and forgets at once",
      "<button id=d>CSV</button><script>d.onclick = async () => { const text = await (await fetch('/report.csv')).text(); const a = document.createElement('a'); a.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' })); a.download = 'made.csv'; a.click(); URL.revokeObjectURL(a.href); }</script>",
      "made.csv",
    ],
    ["a data link", "<a id=d download=data.csv href='data:text/csv,sku%2Cprice%0AA-1%2C9%0A'>CSV</a>", "data.csv"],
    ["a data link in Base64", "<a id=d download=data.csv href='data:text/csv;base64,c2t1LHByaWNlCkEtMSw5Cg%3D%3D'>CSV</a>", "data.csv"],
  ])("takes the file of %s, and stays on the page", async (_, markup, name) => {
    await show(page, markup);
    const { output, artifacts } = await run({ action: "download", name: "report", target: "#d" });
    const text = "sku,price\nA-1,9\n";
    expect(output["report"]).toMatchObject({ file_name: name, content_type: "text/csv", size_bytes: 16, artifact_id: "a_1", text });
    expect(artifacts.map(({ type, bytes }) => [type, new TextDecoder().decode(bytes)])).toEqual([["download", text]]);
    expect(output["url"]).toBe(html(markup));
  });

  it("takes bytes that are no text", async () => {
    await show(page, "<a id=d download=a.bin href='data:application/x-b,%FF%00a'>Bytes</a>");
    const { artifacts } = await run({ action: "download", name: "report", target: "#d" });
    expect([...artifacts[0]!.bytes]).toEqual([0xff, 0, 0x61]);
  });

  it("keeps a large text out of the output", async () => {
    await show(page, "<a id=d href='/report.csv?digits=3000000'>CSV</a>");
    const { output, artifacts } = await run({ action: "download", name: "report", target: "#d" });
    expect(output["report"]).not.toHaveProperty("text");
    expect(artifacts[0]?.bytes.byteLength).toBe(3_000_015);
  });

  it("refuses a file that is too large", async () => {
    await show(page, "<a id=d href='/report.csv?digits=27000000'>CSV</a>");
    await expect(run({ action: "download", name: "report", target: "#d" })).rejects.toThrow("the file is larger than 25 MB");
  });

  it("says where the click led when it starts no download", async () => {
    await show(page, "<a id=d href='/list'>List</a>");
    await expect(run({ action: "download", name: "report", target: "#d", timeout_seconds: 3 })).rejects.toThrow(
      `steps[0] download #d: the click started no download within 3 s; the page is now ${at("/list")}`,
    );
  });

  it("leaves the page usable, with other downloads saved nowhere", async () => {
    await show(page, "<a id=d href=/report.csv>CSV</a><button onclick='window.done = true'>Go on</button>");
    await run({ action: "click", target: "#d" }, { action: "click", target: { text: "Go on" } });
    expect(await evaluate(page, "window.done")).toBe(true);
  });
});
