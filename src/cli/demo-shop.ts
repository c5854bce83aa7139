import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { checkOrderForm, EMPTY_FORM, makeOrder, readOrderForm, type Order } from "./demo-shop/order.ts";
import { confirmationPage, loginPage, missingPage, orderPage, productPage, productsPage } from "./demo-shop/pages.ts";
import { findProduct, formatPrice, searchProducts } from "./demo-shop/products.ts";

const PAGE_SIZE = 5;
const MAX_BODY_BYTES = 256 * 1024;
const SESSION_COOKIE = "harbour_session";

/** The shop's only account. */
export const SHOP_ACCOUNT = { email: "demo@harbour.example", password: "fair-winds" };

export interface Shop {
  url: string;
  /** The orders placed so far; also at GET /api/orders. */
  orders: Order[];
  /** What was posted to /api/results, once for each `Idempotency-Key`; also at GET there. */
  results: unknown[];
  requests: { method: string; path: string; at: number }[];
  /** Answers no request that this fits, as in `GET /products?q=rope`, until the returned function is called. */
  hold(request: RegExp): () => void;
  close(): Promise<void>;
}

/**
 * A small shop on loopback for the demo and the tests: login, search, a paged table, detail pages, a CSV download and an order form that
 * validates. The same products in the same order each time; sessions and orders live as long as the shop.
 */
