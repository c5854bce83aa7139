import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Account, type Application, freePort, startApp } from "./application.ts";

const ANN: Account = { username: "ann", password: "correct-horse-1" };
const ANN_LATER: Account = { username: "ann", password: "battery-staple-2" };
const PACKAGE = { name: "left-hand", version: "1.4.2", description: "Which hand is left" };

/** No uplinks, no audits, no pictures of people: it asks nobody else. */
const CONFIG = `
storage: ./storage
auth:
  htpasswd:
    file: ./htpasswd
    algorithm: bcrypt
    rounds: 4
uplinks: {}
packages:
  "**":
    access: $all
    publish: $authenticated
web:
  title: Registry of the test
  gravatar: false
flags:
  changePassword: true
log: { type: stdout, format: json, level: warn }
`;

/** A package registry with a web interface (React): https://verdaccio.org */
export const verdaccio: Application = {
  name: "verdaccio",
  workflow: "registry-password.yaml",
  async start(folder) {
    const url = `http://127.0.0.1:${await freePort()}`;
    await writeFile(join(folder, "config.yaml"), CONFIG);
    const process = await startApp({
      script: "verdaccio/bin/verdaccio",
      args: ["--listen", new URL(url).host, "--config", join(folder, "config.yaml")],
      folder,
      ready: `${url}/-/ping`,
    });
    const token = await signUp(url, ANN);
    await publish(url, token);
    return {
      url,
      process,
      credentials: { account: ANN, new_account: ANN_LATER },
      parameters: { package: PACKAGE.name },
      async verify({ read_package_output: read = {} }) {
        const { install_commands: commands } = read["extracted_information"] as { install_commands: string[] };
        assert.ok(
          commands.includes(`npm install ${PACKAGE.name}@${PACKAGE.version}`),
          `read from the package's page: ${commands.join(", ")}`,
        );
        assert.equal(await canLogIn(url, ANN), false, "the old password still works");
        assert.equal(await canLogIn(url, ANN_LATER), true, "the new password does not work");
        return "the registry takes the new password and refuses the old one";
      },
    };
  },
};

/** As `npm login` does. @returns the user's token */
async function signUp(url: string, { username, password }: Account): Promise<string> {
  const response = await fetch(`${url}/-/user/org.couchdb.user:${username}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: username, password }),
  });
  assert.equal(response.status, 201);
  return ((await response.json()) as { token: string }).token;
}

/** As `npm publish` does. */
async function publish(url: string, token: string): Promise<void> {
  const { name, version, description } = PACKAGE;
  const bytes = Buffer.from("a package without files");
  const file = `${name}-${version}.tgz`;
  const dist = { tarball: `${url}/${name}/-/${file}`, shasum: createHash("sha1").update(bytes).digest("hex") };
  const document = {
    _id: name,
    name,
    description,
    "dist-tags": { latest: version },
    versions: { [version]: { name, version, description, readme: "# Left hand", dist } },
    _attachments: { [file]: { content_type: "application/octet-stream", data: bytes.toString("base64"), length: bytes.byteLength } },
  };
  const response = await fetch(`${url}/${name}`, {
    method: "PUT",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(document),
  });
  assert.equal(response.status, 201, await response.text());
}

async function canLogIn(url: string, { username, password }: Account): Promise<boolean> {
  const response = await fetch(`${url}/-/whoami`, {
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` },
  });
  const answer = (await response.json()) as { username?: string };
  return answer.username === username;
}
