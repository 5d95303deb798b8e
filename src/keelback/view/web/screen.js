/* The machine's screen: 80 by 25 characters with their colours, as the adapter has them, in a <pre>. */

const COLUMNS = 80;
const ROWS = 25;
const GREY = 0xa8a8a8;

export class Screen {
  constructor(element) {
    this.element = element;
    this.clear();
  }

  clear() {
    this.cells = Array.from({ length: ROWS }, () => Array.from({ length: COLUMNS }, () => ({ code: 32, back: 0, fore: GREY })));
    this.isStale = true;
  }

  put(row, column, code, back, fore) {
    if (row >= ROWS || column >= COLUMNS) return;
    this.cells[row][column] = { code, back, fore };
    this.isStale = true;
  }

  /** Show what has changed since the last time. */
  draw() {
    if (!this.isStale) return;
    this.isStale = false;
    this.element.replaceChildren(...this.cells.flatMap((row) => [...runs(row).map(span), "\n"]));
  }
}

/* The characters of a row, those side by side that have the same colours together; a NUL shows nothing. */
function runs(row) {
  const found = [];
  for (const { code, back, fore } of row) {
    const last = found.at(-1);
    const character = code >= 32 && code < 127 ? String.fromCharCode(code) : code === 0 ? " " : "?";
    if (last && last.back === back && last.fore === fore) last.text += character;
    else found.push({ text: character, back, fore });
  }
  return found;
}

function span({ text, back, fore }) {
  const made = document.createElement("span");
  made.textContent = text;
  if (fore !== GREY) made.style.color = css(fore);
  if (back !== 0) made.style.background = css(back);
  return made;
}

const css = (colour) => `#${colour.toString(16).padStart(6, "0")}`;
