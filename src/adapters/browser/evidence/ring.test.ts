import fc from "fast-check";
import { expect, it } from "vitest";
import { Ring } from "./ring.ts";

it("keeps the newest entries, as many as fit, and counts the others", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 40 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 10 }), fc.integer({ min: 50, max: 200 }), (added, maxEntries, maxSize) => {
      const ring = new Ring<number>(maxEntries, maxSize, (size) => size);
      for (const size of added) ring.add(size);
      const kept = ring.entries;
      expect(kept).toEqual(added.slice(added.length - kept.length));
      expect(kept.length + ring.dropped).toBe(added.length);
      expect(kept.length).toBeLessThanOrEqual(maxEntries);
      expect(kept.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(maxSize);
      const next = added.at(-kept.length - 1);
      const another = kept.reduce((sum, size) => sum + size, next ?? 0);
      expect(next === undefined || kept.length === maxEntries || another > maxSize).toBe(true); // no more would have fitted
    }),
  );
});
