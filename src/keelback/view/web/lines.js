/* The maps as lines of text on a grid of characters, which the canvas draws and the text layer has: one height for all.

    an item: kind (title, name, row, fold, blank), text; of rows and folds `line`, and where its cells start: `column` */

import { endOf } from "./cells.js";

export const WIDE = 64;
export const NARROW = 32;
const LEAST = 16;
const MARGIN = 12;
/* So many characters are left beside cells, for what a row is. */
const LABEL = 9;

export const hexadecimal = (address) => `0x${address.toString(16).padStart(8, "0")}`;

/** Return how many cells a row has where so many characters have room. */
export const widthFor = (columns) => [WIDE, NARROW].find((width) => columns >= MARGIN + width + LABEL) ?? LEAST;

/** Return the items of some maps, none wider than `columns`. */
export function itemsOf(maps, columns) {
  return maps.flatMap((map, index) => [
    ...(index ? [{ kind: "blank", text: "" }] : []),
    ...wrapped(map.title, columns).map((text) => ({ kind: "title", text, map })),
    ...itemsOfLines(map, columns),
  ]);
}

/* What an area is stands in the first of its lines that has room for that, else on a line of its own. */
function itemsOfLines(map, columns) {
  let owed = "";
  return map.lines.flatMap((line, at) => {
    if (line.name !== map.lines[at - 1]?.name) owed = line.name;
    const text = line.cells ? rowText(line) : foldText(line);
    const [name, hasRoom] = [owed, text.length + 2 + owed.length <= columns];
    const isLast = map.lines[at + 1]?.name !== line.name;
    if (hasRoom || isLast) owed = "";
    if (name && hasRoom) return linesOf(map, line, `${text}  ${name}`, columns);
    return [...(name && isLast ? [{ kind: "name", text: name, map }] : []), ...linesOf(map, line, text, columns)];
  });
}

function linesOf(map, line, text, columns) {
  if (line.cells) return [{ kind: "row", text, map, line, column: MARGIN }];
  return wrapped(text, columns).map((each) => ({ kind: "fold", text: each, map, line }));
}

const rowText = ({ start, cells }) => hexadecimal(start).padEnd(MARGIN) + cells.map((each) => each.glyph).join("");
const foldText = (line) => `⋮ ${hexadecimal(line.start)}–${hexadecimal(endOf(line) - 1)}  ${line.said}`;

/* The lines of a text that has room for so many characters, broken between words. */
function wrapped(text, columns) {
  const lines = [];
  let line = "";
  for (const word of text.split(/(?<=\S)(?= )/)) {
    if (line && (line + word).length > columns) {
      lines.push(line);
      line = `  ${word.trimStart()}`;
    } else line += word;
  }
  return [...lines, line];
}
