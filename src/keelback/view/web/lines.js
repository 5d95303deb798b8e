/* The maps as lines of text on a grid of characters, which the canvas draws and the text layer has: one height for all.

    an item: kind (title, name, row, fold, blank), text; of rows and folds `line`, and where its cells start: `column` */

import { endOf } from "./cells.js";

export const WIDE = 64;
export const NARROW = 32;
const MARGIN = 12;

export const hexadecimal = (address) => `0x${address.toString(16).padStart(8, "0")}`;

/** Return how many cells a row has where so many characters have room. */
export const widthFor = (columns) => (columns >= MARGIN + WIDE ? WIDE : NARROW);

/** Return the items of some maps, none wider than `columns`. */
export function itemsOf(maps, columns) {
  return maps.flatMap((map, index) => [
    ...(index ? [{ kind: "blank", text: "" }] : []),
    ...wrapped(map.title, columns).map((text) => ({ kind: "title", text, map })),
    ...map.lines.flatMap((line, at) => itemsOfLine(map, line, map.lines[at - 1], columns)),
  ]);
}

function itemsOfLine(map, line, before, columns) {
  const isNew = line.name && line.name !== before?.name;
  const text = line.cells ? rowText(line) : foldText(line);
  if (isNew && text.length + 2 + line.name.length > columns) {
    return [{ kind: "name", text: line.name, map }, ...linesOf(map, line, text, columns)];
  }
  return linesOf(map, line, isNew ? `${text}  ${line.name}` : text, columns);
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
