import type { EngineDeps } from "../../src/compose.ts";
import type { OrganizationId } from "../../src/domain/id.ts";
import type { Log } from "../../src/ports/log.ts";
import type { FakeBrowsers } from "./fake-browsers.ts";
import { type Injector, type Kill, withPoints } from "./injector.ts";

/** What an organization's runs have for an outside: one organization for each run of the sweep. */
export interface World {
  readonly injector: Injector;
  readonly browsers: FakeBrowsers;
}

const worlds = new Map<OrganizationId, World>();

/** From now on the organization's runs live in this world. */
export function createWorld(organizationId: OrganizationId, world: World): void {
  worlds.set(organizationId, world);
}

/** @returns null for an organization whose runs have nothing to fear */
export function worldOf(organizationId: OrganizationId): World | null {
  return worlds.get(organizationId) ?? null;
}

/** Faults are expected here; what comes of them is read from the journals. */
export const silentLog: Log = { info: () => {}, error: () => {} };

/**
 * The engine's outside with a point at every call. The clock, ids and chance cannot fail.
 * @param durable resolves when all that was written is durable: no message leaves an object before (the output gate), and what is faked here must
 * not see one sooner either
 */
export function engineIn({ injector, browsers }: World, deps: EngineDeps, kill: Kill, durable: () => Promise<void>): EngineDeps {
  const points = <T extends object>(port: T, name: string): T => withPoints(port, name, injector, kill);
  const gatedPoints = <T extends object>(port: T, name: string): T => withPoints(port, name, injector, kill, durable);
  return {
    ...deps,
    log: silentLog,
    vault: points(deps.vault, "vault"),
    artifacts: points(deps.artifacts, "artifacts"),
    values: points(deps.values, "values"),
    news: points(deps.news, "news"),
    children: points(deps.children, "children"),
    tokens: points(deps.tokens, "tokens"),
    httpFor: (hosts) => points(deps.httpFor(hosts), "http"),
    mailerFor: (hosts) => points(deps.mailerFor(hosts), "mail"),
    gates: { get: (organizationId) => points(deps.gates.get(organizationId), "gate") },
    runs: { get: (organizationId, runId) => points(deps.runs.get(organizationId, runId), "run") },
    pool: gatedPoints(browsers.pool, "pool"),
    browsers: gatedPoints(
      {
        lease: async (...options: Parameters<typeof browsers.lease>) => {
          const lease = await browsers.lease(...options);
          const leasePoints = gatedPoints(lease, "lease");
          return {
            ...leasePoints,
            get alive() {
              return lease.alive;
            },
            openTab: async (...tabOptions: Parameters<typeof lease.openTab>) => {
              const tab = await leasePoints.openTab(...tabOptions);
              return {
                ...gatedPoints(tab, "tab"),
                get alive() {
                  return tab.alive;
                },
                cast: tab.cast,
                recorder: { ...gatedPoints(tab.recorder, "recorder"), begin: () => tab.recorder.begin() },
                page: { ...gatedPoints(tab.page, "page"), url: () => tab.page.url() },
              };
            },
          };
        },
        takeUp: (...options: Parameters<typeof browsers.takeUp>) => browsers.takeUp(...options), // of sessions, of which the sweep has none
        ping: (sessionId: string) => browsers.ping(sessionId),
        close: (sessionId: string) => browsers.close(sessionId),
      },
      "browsers",
    ),
  };
}
