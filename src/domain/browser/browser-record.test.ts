import { describe, expect, it } from "vitest";
import {
  abandoningStrays,
  abandoningTabs,
  type BrowserRecord,
  browserRecordSchema,
  type Checkpoint,
  checkpointed,
  findingTabs,
  inBrowser,
  inTab,
  NO_BROWSER,
  tabsToClose,
  withoutAbandoned,
  withoutBrowser,
  withoutPages,
  withoutTab,
} from "./browser-record.ts";

/** A run with two pages in tabs, and one that has lost its tab. */
const USED: BrowserRecord = {
  sessionId: "s1",
  usedAt: 10,
  cookies: "cookies",
  pages: {
    main: { tabId: "t1", owner: "open", state: "at open" },
    side: { tabId: "t2", owner: "look", state: "at look" },
    lost: { tabId: null, owner: "seek", state: "at seek" },
  },
  ends: { open: { page: "main", url: "open's" } },
  origins: ["https://a.test"],
  found: ["t1", "theirs"],
  abandoned: ["t0"],
};
const tabs = ({ pages }: BrowserRecord) => Object.fromEntries(Object.entries(pages).map(([name, { tabId }]) => [name, tabId]));

describe("the record of a run's browser", () => {
  it.each<[string, BrowserRecord, object]>([
    ["knows the browser that the run works in", inBrowser(NO_BROWSER, "s2", 20), { sessionId: "s2", usedAt: 20 }],
    ["knows the tab of a new page", inTab(NO_BROWSER, "main", "t9"), { pages: { main: { tabId: "t9", owner: null, state: null } } }],
    [
      "keeps what it knows of a page that is shown in another tab",
      inTab(USED, "side", "t9"),
      { pages: { ...USED.pages, side: { tabId: "t9", owner: "look", state: "at look" } } },
    ],
    [
      "knows where a page stood that the run found, and the cookies then",
      inTab(NO_BROWSER, "main", "t9", { state: "found", cookies: "found too" }),
      { cookies: "found too", pages: { main: { tabId: "t9", owner: null, state: "found" } } },
    ],
    ["keeps the cookies of the last block that ended", inTab(USED, "main", "t9", { cookies: "found" }), { cookies: "cookies" }],
    [
      "forgets the browser and its tabs, and keeps what it held",
      withoutBrowser(USED),
      { ...USED, sessionId: null, pages: expect.anything() },
    ],
    [
      "forgets pages that are over",
      withoutPages(USED, ["side", "none"]),
      { pages: { main: USED.pages["main"], lost: USED.pages["lost"] } },
    ],
    ["knows what was there before the run", findingTabs(NO_BROWSER, ["a", "b"]), { found: ["a", "b"], abandoned: [] }],
    ["forgets the tabs that are closed", withoutAbandoned(USED), { abandoned: [] }],
  ])("%s", (_, record, expected) => {
    expect(record).toMatchObject(expected);
    expect(browserRecordSchema.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
  });

  it.each<[string, BrowserRecord, object, string[]]>([
    ["one tab that is gone", withoutTab(USED, "main"), { main: null, side: "t2", lost: null }, ["t0"]],
    ["a tab that was gone already", withoutTab(USED, "lost"), tabs(USED), ["t0"]],
    ["every tab of a browser that is gone", withoutBrowser(USED), { main: null, side: null, lost: null }, ["t0"]],
    ["tabs that are to be closed", abandoningTabs(USED), { main: null, side: null, lost: null }, ["t0", "t1", "t2"]],
    ["tabs that nobody knows of", abandoningStrays(USED, ["t0", "t1", "theirs", "stray"]), tabs(USED), ["t0", "stray"]],
    ["none of those, when no attempt was cut off", abandoningStrays({ ...USED, abandoned: [] }, ["stray"]), tabs(USED), []],
    [
      "none of those, when it is not known what was there before",
      abandoningStrays({ ...USED, found: null }, ["stray"]),
      tabs(USED),
      ["t0"],
    ],
  ])("loses %s", (_, record, left, abandoned) => {
    expect([tabs(record), record.abandoned]).toEqual([left, abandoned]);
  });

  it("closes all but the main page's tab when the run leaves the browser", () => {
    expect(tabsToClose(USED)).toEqual(["t0", "t2"]);
  });
});

describe("a checkpoint", () => {
  const checkpoint: Checkpoint = {
    path: "orders[3].read",
    page: "main",
    tabId: "t1",
    sessionId: "s1",
    at: 30,
    cookies: "new cookies",
    state: "at read",
    end: null,
    visited: ["https://b.test", "https://a.test"],
  };
  const onMain = () => "main";

  it("says where the block left its page, and what the browser held then", () => {
    expect(checkpointed(USED, checkpoint, onMain)).toEqual({
      ...USED,
      usedAt: 30,
      cookies: "new cookies",
      pages: { ...USED.pages, main: { tabId: "t1", owner: "orders[3].read", state: "at read" } },
      origins: ["https://a.test", "https://b.test"],
    });
  });

  it("is also where the loops around the block have come to, if they go on with the same page", () => {
    const { ends } = checkpointed(USED, { ...checkpoint, end: "read's" }, onMain);
    expect(ends).toEqual({
      ...USED.ends,
      orders: { page: "main", url: "read's" },
      "orders[3].read": { page: "main", url: "read's" },
    });
  });

  it("of an iteration with a page of its own leaves the loop where it was", () => {
    const { ends } = checkpointed(USED, { ...checkpoint, page: "orders[3]", end: "read's" }, onMain);
    expect(ends).toEqual({ ...USED.ends, "orders[3].read": { page: "orders[3]", url: "read's" } });
  });

  it("is forgotten when 200 blocks have ended since", () => {
    let record = USED;
    for (let index = 0; index < 200; index++) record = checkpointed(record, { ...checkpoint, path: `b${index}`, end: "x" }, onMain);
    expect(Object.keys(record.ends)).toHaveLength(200);
    expect(record.ends).not.toHaveProperty("open");
    expect(record.ends).toHaveProperty("b0");
  });
});
