import { composeWorker } from "./compose.ts";

export { BrowserPool } from "./engine/pool/browser-pool-object.ts";
export { OrganizationGate } from "./engine/gate/gate-object.ts";
export { BrowserSession } from "./engine/session/session-object.ts";
export { WorkflowRun } from "./engine/run/run-object.ts";

export default {
  fetch: (request, env, ctx) => composeWorker(env).fetch(request, env, ctx),
  queue: (batch, env) => composeWorker(env).queue(batch),
  scheduled: (controller, env) => composeWorker(env).scheduled(controller.scheduledTime),
} satisfies ExportedHandler<Env>;
