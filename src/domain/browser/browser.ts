import { z } from "zod";
import { tabSettingsSchema } from "./tab-settings.ts";

const tabStateSchema = z.object({
  url: z.string(),
  /** Storage of the page's own origin. */
  storage: z.object({ origin: z.string(), local: z.record(z.string(), z.string()), session: z.record(z.string(), z.string()) }).nullable(),
  /** What was set for the tab, if anything was. */
  settings: tabSettingsSchema.exactOptional(),
});
export type TabState = z.infer<typeof tabStateSchema>;

/** Where one page can be taken up again: what a checkpoint holds of the tab that is the current one, and of those beside it. */
export const pageStateSchema = tabStateSchema.extend({
  /** In the order in which they were opened, with Chromium's ids. Absent where there are none. */
  others: z.array(tabStateSchema.extend({ tabId: z.string() })).exactOptional(),
  /** Which place the current tab has among all, from 0. Absent where it is the only one. */
  position: z.int().exactOptional(),
});
export type PageState = z.infer<typeof pageStateSchema>;

/** Where a block left its page, as far as a page that begins there takes it over. */
export const pageEndSchema = tabStateSchema.omit({ storage: true });
export type PageEnd = z.infer<typeof pageEndSchema>;

/** @returns where another page begins that goes on from this one: alone, and with a session of its own */
export function beginningAt({ url, settings }: PageEnd): PageState {
  return { url, storage: null, ...(settings === undefined ? {} : { settings }) };
}

/** Every cookie of a browser; CDP's `Network.Cookie`, as they came. */
export const cookiesSchema = z.array(z.record(z.string(), z.json()));
export type Cookies = z.infer<typeof cookiesSchema>;

/** All that another browser needs to go on where one was: its cookies, its pages, and where the blocks that ended left them. */
export const browserStateSchema = z.object({
  cookies: cookiesSchema,
  /** By their names (`domain/run/pages.ts`); `owner` is the path of the block that used the page last. */
  pages: z.record(z.string(), pageStateSchema.extend({ owner: z.string().nullable() })),
  /** By the path of a block that has ended: which page it used, and where that was then. */
  ends: z.record(z.string(), pageEndSchema.extend({ page: z.string() })),
});
export type BrowserState = z.infer<typeof browserStateSchema>;

// ------------------------------------------------------------------------------------------------------- Targets

/** The ways to name an element; a target uses exactly one. */
export const TARGET_KINDS = ["css", "text", "role", "label", "placeholder", "test_id", "xpath"] as const;

/** A target written out. `name` goes with `role` only. */
export interface TargetObject {
  readonly css?: string;
  readonly text?: string;
  readonly role?: string;
  readonly name?: string;
  readonly label?: string;
  readonly placeholder?: string;
  readonly test_id?: string;
  readonly xpath?: string;
  readonly nth?: number;
  readonly within?: BrowserTarget;
  readonly frame?: BrowserTarget;
}

/** How a block names an element of a page: a CSS selector, or an object with one of `TARGET_KINDS`. */
export type BrowserTarget = string | TargetObject;

const words = (description: string) => z.string().trim().min(1).exactOptional().describe(description);

/** Recursive by `within`. */
export const browserTargetSchema: z.ZodType<BrowserTarget> = z
  .union([z.string().trim().min(1), z.lazy(() => targetObjectSchema)])
  .meta({ id: "BrowserTarget" });

const targetObjectSchema: z.ZodType<TargetObject> = z
  .strictObject({
    css: words("CSS selector. Open shadow trees are searched too: `x-shop button` also finds the button inside the shop's own tree."),
    text: words("Text of the element, in any case; an element with exactly this text is preferred to one that only contains it."),
    role: words("ARIA role, explicit or of the element itself: `button`, `link`, `textbox`, `checkbox`, `heading`, `row`, …"),
    name: words("With `role`: the accessible name (label, `aria-label`, alternative text or text). Exact before contained, in any case."),
    label: words("Form control by the text of its label or its `aria-label`."),
    placeholder: words("Form control by its placeholder."),
    test_id: words("Element by its `data-testid`, `data-test-id` or `data-test`."),
    xpath: words("XPath expression."),
    nth: z
      .int()
      .exactOptional()
      .describe("Which of several matches: 0 is the first, -1 the last. Without it, more than one visible match is an error."),
    within: browserTargetSchema.exactOptional().describe("Look only inside this element."),
    frame: browserTargetSchema
      .exactOptional()
      .describe(
        "Look in the document of this frame: its name, a CSS selector of it, a pattern of its address (`https://pay.example.com/**`), or a target, " +
          "which may name a frame around it in turn.",
      ),
  })
  .superRefine((target, context) => {
    const kinds = TARGET_KINDS.filter((kind) => target[kind] !== undefined);
    if (kinds.length !== 1) {
      const found = kinds.length === 0 ? "has none of them" : `has ${kinds.join(" and ")}`;
      context.addIssue({ code: "custom", message: `a target needs exactly one of ${TARGET_KINDS.join(", ")}; this one ${found}` });
    }
    if (target.name !== undefined && target.role === undefined) {
      context.addIssue({ code: "custom", path: ["name"], message: "`name` goes with `role`" });
    }
    if (typeof target.within === "object" && target.within.frame !== undefined) {
      const message = "`frame` goes with the outermost target: what is `within` is looked for in the same document";
      context.addIssue({ code: "custom", path: ["within", "frame"], message });
    }
  })
  .meta({ id: "BrowserTargetObject" });

