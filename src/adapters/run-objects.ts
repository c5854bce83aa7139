import type { BrowserSessionObject, BrowserSessionObjects } from "../ports/browser-sessions.ts";
import type { Gates, Gate } from "../ports/gates.ts";
import type { BrowserHolder } from "../domain/browser/browser-queue.ts";
import type { BrowserHolderObject, BrowserHolders, BrowserPool } from "../ports/browser-pool.ts";
import type { RunNews } from "../domain/run/run-news.ts";
import type { RunNewsQueue, RunObject, RunObjects } from "../ports/run-objects.ts";

/** Runs by their objects. The name holds the organization: with another's run id one finds an empty object. */
export function createRunObjects(namespace: DurableObjectNamespace): RunObjects {
  return {
    get(organizationId, runId) {
      const stub: unknown = namespace.get(namespace.idFromName(`${organizationId}:${runId}`));
      return stub as RunObject; // `WorkflowRun` implements it; the generated stub type cannot see through recursive JSON
    },
  };
}

/** Gates by their organization. */
export function createGates(namespace: DurableObjectNamespace): Gates {
  return {
    get(organizationId) {
      const stub: unknown = namespace.get(namespace.idFromName(organizationId));
      return stub as Gate;
    },
  };
}

/** Sessions by their objects, as runs are. */
export function createBrowserSessionObjects(namespace: DurableObjectNamespace): BrowserSessionObjects {
  return {
    get(organizationId, browserSessionId) {
      const stub: unknown = namespace.get(namespace.idFromName(`${organizationId}:${browserSessionId}`));
      return stub as BrowserSessionObject;
    },
  };
}

/** The one pool of the account. */
export function createBrowserPool(namespace: DurableObjectNamespace): BrowserPool {
  const stub = (): unknown => namespace.get(namespace.idFromName("account"));
  const pool = () => stub() as BrowserPool; // a new one each time: one whose object has failed is broken for good
  return {
    acquire: (holder, wish) => pool().acquire(holder, wish),
    release: (holder, sessionId) => pool().release(holder, sessionId),
    position: (holder) => pool().position(holder),
    describe: (organizationId) => pool().describe(organizationId),
    sweep: () => pool().sweep(),
  };
}

/** The objects of those who hold browsers. */
export function createBrowserHolders(namespaces: Readonly<Record<BrowserHolder["kind"], DurableObjectNamespace>>): BrowserHolders {
  return {
    get({ kind, organizationId, id }) {
      const namespace = namespaces[kind];
      const stub: unknown = namespace.get(namespace.idFromName(`${organizationId}:${id}`));
      return stub as BrowserHolderObject;
    },
  };
}

export function createNewsQueue(queue: Queue<RunNews>): RunNewsQueue {
  return {
    async send(news) {
      await queue.send(news, { contentType: "json" });
    },
  };
}
