/* The page walk: what page tables in RAM say, level by level, by a scheme of 32-bit addresses.

   An entry is two words, low and high; where entries have one, the high one is zero. */

export const PAGE = 4096;
export const PAGE_SHIFT = 12;

export const PRESENT = 1 << 0;
export const WRITABLE = 1 << 1;
export const USER = 1 << 2;
export const ACCESSED = 1 << 5;
export const DIRTY = 1 << 6;
const LOW_FLAGS = 0xfff;
const NO_EXECUTE = 1 << 31;
/* What a page has only if each entry on the way has it; no-execute it has if any has it. */
const FROM_ALL = WRITABLE | USER | ACCESSED;
const HIGH = 2 ** 32;

export class Walker {
  /** `ram` is a DataView of all of it. */
  constructor(scheme, ram) {
    this.scheme = scheme;
    this.ram = ram;
  }

  /** Return the entry of a table, with its place. */
  entry(table, index) {
    const place = table + index * this.scheme.entrySize;
    const low = this.ram.getUint32(place, true);
    return { place, index, low, high: this.scheme.entrySize === 8 ? this.ram.getUint32(place + 4, true) : 0 };
  }

  /** Yield the entries of a table that are present and for addresses from `start` on. */
  *#present(table, depth, base, start) {
    const { shift, bits } = this.scheme.levels[depth];
    const first = Math.max(0, Math.floor((start - base) / 2 ** shift));
    for (let index = first; index < 2 ** bits; index++) {
      const low = this.ram.getUint32(table + index * this.scheme.entrySize, true);
      if (low & PRESENT) yield this.entry(table, index);
    }
  }

  /** Return the pages that are mapped from `start` on, lowest first: address, frame, flags, and of NX the high word. */
  pages(root, start) {
    const found = [];
    this.#visit(this.#rootOf(root), 0, 0, start, [], null, found);
    return found;
  }

  /** Return the tables that walks to pages from `start` on read: frame, level (1: its entries are pages), base. */
  tables(root, start) {
    const found = [];
    this.#visit(this.#rootOf(root), 0, 0, start, [], found, null);
    return found;
  }

  #rootOf(root) {
    return (root & this.scheme.root) >>> 0;
  }

  #visit(table, depth, base, start, way, tables, pages) {
    const { levels, links } = this.scheme;
    const level = levels[depth];
    const last = depth === levels.length - 1;
    tables?.push({ frame: table / PAGE, level: levels.length - depth, base, name: level.name });
    if (last && pages === null) return;
    for (const entry of this.#present(table, depth, base, start)) {
      const address = base + entry.index * 2 ** level.shift;
      if (entry.low & level.isPage) pages?.push(translation(levels, address, [...way, entry]));
      else this.#visit(masked(entry, links), depth + 1, address, start, [...way, entry], tables, pages);
    }
  }

  /** Return the entry of each level on the way to an address, as long as they are present, and the one that is not. */
  steps(root, address) {
    const { levels, links } = this.scheme;
    const steps = [];
    let table = this.#rootOf(root);
    for (const level of levels) {
      const entry = this.entry(table, Math.floor(address / 2 ** level.shift) % 2 ** level.bits);
      const isPage = Boolean(entry.low & level.isPage);
      table = masked(entry, isPage ? level.frames : links);
      steps.push({ name: level.name, ...entry, isPage, frame: table / PAGE });
      if (!(entry.low & PRESENT) || isPage) break;
    }
    return steps;
  }
}

function masked({ low, high }, [lowMask, highMask]) {
  return ((high & highMask) >>> 0) * HIGH + ((low & lowMask) >>> 0);
}

function translation(levels, address, way) {
  const last = way.length - 1;
  let flags = way[last].low & LOW_FLAGS;
  let noExecute = way[last].high & NO_EXECUTE;
  for (let depth = 0; depth < last; depth++) {
    if (!levels[depth].hasRights) continue;
    flags &= way[depth].low | ~FROM_ALL;
    noExecute |= way[depth].high & NO_EXECUTE;
  }
  const frame = masked(way[last], levels[last].frames) / PAGE;
  return { page: address, frame, flags, size: 2 ** levels[last].shift, noExecute: noExecute !== 0 };
}
