/* The maps: of physical memory, and of each process's virtual memory; each has a title, and lines of cells. */

import { endOf, folded } from "./cells.js";
import { PAGE } from "./walk.js";

export const counted = (number) => number.toLocaleString("en");

/** Return the map of all frames; those that have changed are marked. */
export function physicalMap(frames, width, changed) {
  const { snapshot, cells } = frames;
  const said = (cell, count) => {
    if (cell.glyph === ".") return `${counted(count)} free${cell === cells.FREE_OF_ZONE ? " of the kernel zone" : ""}`;
    return `${counted(count)} ${cells.described(cell, (pid) => snapshot.nameOf(pid))}`;
  };
  const { user_total: total, user_free: free } = snapshot.counts;
  const title = `physical memory: ${counted(snapshot.size >> 20)} MiB, ${counted(total)} user frames, ${counted(total - free)} of them used`;
  return { title, pid: 0, lines: folded(frameRows(frames, width, changed), said) };
}

function* frameRows(frames, width, changed) {
  const all = frames.all.map((cell, frame) => (changed.has(frame) ? frames.cells.changed(cell) : cell));
  for (let start = 0; start < all.length; start += width) {
    yield { start: start * PAGE, cells: all.slice(start, start + width), name: "" };
  }
}

/** Return the map of a process: what is in a region, region by region; pages whose address has changed are marked. */
export function virtualMap(frames, process, width, changed) {
  const { snapshot, cells } = frames;
  const space = snapshot.spaceOf(process.pid);
  const pages = pagesOf(frames, space, changed);
  const said = (cell, count) => {
    if (cell === cells.NOT_YET) return alikeSaid(cells, cell, count);
    return `${counted(count)} ${cells.described(cell, (pid) => snapshot.nameOf(pid))}`;
  };
  const lines = [...kernelPart(snapshot, cells, pages), ...folded(areaLines(snapshot, cells, space, width, pages), said)];
  lines.sort((one, other) => one.start - other.start);
  const user = space ? space.user : [];
  const own = user.filter((each) => each.frame < snapshot.uses.length && snapshot.uses.at(each.frame) === process.pid);
  const title = `${snapshot.nameOf(process.pid)}: ${counted(user.length)} pages, ${counted(own.length)} of them its own`;
  return { title, pid: process.pid, lines };
}

function pagesOf(frames, space, changed) {
  const found = new Map();
  for (const { page, style } of space ? space.styled() : []) {
    const shown = frames.of(page.frame);
    const cell = frames.cells.make(shown.glyph, style, shown.pid);
    found.set(page.page, changed.has(page.page) ? frames.cells.changed(cell) : cell);
  }
  return found;
}

/* What is below user space: the kernel's, and between that what programs may use, and a guard. */
function* kernelPart({ layout, facts }, cells, pages) {
  const { kernelPart: said, guarded } = facts.words;
  const between = [...pages].filter(([page]) => page < layout.userBase).map(([page, cell]) => ({ start: page, cells: [cell], name: "screen" }));
  const [low, high] = layout.guard ?? [layout.userBase, layout.userBase];
  if (low < layout.userBase) between.push({ start: low, cells: Array((high - low) / PAGE).fill(cells.GUARD), name: guarded });
  let start = 0;
  for (const row of between.sort((one, other) => one.start - other.start)) {
    if (start < row.start) yield { start, end: row.start, said, name: "" };
    yield row;
    start = endOf(row);
  }
  if (start < layout.userBase) yield { start, end: layout.userBase, said, name: "" };
}

/** Return what user space is for: regions of one purpose that touch are one area. */
export function areasOf(snapshot, space) {
  const found = [];
  for (const region of space ? space.regions : []) {
    const name = nameOf(snapshot, space, region);
    const last = found.at(-1);
    if (last && last.name === name && last.end === region.start) last.end = region.end;
    else found.push({ start: region.start, end: region.end, name });
  }
  const { guard, userBase } = snapshot.layout;
  if (guard && guard[0] >= userBase) found.push({ start: guard[0], end: guard[1], name: snapshot.facts.words.guarded });
  return found.sort((one, other) => one.start - other.start);
}

function nameOf(snapshot, space, region) {
  const { RegionKind } = snapshot.facts.words.numbers;
  if (region.kind === RegionKind.IMAGE) return "image";
  if (region.kind === RegionKind.LIBRARY) {
    const before = space.mappedLibraries.filter((each) => each.address <= region.start);
    before.sort((one, other) => other.address - one.address);
    return before.length ? before[0].name : "library";
  }
  return snapshot.facts.words.regionKinds[region.kind] ?? `kind ${region.kind}`;
}

function* areaLines(snapshot, cells, space, width, pages) {
  const present = [...pages.keys()].sort((one, other) => one - other);
  for (const area of areasOf(snapshot, space)) {
    if (area.name === snapshot.facts.words.guarded) yield* alike(area, cells.GUARD, cells, width);
    else yield* areaRows(area, snapshot, cells, width, pages, present.filter((each) => area.start <= each && each < area.end));
  }
}

/* Rows in which some page is, and folds between; those of a stack start at its lowest page. */
function* areaRows(area, snapshot, cells, width, pages, present) {
  const { regionKinds, numbers } = snapshot.facts.words;
  const isStack = area.name === regionKinds[numbers.RegionKind.STACK];
  const base = isStack && present.length ? present[0] : area.start;
  let soFar = area.start;
  for (const row of new Set(present.map((page) => Math.floor((page - base) / PAGE / width)))) {
    const start = base + row * width * PAGE;
    yield* alike({ ...area, start: soFar, end: start }, cells.NOT_YET, cells, width);
    soFar = Math.min(start + width * PAGE, area.end);
    const shown = [];
    for (let page = start; page < soFar; page += PAGE) shown.push(pages.get(page) ?? cells.NOT_YET);
    yield { start, cells: shown, name: area.name };
  }
  yield* alike({ ...area, start: soFar }, cells.NOT_YET, cells, width);
}

/* One row of a cell for all pages of an area, or a fold where they are too many; for none, nothing. */
function* alike(area, cell, cells, width) {
  const count = (area.end - area.start) / PAGE;
  if (count > width) yield { start: area.start, end: area.end, said: alikeSaid(cells, cell, count), cell, name: area.name };
  else if (count > 0) yield { start: area.start, cells: Array(count).fill(cell), name: area.name };
}

const alikeSaid = (cells, cell, count) => `${counted(count)} ${cells.words.alike[cell === cells.GUARD ? "GUARD" : "NOT_YET"]}`;
