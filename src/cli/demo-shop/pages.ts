import { COUNTRIES, DELIVERIES, type FormErrors, type Order, type OrderForm } from "./order.ts";
import { formatPrice, type Product } from "./products.ts";

const STYLE = `
:root { color-scheme: light; --ink: #16303f; --muted: #5c7482; --line: #d7e1e6; --accent: #0b6e8a; --soft: #eef5f7; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, "Open Sans", "DejaVu Sans", sans-serif; color: var(--ink); background: #f6f9fa; }
header { background: var(--ink); color: #fff; }
header div { max-width: 960px; margin: 0 auto; padding: 14px 24px; display: flex; gap: 24px; align-items: center; }
header a { color: #fff; text-decoration: none; }
header .brand { font-weight: 700; font-size: 20px; margin-right: auto; }
main { max-width: 960px; margin: 24px auto; padding: 24px; background: #fff; border: 1px solid var(--line); border-radius: 10px; }
h1 { margin: 0 0 16px; font-size: 26px; }
a { color: var(--accent); }
table { width: 100%; border-collapse: collapse; margin: 16px 0; }
th, td { text-align: left; padding: 9px 12px; border-bottom: 1px solid var(--line); }
caption { text-align: left; font-weight: 600; padding-bottom: 6px; }
thead th { background: var(--soft); font-size: 14px; color: var(--muted); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
form.search { display: flex; gap: 8px; align-items: end; }
form.search .field { flex: 1; margin: 0; }
.field { margin: 0 0 14px; }
label, legend { display: block; font-weight: 600; margin-bottom: 4px; padding: 0; }
.choice label { display: inline; font-weight: 400; }
input:not([type=radio], [type=checkbox]), select { width: 100%; padding: 9px 11px; font: inherit; border: 1px solid #9fb4bf; border-radius: 6px; background: #fff; }
[aria-invalid=true] { border-color: var(--bad) !important; }
button, .button { display: inline-block; padding: 9px 18px; font: inherit; font-weight: 600; color: #fff; background: var(--accent); border: 0; border-radius: 6px; text-decoration: none; cursor: pointer; }
fieldset { border: 0; margin: 0 0 14px; padding: 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 16px; }
.error { color: var(--bad); font-size: 14px; }
[role=alert] { border-left: 4px solid var(--bad); background: #fdf0ef; padding: 12px 16px; margin-bottom: 16px; }
[role=status] { border-left: 4px solid #2e7d4f; background: #eef8f1; padding: 12px 16px; margin-bottom: 16px; }
nav.pages { display: flex; gap: 20px; align-items: center; }
.muted { color: var(--muted); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 6px 24px; }
dt { color: var(--muted); } dd { margin: 0; }
`;

/** Text made safe for HTML, or HTML made by `html` itself. */
class Html {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

type Part = string | number | Html | Part[] | false | undefined;

function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(String.raw({ raw: strings }, ...parts.map(render)));
}

