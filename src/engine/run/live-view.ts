import { maskUrl } from "../../domain/evidence/evidence-mask.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { TakenPage } from "../browser/run-pages.ts";

/** The newest picture goes to who reads by server-sent events this often. */
const EVENT_FRAME_MS = 2_000;

/** So many pictures may be on their way to a watcher; later ones are not sent to it. */
const MAX_UNACKNOWLEDGED = 2;

/** So many events may wait for a reader; pictures are not sent to it then. */
const MAX_WAITING_EVENTS = 4;

/** A watcher that acknowledges nothing gets a picture this often. */
const UNASKED_FRAME_MS = 2_000;

/** What the run does just now, with the address of the page that is shown; with `type: "end"` when it has ended. */
type LiveState = (url: string | null) => JsonObject & { readonly type: "state" | "end" };

/** One who watches, by whatever means. */
interface Watcher {
  /** What the run does, or its end. */
  tell(text: string): void;
  /** A picture, unless the watcher is behind. */
  show(jpeg: Uint8Array): void;
  end(): void;
}

/**
 * Shows a run's page to those who watch it, all by one screencast, which lasts as long as somebody does. Watchers by WebSocket belong to the
 * object (hibernation): they outlive its incarnations, and one that waits without a browser need not stay in memory for them.
 */
export class LiveView {
  readonly #sockets: () => readonly WebSocket[];
  readonly #state: LiveState;
  readonly #streams = new Set<Watcher>();
  readonly #bySocket = new Map<WebSocket, SocketWatcher>();
  #page: TakenPage | null = null;
  #stop: (() => void) | null = null;
  #newest: Uint8Array | null = null;
  #told = "";
  #hide: (text: string) => string = (text) => text;

  constructor(sockets: () => readonly WebSocket[], state: LiveState) {
    this.#sockets = sockets;
    this.#state = state;
  }

  /** Blocks work on this page now. @param hide takes secrets out of a text */
  follow(page: TakenPage, hide: (text: string) => string): void {
    if (page.cast !== this.#page?.cast) this.#rest();
    this.#page = page;
    this.#hide = hide;
    this.#castIfWatched();
    this.tell();
  }

  /** The page is given up. */
  leave(page: TakenPage): void {
    if (page.cast !== this.#page?.cast) return; // another is shown already
    this.#rest();
    this.#page = null;
    this.tell();
  }

  /** How many watch. */
  get watchers(): number {
    return this.#streams.size + this.#sockets().length;
  }

  /** A watcher by WebSocket, which the object has accepted. */
  join(socket: WebSocket): void {
    this.#welcome(this.#watcherOf(socket));
  }

  /** It has seen a picture. */
  acknowledged(socket: WebSocket): void {
    this.#watcherOf(socket).acknowledged();
  }

  /** @param socket one that has gone */
  left(socket: WebSocket): void {
    this.#bySocket.delete(socket);
    this.#restIfAlone(socket);
  }

  /** A watcher by server-sent events. */
  events(): ReadableStream<Uint8Array> {
    let watcher: EventWatcher | null = null;
    const source: UnderlyingSource<Uint8Array> = {
      start: (controller: ReadableStreamDefaultController<Uint8Array>) => {
        watcher = new EventWatcher(controller);
        this.#streams.add(watcher);
        this.#welcome(watcher);
      },
      cancel: () => {
        if (watcher === null) return;
        watcher.end();
        this.#streams.delete(watcher);
        this.#restIfAlone();
      },
    };
    return new ReadableStream(source, { highWaterMark: MAX_WAITING_EVENTS });
  }

  /** Tells what the run does, when that has changed; and its end, after which nobody is left. */
  tell(): void {
    if (this.watchers === 0) return;
    const state = this.#now();
    const text = JSON.stringify(state);
    if (text === this.#told) return;
    this.#told = text;
    for (const watcher of this.#watchers()) {
      watcher.tell(text);
      if (state.type === "end") watcher.end();
    }
    if (state.type !== "end") return;
    this.#streams.clear();
    this.#bySocket.clear();
    this.#rest();
  }

  #welcome(watcher: Watcher): void {
    const state = this.#now();
    watcher.tell(JSON.stringify(state));
    if (state.type === "end") return watcher.end();
    if (this.#newest !== null) watcher.show(this.#newest); // a page at rest sends no other
    this.#castIfWatched();
  }

  #now(): ReturnType<LiveState> {
    const url = this.#page?.page.current.url() ?? null;
    return this.#state(url === null ? null : maskUrl(this.#hide(url)));
  }

  #castIfWatched(): void {
    if (this.#stop !== null || this.#page === null || this.watchers === 0) return;
    this.#stop = this.#page.cast((jpeg) => {
      this.#newest = jpeg;
      this.tell(); // the address may be another
      for (const watcher of this.#watchers()) watcher.show(jpeg);
    });
  }

  /** @param leaving still counted by the object */
  #restIfAlone(leaving?: WebSocket): void {
    if (this.#streams.size === 0 && this.#sockets().every((socket) => socket === leaving)) this.#rest();
  }

  #rest(): void {
    this.#stop?.();
    this.#stop = null;
    this.#newest = null;
  }

