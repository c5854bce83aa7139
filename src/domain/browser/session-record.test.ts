import { describe, expect, it } from "vitest";
import {
  beginSession,
  ended,
  forgets,
  forgotten,
  generatingProfile,
  hasNews,
  left,
  LOOK_AFTER_MS,
  occupied,
  owesProfile,
  REMEMBERED_MS,
  RETRY_MS,
  type SessionRecord,
  told,
  wakesAt,
  withBrowser,
  withBrowserEnded,
  withMainTab,
  withoutBrowser,
  withoutBrowserYet,
  withProfile,
} from "./session-record.ts";

const AT = 1_000;
const MINUTES = 60_000;
const NEW = beginSession(
  {
    organizationId: "o_1",
    browserSessionId: "pbs_1",
    timeoutMinutes: 60,
    url: "https://shop.test/",
    hosts: { allowedHosts: [] },
    warning: null,
    browserProfileId: null,
    generateProfile: false,
  },
  0,
);
const opened = { browserId: "b1", mainTab: "t1", warning: null };
const OPEN = told(withBrowser(NEW, opened, AT), 2);
const USED = told(occupied(OPEN, "wr_1", AT).record, 3);
const CLOSED = told(ended(OPEN, "completed", AT), 3);

describe("a browser session", () => {
  it.each<[string, SessionRecord, object]>([
    ["has no browser at first", NEW, { browserId: null, facts: { status: "created", startedAt: null, revision: 1 } }],
    [
      "runs from its first browser on",
      OPEN,
      { browserId: "b1", mainTab: "t1", facts: { status: "running", startedAt: AT, warning: null } },
    ],
    ["says what went wrong with its pages", withBrowser(NEW, { ...opened, warning: "Slow." }, AT), { facts: { warning: "Slow." } }],
    [
      "says that its browser was lost, and has run since its first",
      withBrowser(withoutBrowser(OPEN), { ...opened, browserId: "b2" }, 2 * AT),
      { browserId: "b2", facts: { startedAt: AT, warning: expect.stringMatching(/was lost, and another was opened/) } },
    ],
    [
      "says why it has no browser yet",
      withoutBrowserYet(NEW, "none is free", AT),
      { facts: { warning: "It has no browser yet: none is free" } },
    ],
    ["tells who uses it", USED, { occupancy: { runId: "wr_1" }, facts: { runId: "wr_1" } }],
    ["is free when that has left", left(USED, "wr_1", AT), { occupancy: { runId: null }, facts: { runId: null } }],
    ["is still used when another leaves", left(USED, "wr_2", AT), { facts: { runId: "wr_1" } }],
    ["goes on with the page that a run leaves", withMainTab(OPEN, "t2"), { mainTab: "t2", browserId: "b1" }],
    [
      "ends whoever uses it, who may still leave it",
      ended(occupied(USED, "wr_2", AT).record, "timeout", AT),
      { occupancy: { runId: "wr_1", waiting: [] }, facts: { status: "timeout", completedAt: AT, runId: null } },
    ],
    [
      "is nobody's when its browser is ended",
      withBrowserEnded(ended(USED, "timeout", AT)),
      { browserId: null, occupancy: { runId: null } },
    ],
    ["ends once", ended(CLOSED, "timeout", 2 * AT), CLOSED],
    ["asks for nothing after its end", generatingProfile(CLOSED, true, 2 * AT), CLOSED],
    ["has no other warning after its end", withoutBrowserYet(CLOSED, "none is free", AT), CLOSED],
  ])("%s", (_, record, expected) => {
    expect(record).toMatchObject(expected);
  });

  it("counts what its index shows, and only that", () => {
    const free = left(USED, "wr_1", AT);
    expect([free.facts.revision, free.facts.modifiedAt, hasNews(free)]).toEqual([4, AT, true]);
    expect(hasNews(told(free, 4))).toBe(false);
    for (const same of [withMainTab(OPEN, "t2"), withoutBrowser(OPEN), left(OPEN, "wr_2", 9 * AT), generatingProfile(OPEN, false, 9 * AT)])
      expect(same.facts).toBe(OPEN.facts);
  });

  it("owes a profile from its end until that is made, if it was asked for", () => {
    const asked = generatingProfile(OPEN, true, AT);
    const over = ended(asked, "completed", AT);
    expect([OPEN, asked, CLOSED, over, withProfile(over, AT)].map(owesProfile)).toEqual([false, false, false, true, false]);
    expect(withProfile(over, AT).facts.browserProfileId).toBe("bp_1");
  });

  it("forgets a day after its end", () => {
    const day = AT + REMEMBERED_MS;
    expect([forgets(CLOSED, day - 1), forgets(CLOSED, day), forgets(forgotten(CLOSED), day), forgets(OPEN, day)]).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });
});

describe("a browser session wakes", () => {
  const now = 2 * AT;
  const over = withoutBrowser(CLOSED);
  it.each<[string, SessionRecord, number | null]>([
    ["soon, while it has no browser yet", NEW, now + RETRY_MS],
    ["to look after its browser", OPEN, now + LOOK_AFTER_MS],
    ["at its end", { ...OPEN, facts: { ...OPEN.facts, timeoutMinutes: 1 } }, MINUTES],
    ["soon, while the index does not know all of it", left(USED, "wr_1", AT), now + RETRY_MS],
    ["soon, while the browser of one that has ended is there", CLOSED, now + RETRY_MS],
    ["soon, while it owes a profile", { ...over, facts: { ...over.facts, generateProfile: true } }, now + RETRY_MS],
    ["when it is to forget", over, AT + REMEMBERED_MS],
    ["never again after that", forgotten(over), null],
  ])("%s", (_, record, expected) => {
    expect(wakesAt(record, now)).toBe(expected);
  });
});
