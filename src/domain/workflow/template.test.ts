import { expect, it } from "vitest";
import { parseGlobalWorkflows } from "./template.ts";

it("reads one id a line, each once, and leaves out what is none", () => {
  expect(parseGlobalWorkflows("wpid_b\r\n\n  wpid_a \nwpid_b\n# note\nwr_1\nwpid_a/../x\n")).toEqual(["wpid_b", "wpid_a"]);
  expect(parseGlobalWorkflows("")).toEqual([]);
});
