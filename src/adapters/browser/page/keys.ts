/** A key as `Input.dispatchKeyEvent` wants it, for a US keyboard. */
export interface KeyPress {
  /** `KeyboardEvent.key`. */
  readonly key: string;
  /** `KeyboardEvent.code`; empty for characters that such a keyboard does not have. */
  readonly code: string;
  /** `KeyboardEvent.keyCode`, which old pages still read. */
  readonly keyCode: number;
  /** What it types; empty for keys that type nothing. */
  readonly text: string;
  /** Held down meanwhile: CDP's bits, see `MODIFIERS`. */
  readonly modifiers: number;
}

/** CDP's bits for the keys that are held. */
export const MODIFIERS = { Alt: 1, Control: 2, Meta: 4, Shift: 8 } as const;
type Modifier = keyof typeof MODIFIERS;

const MODIFIER_NAMES: Readonly<Record<string, Modifier>> = {
  alt: "Alt",
  option: "Alt",
  control: "Control",
  ctrl: "Control",
  meta: "Meta",
  command: "Meta",
  cmd: "Meta",
  shift: "Shift",
};

/** Named keys: key, code, key code and, where they type something, the text. */
const NAMED_KEYS: readonly (readonly [key: string, code: string, keyCode: number, text?: string])[] = [
  ["Enter", "Enter", 13, "\r"],
  ["Tab", "Tab", 9],
  ["Escape", "Escape", 27],
  ["Backspace", "Backspace", 8],
  ["Delete", "Delete", 46],
  ["Insert", "Insert", 45],
  ["Home", "Home", 36],
  ["End", "End", 35],
  ["PageUp", "PageUp", 33],
  ["PageDown", "PageDown", 34],
  ["ArrowLeft", "ArrowLeft", 37],
  ["ArrowUp", "ArrowUp", 38],
  ["ArrowRight", "ArrowRight", 39],
  ["ArrowDown", "ArrowDown", 40],
  ["CapsLock", "CapsLock", 20],
  ["ContextMenu", "ContextMenu", 93],
  ["Shift", "ShiftLeft", 16],
  ["Control", "ControlLeft", 17],
  ["Alt", "AltLeft", 18],
  ["Meta", "MetaLeft", 91],
  ...Array.from({ length: 12 }, (_, index) => [`F${index + 1}`, `F${index + 1}`, 112 + index] as const),
];

const ALIASES: Readonly<Record<string, string>> = {
  esc: "Escape",
  return: "Enter",
  del: "Delete",
  space: " ",
  up: "ArrowUp",
  down: "ArrowDown",
  left: "ArrowLeft",
  right: "ArrowRight",
};

/** Keys that type: unshifted character, shifted character, code, key code. */
const CHARACTER_KEYS: readonly (readonly [plain: string, shifted: string, code: string, keyCode: number])[] = [
  ...Array.from(
    "abcdefghijklmnopqrstuvwxyz",
    (letter, index) => [letter, letter.toUpperCase(), `Key${letter.toUpperCase()}`, 65 + index] as const,
  ),
  ...Array.from(")!@#$%^&*(", (shifted, digit) => [String(digit), shifted, `Digit${digit}`, 48 + digit] as const),
  [" ", " ", "Space", 32],
  ["-", "_", "Minus", 189],
  ["=", "+", "Equal", 187],
  ["[", "{", "BracketLeft", 219],
  ["]", "}", "BracketRight", 221],
  ["\\", "|", "Backslash", 220],
  [";", ":", "Semicolon", 186],
  ["'", '"', "Quote", 222],
  ["`", "~", "Backquote", 192],
  [",", "<", "Comma", 188],
  [".", ">", "Period", 190],
  ["/", "?", "Slash", 191],
];

const BY_NAME = new Map(NAMED_KEYS.map((entry) => [entry[0].toLowerCase(), entry]));
const BY_CHARACTER = new Map(CHARACTER_KEYS.flatMap((entry) => [[entry[0], entry] as const, [entry[1], entry] as const]));

/**
 * `Enter`, `a`, `Control+A`, `Shift+Tab`, `Control++`. Names in any case.
 * @returns null when there is no such key
 */
export function parseChord(chord: string): KeyPress | null {
  const parts = chord === "+" ? ["+"] : chord.endsWith("++") ? [...chord.slice(0, -2).split("+"), "+"] : chord.split("+");
  const name = parts.pop() ?? "";
  let modifiers = 0;
  for (const part of parts) {
    const modifier = MODIFIER_NAMES[part.trim().toLowerCase()];
    if (modifier === undefined) return null;
    modifiers |= MODIFIERS[modifier];
  }
  const press = findKey(name);
  if (press === null) return null;
  // With Control or Meta a key is a command, not a character; with Shift it is the shifted character.
  const isCommand = (modifiers & (MODIFIERS.Control | MODIFIERS.Meta | MODIFIERS.Alt)) !== 0;
  const shifted = (modifiers & MODIFIERS.Shift) !== 0 ? BY_CHARACTER.get(press.key)?.[1] : undefined;
  const key = shifted ?? (isCommand && press.key.length === 1 ? press.key.toLowerCase() : press.key);
  return { ...press, key, text: isCommand ? "" : (shifted ?? press.text), modifiers: modifiers | (isCommand ? 0 : press.modifiers) };
}

/**
 * The key presses that type a text. A character that a US keyboard does not have is a press with an empty code, to be inserted as text.
 * Line breaks are Enter.
 */
export function keysFor(text: string): KeyPress[] {
  return Array.from(text.replaceAll(/\r\n?/g, "\n"), (character) => {
    const name = character === "\n" ? "Enter" : character === "\t" ? "Tab" : character;
    return findKey(name) ?? { key: character, code: "", keyCode: 0, text: character, modifiers: 0 };
  });
}

function findKey(name: string): KeyPress | null {
  const lower = name.length > 1 ? name.trim().toLowerCase() : name;
  const named = BY_NAME.get(ALIASES[lower]?.toLowerCase() ?? lower);
  if (named !== undefined && name.length > 1)
    return { key: named[0], code: named[1], keyCode: named[2], text: named[3] ?? "", modifiers: 0 };
  const character = name.length > 1 ? ALIASES[lower] : name;
  const entry = character === undefined ? undefined : BY_CHARACTER.get(character);
  if (entry === undefined || character === undefined) return null;
  const isShifted = character !== entry[0];
  return { key: character, code: entry[2], keyCode: entry[3], text: character, modifiers: isShifted ? MODIFIERS.Shift : 0 };
}
