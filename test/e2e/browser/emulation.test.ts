import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { actions } from "../../../src/blocks/actions.ts";
import type { Json, JsonObject } from "../../../src/domain/json.ts";
import type { BrowserTab } from "../../../src/ports/browser.ts";
import { at, evaluate, frame, html, htmlOn, leaseBrowser, type OneTab, runBlock, SOON } from "./harness.ts";

let one: OneTab;
const tabs: BrowserTab[] = [];
beforeAll(async () => {
  one = await leaseBrowser();
});
afterEach(() => Promise.all(tabs.splice(0).map((tab) => tab.close())));
afterAll(() => one.close());

/** Another tab of the browser, with a page. */
async function fresh(url = at("/list")): Promise<BrowserTab> {
  const tab = await one.lease.openTab({ tabId: null, state: null, signal: SOON.signal });
  tabs.push(tab);
  await tab.page.goto(url, { ...SOON, waitUntil: "load" });
  return tab;
}
const run = async (tab: BrowserTab, ...steps: JsonObject[]) => (await runBlock(actions, tab.page, { steps })).output;
const read = (script: string, name = "seen") => ({ action: "evaluate", script, name });
const goto = (url: string) => ({ action: "goto", url });
/** The same site under another name, so of another origin. */
const elsewhere = (path: string) => at(path).replace("127.0.0.1", "localhost");
const HEADERS = "JSON.parse(headers.textContent)";
const PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.7390.55 Mobile Safari/537.36";

/** What tells of every setting at once. */
const ALL = `(async () => [
  screen.width, devicePixelRatio, 'ontouchstart' in window, navigator.userAgent, navigator.platform, navigator.language,
  new Intl.NumberFormat().format(1234.5), Intl.DateTimeFormat().resolvedOptions().timeZone,
  await new Promise((done) => navigator.geolocation.getCurrentPosition(({ coords }) => done(coords.latitude), ({ code }) => done('error ' + code), { timeout: 3_000 })),
  ${HEADERS}['x-team'] ?? null, ${HEADERS}['accept-language'] ?? null,
])()`;
const SET_ALL = (origin: string) => [
  { action: "set_viewport", width: 400, height: 700, device_scale_factor: 2, mobile: true },
  { action: "set_user_agent", user_agent: PHONE },
  { action: "set_locale", locale: "de-DE" },
  { action: "set_timezone", timezone: "Asia/Tokyo" },
  { action: "set_geolocation", latitude: 47.5, longitude: 8.7, origins: [origin] },
  { action: "set_headers", headers: { "X-Team": "blue" }, origins: [origin] },
];
/** What a page is seen by, taken back; the rest is for the site. */
const TAKEN_BACK = [
  { action: "set_viewport" },
  { action: "set_user_agent", user_agent: null },
  { action: "set_locale", locale: null },
  { action: "set_timezone", timezone: null },
];
const SEEN: Json = [400, 2, true, PHONE, "Linux armv81", "de-DE", "1.234,5", "Asia/Tokyo", 47.5, "blue", "de-DE,de;q=0.9"];