  #watchers(): Watcher[] {
    return [...this.#streams, ...this.#sockets().map((socket) => this.#watcherOf(socket))];
  }

  #watcherOf(socket: WebSocket): SocketWatcher {
    const known = this.#bySocket.get(socket) ?? new SocketWatcher(socket);
    this.#bySocket.set(socket, known);
    return known;
  }
}

class SocketWatcher implements Watcher {
  readonly #socket: WebSocket;
  #unacknowledged = 0;
  #sentAt = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  tell(text: string): void {
    this.#send(text);
  }

  show(jpeg: Uint8Array): void {
    const now = Date.now();
    if (this.#unacknowledged >= MAX_UNACKNOWLEDGED && now - this.#sentAt < UNASKED_FRAME_MS) return;
    this.#unacknowledged++;
    this.#sentAt = now;
    this.#send(jpeg);
  }

  acknowledged(): void {
    this.#unacknowledged = Math.max(0, this.#unacknowledged - 1);
  }

  end(): void {
    try {
      this.#socket.close(1000, "the run has ended");
    } catch {
      // It has gone by itself.
    }
  }

  #send(message: string | Uint8Array): void {
    try {
      this.#socket.send(message);
    } catch {
      // It has gone; the object is told of it.
    }
  }
}

class EventWatcher implements Watcher {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly #encoder = new TextEncoder();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #newest: Uint8Array | null = null;
  #shownAt = 0;
  #over = false;

  constructor(controller: ReadableStreamDefaultController<Uint8Array>) {
    this.#controller = controller;
  }

  tell(text: string): void {
    this.#send(text);
  }

  show(jpeg: Uint8Array): void {
    this.#newest = jpeg;
    this.#timer ??= setTimeout(() => this.#frame(), Math.max(0, this.#shownAt + EVENT_FRAME_MS - Date.now()));
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#over) return;
    this.#over = true;
    try {
      this.#controller.close();
    } catch {
      // The reader has gone.
    }
  }

  #frame(): void {
    this.#timer = null;
    this.#shownAt = Date.now();
    if (this.#newest === null || this.#over) return;
    const isSlow = (this.#controller.desiredSize ?? 0) <= 0;
    if (isSlow) return this.show(this.#newest); // or a newer one, in its time
    this.#send(JSON.stringify({ type: "frame", content_type: "image/jpeg", base64: Buffer.from(this.#newest).toString("base64") }));
    this.#newest = null;
  }

  #send(data: string): void {
    if (this.#over) return;
    const { type } = JSON.parse(data) as { type: string };
    this.#controller.enqueue(this.#encoder.encode(`event: ${type}\ndata: ${data}\n\n`));
  }
}
