import { createServer } from "node:http";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { text } from "node:stream/consumers";

/**
 * The site that the browser benchmark works on, on loopback: a form with three fields, and the page that it leads to, with five texts.
 * @param answerMs how long each answer takes
 */
export async function serveOrderSite(answerMs: number): Promise<{ origin: string; close(): void }> {
  const server = createServer((request, response) => {
    const answer = async () => {
      await sleep(answerMs);
      if (request.method === "POST") {
        await text(request);
        return response.writeHead(303, { location: "/orders/4711" }).end();
      }
      const markup = request.url?.startsWith("/orders/") ? ORDER : FORM;
      return response.writeHead(request.url === "/favicon.ico" ? 204 : 200, { "content-type": "text/html; charset=utf-8" }).end(markup);
    };
    answer().catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    origin: `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What both sides type, and by which selectors they read. */
export const FIELDS = { "#name": "Ann Smith", "#mail": "ann@example.com", "#amount": "12" } as const;
export const TEXTS = { number: "#number", name: "#buyer", amount: "#amount", price: "#price", state: "#state" } as const;

const HEAD = `<!doctype html><meta charset=utf-8><meta name=viewport content="width=device-width"><style>body{font:16px sans-serif;margin:2rem}label{display:block}</style>`;

const FORM = `${HEAD}<title>Order</title><h1>Order</h1>
<form method=post action=/orders><label>Name <input id=name name=name></label><label>E-mail <input id=mail name=mail></label>
<label>Amount <input id=amount name=amount></label><button id=send>Send</button></form>`;

const ORDER = `${HEAD}<title>Order 4711</title><h1>Order <span id=number>4711</span></h1>
<dl><dt>Name<dd id=buyer>Ann Smith<dt>Amount<dd id=amount>12<dt>Price<dd id=price>48.00<dt>State<dd id=state>accepted</dl>`;
