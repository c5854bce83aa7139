import { describe, expect, it } from "vitest";
import { type BlockEvidence, EVIDENCE_DEFAULTS, evidenceOf, evidenceSettings, mostEvidence } from "./evidence.ts";

const evidence = evidenceSettings({ screenshots: "all", har: "off" }, { har: "all" });
const blockEvidence: BlockEvidence = { secret: { screenshots: "off", har: "off" }, talks: { console: "all" } };

describe("what is kept of a block", () => {
  it.each([
    ["secret", { screenshots: "off", console: "failures", har: "off" }],
    ["talks", { screenshots: "all", console: "all", har: "all" }],
    ["other", { screenshots: "all", console: "failures", har: "all" }],
    ["constructor", { screenshots: "all", console: "failures", har: "all" }],
  ])("is what it says itself, then what the run says, then the workflow: %s", (label, kept) =>
    expect(evidenceOf({ evidence, blockEvidence }, label)).toEqual(kept),
  );

  it("is what attempts that fail leave where nobody says anything, as in runs that know nothing of it", () => {
    expect(evidenceOf({}, "any")).toEqual(EVIDENCE_DEFAULTS);
    expect(mostEvidence({})).toEqual(EVIDENCE_DEFAULTS);
  });

  it("has been recorded, since the most that any block wants is", () => {
    const off = evidenceSettings({ screenshots: "off", console: "off", har: "off" }, null);
    expect(mostEvidence({ evidence: off })).toEqual(off);
    expect(
      mostEvidence({ evidence: off, blockEvidence: { a: { har: "failures" }, b: { har: "all" }, c: { console: "failures" } } }),
    ).toEqual({
      screenshots: "off",
      console: "failures",
      har: "all",
    });
    expect(mostEvidence({ evidence, blockEvidence })).toEqual({ screenshots: "all", console: "all", har: "all" });
  });
});
