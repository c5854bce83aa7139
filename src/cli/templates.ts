import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { readLocalService } from "./local-state.ts";
import { connectService, type ServiceClient } from "./service-client.ts";
import { PROJECT } from "./project.ts";

const EXAMPLES = join(PROJECT, "docs", "examples");

export interface PushedTemplate {
  workflow_permanent_id: string;
  version: number;
  /** False when the service had exactly this content already. */
  changed: boolean;
}

/** Puts every workflow of docs/examples into the service's bucket of templates. Pushing the same content twice changes nothing. */
export async function pushTemplates(admin: ServiceClient, folder = EXAMPLES): Promise<PushedTemplate[]> {
  const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json")).toSorted();
  const pushed: PushedTemplate[] = [];
  // One after the other: all are written into the same list, and would be in each other's way.
  for (const name of files) {
    const definition: unknown = JSON.parse(await readFile(join(folder, name), "utf8"));
    pushed.push(await admin.call<PushedTemplate>("PUT", `/v1/admin/templates/${templateId(name)}`, definition));
  }
  return pushed;
}

/** `shop-order.json` is `wpid_template_shop_order`. */
export function templateId(fileName: string): string {
  return `wpid_template_${basename(fileName, ".json").replaceAll("-", "_")}`;
}

const HELP = `npm run templates:push [-- --url <https://…> --admin-token <token>]

Puts the workflows of docs/examples into the service's bucket of templates.
Without --url: into the service that "npm run dev" runs on this machine (PILOTFISH_STATE names its folder when it is not .wrangler/state).
The token can be given as PILOTFISH_ADMIN_TOKEN as well.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { url: { type: "string" }, "admin-token": { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const local = values.url === undefined ? await readLocalService() : undefined;
  const url = values.url ?? local?.url;
  const adminToken = values["admin-token"] ?? process.env["PILOTFISH_ADMIN_TOKEN"] ?? local?.adminToken;
  if (url === undefined) throw new Error(`No service runs on this machine: start one with "npm run dev", or name one with --url.`);
  if (adminToken === undefined) throw new Error("The admin token is missing: --admin-token or PILOTFISH_ADMIN_TOKEN.");
  for (const { workflow_permanent_id, version, changed } of await pushTemplates(connectService(url, { adminToken }))) {
    console.log(`${workflow_permanent_id} version ${version}${changed ? "" : " (unchanged)"}`);
  }
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
