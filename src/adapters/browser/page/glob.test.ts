import { expect, it } from "vitest";
import { matchesGlob } from "./glob.ts";

it.each([
  ["https://shop.test/orders/7", "https://shop.test/orders/7", true],
  ["https://shop.test/orders/*", "https://shop.test/orders/7", true],
  ["https://shop.test/orders/*", "https://shop.test/orders/7/items", false],
  ["https://shop.test/**", "https://shop.test/orders/7/items", true],
  ["**/items", "https://shop.test/orders/7/items", true],
  ["**/items", "https://shop.test/orders/7/items/2", false],
  ["/orders/*", "https://shop.test:8443/orders/7", true],
  ["/orders", "https://shop.test/my/orders", false],
  ["/orders", "https://shop.test/orders?page=2#top", true],
  ["/orders?page=*", "https://shop.test/orders?page=2", true],
  ["/orders?page=*", "https://shop.test/orders", false],
  ["/a.b", "https://shop.test/axb", false],
])("%s against %s: %s", (glob, url, expected) => {
  expect(matchesGlob(glob, url)).toBe(expected);
});
