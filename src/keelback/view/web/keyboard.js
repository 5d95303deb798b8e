/* The keyboard: the scan codes, set 1, of the keys of this one, wherever its letters are printed. */

const ROWS = [
  [0x01, "Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace"],
  [0x10, "KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter ControlLeft"],
  [0x1e, "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote ShiftLeft Backslash"],
  [0x2c, "KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight NumpadMultiply AltLeft Space"],
];
const EXTENDED_ROWS = [
  [0x47, "Home ArrowUp PageUp"],
  [0x4b, "ArrowLeft"],
  [0x4d, "ArrowRight"],
  [0x4f, "End ArrowDown PageDown Insert Delete"],
];
const EXTENDED = 0xe0;
const UP = 0x80;

const codesOf = (rows) => new Map(rows.flatMap(([first, names]) => names.split(" ").map((name, place) => [name, first + place])));
const PLAIN = codesOf(ROWS);
const FAR = codesOf(EXTENDED_ROWS);

/** Return what the machine's keyboard sends where a key of the browser's goes down or up; nothing for one it has not. */
export function scanCodes({ code, type }) {
  const up = type === "keyup" ? UP : 0;
  if (FAR.has(code)) return [EXTENDED, FAR.get(code) | up];
  return PLAIN.has(code) ? [PLAIN.get(code) | up] : [];
}