describe("what is set for a tab", () => {
  const origin = () => new URL(at("/")).origin;

  it("is seen by its pages and by the site, and taken back again", async () => {
    const tab = await fresh();
    const before = await run(tab, goto(at("/headers")), read(ALL));
    const after = await run(tab, ...SET_ALL(origin()), goto(at("/headers")), read(ALL));
    expect(after["seen"]).toEqual(SEEN);
    const wide = await run(tab, { action: "set_viewport", width: 500, height: 400 }, read("[innerWidth, innerHeight]"));
    expect(wide["seen"]).toEqual([500, 400]);
    const back = await run(
      tab,
      ...TAKEN_BACK,
      { action: "set_headers", headers: {} },
      { action: "set_geolocation", latitude: 1, longitude: 2 },
      goto(at("/headers")),
      read(ALL),
    );
    expect((back["seen"] as Json[]).toSpliced(8, 1)).toEqual((before["seen"] as Json[]).toSpliced(8, 1));
    expect(tab.page.settings.now).toEqual({ geolocation: { latitude: 1, longitude: 2, accuracy: 1, origins: [origin()] } });
  });

  it("holds from the first request and the first script on for windows and tabs that it opens, and not for others", async () => {
    const tab = await fresh();
    const popup = at("/headers");
    const output = await run(
      tab,
      ...SET_ALL(origin()),
      { action: "evaluate", script: `void window.open(${JSON.stringify(popup)}, '_blank', 'noopener')` },
      { action: "switch_tab", newest: true },
      read(ALL, "window"),
      { action: "new_tab", url: popup },
      read(ALL, "tab"),
      {
        action: "evaluate",
        script: `void window.open(${JSON.stringify(html("<script>window.zone = Intl.DateTimeFormat().resolvedOptions().timeZone</script>"))})`,
      },
      { action: "switch_tab", newest: true },
      read("window.zone", "zone"),
    );
    expect(output).toMatchObject({ window: SEEN, tab: SEEN, zone: "Asia/Tokyo" });
    const other = await fresh(at("/headers"));
    expect((await run(other, read(ALL)))["seen"]).toMatchObject({ 1: 1, 9: null });
  });

  it("is part of the checkpoint: another browser has it before its first page", async () => {
    const tab = await fresh();
    await run(tab, ...SET_ALL(origin()), { action: "dialog", respond: "accept" }, goto(at("/headers")));
    const state = await tab.checkpoint();
    const second = await leaseBrowser({ state: { ...state, cookies: [] } });
    try {
      expect(await evaluate(second.page, ALL)).toEqual(SEEN);
      expect(await evaluate(second.page, "confirm('?')")).toBe(true);
      await second.disconnect();
      const third = await leaseBrowser({ sessionId: second.sessionId, tabId: second.tabId, state: { ...state, cookies: [] } });
      expect(third.resumed).toBe(true);
      expect(await evaluate(third.page, `location.reload()`)).toBeNull();
      expect(await evaluate(third.page, ALL)).toEqual(SEEN);
      await third.close();
    } finally {
      await second.close();
    }
  });

  it("has client hints that fit the user agent, and none where such a browser has none", async () => {
    const tab = await fresh();
    const hints = "navigator.userAgentData && navigator.userAgentData.getHighEntropyValues(['model', 'platformVersion'])";
    const output = await run(
      tab,
      { action: "set_user_agent", user_agent: PHONE },
      goto(at("/headers")),
      read(hints, "hints"),
      read(HEADERS, "sent"),
      { action: "set_user_agent", user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" },
      goto(at("/headers")),
      read(HEADERS, "firefox"),
    );
    expect(output["hints"]).toMatchObject({ platform: "Android", mobile: true, model: "Pixel 8", platformVersion: "14.0.0" });
    expect(output["sent"]).toMatchObject({ "user-agent": PHONE, "sec-ch-ua-mobile": "?1", "sec-ch-ua-platform": '"Android"' });
    expect(Object.keys(output["firefox"] as object).filter((name) => name.startsWith("sec-ch-"))).toEqual([]);
  });
});

describe("what is set for a tab that holds frames of other processes and workers", () => {
  const inOwn = (path: string) => at(path).replace("127.0.0.1", "own.localhost");
  /** What documents and workers can tell, of themselves and of what they ask for. */
  const TELL = `(async () => {
    const sent = JSON.parse(/\\{.*\\}/.exec(await (await fetch(${JSON.stringify(at("/headers"))})).text())[0]);
    return [navigator.userAgent, navigator.platform, navigator.userAgentData?.platform ?? null, navigator.languages.join(), new Intl.NumberFormat().format(1234.5),
      Intl.DateTimeFormat().resolvedOptions().timeZone, sent['user-agent'], sent['accept-language'] ?? null];
  })()`;
  const TELL_ALL = `[...await ${TELL}, 'ontouchstart' in window]`; // what documents can
  const POSITION = `new Promise((done) => navigator.geolocation.getCurrentPosition(({ coords }) => done(coords.latitude), ({ message }) => done(message)))`;
  const worker = JSON.stringify(`${TELL}.then(postMessage)`);
  const WORKER = `await new Promise((done) => { new Worker(URL.createObjectURL(new Blob([${worker}]))).onmessage = ({ data }) => done(data) })`;
  const TOLD: Json = [PHONE, "Linux armv81", "Android", "de-DE,de", "1.234,5", "Asia/Tokyo", PHONE, "de-DE,de;q=0.9"];
  const EVERYWHERE = { page: TOLD, worker: TOLD, outer: [...TOLD, true], inner: [...TOLD, true], workerOfFrame: TOLD };

  const inThird = (markup: string) => htmlOn("other process", markup).replace("own.", "third.");
  const gone = (text: string) => ({ action: "wait_for", text, frame: "#sibling" });
  const inner = frame("name=inner allow=geolocation", inThird("Inner"));
  const AROUND = html(`<title>Around</title>${frame("name=outer allow=geolocation", htmlOn("other process", inner))}`);
  const set = [
    ...SET_ALL("*").slice(0, 4),
    { action: "set_geolocation", latitude: 47.5, longitude: 8.7, origins: [new URL(at("/")).origin] },
  ];
  const reads = [
    read(TELL, "page"),
    read(WORKER, "worker"),
    { ...read(TELL_ALL, "outer"), frame: "outer" },
    { ...read(TELL_ALL, "inner"), frame: { css: "[name=inner]", frame: "outer" } },
    { ...read(WORKER, "workerOfFrame"), frame: "outer" },
  ];

  it("is seen in each of them, and by the sites that they ask", async () => {
    const tab = await fresh();
    const position = { ...read(POSITION, "position"), frame: { css: "[name=inner]", frame: "outer" } };
    expect(await run(tab, ...set, goto(AROUND), ...reads, position)).toMatchObject({ ...EVERYWHERE, position: 47.5 });
    const { sent } = await run(
      tab,
      { ...read(`void (location = ${JSON.stringify(inOwn("/headers"))})`), frame: "outer" },
      { action: "wait_for", target: { css: "#headers", frame: "outer" } },
      { ...read(HEADERS, "sent"), frame: "outer" },
    );
    expect(sent).toMatchObject({ "user-agent": PHONE, "accept-language": "de-DE,de;q=0.9", "sec-ch-ua-platform": '"Android"' });
  });

  it("is seen there at once when it is set, and gone when it is taken back", async () => {
    const tab = await fresh(AROUND);
    const before = await run(tab, ...reads);
    const { outer, inner, ...others } = await run(tab, ...set, ...reads);
    expect(others).toMatchObject({ page: TOLD, worker: TOLD, workerOfFrame: TOLD });
    for (const told of [outer, inner]) expect((told as Json[]).slice(0, 8)).toEqual(TOLD); // touch comes with a document
    const after = await run(tab, ...TAKEN_BACK, goto(AROUND), ...reads);
    for (const { name } of reads) expect(after[name], name).toEqual(before[name]);
  });

  it.each<[string, () => JsonObject[]]>([
    ["is removed", () => [read("sibling.remove()")]],
    ["comes into the page's own", () => [read(`sibling.src = ${JSON.stringify(html("Away"))}`), gone("Away")]],
    ["goes into another", () => [read(`sibling.src = ${JSON.stringify(inThird("Away"))}`), gone("Away")]],
  ])("stays in a frame when another of its process %s", async (_, leave) => {
    const tab = await fresh();
    const siblings = frame("id=sibling", htmlOn("other process", "First")) + frame("name=stays", htmlOn("other process", "Second"));
    const told = {
      ...read("[Intl.DateTimeFormat().resolvedOptions().timeZone, new Intl.NumberFormat().format(0.5)]", "told"),
      frame: "stays",
    };
    await run(
      tab,
      { action: "set_timezone", timezone: "Asia/Tokyo" },
      { action: "set_locale", locale: "de-DE" },
      goto(html(siblings)),
      ...leave(),
    );
    await expect.poll(async () => (await run(tab, told))["told"]).toEqual(["Asia/Tokyo", "0,5"]);
  });

  it("stays in a frame when its page goes nowhere after all", async () => {
    const tab = await fresh();
    const told = { ...read("Intl.DateTimeFormat().resolvedOptions().timeZone", "told"), frame: "outer" };
    await run(
      tab,
      { action: "set_timezone", timezone: "Asia/Tokyo" },
      goto(AROUND),
      { action: "evaluate", script: "void (location = '/status?code=204')" },
      { action: "wait_for", response: { url: "**/status*", status: 204 } },
    );
    await expect.poll(async () => (await run(tab, told))["told"]).toBe("Asia/Tokyo");
  });

  it("answers their servers and their dialogs, and sends their headers", async () => {
    const tab = await fresh();
    const asks = `const sent = JSON.parse(/\\{.*\\}/.exec(await (await fetch(${JSON.stringify(at("/headers"))})).text())[0]);`;
    const work = JSON.stringify(`(async () => { ${asks} postMessage(sent["x-team"] ?? null) })()`);
    const inWorker = `await new Promise((done) => { new Worker(URL.createObjectURL(new Blob([${work}]))).onmessage = ({ data }) => done(data) })`;
    const { page, outer } = await run(
      tab,
      { action: "set_headers", headers: { "X-Team": "blue" }, origins: ["*"] },
      { action: "basic_auth", username: "ann", password: "s3cret", origins: [new URL(inOwn("/")).origin] },
      { action: "dialog", respond: "accept" },
      goto(AROUND),
      read(inWorker, "page"),
      { ...read(`[${inWorker}, (await fetch("/login?id=framed")).status, confirm("?")]`, "outer"), frame: "outer" },
    );
    expect([page, outer]).toEqual(["blue", ["blue", 200, true]]);
  });

  it("stays when the page itself goes where its frame is, into the frame's process", async () => {
    const tab = await fresh();
    const zone = "[Intl.DateTimeFormat().resolvedOptions().timeZone, new Intl.NumberFormat().format(0.5)]";
    const next = htmlOn("other process", `<title>Next</title><script>window.atFirst = ${zone}</script>`);
    const { seen } = await run(
      tab,
      { action: "set_timezone", timezone: "Asia/Tokyo" },
      { action: "set_locale", locale: "de-DE" },
      goto(html(`<a href="${next.replaceAll("&", "&amp;")}">Next</a>${frame("name=f", htmlOn("other process", "Framed"))}`)),
      { action: "wait_for", text: "Framed", frame: "f" },
      { action: "click", target: "a" },
      { action: "wait_for", function: "document.title === 'Next'" },
      { action: "wait_for", load_state: "networkidle" },
      read(`[...window.atFirst, ...${zone}]`),
    );
    expect(seen).toEqual(["Asia/Tokyo", "0,5", "Asia/Tokyo", "0,5"]);
  });

  it("is set although one of the frames hangs", async () => {
    const tab = await fresh(AROUND);
    const hang = { ...read("setTimeout(() => { while (true) {} })"), frame: "outer" };
    const { zone } = await run(
      tab,
      hang,
      { action: "set_timezone", timezone: "Asia/Tokyo" },
      read("Intl.DateTimeFormat().resolvedOptions().timeZone", "zone"),
    );
    expect(zone).toBe("Asia/Tokyo");
  });
});

describe("set_locale", () => {
  it("alone is sent with the first request of a window that the page opens, and leaves the rest as it is", async () => {
    const tab = await fresh(at("/headers"));
    const own = `[navigator.userAgent, navigator.userAgentData.brands.map(({ brand }) => brand), ${HEADERS}['sec-ch-ua']]`;
    const output = await run(
      tab,
      read(own, "before"),
      { action: "set_locale", locale: "de-DE" },
      read(`void window.open("/headers", "_blank", "noopener")`),
      { action: "switch_tab", newest: true },
      read(`${HEADERS}['accept-language']`, "asked"),
      read(own, "after"),
    );
    expect(output["asked"]).toBe("de-DE,de;q=0.9");
    expect(output["after"]).toEqual(output["before"]);
  });
});

describe("set_headers", () => {
  it("sends them in every frame, also in one of a frame that another process has", async () => {
    const tab = await fresh();
    const inner = frame("name=inner", at("/headers"));
    const outer = frame("name=outer", htmlOn("other process", inner));
    const { sent } = await run(
      tab,
      { action: "set_headers", headers: { "X-Team": "blue" }, origins: ["*"] },
      goto(html(`<title>Around</title>${outer}`)),
      { ...read(`${HEADERS}["x-team"] ?? null`, "sent"), frame: { css: "[name=inner]", frame: "outer" } },
    );
    expect(sent).toBe("blue");
  });

  it("sends them to its own site only, with every kind of request, unless others are named", async () => {
    const tab = await fresh();
    const sent = (url: string) => `(await (await fetch(${JSON.stringify(url)})).text()).includes('s3cret')`;
    const image = `await new Promise((done) => { const image = new Image(); image.onerror = done; image.src = ${JSON.stringify(elsewhere("/headers"))}; })`;
    const output = await run(
      tab,
      { action: "set_headers", headers: { "X-Token": "s3cret" } },
      read(`[${sent(at("/headers"))}, ${sent(elsewhere("/headers"))}]`),
      read(`${image}; 1`, "image"),
      goto(elsewhere("/headers")),
      read(`headers.textContent.includes('s3cret')`, "elsewhere"),
      goto(at(`/redirect?to=${encodeURIComponent(elsewhere("/headers"))}`)),
      read(`headers.textContent.includes('s3cret')`, "redirected"),
      { action: "set_headers", headers: { "X-Token": "s3cret" }, origins: ["*"] },
      goto(elsewhere("/headers")),
      read(`headers.textContent.includes('s3cret')`, "everywhere"),
    );
    expect(output).toMatchObject({ seen: [true, false], elsewhere: false, redirected: false, everywhere: true });
  });

  it("needs to be told for whom on an empty page, and never shows a value", async () => {
    const tab = await one.lease.openTab({ tabId: null, state: null, signal: SOON.signal });
    tabs.push(tab);
    const failure = run(tab, { action: "set_headers", headers: { "X-Token": "s3cret" } });
    await expect(failure).rejects.toThrow(
      "steps[0] set_headers X-Token: `origins` is needed: the page is at about:blank, which is of no site",
    );
  });
});

describe("basic_auth", () => {
  const origins = () => [new URL(at("/")).origin];
  const asked = async (tab: BrowserTab, id: string) => (await run(tab, goto(at(`/asked?id=${id}`))))["title"];

  it("logs in where a site asks, and leaves a site that asks without it its 401", async () => {
    const tab = await fresh();
    const login = { action: "basic_auth", username: "ann", password: "s3cret", origins: origins() };
    await expect(run(tab, goto(at("/login?id=none")))).rejects.toThrow("answered with status 401");
    const output = await run(tab, login, goto(at("/login?id=right")));
    expect(output["title"]).toBe("Ann's");
  });

  it("does not go on for ever with a wrong password", async () => {
    const other = await leaseBrowser(); // Chromium remembers a right one for the whole browser
    try {
      const wrong = { action: "basic_auth", username: "ann", password: "wr0ng", origins: origins() };
      const failure = runBlock(actions, other.page, { steps: [wrong, goto(at("/login?id=wrong"))] });
      await expect(failure).rejects.toThrow("answered with status 401");
      await expect(failure).rejects.not.toThrow("wr0ng");
      const tab = await fresh();
      expect(Number(await asked(tab, "wrong"))).toBeLessThanOrEqual(2);
    } finally {
      await other.close();
    }
  });
});

describe("bad values", () => {
  it.each<[JsonObject, RegExp]>([
    [{ action: "set_viewport", width: 400 }, /`width` and `height` go together/],
    [{ action: "set_viewport", width: 5, height: 900 }, /steps.*width/s],
    [{ action: "set_timezone", timezone: "Europe/Berln" }, /did you mean \\"Europe\/Berlin\\"/],
    [{ action: "set_locale", locale: "german" }, /must be a language tag such as de-DE/],
    [{ action: "set_locale", locale: "d" }, /must be a language tag such as de-DE/],
    [{ action: "set_geolocation", latitude: 91, longitude: 0 }, /latitude/],
    [{ action: "set_geolocation", latitude: 9 }, /`latitude` and `longitude` go together/],
    [{ action: "set_geolocation", latitude: 9, longitude: 0, origins: ["https://*.example.com"] }, /must be one origin/],
    [{ action: "set_headers", headers: { "x y": "1" } }, /is no name of a header/],
    [{ action: "set_headers", headers: { Host: "a" } }, /belongs to the connection/],
    [{ action: "set_headers", headers: { Cookie: "a=b" } }, /use set_cookies/],
    [{ action: "set_headers", headers: { "x-a": "a\r\nx-b: c" } }, /may hold visible ASCII characters/],
    [{ action: "set_headers", headers: { "x-a": "1" }, origins: ["example.com"] }, /must be an origin such as/],
    [{ action: "basic_auth", username: "ann" }, /`username` and `password` go together/],
    [{ action: "basic_auth", username: "ann", password: "a", origins: ["*"] }, /must be an origin such as/],
    [{ action: "set_user_agent", user_agent: "a\nb" }, /visible ASCII/],
  ])("%j", (step, message) => {
    expect(() => actions.config.parse({ steps: [step] })).toThrow(message);
  });
});
