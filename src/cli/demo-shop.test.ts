import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Shop, SHOP_ACCOUNT, startShop } from "./demo-shop.ts";

let shop: Shop;
let cookie: string;

beforeAll(async () => {
  shop = await startShop();
  const response = await post("/login", { ...SHOP_ACCOUNT, next: "/products?q=rope" });
  expect(response.headers.get("location")).toBe("/products?q=rope");
  cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
});

afterAll(() => shop.close());

const get = (path: string, headers: Record<string, string> = { cookie }) => fetch(shop.url + path, { redirect: "manual", headers });
const post = (path: string, form: Record<string, string>) =>
  fetch(shop.url + path, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams(form),
    ...(cookie === undefined ? {} : { headers: { cookie } }),
  });

const ORDER = {
  quantity: "2",
  name: "Ada Berg",
  email: "ada@example.com",
  street: "Quay 7",
  postcode: "24937",
  city: "Flensburg",
  country: "Germany",
  delivery: "express",
  terms: "accepted",
};

describe("login", () => {
  test("sends a stranger to the login page and says where they wanted to go", async () => {
    const response = await get("/products?q=rope", {});
    expect([response.status, response.headers.get("location")]).toEqual([303, "/login?next=%2Fproducts%3Fq%3Drope"]);
  });

  test("shows an error for a wrong password", async () => {
    const response = await post("/login", { email: SHOP_ACCOUNT.email, password: "wrong" });
    expect(response.status).toBe(401);
    expect(await response.text()).toContain('role="alert"');
  });

  test.each(["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example"])(
    "does not lead to %s after the login",
    async (next) => {
      const response = await post("/login", { ...SHOP_ACCOUNT, next });
      expect(response.headers.get("location")).toBe("/products");
    },
  );
});

describe("products", () => {
  test("spreads the results over pages without losing or repeating one", async () => {
    const pages = await Promise.all([1, 2, 3].map(async (page) => (await get(`/products?q=rope&page=${page}`)).text()));
    const skus = pages.flatMap((text) => [...text.matchAll(/<td class="sku">(.+?)</g)].map((match) => match[1]));
    expect(skus).toHaveLength(12);
    expect(new Set(skus).size).toBe(12);
    expect(pages.map((text) => text.includes("Next page"))).toEqual([true, true, false]);
  });

  test("makes a search safe to show", async () => {
    expect(await (await get(`/products?q=${encodeURIComponent("<script>")}`)).text()).not.toContain("<script>");
  });

  test("exports all results as a CSV download", async () => {
    const response = await get("/products.csv?q=rope");
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="products.csv"');
    const lines = (await response.text()).trim().split("\r\n");
    expect(lines).toHaveLength(13);
    expect(lines[1]).toBe('HS-1006,"Anchor rope 12 mm, 50 m",Ropes,79.00,7');
  });
});

describe("orders", () => {
  test("names every missing or wrong field and places no order", async () => {
    const response = await post("/order/HS-1001", { quantity: "0", email: "nobody" });
    expect(response.status).toBe(422);
    const invalid = [...(await response.text()).matchAll(/id="(\w+)-error"/g)].map((match) => match[1]);
    expect(invalid).toEqual(["quantity", "name", "email", "street", "postcode", "city", "country", "delivery", "terms"]);
    expect(shop.orders).toEqual([]);
  });

  test("confirms an order with its number and lists it for tests", async () => {
    const response = await post("/order/HS-1001", ORDER);
    const confirmation = await (await get(response.headers.get("location") ?? "")).text();
    const orders = (await (await get("/api/orders", {})).json()) as Shop["orders"];
    expect(orders).toEqual(shop.orders);
    expect(orders[0]).toMatchObject({ order_number: "HS-ORDER-5001", sku: "HS-1001", quantity: 2, total_cents: 2 * 1490 + 1490 });
    expect(confirmation).toContain("HS-ORDER-5001");
  });

  test("refuses more pieces than there are in stock", async () => {
    const response = await post("/order/HS-1010", { ...ORDER, quantity: "99" });
    expect(await response.text()).toContain("We have 3 in stock.");
  });
});

test("keeps a result once, however often it is posted with the same idempotency key", async () => {
  const result = { method: "POST", body: JSON.stringify({ total: 12 }), headers: { "idempotency-key": "1" } };
  const statuses = [await fetch(`${shop.url}/api/results`, result), await fetch(`${shop.url}/api/results`, result)].map(
    ({ status }) => status,
  );
  expect(statuses).toEqual([201, 200]);
  expect(shop.results).toEqual([{ total: 12 }]);
});
