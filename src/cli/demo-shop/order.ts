import type { Product } from "./products.ts";

export const COUNTRIES = ["Denmark", "France", "Germany", "Netherlands", "Norway", "Sweden"] as const;
export const DELIVERIES = {
  standard: { label: "Standard, 3 to 5 days", cents: 490 },
  express: { label: "Express, next day", cents: 1490 },
} as const;

/** What the order form sends, as it was typed. */
export type OrderForm = Record<"quantity" | "name" | "email" | "street" | "postcode" | "city" | "country" | "delivery" | "terms", string>;

/** What is wrong, by field, in words for the person who filled in the form. */
export type FormErrors = Partial<Record<keyof OrderForm, string>>;

export interface Order {
  order_number: string;
  sku: string;
  product: string;
  quantity: number;
  delivery: keyof typeof DELIVERIES;
  total_cents: number;
  customer: { name: string; email: string; street: string; postcode: string; city: string; country: string };
  ordered_by: string;
}

export const EMPTY_FORM: OrderForm = {
  quantity: "1",
  name: "",
  email: "",
  street: "",
  postcode: "",
  city: "",
  country: "",
  delivery: "standard",
  terms: "",
};

export function readOrderForm(sent: URLSearchParams): OrderForm {
  const fields = Object.keys(EMPTY_FORM) as (keyof OrderForm)[];
  return Object.fromEntries(fields.map((field) => [field, (sent.get(field) ?? "").trim()])) as OrderForm;
}

export function checkOrderForm(form: OrderForm, product: Product): FormErrors {
  const errors: FormErrors = {};
  const quantity = Number(form.quantity);
  if (!/^\d+$/.test(form.quantity) || quantity < 1) errors.quantity = "Enter a whole number of pieces, 1 or more.";
  else if (quantity > product.stock) errors.quantity = `We have ${product.stock} in stock.`;
  if (form.name === "") errors.name = "Enter the name of the recipient.";
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(form.email)) errors.email = "Enter an e-mail address such as name@example.com.";
  if (form.street === "") errors.street = "Enter a street and number.";
  if (!/^[A-Z0-9 -]{3,10}$/i.test(form.postcode)) errors.postcode = "Enter a postcode of 3 to 10 letters and digits.";
  if (form.city === "") errors.city = "Enter a town or city.";
  if (!COUNTRIES.some((country) => country === form.country)) errors.country = "Choose a country.";
  if (!(form.delivery in DELIVERIES)) errors.delivery = "Choose a delivery.";
  if (form.terms !== "accepted") errors.terms = "Accept the terms to order.";
  return errors;
}

export function makeOrder(form: OrderForm, product: Product, sequence: number, orderedBy: string): Order {
  const delivery = form.delivery as keyof typeof DELIVERIES;
  const quantity = Number(form.quantity);
  const { name, email, street, postcode, city, country } = form;
  return {
    order_number: `HS-ORDER-${5000 + sequence}`,
    sku: product.sku,
    product: product.name,
    quantity,
    delivery,
    total_cents: quantity * product.priceCents + DELIVERIES[delivery].cents,
    customer: { name, email, street, postcode, city, country },
    ordered_by: orderedBy,
  };
}