/** The frames that lead to a target's document, outermost first; without `frame` each. */
export function framesOf(target: BrowserTarget): readonly BrowserTarget[] {
  return typeof target === "string" ? [] : pathTo(target.frame);
}

/** The frames that lead into a frame: those around it, and it. Empty for none, which is the page itself. */
export function pathTo(frame: BrowserTarget | undefined): readonly BrowserTarget[] {
  if (frame === undefined) return [];
  if (typeof frame === "string") return [frame];
  const { frame: around, ...own } = frame;
  return [...pathTo(around), own];
}

/** Is this how a frame is named by its address? */
export function isAddressPattern(frame: BrowserTarget): frame is string {
  return typeof frame === "string" && /^(\*|\/|https?:)|:\/\//.test(frame);
}

/** A target as messages show it: the selector itself, or compact JSON. */
export function describeTarget(target: BrowserTarget): string {
  return typeof target === "string" ? target : JSON.stringify(target);
}

// ------------------------------------------------------------------------------------------------ Acting, reading

/** When a page counts as loaded. `networkidle`: the `load` event, and then no request for half a second. */
export const LOAD_STATES = ["domcontentloaded", "load", "networkidle"] as const;
export type LoadState = (typeof LOAD_STATES)[number];

export const MOUSE_BUTTONS = ["left", "right", "middle"] as const;

/** Keys that are held down while something else is done. */
export const KEY_MODIFIERS = ["Alt", "Control", "Meta", "Shift"] as const;
export type KeyModifier = (typeof KEY_MODIFIERS)[number];

/** How an element is clicked. */
export interface Press {
  readonly button: (typeof MOUSE_BUTTONS)[number];
  /** 2: a double click. */
  readonly count: 1 | 2;
  readonly modifiers: readonly KeyModifier[];
}

/** What most clicks are. */
export const PLAIN_CLICK: Press = { button: "left", count: 1, modifiers: [] };

/** How far to scroll. `end`: down again and again, until nothing more has come for `idleMs`, at most `maxScrolls` times. */
export type ScrollDistance =
  | { readonly edge: "top" | "bottom" }
  | { readonly byX: number; readonly byY: number }
  | { readonly edge: "end"; readonly maxScrolls: number; readonly idleMs: number };

