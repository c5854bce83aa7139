import { BrowserUnavailable, PageError } from "../../src/domain/browser/browser.ts";
import { OutboundError } from "../../src/domain/outbound/outbound.ts";

/**
 * What may happen at a point: a call to the outside, or a write to the object's storage. `killed_after` a write means: once it is durable.
 * `answer_lost`: the call did its work, and the caller saw an error. `refused`: it did nothing.
 */
export const FAULTS = ["killed_before", "killed_after", "answer_lost", "refused"] as const;
export type Fault = (typeof FAULTS)[number];

/** Kills the object that works on the run, as it stands. Does not return where the object kills itself. */
export type Kill = () => Promise<void> | void;

/** Numbers the points that a run passes, and does what is planned at one of them, once. */
export class Injector {
  readonly #at: number;
  readonly #fault: Fault;
  #passed = 0;
  /** Name of the point at which the fault happened; null until then. */
  struck: string | null = null;

  /** @param at which point, from 1; 0 for none */
  constructor(at: number, fault: Fault) {
    this.#at = at;
    this.#fault = fault;
  }

  /** A call to the outside. */
  async call<T>(name: string, work: () => Promise<T>, kill: Kill): Promise<T> {
    const fault = this.#next(name);
    if (fault === "killed_before") await kill();
    if (fault === "killed_before" || fault === "refused") throw injected(name, "was refused");
    const result = await work();
    if (fault === "killed_after") await kill();
    if (fault !== null) throw injected(name, "was answered, and the answer was lost");
    return result;
  }

  /**
   * A write to the object's own storage, which is not durable before the object's turn is over.
   * @param outside.durable resolves when it is
   * @param outside.refuse what storage does when it cannot write
   */
  write<T>(name: string, work: () => T, outside: { readonly durable: () => Promise<void>; readonly kill: Kill; readonly refuse: Kill }): T {
    const { durable, kill, refuse } = outside;
    const fault = this.#next(name);
    if (fault === "killed_before") void kill();
    if (fault === "refused") void refuse();
    const result = work();
    if (fault === "killed_after") void durable().then(kill);
    return result;
  }

  #next(name: string): Fault | null {
    this.#passed++;
    if (this.#passed !== this.#at) return null;
    this.struck = name;
    return this.#fault;
  }
}

/** The error that the real adapter of this port would throw. */
function injected(name: string, what: string): Error {
  const message = `injected: ${name} ${what}`;
  if (name.startsWith("http.")) return new OutboundError("network", message);
  if (name.startsWith("page.")) return new PageError(message, { errorClass: "temporary" });
  if (name === "browsers.lease") return new BrowserUnavailable(message, { retryAfterMs: 1 });
  return new Error(message);
}

/**
 * The port with every call of a method a point.
 * @param gate what a call waits for before it leaves, where the platform does not hold it back by itself
 */
export function withPoints<T extends object>(port: T, name: string, injector: Injector, kill: Kill, gate?: () => Promise<void>): T {
  return new Proxy(port, {
    get(target, method) {
      const member: unknown = Reflect.get(target, method);
      if (typeof member !== "function" || typeof method === "symbol" || method === "then") return member;
      return (...args: unknown[]) =>
        injector.call(
          `${name}.${method}`,
          async () => {
            await gate?.();
            return (await Reflect.apply(member, target, args)) as unknown;
          },
          kill,
        );
    },
  });
}
