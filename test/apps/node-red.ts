import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Account, type Application, APPS, freePort, startApp } from "./application.ts";

const ADMIN: Account = { username: "flora", password: "correct-horse-1" };

/** No telemetry, no catalogue of further nodes, nothing installed from within: it asks nobody else. */
const settingsOf = (port: string, passwordHash: string) => ({
  uiHost: "127.0.0.1",
  uiPort: Number(port),
  flowFile: "flows.json",
  credentialSecret: "of-the-test",
  adminAuth: { type: "credentials", users: [{ username: ADMIN.username, password: passwordHash, permissions: "*" }] },
  telemetry: { enabled: false, updateNotification: false },
  externalModules: { autoInstall: false, palette: { allowInstall: false, allowUpload: false }, modules: { allowInstall: false } },
  editorTheme: { tours: false, palette: { catalogues: [] }, projects: { enabled: false } },
  logging: { console: { level: "warn", metrics: false, audit: false } },
});

/** A flow editor (jQuery, a canvas of SVG): https://nodered.org */
export const nodeRed: Application = {
  name: "node-red",
  workflow: "flow-greeting.yaml",
  async start(folder) {
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    const settings = settingsOf(port, await hashPassword(ADMIN.password));
    await writeFile(join(folder, "settings.js"), `module.exports = ${JSON.stringify(settings)};`);
    const process = await startApp({
      script: "node-red/red.js",
      args: ["--userDir", folder, "--settings", join(folder, "settings.js")],
      folder,
      ready: url,
    });
    return {
      url,
      process,
      credentials: { account: ADMIN },
      parameters: { path: "/greeting", greeting: "Ahoy {{payload.name}}" },
      async verify() {
        const flows = await readFlows(url);
        assert.deepEqual(
          flows
            .map(({ type }) => type)
            .filter((type) => type !== "tab")
            .toSorted(),
          ["http in", "http response", "template"],
        );
        const answer = await fetch(`${url}/greeting?name=Ada`);
        assert.equal(answer.status, 200);
        assert.equal(await answer.text(), "Ahoy Ada");
        return "the editor's API lists the flow, and what it serves answers";
      },
    };
  },
};

/** As the application's own `node-red admin hash-pw` does. */
async function hashPassword(password: string): Promise<string> {
  const bcrypt = createRequire(join(APPS, "package.json"))("bcryptjs") as { hash(text: string, rounds: number): Promise<string> };
  return await bcrypt.hash(password, 4);
}

async function readFlows(url: string): Promise<{ type: string }[]> {
  const grant = { client_id: "node-red-admin", grant_type: "password", scope: "*", ...ADMIN };
  const signedIn = await fetch(`${url}/auth/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(grant),
  });
  assert.equal(signedIn.status, 200);
  const { access_token } = (await signedIn.json()) as { access_token: string };
  const flows = await fetch(`${url}/flows`, { headers: { authorization: `Bearer ${access_token}` } });
  assert.equal(flows.status, 200);
  return (await flows.json()) as { type: string }[];
}
