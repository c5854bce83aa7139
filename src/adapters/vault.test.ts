import { expect, it } from "vitest";
import { createVault } from "./vault.ts";

const key = Buffer.alloc(32, 1).toString("base64");
const vault = createVault(key);

it("opens what it sealed, also with another instance of the same key", async () => {
  const sealed = await vault.seal("webhook-secret:o_1", "whsec_é");
  expect(await vault.open("webhook-secret:o_1", sealed)).toBe("whsec_é");
  expect(await createVault(key).open("webhook-secret:o_1", sealed)).toBe("whsec_é");
});

it("never seals the same text to the same ciphertext", async () => {
  expect(await vault.seal("p", "text")).not.toBe(await vault.seal("p", "text"));
});

it("refuses a ciphertext that was moved to another purpose, altered, or made under another key", async () => {
  const sealed = await vault.seal("webhook-secret:o_1", "text");
  const [scheme, iv, ciphertext] = sealed.split(".");
  const altered = (ciphertext!.startsWith("A") ? "B" : "A") + ciphertext!.slice(1);
  await expect(vault.open("webhook-secret:o_2", sealed)).rejects.toThrow();
  await expect(vault.open("webhook-secret:o_1", [scheme, iv, altered].join("."))).rejects.toThrow();
  await expect(createVault(Buffer.alloc(32, 2).toString("base64")).open("webhook-secret:o_1", sealed)).rejects.toThrow();
  await expect(vault.open("webhook-secret:o_1", "plain text")).rejects.toThrow("Not a sealed text");
});

it("refuses a key of another length", () => {
  expect(() => createVault("c2hvcnQ=")).toThrow("must be 32 bytes in base64; it has 5");
});
