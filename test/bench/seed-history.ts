import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { applyMigrations } from "../../src/cli/migrations.ts";

/** A workflow of `seedHistory`: its first. */
export const SEEDED_WORKFLOW = "wpid_00000000000000000000000001";

/**
 * Fills the D1 database of a state folder that no service works on: workflows of the organization `dev` with a definition of about 1 KB each,
 * and runs that have ended, one a second, each workflow's turn in turn, one in ten of them failed.
 */
export async function seedHistory(state: string, { runs, workflows }: { runs: number; workflows: number }): Promise<void> {
  await applyMigrations(state);
  const database = new DatabaseSync(databaseOf(state));
  try {
    const definition = JSON.stringify({
      title: "Seeded",
      workflow_definition: { blocks: [{ block_type: "set", label: "first", values: { text: "x".repeat(900) } }] },
    });
    database.exec("pragma synchronous = off; pragma cache_size = -262144; begin");
    const numbers = "with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < :count)";
    const workflow = (number: string) => `'wpid_' || printf('%026d', ${number})`;
    database
      .prepare(
        `${numbers} insert into workflows (workflow_permanent_id, organization_id, latest_version, title, created_at, modified_at)
        select ${workflow("n")}, 'o_dev', 1, 'Seeded ' || n, n, n from numbers`,
      )
      .run({ count: workflows });
    database
      .prepare(
        `${numbers} insert into workflow_versions (workflow_id, workflow_permanent_id, organization_id, version, definition, created_at)
        select 'w_' || n, ${workflow("n")}, 'o_dev', 1, :definition, n from numbers`,
      )
      .run({ count: workflows, definition });
    database
      .prepare(
        `${numbers} insert into runs (workflow_run_id, organization_id, workflow_permanent_id, workflow_id, version, workflow_title, status,
          failure_reason, trigger_type, created_at, started_at, finished_at, modified_at, seq)
        select 'wr_' || printf('%026d', n), 'o_dev', ${workflow("1 + n % :workflows")}, 'w_' || (1 + n % :workflows), 1, 'Seeded ' || (1 + n % :workflows),
          iif(n % 10 = 0, 'failed', 'completed'), iif(n % 10 = 0, 'It failed.', null), 'api', :begin + n * 1000, :begin + n * 1000 + 100,
          :begin + n * 1000 + 900, :begin + n * 1000 + 900, 9
        from numbers`,
      )
      .run({ count: runs, workflows, begin: Date.UTC(2026, 0, 1) });
    database.exec("insert into run_titles select distinct organization_id, workflow_permanent_id, workflow_title from runs; commit");
  } finally {
    database.close();
  }
}

function databaseOf(state: string): string {
  const folder = join(state, "v3", "d1");
  const [file, ...others] = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /[0-9a-f]{64}\.sqlite$/.test(name));
  if (file === undefined || others.length > 0)
    throw new Error(`${folder} should hold one database and holds ${others.length + (file ? 1 : 0)}`);
  return join(folder, file);
}
