/**
 * Which page of its run's browser a block works on. A block goes on with the page of the browser block that it depends on; where two fork, the
 * first that begins goes on with the page itself, and the others get pages of their own that begin at the same address. Where a single cursor
 * moves there is one page. The iterations of a loop go on with each other's page, unless they run side by side: then each has its own.
 */
import { blockAt, iterationsOf, labelOf } from "./block-state.ts";
import type { PlanNode } from "../workflow/plan.ts";
import type { Run } from "./run.ts";

/** The page that a run begins with. */
export const MAIN_PAGE = "main";

/** Which page a block gets. Names of pages are `main`, and the place where a page first was needed: `report`, `orders[3]`, `orders[3].open`. */
export interface PageChoice {
  readonly page: string;
  /** Where a new page begins: at the address at which a block left its page, or where another page stands now. Null: empty. */
  readonly from: { readonly block: string } | { readonly page: string } | null;
}

/** What is known of the pages of a run. */
export interface PageUse {
  /** The page of a block, by its path, if it has one already. */
  pageOf(path: string): string | undefined;
  /** The path of the block that last used a page. */
  ownerOf(page: string): string | undefined;
}

/** Which blocks have which pages: what is recorded, and what was decided since. */
export class PageClaims implements PageUse {
  readonly #recorded: PageUse;
  readonly #pages = new Map<string, string>();
  readonly #owners = new Map<string, string>();
  readonly #origins = new Map<string, PageChoice["from"]>();

  constructor(recorded: PageUse) {
    this.#recorded = recorded;
  }

  /** Decides for a block that begins. To be called in the order of the plan: of two that fork, the first goes on with the page. */
  claim(run: Pick<Run, "plan">, path: string): void {
    for (const loop of loopsAround(path)) if (this.pageOf(loop) === undefined) this.#take(loop, choosePage(run, loop, this));
    this.#take(path, choosePage(run, path, this));
  }

  /** A block that never used its page leaves it to those that come after the block before it. */
  release(path: string): void {
    const page = this.#pages.get(path);
    this.#pages.delete(path);
    if (page !== undefined && this.#owners.get(page) === path) this.#owners.delete(page);
  }

  pageOf(path: string): string | undefined {
    return this.#pages.get(path) ?? this.#recorded.pageOf(path);
  }

  ownerOf(page: string): string | undefined {
    return this.#owners.get(page) ?? this.#recorded.ownerOf(page);
  }

  /** Where a page begins that no block has ended on. */
  originOf(page: string): PageChoice["from"] {
    return this.#origins.get(page) ?? null;
  }

  /** The page is closed for good. */
  forget(page: string): void {
    this.#owners.delete(page);
    this.#origins.delete(page);
  }

  #take(path: string, { page, from }: PageChoice): void {
    this.#pages.set(path, page);
    this.#owners.set(page, path);
    if (from !== null) this.#origins.set(page, from);
  }
}

/** The page for an attempt at the block at `path`; the same again for another attempt. */
function choosePage(run: Pick<Run, "plan">, path: string, use: PageUse): PageChoice {
  const known = use.pageOf(path);
  if (known !== undefined) return { page: known, from: null };
  const scope = scopeOf(path);
  if (run.plan.mode === "cursor") return basePage(run, scope, use);
  const before = nearestBefore(run, path, use);
  for (const block of before) {
    const page = use.pageOf(block)!;
    const owner = use.ownerOf(page);
    if (owner === block || owner?.startsWith(`${block}[`) === true) return { page, from: null };
  }
  if (before[0] !== undefined) return { page: path, from: { block: before[0] } };
  const base = basePage(run, scope, use);
  const owner = use.ownerOf(base.page);
  // The first block of a scope goes on with what was there before; the next that depends on none gets a page of its own.
  if (owner === undefined || !owner.startsWith(scope)) return base;
  return { page: path, from: scope === "" ? null : { page: base.page } };
}

/** The page that a scope begins with. */
function basePage(run: Pick<Run, "plan">, scope: string, use: PageUse): PageChoice {
  if (scope === "") return { page: MAIN_PAGE, from: null };
  const iteration = scope.slice(0, -1);
  const loop = iteration.slice(0, iteration.lastIndexOf("["));
  const around = choosePage(run, loop, use);
  const node = run.plan.nodes[labelOf(loop)];
  return isSideBySide(node) ? { page: iteration, from: { page: around.page } } : around;
}

/** The loops around a block, the outermost first: each claims a page for what is in it. */
export function loopsAround(path: string): string[] {
  return [...path.matchAll(/\[\d+\]\./g)].map(({ index }) => path.slice(0, index));
}

/** Of the browser blocks that this one depends on, directly or by way of others, the nearest on each way. */
function nearestBefore(run: Pick<Run, "plan">, path: string, use: PageUse): string[] {
  const scope = scopeOf(path);
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = (label: string): void => {
    for (const { label: before } of run.plan.nodes[label]?.dependsOn ?? []) {
      if (seen.has(before)) continue;
      seen.add(before);
      if (use.pageOf(scope + before) !== undefined) found.add(scope + before);
      else visit(before);
    }
  };
  visit(path.slice(scope.length));
  return [...found];
}

/** Is the iteration over for which this page was opened? */
export function isOver(run: Pick<Run, "blocks">, page: string): boolean {
  const [, loop, index] = /^(.*)\[(\d+)\](?:\.[^[\]]*)?$/u.exec(page) ?? [];
  if (loop === undefined) return false;
  const iteration = iterationsOf(blockAt(run.blocks, loop))[Number(index)];
  return iteration === undefined || iteration.status !== "running";
}

function isSideBySide(node: PlanNode | undefined): boolean {
  return node !== undefined && node.maxConcurrency > 1;
}

/** `orders[3].lines[0].` of `orders[3].lines[0].read`; empty for the outermost list. */
function scopeOf(path: string): string {
  return path.slice(0, path.lastIndexOf(".") + 1);
}
