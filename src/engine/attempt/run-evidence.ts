import { labelOf } from "../../domain/run/block-state.ts";
import { toConsoleLog } from "../../domain/evidence/console-log.ts";
import { maskUrlsIn } from "../../domain/evidence/evidence-mask.ts";
import {
  evidenceOf,
  type EvidenceSettings,
  type FailureEvidence,
  isKept,
  mostEvidence,
  type TabRecord,
} from "../../domain/evidence/evidence.ts";
import { toHar } from "../../domain/evidence/har.ts";
import type { Run } from "../../domain/run/run.ts";
import type { RecordWish } from "../../ports/browser.ts";
import type { BrowserPage } from "../../ports/browser-page.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { AttemptPlace } from "./answer.ts";
import { logFields } from "../log-fields.ts";
import { keepArtifact, type KeepArtifactDeps } from "./keep-artifact.ts";
import type { RunPages, TakenPage } from "../browser/run-pages.ts";
import type { RunStorage } from "../run/run-storage.ts";
import type { SecretMask } from "./secret-mask.ts";

/** A page that is not painted by then stays without a picture: a failure is not held up by what is to explain it. */
const PICTURE_MS = 5_000;

/** The same for a run that goes on without the attempt: whoever broke it off wants its page, or its browser, back. */
const BROKEN_OFF_PICTURE_MS = 4_000;

/** Nobody waits for the last one but the browser. */
const LAST_PICTURE_MS = 10_000;

const NEVER = new AbortController().signal;

const ON_SCREEN = { fullPage: false, target: null } as const;

/** How an attempt came to its end: `broken_off`, when the run has gone on without it or is over. */
export type AttemptEnd = "done" | "failed" | "broken_off";

interface EvidenceFile {
  readonly type: "screenshot_action" | "screenshot_final" | "browser_console_log" | "har";
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

interface EvidenceDeps extends KeepArtifactDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** What a run keeps of its pages. Nothing here throws: evidence never changes how a block or a run ends. */
export class RunEvidence {
  readonly #deps: EvidenceDeps;
  readonly #storage: RunStorage;
  /** The page as the last attempt left it, when that did not end well: it is gone when the run ends. */
  #left: Uint8Array | null = null;
  /** The block that had a page last. */
  #lastPath: string | null = null;

  constructor(deps: EvidenceDeps, storage: RunStorage) {
    this.#deps = deps;
    this.#storage = storage;
  }

  /** The page as an attempt finds it. */
  async before(run: Run, place: AttemptPlace, page: BrowserPage): Promise<void> {
    if (settingsOf(run, place.path).screenshots !== "all") return;
    const picture = await takePicture(run, page, PICTURE_MS);
    if (typeof picture === "string") return this.#logMissing(run, place.path, picture);
    await this.#save(run, place.path, pictureFile("screenshot_action", `${fileName(place)}-before`, picture)).catch((error: unknown) =>
      this.#logError(run, place.path, error),
    );
  }

  /**
   * The page as an attempt leaves it, and what it told of itself meanwhile. To be called before the page is given up.
   * @param mask of the secrets that the attempt could read
   * @param end how the attempt came to its end; one that was broken off counts as one that has failed
   * @returns where it is, and what is missing
   */
  async after(
    run: Run,
    place: AttemptPlace,
    { page, recorder }: TakenPage,
    mask: SecretMask | null,
    end: AttemptEnd,
  ): Promise<FailureEvidence> {
    const { screenshots, console, har } = settingsOf(run, place.path);
    const failed = end !== "done";
    this.#lastPath = place.path;
    this.#left = null;
    const hide = (text: string) => maskUrlsIn(mask?.text(text) ?? text);
    const missing: string[] = [];
    const [picture, record] = await Promise.all([
      isKept(screenshots, failed) ? takePicture(run, page, end === "broken_off" ? BROKEN_OFF_PICTURE_MS : PICTURE_MS) : null,
      isKept(console, failed) || isKept(har, failed) ? recorder.read() : null,
    ]);
    const files: EvidenceFile[] = [];
    if (typeof picture === "string") missing.push(hide(`There is no screenshot: ${picture}.`));
    else if (picture !== null) {
      files.push(pictureFile("screenshot_action", fileName(place), picture));
      if (failed) this.#left = picture;
    }
    if (record !== null) {
      if (isKept(console, failed)) {
        if (record.consoleMissing !== null) missing.push(hide(record.consoleMissing));
        files.push(...consoleFile(place, record, mask));
      }
      if (isKept(har, failed)) files.push(...harFile(run, place, record, mask, this.#deps.clock.now()));
    }
    const saved = await Promise.all(
      files.map((file) =>
        this.#save(run, place.path, file).catch((error: unknown) => {
          this.#logError(run, place.path, error);
          missing.push(`The file ${file.name} could not be stored.`);
          return null;
        }),
      ),
    );
    return { artifactIds: saved.filter((id) => id !== null), missing };
  }

