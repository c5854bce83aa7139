import { describe, expect, it } from "vitest";
import { createTenant, definition } from "./api.ts";

/** Skyvern's `BrowserSessionResponse`. */
const FIELDS = [
  "browser_session_id", "organization_id", "status", "runnable_type", "runnable_id", "timeout", "browser_address", "app_url", "extensions",
  "browser_type", "browser_profile_id", "generate_browser_profile", "vnc_streaming_supported", "stream_transport", "download_path",
  "downloaded_files", "recordings", "started_at", "completed_at", "created_at", "modified_at", "deleted_at", "warning",
]; // prettier-ignore

describe("browser sessions", () => {
  it("have Skyvern's fields, and are opened once under an Idempotency-Key", async () => {
    const tenant = await createTenant();
    const sent = { timeout: 5, proxy_location: "RESIDENTIAL", extensions: ["ad-blocker"] };
    const open = () => tenant.call("POST", "/v1/browser_sessions", sent, { "idempotency-key": "k" });
    const [{ status, body }, second] = [await open(), await open()];
    expect([status, Object.keys(body)]).toEqual([200, FIELDS]);
    expect(second.body.browser_session_id).toBe(body.browser_session_id);
    expect(body).toMatchObject({ status: "running", timeout: 5, runnable_id: null, completed_at: null });
    expect(body.warning).toMatch(/"proxy_location" has no effect: .* "extensions" has no effect: /);
    const close = () => tenant.call("POST", `/v1/browser_sessions/${body.browser_session_id}/close`);
    const closed = await close();
    expect(closed.body).toMatchObject({ status: "completed", completed_at: expect.any(String) });
    expect((await close()).body).toEqual(closed.body);
    expect((await tenant.call("GET", "/v1/browser_sessions")).body).toEqual([]);
  });

  it.each<[string, object, string]>([
    ["less time than there may be", { timeout: 4 }, "timeout"],
    ["an address that may not be visited", { url: "http://127.0.0.1/" }, "url"],
    ["an address that is none", { url: "file:///etc/passwd" }, "url"],
    ["an unknown field", { tiemout: 5 }, "tiemout"],
  ])("are refused with %s, and nothing is opened", async (_, sent, path) => {
    const tenant = await createTenant();
    const { status, body } = await tenant.call("POST", "/v1/browser_sessions", sent);
    expect([status, body.errors.map((fault: { path: string }) => fault.path)]).toEqual([400, [path]]);
    expect((await tenant.call("GET", "/v1/browser_sessions/history")).body).toEqual([]);
  });

  it("of another organization, or of nobody, cannot be run in, and the refused start is in the history", async () => {
    const [owner, other] = [await createTenant(), await createTenant()];
    const { browser_session_id } = (await owner.call("POST", "/v1/browser_sessions", {})).body;
    const { workflow_permanent_id: workflow_id } = (await other.call("POST", "/v1/workflows", { json_definition: definition() })).body;
    for (const id of [browser_session_id, "pbs_nobody", "nonsense"]) {
      const start = await other.call("POST", "/v1/run/workflows", { workflow_id, parameters: { count: 1 }, browser_session_id: id });
      expect(start.status).toBe(400);
      expect(start.body.errors).toEqual([
        { path: "browser_session_id", message: `there is no browser session ${id}`, code: "invalid_value" },
      ]);
    }
    expect((await other.call("GET", "/v1/runs")).body).toHaveLength(3);
    await owner.call("POST", `/v1/browser_sessions/${browser_session_id}/close`);
  });
});
