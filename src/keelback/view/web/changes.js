/* What has changed from one moment to another: which cells, and in words which processes and pages. */

import { counted } from "./maps.js";
import { hexadecimal } from "./lines.js";

const MOST = 3;

/** What is remembered of a snapshot to compare the next one with: RAM itself will have changed by then. */
export class Moment {
  constructor(frames) {
    const { snapshot } = frames;
    this.cells = frames.all;
    this.processes = new Map(
      [...snapshot.processes.values()].map((each) => [each.pid, { ...each, parent: each.record.parent, doing: snapshot.doing(each) }]),
    );
    this.status = new Map([...snapshot.processes.values()].map((each) => [each.pid, each.record.exit_status]));
    this.pages = new Map(
      snapshot.spaces.map((space) => [space.pid, new Map(space.user.map((page) => [page.page, pageState(space, page)]))]),
    );
  }

  /** Return the frames whose cells are not as before. */
  changedFrames(before) {
    return new Set(this.cells.flatMap((cell, frame) => (cell === before.cells[frame] ? [] : [frame])));
  }

  /** Return the pages of a process, by address, that are not as before. */
  changedPages(before, pid) {
    const [now, then] = [this.pages.get(pid) ?? new Map(), before.pages.get(pid) ?? new Map()];
    return new Set([...now].filter(([page, state]) => !isSame(state, then.get(page))).map(([page]) => page));
  }

  /** Return in words what has changed. */
  said(before) {
    const said = [];
    for (const process of this.processes.values()) said.push(...this.#saidOf(process, before));
    for (const process of before.processes.values()) {
      if (process.isAlive && !this.processes.has(process.pid)) said.push(`${whose(process)} has ended, and its record is gone`);
    }
    return said;
  }

  *#saidOf(process, before) {
    const then = before.processes.get(process.pid);
    if (!then || then.name !== process.name) yield this.#beginning(process, then);
    if (!process.isAlive && then?.isAlive !== false) yield `${whose(process)} ${this.#ending(process)}`;
    if (process.isAlive) yield* pageChanges(whose(process), this.pages.get(process.pid), before.pages.get(process.pid));
  }

  #beginning(process, then) {
    if (then?.isAlive) return `${whose(then)} runs ${process.name} now`;
    const parent = this.processes.get(process.parent);
    return `${whose(process)} starts${parent ? `, a child of ${whose(parent)}` : ""}`;
  }

  #ending(process) {
    return process.doing === "exited" ? `exited with status ${this.status.get(process.pid)}` : `ended: ${process.doing}`;
  }
}

const whose = ({ pid, name }) => `${name} (${pid})`;
const pageState = (space, page) => {
  const style = space.styleOf(page);
  return { frame: page.frame, style, may: space.snapshot.facts.words.styleMeanings[style] ?? "read-only" };
};
const isSame = (one, other) => other !== undefined && one.frame === other.frame && one.style === other.style;

function* pageChanges(name, now = new Map(), then = new Map()) {
  const came = [...now.keys()].filter((page) => !then.has(page));
  const went = [...then.keys()].filter((page) => !now.has(page));
  const kept = [...now.keys()].filter((page) => then.has(page) && !isSame(now.get(page), then.get(page)));
  const moved = kept.filter((page) => now.get(page).frame !== then.get(page).frame);
  const other = kept.filter((page) => now.get(page).frame === then.get(page).frame);
  if (came.length) yield `${name}: ${pagesText(came)} came`;
  if (went.length) yield `${name}: ${pagesText(went)} went`;
  if (moved.length) yield `${name}: ${pagesText(moved)} got ${frameText(moved, now, then)}`;
  if (other.length) yield `${name}: ${pagesText(other)}: ${rightsText(other, now)}`;
}

function frameText(pages, now, then) {
  if (pages.length > 1) return "other frames";
  const [to, from] = [now, then].map((each) => `0x${each.get(pages[0]).frame.toString(16)}`);
  return `frame ${to} instead of ${from}`;
}

/* What may be done with pages now, where that is the same with all. */
function rightsText(pages, now) {
  const said = new Set(pages.map((page) => now.get(page).may));
  return said.size === 1 ? `${[...said][0]} now` : "other rights now";
}

function pagesText(pages) {
  const shown = pages.slice(0, MOST).map(hexadecimal).join(", ");
  if (pages.length === 1) return `page ${shown}`;
  return `${counted(pages.length)} pages (${shown}${pages.length > MOST ? ", …" : ""})`;
}
