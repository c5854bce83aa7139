import { describe, expect, it } from "vitest";
import { Wishes } from "./wishes.ts";

describe("what a holder wishes", () => {
  it.each<[string, () => Promise<boolean>, boolean]>([
    ["is kept by one that wants it", async () => true, false],
    ["is taken from one that does not", async () => false, true],
    ["is kept by one that cannot be asked", () => Promise.reject(new Error("gone")), false],
  ])("%s", async (_, question, isUnwanted) => {
    expect(await new Wishes().isUnwanted("a", question, () => undefined)).toBe(isUnwanted);
  });

  it("is kept by one that asked for it before its answer came, and by no other", async () => {
    const wishes = new Wishes();
    const answers = Promise.withResolvers<boolean>();
    const asked = ["a", "b"].map((holder) =>
      wishes.isUnwanted(
        holder,
        () => answers.promise,
        () => undefined,
      ),
    );
    wishes.note("a");
    answers.resolve(false);
    expect(await Promise.all(asked)).toEqual([false, true]);
  });

  it("says why a holder could not be asked", async () => {
    const errors: unknown[] = [];
    await new Wishes().isUnwanted(
      "a",
      () => Promise.reject(new Error("gone")),
      (error) => errors.push(error),
    );
    expect(errors).toEqual([new Error("gone")]);
  });
});
