/** What a run keeps of its browser between the incarnations of its object. What a site could have written is sealed. */
import { z } from "zod";
import { loopsAround, MAIN_PAGE } from "../run/pages.ts";

const pageRecordSchema = z.object({
  /** The tab that shows it; null when that is gone. */
  tabId: z.string().nullable(),
  /** The path of the block that used it last, of those that have ended. */
  owner: z.string().nullable(),
  /** Sealed `PageState`; null before the first checkpoint. */
  state: z.string().nullable(),
});

export const browserRecordSchema = z.object({
  /** Null when the browser is gone and only what it held is left. */
  sessionId: z.string().nullable(),
  /** When a block last used it. */
  usedAt: z.number().default(0),
  /** Sealed `Cookies`; null before the first checkpoint. */
  cookies: z.string().nullable(),
  /** By their names. */
  pages: z.record(z.string(), pageRecordSchema),
  /** By the path of a block that has ended: its page, and where it left that (a sealed `PageEnd`). */
  ends: z.record(z.string(), z.object({ page: z.string(), url: z.string() })),
  /** Origins of the pages that were visited. */
  origins: z.array(z.string()).default([]),
  /** Tabs that were in a browser which outlives the run when that came to it: they are not its own. Null when that is not known. */
  found: z.array(z.string()).nullable().default(null),
  /** Tabs of such a browser which are not used any more, and are to be closed. */
  abandoned: z.array(z.string()).default([]),
});
export type BrowserRecord = z.infer<typeof browserRecordSchema>;

export const NO_BROWSER: BrowserRecord = {
  sessionId: null,
  usedAt: 0,
  cookies: null,
  pages: {},
  ends: {},
  origins: [],
  found: null,
  abandoned: [],
};

/** Of so many blocks is kept where they left their page: a block that forks from an older one begins on an empty page. */
const ENDS_KEPT = 200;

const NEW_PAGE: BrowserRecord["pages"][string] = { tabId: null, owner: null, state: null };

/** The run works in this browser. */
export function inBrowser(record: BrowserRecord, sessionId: string, now: number): BrowserRecord {
  return { ...record, sessionId, usedAt: now };
}

/** The run has come to a browser that outlives it, and in which there are these tabs. */
export function findingTabs(record: BrowserRecord, tabIds: readonly string[]): BrowserRecord {
  return { ...record, found: [...tabIds] };
}

/** A page is shown in this tab. @param found where it stands, and the browser's cookies, both sealed, if a run begins on a page that it found */
export function inTab(
  record: BrowserRecord,
  name: string,
  tabId: string,
  found: { readonly state?: string; readonly cookies?: string } = {},
): BrowserRecord {
  const page = { ...NEW_PAGE, ...record.pages[name], ...(found.state === undefined ? {} : { state: found.state }), tabId };
  return { ...record, cookies: record.cookies ?? found.cookies ?? null, pages: { ...record.pages, [name]: page } };
}

/** What a block leaves when it has ended. */
export interface Checkpoint {
  readonly path: string;
  /** The name of its page. */
  readonly page: string;
  readonly tabId: string;
  readonly sessionId: string;
  readonly at: number;
  /** Sealed, like the next two. */
  readonly cookies: string;
  readonly state: string;
  /** Where blocks begin that fork from it; null where none can. */
  readonly end: string | null;
  readonly visited: readonly string[];
}

/** @param pageOf the page of a loop, by its path: the loops around a block have ended so far where it did */
export function checkpointed(record: BrowserRecord, checkpoint: Checkpoint, pageOf: (path: string) => string): BrowserRecord {
  const { path, page, tabId, sessionId, at, cookies, state, end, visited } = checkpoint;
  const pages = { ...record.pages, [page]: { tabId, owner: path, state } };
  const ends = end === null ? record.ends : endsWith(record.ends, { path, page, end }, pageOf);
  return { ...record, sessionId, usedAt: at, cookies, pages, ends, origins: withOrigins(record.origins, visited) };
}

function endsWith(
  before: BrowserRecord["ends"],
  { path, page, end: url }: { readonly path: string; readonly page: string; readonly end: string },
  pageOf: (path: string) => string,
): BrowserRecord["ends"] {
  const others = Object.entries(before).filter(([of]) => of !== path);
  const around = loopsAround(path).flatMap((loop): [string, BrowserRecord["ends"][string]][] => {
    const loopPage = pageOf(loop);
    const known = loopPage === page ? { page, url } : before[loop];
    return known === undefined ? [] : [[loop, known]];
  });
  return Object.fromEntries([...others, ...around, [path, { page, url }] as const].slice(-ENDS_KEPT));
}

export function withOrigins(origins: readonly string[], visited: readonly string[]): string[] {
  return [...new Set([...origins, ...visited])];
}

/** The tab of a page is gone. */
export function withoutTab(record: BrowserRecord, name: string): BrowserRecord {
  const page = record.pages[name];
  return page === undefined || page.tabId === null ? record : { ...record, pages: { ...record.pages, [name]: { ...page, tabId: null } } };
}

/** The browser is gone: what it held is left. */
export function withoutBrowser(record: BrowserRecord): BrowserRecord {
  return record === NO_BROWSER ? record : { ...record, sessionId: null, pages: withoutTabs(record.pages) };
}

/** The pages begin again in other tabs; those that showed them are to be closed. */
export function abandoningTabs(record: BrowserRecord): BrowserRecord {
  const tabIds = Object.values(record.pages).flatMap(({ tabId }) => tabId ?? []);
  return tabIds.length === 0 ? record : { ...record, pages: withoutTabs(record.pages), abandoned: [...record.abandoned, ...tabIds] };
}

/** It takes up again a browser that outlives it, and in which there are these tabs: attempts that were cut off may have opened some of them. */
export function abandoningStrays(record: BrowserRecord, tabIds: readonly string[]): BrowserRecord {
  const { abandoned, found } = record;
  if (abandoned.length === 0 || found === null) return record;
  return { ...record, abandoned: [...new Set([...abandoned, ...straysOf(found, tabIds)])] };
}

/** Those that were not there when the run came. */
export function straysOf(found: readonly string[], tabIds: readonly string[]): string[] {
  return tabIds.filter((tabId) => !found.includes(tabId));
}

/** The abandoned tabs are closed. */
export function withoutAbandoned(record: BrowserRecord): BrowserRecord {
  return { ...record, abandoned: [] };
}

/** The pages are over. */
export function withoutPages(record: BrowserRecord, names: readonly string[]): BrowserRecord {
  if (!names.some((name) => name in record.pages)) return record;
  return { ...record, pages: Object.fromEntries(Object.entries(record.pages).filter(([name]) => !names.includes(name))) };
}

/** The tabs that a run closes when it leaves a browser that goes on: all but that of its main page. */
export function tabsToClose({ pages, abandoned }: BrowserRecord): string[] {
  return [...abandoned, ...Object.entries(pages).flatMap(([name, { tabId }]) => (name === MAIN_PAGE || tabId === null ? [] : [tabId]))];
}

function withoutTabs(pages: BrowserRecord["pages"]): BrowserRecord["pages"] {
  return Object.fromEntries(Object.entries(pages).map(([name, page]) => [name, { ...page, tabId: null }]));
}
