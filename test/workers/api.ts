import { env, exports } from "cloudflare:workers";
import { requireDescribed } from "./conformance.ts";

/** An answer of the service, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed JSON, or the text where it is none; null for an empty body. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
}

/**
 * Sends a request to the Worker under test, and holds the answer to the OpenAPI document. A body that is no text, bytes or stream is sent as
 * JSON.
 */
export async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const request = new Request(`https://pilotfish.test${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
  });
  const response = await exports.default.fetch(request);
  const text = await response.text();
  const isJson = /[/+]json\b/.test(response.headers.get("content-type") ?? "");
  const answer: Answer = {
    status: response.status,
    headers: response.headers,
    body: text === "" ? null : isJson ? JSON.parse(text) : text,
  };
  requireDescribed(method, path, answer);
  return answer;
}

function isRaw(body: unknown): body is string | Uint8Array | ReadableStream {
  return typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
}

/** The path of the next page of a list, null on the last. */
export function nextOf({ headers }: Answer): string | null {
  const [, href] = /^<([^>]+)>; rel="next"$/.exec(headers.get("link") ?? "") ?? [];
  return href === undefined ? null : href.replace("https://pilotfish.test", "");
}

/** As the administrator. */
export async function asAdmin(method: string, path: string, body?: unknown): Promise<Answer> {
  return await send(method, `/v1/admin${path}`, body, { authorization: `Bearer ${env.PILOTFISH_ADMIN_TOKEN}` });
}

/** An organization of its own for a test, and a caller with its key. */
export interface Tenant {
  readonly organizationId: string;
  readonly key: string;
  readonly call: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
}

export async function createTenant(settings: OrganizationSettings = {}): Promise<Tenant> {
  const organization = await asAdmin("POST", "/organizations", { name: "test", ...settings });
  return await createCaller(organization.body.organization_id);
}

interface OrganizationSettings {
  readonly allowed_hosts?: string[];
  readonly max_concurrent_runs?: number;
  readonly max_run_seconds?: number;
  readonly max_workflow_blocks?: number;
  readonly browser_address?: string | null;
  readonly cdp_connect_headers?: Record<string, string> | null;
}

/** The same organization with other settings. They hold for the caller that is returned; the one before may know the old ones for a while. */
export async function changeTenant({ organizationId }: Pick<Tenant, "organizationId">, settings: OrganizationSettings): Promise<Tenant> {
  const { status } = await asAdmin("PATCH", `/organizations/${organizationId}`, settings);
  if (status !== 200) throw new Error(`the settings of ${organizationId} were not changed: ${status}`);
  return await createCaller(organizationId);
}

async function createCaller(organizationId: string): Promise<Tenant> {
  const { body } = await asAdmin("POST", `/organizations/${organizationId}/api-keys`, { name: "test" });
  const key: string = body.key;
  return { organizationId, key, call: (method, path, sent, headers = {}) => send(method, path, sent, { "x-api-key": key, ...headers }) };
}

/** A small workflow that can be saved and run. */
export function definition(title = "Test", more: object = {}) {
  return {
    title,
    workflow_definition: {
      parameters: [{ parameter_type: "workflow", key: "count", workflow_parameter_type: "integer" }],
      blocks: [{ block_type: "set", label: "first", values: { doubled: "{{ count * 2 }}" } }],
      ...more,
    },
  };
}