/** A file for a file input. */
export interface PageFile {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** A file that a page let download. */
export interface Download {
  readonly url: string;
  /** What the page calls it, where it made the file itself; otherwise null. */
  readonly suggestedName: string | null;
  /** `Content-Disposition` of the answer; empty when there was none. */
  readonly disposition: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** One thing to do on a page, or to wait for. */
export type PageAction = { readonly timeoutMs: number } &
  /** `first`: of several that match, the first that can be clicked, where any will do (a pager above and below a list). */
  (
    | { readonly do: "click"; readonly target: BrowserTarget; readonly first?: boolean; readonly press?: Press }
    | { readonly do: "focus"; readonly target: BrowserTarget }
    | { readonly do: "hover"; readonly target: BrowserTarget }
    /** Presses the button on one element, moves, and lets it go on another. */
    | { readonly do: "drag"; readonly target: BrowserTarget; readonly to: BrowserTarget }
    /** `secret`: what is put there is not to be seen in pictures. */
    | { readonly do: "fill"; readonly target: BrowserTarget; readonly value: string; readonly secret?: boolean }
    /** Key by key, with a pause after each. Without a target, into what has the focus. */
    | {
        readonly do: "type";
        readonly target: BrowserTarget | null;
        readonly text: string;
        readonly delayMs: number;
        readonly secret?: boolean;
      }
    /** A key or a chord: `Enter`, `Control+A`. */
    | { readonly do: "press"; readonly target: BrowserTarget | null; readonly key: string }
    /** Afterwards exactly these options are chosen. By `index` they are numbers as text, from 0. */
    | {
        readonly do: "select";
        readonly target: BrowserTarget;
        readonly by: "value" | "label" | "index";
        readonly wanted: readonly string[];
      }
    | { readonly do: "check"; readonly target: BrowserTarget; readonly checked: boolean }
    /** Brings an element into view. */
    | { readonly do: "show"; readonly target: BrowserTarget }
    /** Scrolls what is in the element, or the page itself for null. */
    | { readonly do: "scroll"; readonly target: BrowserTarget | null; readonly distance: ScrollDistance }
    /** To a file input, or to whichever one the target opens a chooser for when it is clicked. */
    | { readonly do: "upload"; readonly target: BrowserTarget; readonly files: readonly PageFile[] }
    | { readonly do: "wait_for"; readonly target: BrowserTarget; readonly state: "visible" | "hidden" }
    | { readonly do: "wait_for_text"; readonly text: string; readonly frame?: BrowserTarget }
    /** `glob` is matched against the whole address: `*` within a path segment, `**` across. */
    | { readonly do: "wait_for_url"; readonly glob: string }
    | { readonly do: "wait_for_load"; readonly state: LoadState }
    /** An answer that came since the action before began; method and status are any for null. `BrowserPage.watchResponses` comes first. */
    | { readonly do: "wait_for_response"; readonly glob: string; readonly method: string | null; readonly status: number | null }
    /** Until the value of a script, or of the function that it gives, is truthy. */
    | { readonly do: "wait_for_function"; readonly script: string; readonly frame?: BrowserTarget }
  );

/**
 * What of an element is read: its text with white space folded (of a form control its value, of a checkbox `true` or `false`), its inner HTML,
 * an attribute as written, the absolute address in an attribute (null: whichever of `href`, `src` and `action` it has), or that it is there.
 */
export type ElementPart =
  | { readonly part: "text" | "html" | "presence" }
  | { readonly part: "attribute"; readonly attribute: string }
  | { readonly part: "url"; readonly attribute: string | null };

/** Reads one element (`many` false) or all that match. Inside rows, a null target is the row itself. */
export type ValueQuery = ElementPart & {
  readonly kind: "value";
  readonly target: BrowserTarget | null;
  readonly many: boolean;
  /** Wait for at least one. */
  readonly required: boolean;
};

export interface RowsQuery {
  readonly kind: "rows";
  readonly rows: BrowserTarget;
  readonly fields: Readonly<Record<string, ValueQuery>>;
  readonly required: boolean;
}

export interface TableQuery {
  readonly kind: "table";
  readonly table: BrowserTarget;
  readonly required: boolean;
}

/** All that is to be read from a page, in one round trip. */
export type PageQuery = Readonly<Record<string, ValueQuery | RowsQuery | TableQuery>>;

/** What a `ValueQuery` found. `values` has at most one entry unless `many`; null stands for a missing attribute. */
export interface ValueFound {
  readonly kind: "value";
  readonly matched: number;
  readonly values: readonly (string | null)[];
}

export interface RowsFound {
  readonly kind: "rows";
  readonly rows: readonly Readonly<Record<string, ValueFound>>[];
}

export interface TableFound {
  readonly kind: "table";
  /** How many tables matched; the first was read. */
  readonly matched: number;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export type PageFindings = Readonly<Record<string, ValueFound | RowsFound | TableFound>>;

// --------------------------------------------------------------------------------------------------------- Errors

/** What a page could not do. `temporary` may go away by itself (slow, crashed, unreachable); `block` will not (no such element). */
export class PageError extends Error {
  override readonly name = "PageError";
  readonly errorClass: "temporary" | "block";
  /** Which of the actions given to `perform` failed; those before it are done. */
  readonly actionIndex: number | null;

  constructor(message: string, options: { errorClass: "temporary" | "block"; actionIndex?: number; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.errorClass = options.errorClass;
    this.actionIndex = options.actionIndex ?? null;
  }
}

/** What was to start a download has started none. */
export class NoDownload extends PageError {}

/** Sizes of paper, in inches: width, height. */
export const PAPER_INCHES = { A4: [8.27, 11.69], Letter: [8.5, 11], Legal: [8.5, 14], Tabloid: [11, 17] } as const;

/** The platform has no browser to give just now. */
export class BrowserUnavailable extends Error {
  override readonly name = "BrowserUnavailable";
  /** When to ask again, in milliseconds, if the platform named it. */
  readonly retryAfterMs: number | null;

  constructor(message: string, options: { retryAfterMs: number | null; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}
