import { expect, it } from "vitest";
import { UNTIL_IT_ENDS } from "../../patience.ts";
import { createTenant } from "../../workers/api.ts";
import { html } from "./harness.ts";

const PASSWORD = "c0rrect horse & battery";
const reversed = (text: string) => text.split("").toReversed().join("");

it("logs in by a real form with the real values, and gives back none of them", async () => {
  const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
  const { body: credential } = await tenant.call("POST", "/v1/credentials", {
    name: "Shop",
    credential_type: "password",
    credential: { username: "ann@example.com", password: PASSWORD, totp: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", totp_type: "authenticator" },
  });
  const form = `<form method=post action=/submit><label>E-mail <input name=user></label><label>Password <input name=password type=password></label>
    <label>Code <input name=code></label><button>Log in</button></form>`;
  const { body: workflow } = await tenant.call("POST", "/v1/workflows", {
    json_definition: {
      title: "Log in",
      workflow_definition: {
        parameters: [{ parameter_type: "workflow", key: "login", workflow_parameter_type: "credential_id" }],
        blocks: [
          {
            block_type: "actions",
            label: "log_in",
            steps: [
              { action: "goto", url: html(form) },
              { action: "fill", target: { label: "E-mail" }, value: "{{ login.username }}" },
              { action: "type", target: { label: "Password" }, text: "{{ login.password }}" },
              { action: "fill", target: { label: "Code" }, value: "{{ login.totp }}" },
              { action: "click", target: { role: "button", name: "Log in" } },
              { action: "wait_for", text: "Received" },
              { action: "evaluate", name: "shown", script: "document.querySelector('#form').textContent" },
              {
                action: "evaluate",
                name: "backwards",
                script: "[...new URLSearchParams(document.querySelector('#form').textContent)].map(([, v]) => [...v].reverse().join(''))",
              },
            ],
          },
          { block_type: "extraction", label: "read", selectors: { form: "#form" } },
          { block_type: "screenshot", label: "look" },
        ],
      },
    },
  });
  const parameters = { login: credential.credential_id };
  const { body: begun } = await tenant.call("POST", "/v1/run/workflows", { workflow_id: workflow.workflow_permanent_id, parameters });
  const { body: run } = await tenant.call("GET", `/v1/runs/${begun.run_id}`, undefined, UNTIL_IT_ENDS);
  expect(run.status, run.failure_reason).toBe("completed");
  const { shown, backwards } = run.output.log_in_output;
  const [user, password, code] = backwards.map(reversed);
  expect([user, password, code]).toEqual(["ann@example.com", PASSWORD, expect.stringMatching(/^\d{6}$/)]);
  expect(shown).toBe("user=ann%40example.com&password=***&code=***");
  expect(JSON.stringify(run.output.read_output)).toContain("password=***"); // a later block reads the page that shows it
  const { body: timeline } = await tenant.call("GET", `/v1/runs/${begun.run_id}/timeline`);
  for (const text of [JSON.stringify(run), JSON.stringify(timeline)])
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), "c0rrect+horse"]) expect(text).not.toContain(secret);
});
