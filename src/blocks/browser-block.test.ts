import { describe, expect, it } from "vitest";
import { BrowserUnavailable, PageError } from "../domain/browser/browser.ts";
import { asBlockError, assertPageStatus } from "./browser-block.ts";

describe("asBlockError", () => {
  it.each(["temporary", "block"] as const)("keeps a page's failure %s", (errorClass) => {
    expect(asBlockError(new PageError("no such element", { errorClass }))).toMatchObject({
      name: "BlockError",
      message: "no such element",
      errorClass,
    });
  });

  it("makes a lack of browsers a matter of resources, with the time that was named", () => {
    const unavailable = new BrowserUnavailable("none to be had", { retryAfterMs: 4000 });
    expect(asBlockError(unavailable)).toMatchObject({ name: "BlockError", errorClass: "resource", retryAfterMs: 4000 });
    expect(asBlockError(new BrowserUnavailable("none", { retryAfterMs: null }))).toMatchObject({
      errorClass: "resource",
      retryAfterMs: undefined,
    });
  });

  it("leaves other errors alone", () => {
    const bug = new TypeError("x is undefined");
    expect(asBlockError(bug)).toBe(bug);
  });
});

it.each([
  [null, null],
  [200, null],
  [304, null],
  [404, "block"],
  [500, "temporary"],
])("a page with status %s: %s", (status, errorClass) => {
  const assert = () => assertPageStatus({ url: "https://shop.test/", status, title: "" });
  if (errorClass === null) expect(assert).not.toThrow();
  else
    expect(assert).toThrow(
      expect.objectContaining({ name: "BlockError", errorClass, message: `https://shop.test/ answered with status ${status}` }),
    );
});