  /** The page where the run has ended. To be called once, before its browser is given back. */
  async last(run: Run, pages: RunPages): Promise<void> {
    const path = this.#lastPath;
    if ((path === null ? mostEvidence(run.facts) : settingsOf(run, path)).screenshots === "off") return;
    const page = this.#left === null ? await pages.lastPage() : null;
    const timeoutMs = run.status === "canceled" ? BROKEN_OFF_PICTURE_MS : LAST_PICTURE_MS;
    const picture = this.#left ?? (page === null ? "its page is gone" : await takePicture(run, page, timeoutMs));
    this.#left = null;
    if (path === null) {
      if (this.#storage.browser.sessionId !== null) this.#logMissing(run, null, "the service was interrupted since");
      return;
    }
    if (typeof picture === "string") return this.#logMissing(run, path, picture);
    await this.#save(run, path, pictureFile("screenshot_final", "final", picture)).catch((error: unknown) =>
      this.#logError(run, path, error),
    );
  }

  async #save({ facts }: Run, path: string, file: EvidenceFile): Promise<string> {
    return (await keepArtifact(this.#deps, this.#storage, facts, path, file)).artifactId;
  }

  #logMissing({ facts }: Run, path: string | null, reason: string): void {
    this.#deps.log.info("no screenshot", { ...logFields(facts, path === null ? {} : { path }), reason: maskUrlsIn(reason) });
  }

  #logError({ facts }: Run, path: string, error: unknown): void {
    this.#deps.log.error("evidence could not be stored", error, logFields(facts, { path }));
  }
}

/** What the tabs of a run have to record for its evidence. */
export function recordWishOf(facts: Run["facts"]): RecordWish {
  const { console, har } = mostEvidence(facts);
  return { requests: har !== "off" || console !== "off", console: console === "failures" ? "late" : console === "all" ? "always" : "off" };
}

function settingsOf({ facts }: Run, path: string): EvidenceSettings {
  return evidenceOf(facts, labelOf(path));
}

/** @returns PNG, or why there is none */
async function takePicture({ facts }: Run, page: BrowserPage, timeoutMs: number): Promise<Uint8Array | string> {
  try {
    return await page.current.screenshot({ ...ON_SCREEN, screens: 1 + (facts.screenshotScrolls ?? 0), timeoutMs, signal: NEVER });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function pictureFile(type: EvidenceFile["type"], name: string, bytes: Uint8Array): EvidenceFile {
  return { type, name: `${name}.png`, contentType: "image/png", bytes };
}

function consoleFile(place: AttemptPlace, record: TabRecord, mask: SecretMask | null): EvidenceFile[] {
  const text = toConsoleLog(record);
  return text === null ? [] : [textFile("browser_console_log", `${fileName(place)}-console.jsonl`, "application/x-ndjson", text, mask)];
}

function harFile(
  { facts }: Run,
  place: AttemptPlace,
  { requests, dropped }: TabRecord,
  mask: SecretMask | null,
  now: number,
): EvidenceFile[] {
  if (requests.length === 0) return [];
  const har = toHar(requests, { until: now, dropped: dropped.requests, hiddenHeaders: Object.keys(facts.headers?.values ?? {}) });
  return [textFile("har", `${fileName(place)}.har`, "application/json", JSON.stringify(mask?.json(har) ?? har), mask)];
}

function textFile(type: EvidenceFile["type"], name: string, contentType: string, text: string, mask: SecretMask | null): EvidenceFile {
  return { type, name, contentType, bytes: new TextEncoder().encode(mask?.text(text) ?? text) };
}

/** `orders[3].read`, attempt 2 → `orders_3_.read-2` */
function fileName({ path, attempt }: AttemptPlace): string {
  return `${path.replaceAll(/[^\p{L}\p{N}_.-]/gu, "_").slice(-80)}-${attempt}`;
}
