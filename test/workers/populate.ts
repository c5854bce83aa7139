import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { createArtifacts } from "../../src/adapters/r2-artifacts.ts";
import { createIds } from "../../src/adapters/ids.ts";
import { artifactIdOf, type OrganizationId, type RunId } from "../../src/domain/id.ts";
import { eventually } from "../eventually.ts";
import type { Tenant } from "./api.ts";
import { openBox } from "./receiver-client.ts";

/** One of everything that a path can name, by the name of the parameter. */
export type Things = Readonly<Record<string, string>>;

/**
 * Makes one of everything for a tenant. Whatever it is called holds `marker`, so that it can be recognised where it should not be.
 * @param browserSessionId a session that is there already, and need not be made: that opens a browser
 */
export async function populate(tenant: Tenant, marker: string, browserSessionId?: string): Promise<Things> {
  const { call } = tenant;
  const made = async (path: string, body: unknown, id: string): Promise<string> => {
    const { body: answer } = await call("POST", path, body);
    expect(answer, `${path} makes nothing`).toHaveProperty(id);
    return answer[id] as string;
  };
  const definition = {
    title: marker,
    description: marker,
    workflow_definition: {
      parameters: [{ parameter_type: "workflow", key: "word", workflow_parameter_type: "string", default_value: marker }],
      blocks: [{ block_type: "set", label: "first", values: { word: "{{ word }}" } }],
    },
  };
  const workflow_id = await made("/v1/workflows", { json_definition: definition }, "workflow_permanent_id");
  const run_id = await made("/v1/run/workflows", { workflow_id, webhook_url: (await openBox()).url }, "run_id");
  const artifact_id = artifactIdOf(run_id as RunId, createIds(() => Date.now()).next("artifact"));
  await createArtifacts(env.ARTIFACTS, () => Date.now()).save(
    { organizationId: tenant.organizationId as OrganizationId, runId: run_id as RunId, path: "first" },
    {
      artifactId: artifact_id,
      type: "download",
      name: `${marker}.txt`,
      contentType: "text/plain",
      bytes: new TextEncoder().encode(marker),
    },
  );
  const deliveries = await eventually(async () => {
    const { body } = await call("GET", `/v1/webhook-deliveries?run_id=${run_id}`);
    expect(body.length).toBeGreaterThan(0);
    return body as { delivery_id: string }[];
  });
  const schedule = await call("POST", `/v1/workflows/${workflow_id}/schedules`, { cron_expression: "0 0 1 1 *", name: marker });
  const credential = { name: marker, credential_type: "password", credential: { username: marker, password: marker } };
  const form = new FormData();
  form.append("file", new File([marker], `${marker}.txt`));
  const upload = new Response(form);
  const file = await call("POST", "/v1/upload_file", new Uint8Array(await upload.clone().arrayBuffer()), {
    "content-type": upload.headers.get("content-type")!,
  });
  const browser_session_id = browserSessionId ?? (await made("/v1/browser_sessions", {}, "browser_session_id"));
  await call("POST", `/v1/browser_sessions/${browser_session_id}/close`); // what is closed is another's as well
  return {
    workflow_id,
    browser_session_id,
    browser_profile_id: await made(
      "/v1/browser_profiles",
      { name: marker, storage_state: [{ name: "a", value: marker, domain: "a.example" }] },
      "browser_profile_id",
    ),
    run_id,
    artifact_id,
    delivery_id: deliveries[0]!.delivery_id,
    folder_id: await made("/v1/folders", { title: marker, description: marker }, "folder_id"),
    schedule_id: schedule.body.schedule.workflow_schedule_id,
    credential_id: await made("/v1/credentials", credential, "credential_id"),
    file_id: file.body.file_id,
  };
}