function render(part: Part): string {
  if (part instanceof Html) return part.source;
  if (Array.isArray(part)) return part.map(render).join("");
  if (part === false || part === undefined) return "";
  return String(part).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(title: string, user: string | undefined, content: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · Harbour Supply</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <div>
            <a class="brand" href="/products">⚓ Harbour Supply</a>
            ${
              user === undefined
                ? ""
                : html`<span>Signed in as <strong>${user}</strong></span
                    ><a href="/logout">Sign out</a>`
            }
          </div>
        </header>
        <main>
          <h1>${title}</h1>
          ${content}
        </main>
      </body>
    </html>`.source;
}

export function loginPage({ email, next, failed }: { email: string; next: string; failed: boolean }): string {
  return page(
    "Sign in",
    undefined,
    html`${failed && html`<p role="alert">That e-mail address and password do not match.</p>`}
      <form method="post" action="/login" aria-label="Sign in">
        <input type="hidden" name="next" value="${next}" />
        <div class="field">
          <label for="email">E-mail address</label>
          <input id="email" name="email" type="email" autocomplete="username" value="${email}" required />
        </div>
        <div class="field">
          <label for="password">Password</label>
          <input id="password" name="password" type="password" autocomplete="current-password" required />
        </div>
        <button type="submit">Sign in</button>
      </form>`,
  );
}

export interface ResultPage {
  query: string;
  products: Product[];
  total: number;
  page: number;
  pages: number;
}

export function productsPage(user: string, { query, products, total, page: number, pages }: ResultPage): string {
  const address = (target: number) => `/products?${new URLSearchParams({ q: query, page: String(target) })}`;
  return page(
    "Products",
    user,
    html`<form class="search" method="get" action="/products" role="search">
        <div class="field">
          <label for="q">Search</label><input id="q" name="q" type="search" value="${query}" placeholder="rope, lamp, HS-1003 …" />
        </div>
        <button type="submit">Search</button>
      </form>
      <p id="summary">
        ${total} ${total === 1 ? "product" : "products"}${query !== "" && html` for “${query}”`}
        ${total > 0 && html`· <a href="/products.csv?${new URLSearchParams({ q: query }).toString()}" download>Download CSV</a>`}
      </p>
      ${
        total > 0 &&
        html`<table id="results">
            <caption>
              Search results
            </caption>
            <thead>
              <tr>
                <th scope="col">SKU</th>
                <th scope="col">Product</th>
                <th scope="col">Category</th>
                <th scope="col" class="number">Price (EUR)</th>
                <th scope="col" class="number">In stock</th>
              </tr>
            </thead>
            <tbody>
              ${products.map(
                (product) =>
                  html`<tr>
                    <td class="sku">${product.sku}</td>
                    <td class="name"><a href="/products/${product.sku}">${product.name}</a></td>
                    <td class="category">${product.category}</td>
                    <td class="number price">${formatPrice(product.priceCents)}</td>
                    <td class="number stock">${product.stock}</td>
                  </tr> `,
              )}
            </tbody>
          </table>
          <nav class="pages" aria-label="Pages">
            ${number > 1 && html`<a rel="prev" href="${address(number - 1)}">Previous page</a>`}
            <span>Page ${number} of ${pages}</span>
            ${number < pages && html`<a rel="next" href="${address(number + 1)}">Next page</a>`}
          </nav>`
      }`,
  );
}

export function productPage(user: string, product: Product): string {
  return page(
    product.name,
    user,
    html`<p>${product.description}</p>
      <dl id="details">
        <dt>SKU</dt>
        <dd class="sku">${product.sku}</dd>
        <dt>Category</dt>
        <dd class="category">${product.category}</dd>
        <dt>Price</dt>
        <dd class="price">EUR ${formatPrice(product.priceCents)}</dd>
        <dt>In stock</dt>
        <dd class="stock">${product.stock}</dd>
      </dl>
      <p>
        ${product.stock > 0 ? html`<a class="button" href="/order/${product.sku}">Order this product</a>` : html`<strong>Sold out</strong>`}
      </p>
      <p><a href="/products">Back to all products</a></p>`,
  );
}

export function orderPage(user: string, product: Product, form: OrderForm, errors: FormErrors): string {
  const count = Object.keys(errors).length;
  const message = (name: keyof OrderForm) =>
    errors[name] !== undefined && html`<span class="error" id="${name}-error">${errors[name]}</span>`;
  const state = (name: keyof OrderForm) => errors[name] !== undefined && html` aria-invalid="true" aria-describedby="${name}-error"`;
  const field = (name: keyof OrderForm, label: string, type = "text") =>
    html`<div class="field">
      <label for="${name}">${label}</label>
      <input id="${name}" name="${name}" type="${type}" value="${form[name]}" ${state(name)} />${message(name)}
    </div>`;
  return page(
    `Order ${product.name}`,
    user,
    html`${count > 0 && html`<p role="alert">${count === 1 ? "One field needs" : `${count} fields need`} your attention.</p>`}
      <form method="post" action="/order/${product.sku}" aria-label="Order" novalidate>
        <div class="pair">${field("quantity", "Quantity", "number")}${field("name", "Name")}</div>
        ${field("email", "E-mail address", "email")} ${field("street", "Street and number")}
        <div class="pair">${field("postcode", "Postcode")}${field("city", "City")}</div>
        <div class="field">
          <label for="country">Country</label>
          <select id="country" name="country" ${state("country")}>
            <option value="">Choose …</option>
            ${COUNTRIES.map((country) => html`<option${form.country === country && new Html(" selected")}>${country}</option>`)}</select
          >${message("country")}
        </div>
        <fieldset class="choice">
          <legend>Delivery</legend>
          ${Object.entries(DELIVERIES).map(
            ([value, { label, cents }]) =>
              html`<div>
                <input
                  type="radio"
                  id="delivery-${value}"
                  name="delivery"
                  value="${value}"
                  ${form.delivery === value && new Html(" checked")}
                />
                <label for="delivery-${value}">${label} (EUR ${formatPrice(cents)})</label>
              </div>`,
          )}${message("delivery")}
        </fieldset>
        <div class="field choice">
          <input
            type="checkbox"
            id="terms"
            name="terms"
            value="accepted"
            ${form.terms === "accepted" && new Html(" checked")}${state("terms")}
          />
          <label for="terms">I accept the terms</label> ${message("terms")}
        </div>
        <button type="submit">Place order</button>
      </form>`,
  );
}

export function confirmationPage(user: string, order: Order): string {
  return page(
    "Thank you for your order",
    user,
    html`<p role="status">Your order number is <strong id="order-number">${order.order_number}</strong>.</p>
      <table id="order">
        <thead>
          <tr>
            <th scope="col">SKU</th>
            <th scope="col">Product</th>
            <th scope="col" class="number">Quantity</th>
            <th scope="col" class="number">Total (EUR)</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <td class="sku">${order.sku}</td>
            <td class="name">${order.product}</td>
            <td class="number quantity">${order.quantity}</td>
            <td class="number total">${formatPrice(order.total_cents)}</td>
          </tr>
        </tbody>
      </table>
      <p>
        We deliver to ${order.customer.name}, ${order.customer.street}, ${order.customer.postcode} ${order.customer.city},
        ${order.customer.country}. A confirmation goes to ${order.customer.email}.
      </p>
      <p><a href="/products">Back to all products</a></p>`,
  );
}

export function missingPage(user: string | undefined): string {
  return page("Not found", user, html`<p>There is nothing at this address. <a href="/products">Back to all products</a></p>`);
}
