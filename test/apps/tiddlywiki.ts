import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Account, type Application, freePort, startApp } from "./application.ts";

const WREN: Account = { username: "wren", password: "correct-horse-1" };

/** Everyone may read; who writes has to log in. */
const WIKI = {
  description: "Wiki of the test",
  plugins: ["tiddlywiki/tiddlyweb", "tiddlywiki/filesystem"],
  themes: ["tiddlywiki/vanilla", "tiddlywiki/snowwhite"],
};

/** A wiki whose text fields are in frames: https://tiddlywiki.com */
export const tiddlywiki: Application = {
  name: "tiddlywiki",
  workflow: "wiki-page.yaml",
  async start(folder) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    await mkdir(join(folder, "wiki", "tiddlers"), { recursive: true });
    await writeFile(join(folder, "wiki", "tiddlywiki.info"), JSON.stringify(WIKI));
    const access = [`username=${WREN.username}`, `password=${WREN.password}`, "readers=(anon)", "writers=(authenticated)"];
    const process = await startApp({
      script: "tiddlywiki/tiddlywiki.js",
      args: [join(folder, "wiki"), "--listen", "host=127.0.0.1", `port=${port}`, ...access],
      folder,
      ready: `${url}/status`,
    });
    const page = { title: "Mooring plan", text: "Three boats at the ''north'' quay.\nOne at the south.", tag: "harbour" };
    return {
      url,
      process,
      credentials: { account: WREN },
      parameters: page,
      async verify({ write_page_output: wrote = {} }) {
        assert.deepEqual(wrote["page"], { text: "Three boats at the north quay. One at the south." });
        const stored = await readPage(url, page.title);
        assert.equal(stored.text, page.text);
        assert.equal(stored.tags, page.tag);
        assert.equal(stored.creator, WREN.username);
        return `the wiki's API has the page, written by ${stored.creator}`;
      },
    };
  },
};

async function readPage(url: string, title: string): Promise<{ text: string; tags: string; creator: string }> {
  const response = await fetch(`${url}/recipes/default/tiddlers/${encodeURIComponent(title)}`);
  assert.equal(response.status, 200);
  return (await response.json()) as { text: string; tags: string; creator: string };
}
