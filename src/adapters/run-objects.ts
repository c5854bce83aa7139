import type { BrowserSessionObject, BrowserSessionObjects } from "../ports/browser-sessions.ts";
import type { Gates, Gate } from "../ports/gates.ts";
import type { RunNews, RunNewsQueue, RunObject, RunObjects } from "../ports/run-objects.ts";

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

export function createNewsQueue(queue: Queue<RunNews>): RunNewsQueue {
  return {
    async send(news) {
      await queue.send(news, { contentType: "json" });
    },
  };
}
