import type { StoredArtifact } from "../../domain/artifact.ts";
import { type BrowserRecord, browserRecordSchema, NO_BROWSER } from "../../domain/browser/browser-record.ts";
import type { RunId } from "../../domain/id.ts";
import { isJsonObject, type Json } from "../../domain/json.ts";
import { type PackedPlan, packPlan, unpackPlan } from "../../domain/workflow/packed-plan.ts";
import { replay } from "../../domain/run/run-transition.ts";
import type { Run, RunEvent, RunFacts } from "../../domain/run/run.ts";
import type { LargeValues } from "../../ports/large-values.ts";
import type { BrowserSlot } from "../browser/browser-source.ts";

/** Characters of JSON from which on a value is stored outside the journal. A row may have 2 MB. */
const LARGE = 64_000;
/** Characters of JSON that a value may have at all: a run holds its values in memory while it is at work. */
const LARGEST = 10_000_000;

/** A value that no run may hold. The message is for the workflow's author. */
export class ValueTooLarge extends Error {
  override readonly name = "ValueTooLarge";
}

interface JournalRow extends Record<string, SqlStorageValue> {
  seq: number;
  event: string;
  /** JSON of `[path, key]` of what is stored outside, null when everything is here. */
  large: string | null;
}

/**
 * A run's journal and the little that is kept beside it, in the SQLite of the run's own object. Large values are kept elsewhere, by their hash,
 * and come back as if they had been here. An object that never held a run has no tables, so asking after a run that does not exist leaves
 * nothing behind.
 */
export class RunStorage {
  readonly #sql: SqlStorage;
  readonly #values: LargeValues;
  /** Large values that are stored, by identity, until the event that holds them is written. */
  readonly #stored = new Map<Json, string>();
  #seq = 0;
  /** Is there a table for facts? It is made with the first one, so that starting a run costs one table. */
  #hasFacts = false;
  #artifacts: readonly StoredArtifact[] | null = null;
  #browser: BrowserRecord | null = null;
  #browserSlot: BrowserSlot | null = null;

  constructor(sql: SqlStorage, values: LargeValues) {
    this.#sql = sql;
    this.#values = values;
  }

