/* Cells, one a page: who has it, the glyph, and what the program may do there, the style; and the lines of a map.

   As the modules of keelback.view in Python have them; a test compares every cell. */

import { PAGE } from "./walk.js";

/** Cells that are alike are one object. */
export class Cells {
  constructor(words) {
    this.words = words;
    this.known = new Map();
    for (const [name, [glyph, style]] of Object.entries(words.cells)) this[name] = this.make(glyph, style);
  }

  make(glyph, style, pid = 0, level = 0) {
    const key = `${glyph}${style}/${pid}/${level}`;
    let cell = this.known.get(key);
    if (!cell) this.known.set(key, (cell = Object.freeze({ glyph, style, pid, level })));
    return cell;
  }

  changed(cell) {
    return this.make(cell.glyph, cell.style | this.words.styles.CHANGED, cell.pid, cell.level);
  }

  /** Return what a page is that is not free: `of cow (1), may be written`. */
  described(cell, nameOf) {
    const whose = cell.pid ? `of ${nameOf(cell.pid)}` : (this.words.glyphs[cell.glyph] ?? "in use");
    const loud = this.words.loud.filter((style) => cell.style & style);
    return [whose, ...loud.map((style) => this.words.styleMeanings[style])].join(", ");
  }
}

/** A glyph for each process: its id where that is a digit, else a letter. */
export function glyphsOf(snapshot) {
  const { owners, tooMany } = snapshot.facts.words;
  const glyphs = new Map();
  const taken = new Set();
  for (const pid of [...snapshot.processes.keys()].sort((one, other) => one - other)) {
    const first = (pid - 1) % owners.length;
    const wanted = [...owners.slice(first), ...owners.slice(0, first)];
    const glyph = wanted.find((each) => !taken.has(each)) ?? tooMany;
    glyphs.set(pid, glyph);
    taken.add(glyph);
  }
  return glyphs;
}

/** What the cell of each frame of a snapshot is. */
export class FrameCells {
  constructor(snapshot, cells) {
    this.snapshot = snapshot;
    this.cells = cells;
    this.words = snapshot.facts.words;
    this.glyphs = glyphsOf(snapshot);
    this.zone = snapshot.kernelZone;
    this.styles = this.#styles();
    this.made = new Map();
  }

  /** Return the cell of each frame. */
  get all() {
    this._all ??= Array.from({ length: this.snapshot.uses.length }, (_, frame) => this.of(frame));
    return this._all;
  }

  glyph(pid) {
    return this.glyphs.get(pid) ?? this.words.tooMany;
  }

  of(frame) {
    const { uses, tables } = this.snapshot;
    if (frame >= uses.length) return this.cells.RESERVED;
    const use = uses.at(frame);
    if (use === 0) return this.zone[0] <= frame && frame < this.zone[1] ? this.cells.FREE_OF_ZONE : this.cells.FREE;
    const style = this.styles.get(frame) ?? this.words.styles.SUPERVISOR;
    const level = tables.get(frame)?.table.level ?? 0;
    const kind = (use * 64 + style) * 8 + level; // most frames are of a few kinds
    let cell = this.made.get(kind);
    if (!cell) this.made.set(kind, (cell = this.#used(use, style, level)));
    return cell;
  }

  #used(use, style, level) {
    const { ownerBits, numbers, fixed, roleGlyphs } = this.words;
    const role = use >> ownerBits;
    const pid = use & ((1 << ownerBits) - 1);
    if (role === numbers.Role.TABLE) return this.#table(pid, level, style);
    if (role in fixed) return this.cells[fixed[role]];
    const glyph = role === numbers.Role.DATA ? this.glyph(pid) : (roleGlyphs[role] ?? "?");
    return this.cells.make(glyph, style, role === numbers.Role.OBJECT ? 0 : pid);
  }

  #table(pid, level, style) {
    if (level) return this.cells.make(pid ? this.glyph(pid) : "L", style | this.words.styles.TABLE, pid, level);
    return pid ? this.cells.make(this.glyph(pid), style, pid) : this.cells.KERNEL_TABLE;
  }

  /** Return the most that a program may do with each frame that one can reach. */
  #styles() {
    const { PLAIN, COPY_ON_WRITE, WRITABLE } = this.words.styles;
    const order = [PLAIN, COPY_ON_WRITE, WRITABLE];
    const found = new Map();
    for (const space of this.snapshot.spaces) {
      for (const { page, style } of space.styled()) {
        const rank = Math.max(order.indexOf(found.get(page.frame) ?? PLAIN), order.indexOf(style));
        found.set(page.frame, order[rank]);
      }
    }
    return found;
  }
}

/* Lines: rows {start, cells, name}, and folds {start, end, said, cell, name} of many pages that are alike. */

/** Return lines with rows that repeat folded: two or more of one cell alone, three or more of any. */
export function folded(lines, said) {
  const found = [];
  let run = [];
  for (const line of lines) {
    if (run.length && !(line.cells && repeats(run.at(-1), line))) {
      found.push(...fold(run, said));
      run = [];
    }
    if (line.cells) run.push(line);
    else found.push(line);
  }
  return [...found, ...fold(run, said)];
}

export const endOf = (line) => line.end ?? line.start + line.cells.length * PAGE;
const isUniform = (row) => row.cells.every((each) => each === row.cells[0]);

function repeats(before, row) {
  if (endOf(before) !== row.start || before.name !== row.name) return false;
  const same = before.cells.length === row.cells.length && before.cells.every((each, index) => each === row.cells[index]);
  return same || (before.cells[0] === row.cells[0] && isUniform(before) && isUniform(row));
}

function fold(run, said) {
  if (run.length > 1 && isUniform(run[0])) {
    const [start, end, cell] = [run[0].start, endOf(run.at(-1)), run[0].cells[0]];
    return [{ start, end, said: said(cell, (end - start) / PAGE), cell, name: run[0].name }];
  }
  if (run.length > 2) {
    return [run[0], { start: run[1].start, end: endOf(run.at(-1)), said: "like the row above", name: run[0].name }];
  }
  return run;
}
