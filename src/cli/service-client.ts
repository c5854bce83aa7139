interface Problem {
  title: string;
  status: number;
  detail?: string;
  errors?: { path: string; message: string; code?: string }[];
  request_id?: string;
}

/** An answer other than 2xx. The message is what a person at the terminal needs. */
export class RefusedRequest extends Error {
  readonly status: number;

  constructor(request: string, status: number, body: string) {
    super([`${request} was answered with ${status}: ${describe(body)}`].join("\n"));
    this.name = "RefusedRequest";
    this.status = status;
  }
}

function describe(body: string): string {
  let problem: Problem;
  try {
    problem = JSON.parse(body) as Problem;
  } catch {
    return body.trim().slice(0, 500) || "no body";
  }
  const faults = (problem.errors ?? []).map(({ path, message }) => `\n  ${path}: ${message}`);
  return `${problem.detail ?? problem.title}${faults.join("")}`;
}

/** The service as its callers see it: every command of this folder talks to it through here. */
export interface ServiceClient {
  readonly url: string;
  /** The parsed JSON of a 2xx answer. @throws RefusedRequest */
  call<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>;
  /** @throws RefusedRequest */
  download(path: string): Promise<Buffer>;
}

export function connectService(url: string, credentials: { apiKey: string } | { adminToken: string }): ServiceClient {
  const base = url.replace(/\/+$/, "");
  const authentication: Record<string, string> =
    "apiKey" in credentials ? { "x-api-key": credentials.apiKey } : { authorization: `Bearer ${credentials.adminToken}` };

  async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { ...authentication, ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      throw new Error(`${base} does not answer: is the service running there?`, { cause: error });
    });
    if (!response.ok) throw new RefusedRequest(`${method} ${path}`, response.status, await response.text());
    return response;
  }

  return {
    url: base,
    call: async <T>(method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
      (await (await send(method, path, body, headers)).json()) as T,
    download: async (path) => Buffer.from(await (await send("GET", path)).arrayBuffer()),
  };
}
