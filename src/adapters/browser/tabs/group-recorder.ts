import type { ConsoleEntry, TabRecord } from "../../../domain/evidence/evidence.ts";
import type { TabRecorder } from "../../../ports/browser.ts";

/** A tab that records. */
interface Recording {
  readonly recorder: TabRecorder;
  readonly alive: boolean;
}

/** What all tabs of a group have seen, also those that were closed during the attempt. */
export class GroupRecorder implements TabRecorder {
  #tabs: Recording[] = [];
  readonly #warningNow: () => string | null;
  /** What was warned of before the attempt. */
  #warned: string | null = null;

  /** @param warningNow what is to be told of the group itself, besides what its pages log */
  constructor(warningNow: () => string | null) {
    this.#warningNow = warningNow;
  }

  add(tab: Recording): void {
    this.#tabs.push(tab);
  }

  begin(): void {
    this.#tabs = this.#tabs.filter(({ alive }) => alive);
    this.#warned = this.#warningNow();
    for (const { recorder } of this.#tabs) recorder.begin();
  }

  async read(): Promise<TabRecord> {
    const records = await Promise.all(this.#tabs.map(({ recorder }) => recorder.read()));
    const missing = this.#tabs.flatMap(({ alive }, index) => (alive ? (records[index]?.consoleMissing ?? []) : [])); // one that is closed tells no more
    const sum = (count: (record: TabRecord) => number) => records.reduce((total, record) => total + count(record), 0);
    return {
      console: [...records.flatMap((record) => record.console).toSorted((a, b) => a.at - b.at), ...this.#warnings()],
      requests: records.flatMap((record) => record.requests).toSorted((a, b) => a.startedAt - b.startedAt),
      failedRequests: records.flatMap((record) => record.failedRequests).toSorted((a, b) => a.startedAt - b.startedAt),
      dropped: {
        console: sum(({ dropped }) => dropped.console),
        requests: sum(({ dropped }) => dropped.requests),
        failedRequests: sum(({ dropped }) => dropped.failedRequests),
      },
      consoleMissing: missing[0] ?? null,
    };
  }

  #warnings(): ConsoleEntry[] {
    const text = this.#warningNow();
    return text === null || text === this.#warned ? [] : [{ kind: "console", at: Date.now(), level: "warning", text, source: null }];
  }
}
