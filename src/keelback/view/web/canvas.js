/* The map as one picture: the part that can be seen of all lines, on a canvas that stays in place as they scroll. */

import { colourOf, inkOn, readable } from "./colours.js";
import { PAGE } from "./walk.js";

export const CELL = 8;
export const LINE = 16;
const MONOSPACED = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
const WORDS = 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const BASELINE = 12;

export class MapCanvas {
  /** `theme` has the colours of a ground, as keelback.view has them, and `fills` those of processes on it. */
  constructor(canvas, styles, theme) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.styles = styles;
    this.theme = theme;
  }

  /** Draw the items from `top` on, in CSS pixels; `rings` says which cells have one: strong, weak or none. */
  draw(items, { top, width, height, rings }) {
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const { context, theme } = this;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = theme.paper;
    context.fillRect(0, 0, width, height);
    const first = Math.floor(top / LINE);
    const last = Math.min(items.length, Math.ceil((top + height) / LINE));
    for (let at = first; at < last; at++) this.#drawItem(items[at], at * LINE - top, rings);
  }

  #drawItem(item, y, rings) {
    if (item.kind === "row") this.#drawRow(item, y, rings);
    else if (item.kind === "title") this.#words(item.text, 0, y, `600 13px ${WORDS}`, this.theme.ink);
    else if (item.kind !== "blank") this.#text(item, y, rings);
  }

  #text(item, y, rings) {
    const words = (text, column) => this.#words(text, column * CELL, y, `13px ${MONOSPACED}`, this.theme.quiet, CELL);
    words(item.text.slice(0, 1), 0); // its own, since few fonts have the fold's sign in the width of the others
    words(item.text.slice(1).trimStart(), item.text.length - item.text.slice(1).trimStart().length);
    if (item.line && rings(item.map, item.line.start)) this.#ring(0, y, item.text.length * CELL, "strong");
  }

  #words(text, x, y, font, colour, advance = 0) {
    const { context } = this;
    context.font = font;
    context.fillStyle = colour;
    context.textAlign = "left";
    context.letterSpacing = `${advance && advance - context.measureText("0").width}px`;
    context.fillText(text, x, y + BASELINE);
    context.letterSpacing = "0px";
  }

  #drawRow(item, y, rings) {
    const { line, column, text, map } = item;
    const end = column + line.cells.length;
    this.#words(text.slice(0, column), 0, y, `13px ${MONOSPACED}`, this.theme.quiet, CELL);
    this.#words(text.slice(end).trim(), (end + 2) * CELL, y, `13px ${MONOSPACED}`, this.theme.quiet, CELL);
    line.cells.forEach((cell, index) => this.#drawCell(cell, (column + index) * CELL, y));
    line.cells.forEach((_, index) => {
      const ring = rings(map, line.start + index * PAGE);
      if (ring) this.#ring((column + index) * CELL, y, CELL, ring);
    });
  }

  #drawCell(cell, x, y) {
    const { context, styles, theme } = this;
    const has = (style) => (cell.style & style) !== 0;
    const { ground, ink } = this.coloursOf(cell);
    if (ground !== theme.paper) {
      context.fillStyle = ground;
      context.fillRect(x, y, CELL, LINE);
    }
    context.font = `${has(styles.CHANGED) ? "900 14px" : "13px"} ${MONOSPACED}`;
    context.fillStyle = ink;
    context.textAlign = "center";
    context.fillText(cell.glyph, x + CELL / 2, y + BASELINE);
    if (has(styles.COPY_ON_WRITE)) context.fillRect(x + 0.5, y + 14, CELL - 1, 1.5);
    if (has(styles.CHANGED)) context.fillRect(x, y, CELL, 2);
  }

  /** Return the colours of a cell: of its ground, and of what stands on it. */
  coloursOf({ pid, style }) {
    const { styles, theme } = this;
    const ink = colourOf(pid, theme.owners, theme.ink);
    if (style & styles.TABLE) return { ground: theme.table, ink: readable(pid ? ink : "#ffffff", theme.table) };
    if (style & styles.WRITABLE) {
      const ground = colourOf(pid, theme.fills, theme.ink);
      return { ground, ink: inkOn(ground) };
    }
    if (style & styles.SUPERVISOR && !pid) return { ground: theme.paper, ink: theme.quiet };
    return { ground: theme.paper, ink: readable(ink, theme.paper) };
  }

  /* A line around a place, outside of it; where it is broken the paper shows, so that it is seen beside any cell. */
  #ring(x, y, width, strength) {
    const { context, theme } = this;
    context.lineWidth = 2;
    for (const [colour, dashes] of strength === "strong" ? [[theme.ring, []]] : [[theme.paper, []], [theme.ring, [3, 2]]]) {
      context.strokeStyle = colour;
      context.setLineDash(dashes);
      context.strokeRect(x - 1, y, width + 2, LINE);
    }
    context.setLineDash([]);
  }
}
