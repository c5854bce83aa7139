import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RefusedRequest, type ServiceClient } from "./service-client.ts";
import { pushTemplates } from "./templates.ts";

const DEV_ORGANIZATION = {
  organization_id: "o_dev",
  name: "dev",
  allowed_hosts: ["127.0.0.1", "localhost", "[::1]"],
};

export interface Seeded {
  organizationId: string;
  apiKey?: string;
}

/** Makes the organization `dev` with a key, and pushes the templates. Done at every start; what is there already stays. */
export async function seedService(admin: ServiceClient, { state, devApiKey }: { state: string; devApiKey?: string }): Promise<Seeded> {
  const templates = pushTemplates(admin);
  await ignoreConflict(admin.call("POST", "/v1/admin/organizations", DEV_ORGANIZATION));
  const apiKey = await seedApiKey(admin, state, devApiKey);
  await templates;
  return { organizationId: DEV_ORGANIZATION.organization_id, ...(apiKey === undefined ? {} : { apiKey }) };
}

/** A made key can be read only in the answer that makes it, so a file tells the later starts that it was shown. */
async function seedApiKey(admin: ServiceClient, state: string, devApiKey: string | undefined): Promise<string | undefined> {
  const shown = join(state, "dev-api-key-shown");
  if (devApiKey === undefined && existsSync(shown)) return undefined;
  const body = devApiKey === undefined ? { name: "dev" } : { name: "PILOTFISH_DEV_API_KEY", key: devApiKey };
  const { key } = await admin.call<{ key: string }>("POST", `/v1/admin/organizations/${DEV_ORGANIZATION.organization_id}/api-keys`, body);
  if (devApiKey === undefined) await writeFile(shown, "");
  return key;
}

async function ignoreConflict(request: Promise<unknown>): Promise<void> {
  await request.catch((error: unknown) => {
    if (!(error instanceof RefusedRequest && error.status === 409)) throw error;
  });
}
