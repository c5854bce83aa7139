/** The Worker as it is, but for runs of an organization with a `World`: theirs pass through its injector. */
import { composeEngine, composeWorker } from "../../src/compose.ts";
import type { OrganizationId } from "../../src/domain/id.ts";
import { WorkflowRun as RealWorkflowRun } from "../../src/engine/run/run-object.ts";
import type { RunNews } from "../../src/domain/run/run-news.ts";
import { consumeNews } from "../../src/services/projection.ts";
import { type Injector, type Kill, withPoints } from "./injector.ts";
import { engineIn, silentLog, worldOf } from "./world.ts";

export { BrowserPool } from "../../src/engine/pool/browser-pool-object.ts";
export { OrganizationGate } from "../../src/engine/gate/gate-object.ts";
export { BrowserSession } from "../../src/engine/session/session-object.ts";

export class WorkflowRun extends RealWorkflowRun {
  constructor(ctx: DurableObjectState, env: Env) {
    const world = worldOf((ctx.id.name ?? "").split(":")[0] as OrganizationId);
    if (world === null) {
      super(ctx, env);
      return;
    }
    const kill = () => ctx.abort("injected: killed");
    const { storage } = ctx;
    watchWrites(ctx, world.injector, kill);
    super(
      ctx,
      env,
      engineIn(world, composeEngine(env), kill, () => storage.sync()),
    );
  }

  /** Dies here and now, as in an eviction. */
  die(): void {
    this.ctx.abort("injected: killed");
  }
}

/** Makes every write to the object's storage a point. */
function watchWrites(ctx: DurableObjectState, injector: Injector, kill: Kill): void {
  const { storage } = ctx;
  const durable = () => storage.sync();
  const refuse = () => {
    throw new Error("injected: the write was refused");
  };
  const alarm = { durable, kill, refuse: kill }; // an alarm that cannot be set takes the object down with it
  const exec = storage.sql.exec.bind(storage.sql);
  const setAlarm = storage.setAlarm.bind(storage);
  const deleteAlarm = storage.deleteAlarm.bind(storage);
  const sql = new Proxy(storage.sql, {
    get: (target, name) => (name === "exec" ? watchedExec : Reflect.get(target, name)),
  });
  function watchedExec(query: string, ...bindings: unknown[]) {
    const run = () => exec(query, ...bindings);
    const [verb = ""] = query.trim().split(/\s/, 1);
    return verb === "SELECT" ? run() : injector.write(`sql.${verb.toLowerCase()}`, run, { durable, kill, refuse });
  }
  const watched = new Proxy(storage, {
    get(target, name) {
      if (name === "sql") return sql;
      if (name === "setAlarm") return (at: number) => injector.write("storage.setAlarm", () => setAlarm(at), alarm);
      if (name === "deleteAlarm") return () => injector.write("storage.deleteAlarm", () => deleteAlarm(), alarm);
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  Object.defineProperty(ctx, "storage", { value: watched, configurable: true });
}

export default {
  fetch: (request, env, ctx) => composeWorker(env).fetch(request, env, ctx),
  async queue(batch, env) {
    const worker = composeWorker(env);
    if (batch.queue !== "pilotfish-run-events") return await worker.queue(batch);
    // Each by itself, so that what hits one run of the sweep holds up no other.
    const takeIn = (message: Message) =>
      consumeNews({ messages: [message] }, projectionOf(env, message.body as RunNews)).catch(() => message.retry({ delaySeconds: 0 }));
    await Promise.all(batch.messages.map(takeIn));
  },
  scheduled: (controller, env) => composeWorker(env).scheduled(controller.scheduledTime),
} satisfies ExportedHandler<Env>;

/** What takes in the news of a run, with a point at every call. A kill hits the run's object. */
function projectionOf(env: Env, { row: { organizationId, workflowRunId } }: RunNews) {
  const { deps } = composeWorker(env);
  const world = worldOf(organizationId);
  if (world === null) return deps;
  const points = <T extends object>(port: T, name: string): T =>
    withPoints(port, name, world.injector, () => killRun(env, organizationId, workflowRunId));
  return {
    ...deps,
    log: silentLog,
    runIndex: points(deps.runIndex, "runIndex"),
    deliveries: points(deps.deliveries, "deliveries"),
    deliveryQueue: points(deps.deliveryQueue, "deliveryQueue"),
    runs: { get: (...run: Parameters<typeof deps.runs.get>) => points(deps.runs.get(...run), "news.run") },
  };
}

/** Kills the object of a run from outside. */
async function killRun(env: Env, organizationId: string, runId: string): Promise<void> {
  const stub = env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${organizationId}:${runId}`)) as unknown as { die(): Promise<void> };
  await stub.die().catch(() => undefined); // it cannot answer any more
}
