import { describe, expect, it } from "vitest";
import { keysFor, MODIFIERS, parseChord } from "./keys.ts";

describe("parseChord", () => {
  it.each([
    ["Enter", { key: "Enter", code: "Enter", keyCode: 13, text: "\r", modifiers: 0 }],
    ["enter", { key: "Enter", code: "Enter", keyCode: 13, text: "\r", modifiers: 0 }],
    ["Esc", { key: "Escape", code: "Escape", keyCode: 27, text: "", modifiers: 0 }],
    ["a", { key: "a", code: "KeyA", keyCode: 65, text: "a", modifiers: 0 }],
    ["A", { key: "A", code: "KeyA", keyCode: 65, text: "A", modifiers: MODIFIERS.Shift }],
    ["Shift+a", { key: "A", code: "KeyA", keyCode: 65, text: "A", modifiers: MODIFIERS.Shift }],
    ["Control+A", { key: "a", code: "KeyA", keyCode: 65, text: "", modifiers: MODIFIERS.Control }],
    ["ctrl+Shift+End", { key: "End", code: "End", keyCode: 35, text: "", modifiers: MODIFIERS.Control | MODIFIERS.Shift }],
    ["Shift+Tab", { key: "Tab", code: "Tab", keyCode: 9, text: "", modifiers: MODIFIERS.Shift }],
    ["Space", { key: " ", code: "Space", keyCode: 32, text: " ", modifiers: 0 }],
    ["F5", { key: "F5", code: "F5", keyCode: 116, text: "", modifiers: 0 }],
    ["+", { key: "+", code: "Equal", keyCode: 187, text: "+", modifiers: MODIFIERS.Shift }],
    ["Control++", { key: "+", code: "Equal", keyCode: 187, text: "", modifiers: MODIFIERS.Control }],
  ])("reads %s", (chord, press) => {
    expect(parseChord(chord)).toEqual(press);
  });

  it.each(["", "Foo", "Hyper+A", "ab", "Control+"])("knows no key %j", (chord) => {
    expect(parseChord(chord)).toBeNull();
  });
});

describe("keysFor", () => {
  it("types shifted characters with Shift, line breaks as Enter, and inserts what the keyboard lacks", () => {
    expect(keysFor("B!\r\né").map(({ key, code, text, modifiers }) => [key, code, text, modifiers])).toEqual([
      ["B", "KeyB", "B", MODIFIERS.Shift],
      ["!", "Digit1", "!", MODIFIERS.Shift],
      ["Enter", "Enter", "\r", 0],
      ["é", "", "é", 0],
    ]);
  });

  it("keeps characters outside the basic plane whole", () => {
    expect(keysFor("👍").map(({ text }) => text)).toEqual(["👍"]);
  });
});
