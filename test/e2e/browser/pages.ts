/**
 * The site that the browser tests visit, on loopback: mostly pages whose HTML the test itself writes, so that it stands beside what is
 * expected of it. Runs in Node, as a global setup; `harness.ts` makes the addresses.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** `http://127.0.0.1:<port>` */
    pagesOrigin: string;
  }
}

/** Addresses at which a page has asked for a WebSocket; there are none here. */
const socketsAsked: string[] = [];

export default async function serve({ provide }: TestProject): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.on("upgrade", (request, socket) => {
    socketsAsked.push(request.url ?? "");
    socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
  });
  provide("pagesOrigin", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

/** How often `/login` was asked, by its `id`. */
const asked = new Map<string, number>();

/** Which of `/gate` may be passed, by its `id`. */
const gates = new Map<string, PromiseWithResolvers<void>>();

function gate(id: string): PromiseWithResolvers<void> {
  const known = gates.get(id) ?? Promise.withResolvers<void>();
  gates.set(id, known);
  return known;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://site");
  const query = (name: string) => searchParams.get(name) ?? "";
  switch (pathname) {
    case "/html": // the page that the test wrote
      if (query("process") === "own") response.setHeader("origin-agent-cluster", "?1"); // Chromium isolates such an origin
      return html(response, query("html"));
    case "/script": // a script that the test wrote
      response.writeHead(200, { "content-type": "text/javascript" }).end(query("js"));
      return;
    case "/submit": // what a form sent
      return html(
        response,
        `<title>Received</title><h1>Received</h1><pre id=form>${new URLSearchParams(await text(request)).toString()}</pre>`,
      );
    case "/slow": // a page that takes its time
      await new Promise((resolve) => setTimeout(resolve, Number(query("ms"))));
      return html(response, "<title>Slow</title><h1>Here at last</h1>");
    case "/gate": // answers when `/open` has been asked
      await gate(query("id")).promise;
      return html(response, "<title>Open</title>");
    case "/open":
      gate(query("id")).resolve();
      return html(response, "<title>Opened</title>");
    case "/silent": // never answers
      return;
    case "/endless": // a document with a picture that never comes
      return html(response, "<title>Endless</title><h1>Here</h1><img src=/silent>");
    case "/redirect":
      response.writeHead(302, { location: query("to") }).end();
      return;
    case "/loop": // redirects to itself
      response.writeHead(302, { location: "/loop" }).end();
      return;
    case "/ping-pong": {
      // two pages that send the browser to each other
      const [here, there] = query("to") === "ping" ? ["ping", "pong"] : ["pong", "ping"];
      return html(response, `<title>${here}</title><button id=ok>OK</button><script>location.replace("/ping-pong?to=${there}")</script>`);
    }
    case "/trickle": // comes bit by bit, and never ends
      response.writeHead(200, { "content-type": query("type") });
      response.write("<!doctype html><title>Trickle</title><button id=ok>OK</button>");
      return trickle(response);
    case "/status":
      response.statusCode = Number(query("code"));
      return html(response, `<title>Status ${query("code")}</title>`);
    case "/broken":
      request.socket.destroy();
      return;
    case "/set-cookie":
      response.setHeader("set-cookie", [
        `visitor=${query("value")}; Path=/; HttpOnly`,
        `kept=${query("value")}; Path=/; Max-Age=3600; SameSite=Lax`,
      ]);
      return html(response, "<title>Set</title>");
    case "/cookies": // what the browser sent
      return html(response, `<title>Cookies</title><pre id=cookies>${request.headers.cookie ?? ""}</pre>`);
    case "/headers": // what the browser sent, as a page and for scripts of other origins
      response.setHeader("access-control-allow-origin", "*").setHeader("access-control-allow-headers", "*");
      return html(response, `<title>Headers</title><pre id=headers>${JSON.stringify(request.headers)}</pre>`);
    case "/json/version": // of a browser that does not let itself be used, and says so as it is asked to
      response.statusCode = Number(request.headers["x-answer"] ?? 404);
      response.end();
      return;
    case "/login": // asks who is there; counts how often it was asked
      asked.set(query("id"), (asked.get(query("id")) ?? 0) + 1);
      if (request.headers.authorization === `Basic ${btoa("ann:s3cret")}`) return html(response, "<title>Ann's</title>");
      response.writeHead(401, { "www-authenticate": 'Basic realm="Site"', "content-type": "text/html" }).end("<title>Who?</title>");
      return;
    case "/asked":
      return html(response, `<title>${asked.get(query("id")) ?? 0}</title>`);
    case "/my-cookies.txt": // the same, as a file
      response.writeHead(200, { "content-type": "text/plain" }).end(request.headers.cookie ?? "");
      return;
    case "/report.csv": {
      const body = `sku,price\nA-1,${"9".repeat(Number(query("digits") || 1))}\n`;
      response.writeHead(200, { "content-type": "text/csv", "content-disposition": 'attachment; filename="report.csv"' }).end(body);
      return;
    }
    case "/sockets-asked":
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(socketsAsked));
      return;
    case "/list": // a list of five entries on three pages
      return html(response, listPage(Number(query("page") || 1)));
    default:
      response.statusCode = 404;
      return html(response, "<title>Nothing here</title>");
  }
}

function trickle(response: ServerResponse): void {
  const writing = setInterval(() => response.write("<p>more</p>"), 20);
  response.once("close", () => clearInterval(writing));
}

function html(response: ServerResponse, body: string): void {
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end(`<!doctype html>${body}`);
}

function listPage(page: number): string {
  const entries = [1, 2, 3, 4, 5].slice((page - 1) * 2, page * 2);
  const rows = entries.map((entry) => `<tr><td class=name>Entry ${entry}</td><td class=price>€ ${entry}.50${entry},00</td></tr>`);
  const next = page < 3 ? `<a class=next href="/list?page=${page + 1}">Next</a>` : "<a class='next disabled'>Next</a>";
  return `<title>List ${page}</title><h1>Page ${page}</h1><nav hidden>${next}</nav><table>${rows.join("")}</table><nav>${next}</nav>`;
}