export async function startShop(options: { port?: number } = {}): Promise<Shop> {
  const shop = { orders: [] as Order[], results: [] as unknown[], requests: [] as Shop["requests"] };
  const sessions = new Map<string, string>();
  const seen = new Set<string>();
  const holds = new Map<RegExp, Promise<void>>();
  const server = createServer((request, response) => {
    answer({ ...shop, sessions, seen, holds }, request).then(
      (reply) => send(response, reply),
      (error: unknown) => send(response, error instanceof BadRequest ? { status: 400, json: { error: error.message } } : crash(error)),
    );
  });
  await listen(server, options.port ?? 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the shop listens on no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    ...shop,
    hold: (request) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      holds.set(request, promise);
      return () => {
        holds.delete(request);
        resolve();
      };
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

interface Reply {
  status?: number;
  html?: string;
  json?: unknown;
  csv?: { name: string; text: string };
  redirect?: string;
  cookie?: string;
}

type State = Pick<Shop, "orders" | "results" | "requests"> & {
  /** Session id to the signed-in address. */
  sessions: Map<string, string>;
  /** Idempotency keys of the results. */
  seen: Set<string>;
  /** Requests that are not answered before these. */
  holds: ReadonlyMap<RegExp, Promise<void>>;
};

class BadRequest extends Error {}

async function answer(state: State, request: IncomingMessage): Promise<Reply> {
  const url = new URL(request.url ?? "/", "http://shop");
  const method = request.method ?? "GET";
  state.requests.push({ method, path: url.pathname + url.search, at: Date.now() });
  const route = `${method} ${url.pathname}`;
  await Promise.all([...state.holds].flatMap(([held, released]) => (held.test(route + url.search) ? [released] : [])));

  if (route === "GET /api/orders") return { json: state.orders };
  if (route === "GET /api/results") return { json: state.results };
  if (route === "POST /api/results") return receiveResult(state, request);
  if (route === "GET /login") return { html: loginPage({ email: "", next: localPath(url.searchParams.get("next")), failed: false }) };
  if (route === "POST /login") return signIn(state, await readForm(request));

  const session = readCookie(request);
  const user = state.sessions.get(session);
  if (user === undefined)
    return { redirect: `/login?${new URLSearchParams({ next: localPath(method === "GET" ? url.pathname + url.search : null) })}` };
  if (route === "GET /logout") {
    state.sessions.delete(session);
    return { redirect: "/login" };
  }
  if (route === "GET /") return { redirect: "/products" };
  if (route === "GET /products") return { html: productsPage(user, findPage(url.searchParams)) };
  if (route === "GET /products.csv") return exportCsv(url.searchParams.get("q") ?? "");

  const [, section = "", id = ""] = url.pathname.split("/");
  if (method === "GET" && section === "orders") {
    const order = state.orders.find(({ order_number, ordered_by }) => order_number === id && ordered_by === user);
    if (order !== undefined) return { html: confirmationPage(user, order) };
  }
  const product = findProduct(id);
  if (product !== undefined && method === "GET" && section === "products") return { html: productPage(user, product) };
  if (product !== undefined && section === "order") {
    if (method === "GET") return { html: orderPage(user, product, EMPTY_FORM, {}) };
    const form = readOrderForm(await readForm(request));
    const errors = checkOrderForm(form, product);
    if (Object.keys(errors).length > 0) return { status: 422, html: orderPage(user, product, form, errors) };
    const order = makeOrder(form, product, state.orders.length + 1, user);
    state.orders.push(order);
    return { redirect: `/orders/${order.order_number}` };
  }
  return { status: 404, html: missingPage(user) };
}

function signIn(state: State, form: URLSearchParams): Reply {
  const email = form.get("email") ?? "";
  const next = localPath(form.get("next"));
  if (email !== SHOP_ACCOUNT.email || form.get("password") !== SHOP_ACCOUNT.password) {
    return { status: 401, html: loginPage({ email, next, failed: true }) };
  }
  const session = randomUUID();
  state.sessions.set(session, email);
  return { redirect: next, cookie: `${SESSION_COOKIE}=${session}; Path=/; HttpOnly; SameSite=Lax` };
}

/** Nothing but a path of this shop, so that `next` cannot lead elsewhere. */
function localPath(next: string | null): string {
  return next !== null && /^\/(?![/\\])/.test(next) ? next : "/products";
}

function findPage(query: URLSearchParams) {
  const text = query.get("q") ?? "";
  const found = searchProducts(text);
  const pages = Math.max(1, Math.ceil(found.length / PAGE_SIZE));
  const page = Math.min(pages, Math.max(1, Math.trunc(Number(query.get("page"))) || 1));
  return { query: text, products: found.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE), total: found.length, page, pages };
}

function exportCsv(query: string): Reply {
  const rows = searchProducts(query).map((product) => [
    product.sku,
    product.name,
    product.category,
    formatPrice(product.priceCents),
    product.stock,
  ]);
  const lines = [["sku", "name", "category", "price_eur", "stock"], ...rows].map((row) => row.map(csvField).join(","));
  return { csv: { name: "products.csv", text: `${lines.join("\r\n")}\r\n` } };
}

function csvField(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function receiveResult(state: State, request: IncomingMessage): Promise<Reply> {
  const body = await readBody(request);
  const key = request.headers["idempotency-key"];
  if (typeof key === "string" && state.seen.has(key)) return { json: { received: false } };
  try {
    state.results.push(JSON.parse(body));
  } catch {
    throw new BadRequest("the body has to be JSON");
  }
  if (typeof key === "string") state.seen.add(key);
  return { status: 201, json: { received: true } };
}

function readCookie(request: IncomingMessage): string {
  const cookies = (request.headers.cookie ?? "").split("; ").map((cookie) => cookie.split("="));
  return cookies.find(([name]) => name === SESSION_COOKIE)?.[1] ?? "";
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams(await readBody(request));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new BadRequest("the body is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function crash(error: unknown): Reply {
  console.error(error);
  return { status: 500, json: { error: "the shop has a bug: see its terminal" } };
}

function send(response: ServerResponse, { status = 200, html, json, csv, redirect, cookie }: Reply): void {
  const headers: Record<string, string> = { "cache-control": "no-store", ...(cookie === undefined ? {} : { "set-cookie": cookie }) };
  if (redirect !== undefined) response.writeHead(303, { ...headers, location: redirect }).end();
  else if (csv !== undefined) {
    response
      .writeHead(status, {
        ...headers,
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": `attachment; filename="${csv.name}"`,
      })
      .end(csv.text);
  } else if (html !== undefined) response.writeHead(status, { ...headers, "content-type": "text/html; charset=utf-8" }).end(html);
  else response.writeHead(status, { ...headers, "content-type": "application/json" }).end(JSON.stringify(json));
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen(port, "127.0.0.1", done);
  });
}

if (import.meta.main) {
  const { url } = await startShop({ port: Number(process.env["PORT"] ?? 0) });
  console.log(`Harbour Supply is open at ${url} (${SHOP_ACCOUNT.email}, password ${SHOP_ACCOUNT.password}). Ctrl-C closes it.`);
}
