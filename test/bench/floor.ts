import { DurableObject } from "cloudflare:workers";

/**
 * What the platform itself asks for ten durable steps: a new object for every request, ten inserts, each synced before the next. No API, no
 * admission, no journal. The benchmark gives the service's figures as ratios to this.
 */
export class Floor extends DurableObject {
  async work(): Promise<number> {
    const { sql } = this.ctx.storage;
    sql.exec("CREATE TABLE steps (seq INTEGER PRIMARY KEY, value TEXT NOT NULL)");
    for (let step = 0; step < 10; step++) {
      sql.exec("INSERT INTO steps (value) VALUES (?)", JSON.stringify({ step }));
      await this.ctx.storage.sync();
    }
    return 10;
  }
}

export default {
  async fetch(_request: Request, env: { FLOOR: DurableObjectNamespace<Floor> }): Promise<Response> {
    return Response.json({ steps: await env.FLOOR.get(env.FLOOR.newUniqueId()).work() });
  },
};