  /**
   * Reads the whole journal.
   * @returns the run, null when there is none here; or, when values must be fetched first, how to
   */
  load(): Run | null | (() => Promise<Run | null>) {
    const tables = this.#sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name IN ('journal', 'facts')").toArray();
    if (tables.length === 0) return null;
    this.#hasFacts = tables.some(({ name }) => name === "facts");
    const rows = this.#rows();
    this.#seq = rows.at(-1)?.seq ?? 0;
    if (rows.every(({ large }) => large === null)) return replay(rows.map(({ event }) => parseEvent(event)));
    return async () => replay((await this.#hydrate(rows)).map(({ event }) => event));
  }

  /** Makes the journal. Only the first event of a run calls for it, and again if that could not be written. */
  create(): void {
    this.#sql.exec("CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, event TEXT NOT NULL, large TEXT) STRICT");
  }

  /** Stores a value outside if it is large, so that an event with it can be written. @throws ValueTooLarge */
  async prepare(value: Json, owner: Pick<RunFacts, "organizationId" | "runId">): Promise<void> {
    const text = JSON.stringify(value);
    if (text.length > LARGEST) {
      throw new ValueTooLarge(
        `The output is too large: ${text.length} characters of JSON, and ${LARGEST} are allowed. Store it as an artifact, or extract less.`,
      );
    }
    if (text.length > LARGE) this.#stored.set(value, await this.#values.put(owner, text));
  }

  /** Writes events at the end of the journal, all or none: one statement. */
  append(events: readonly RunEvent[]): void {
    const rows = events.map((event) => this.#write(event));
    this.#sql.exec(`INSERT INTO journal (event, large) VALUES ${rows.map(() => "(?, ?)").join(", ")}`, ...rows.flat());
    this.#seq += rows.length;
  }

  /** Number of the last event. */
  get seq(): number {
    return this.#seq;
  }

  /** The whole journal. */
  async events(): Promise<{ seq: number; event: RunEvent }[]> {
    return await this.#hydrate(this.#rows());
  }

  /** The runs that this one's blocks started and waited for. */
  children(): RunId[] {
    const rows = this.#sql.exec<{ id: string | null }>(
      "SELECT event ->> '$.wait.runId' AS id FROM journal WHERE event ->> '$.type' = 'block_waiting'",
    );
    return rows.toArray().flatMap(({ id }) => (id === null ? [] : [id as RunId]));
  }

  /** Up to which event the outside has recorded what it needs; 0 at first. What lies beyond is the outbox. */
  get acknowledged(): number {
    return Number(this.#read("acknowledged") ?? 0);
  }
  set acknowledged(seq: number) {
    this.#set("acknowledged", String(seq));
  }

  /** The browser that the run holds, and where its pages were after the last blocks that ended. */
  get browser(): BrowserRecord {
    if (this.#browser === null) {
      const text = this.#read("browser");
      this.#browser = text === null ? NO_BROWSER : browserRecordSchema.parse(JSON.parse(text));
    }
    return this.#browser;
  }
  set browser(record: BrowserRecord) {
    if (record === this.browser) return;
    this.#set("browser", JSON.stringify(record));
    this.#browser = record;
  }

  /** What the run has of the pool of browsers; null for nothing. */
  get browserSlot(): BrowserSlot | null {
    this.#browserSlot ??= this.#read("browser_slot") as BrowserSlot | null; // the setter wrote it
    return this.#browserSlot;
  }
  set browserSlot(slot: BrowserSlot | null) {
    this.#set("browser_slot", slot);
    this.#browserSlot = slot;
  }

  /** Is what its browser remembered taken down? */
  get remembered(): boolean {
    return this.#read("remembered") !== null;
  }
  noteRemembered(): void {
    this.#set("remembered", "yes");
  }

  /** The files that blocks have made, oldest first. */
  get artifacts(): readonly StoredArtifact[] {
    this.#artifacts ??= this.#hasFacts
      ? this.#sql
          .exec<{ value: string }>("SELECT value FROM facts WHERE name >= 'artifact:' AND name < 'artifact;' ORDER BY name")
          .toArray()
          .map(({ value }) => JSON.parse(value) as StoredArtifact) // `addArtifact` wrote it
      : [];
    return this.#artifacts;
  }
  addArtifact(artifact: StoredArtifact): void {
    const before = this.artifacts;
    this.#set(`artifact:${artifact.artifactId}`, JSON.stringify(artifact));
    this.#artifacts = [...before, artifact];
  }

  /** The last run that tries this one again. */
  get retriedBy(): RunId | null {
    return this.#read("retried_by") as RunId | null;
  }
  set retriedBy(runId: RunId) {
    this.#set("retried_by", runId);
  }

  #rows(): JournalRow[] {
    return this.#sql.exec<JournalRow>("SELECT seq, event, large FROM journal ORDER BY seq").toArray();
  }

  #write(written: RunEvent): [string, string | null] {
    const event = written.type === "run_created" ? { ...written, plan: packPlan(written.plan) } : written;
    if (this.#stored.size === 0) return [JSON.stringify(event), null];
    const large: [string[], string][] = [];
    const text = JSON.stringify(withoutLarge(event as unknown as Json, this.#stored, [], large)); // events are JSON: they are stored as such
    for (const [, key] of large) for (const [value, stored] of this.#stored) if (stored === key) this.#stored.delete(value);
    return [text, large.length === 0 ? null : JSON.stringify(large)];
  }

  async #hydrate(rows: readonly JournalRow[]): Promise<{ seq: number; event: RunEvent }[]> {
    return await Promise.all(
      rows.map(async ({ seq, event: text, large }) => {
        const event = parseEvent(text);
        for (const [path, key] of large === null ? [] : (JSON.parse(large) as [string[], string][])) {
          // The path was taken of this very event.
          put(event as unknown as Record<string, unknown>, path, JSON.parse(await this.#values.get(key)));
        }
        return { seq, event };
      }),
    );
  }

  #read(name: string): string | null {
    if (!this.#hasFacts) return null;
    return this.#sql.exec<{ value: string }>("SELECT value FROM facts WHERE name = ?", name).toArray()[0]?.value ?? null;
  }

  /** @param value null to forget it */
  #set(name: string, value: string | null): void {
    if (!this.#hasFacts) this.#sql.exec("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) STRICT, WITHOUT ROWID");
    this.#hasFacts = true;
    this.#sql.exec("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value);
  }
}

/** Rows of the journal were written by `append`; nothing else writes them. */
function parseEvent(text: string): RunEvent {
  const event = JSON.parse(text) as RunEvent | (Omit<RunEvent & { type: "run_created" }, "plan"> & { plan: PackedPlan });
  return event.type === "run_created" ? { ...event, plan: unpackPlan(event.plan as PackedPlan) } : event;
}

/** The value with null where a large one was; `found` is told where. Only objects are entered: large values stand in fields. */
function withoutLarge(value: Json, stored: ReadonlyMap<Json, string>, path: string[], found: [string[], string][]): Json {
  const key = stored.get(value);
  if (key !== undefined) {
    found.push([path, key]);
    return null;
  }
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, withoutLarge(inner, stored, [...path, field], found)]));
}

function put(target: Record<string, unknown>, [field, ...rest]: readonly string[], value: unknown): void {
  if (field === undefined) return;
  if (rest.length === 0) target[field] = value;
  else put(target[field] as Record<string, unknown>, rest, value);
}
