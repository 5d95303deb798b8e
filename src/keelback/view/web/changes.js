/* What has changed from one moment to another: which cells, and in words which processes and pages. */

import { counted } from "./maps.js";
import { hexadecimal } from "./lines.js";
import { ACCESSED, DIRTY, PAGE } from "./walk.js";

const MOST = 3;

/** What is remembered of a snapshot to compare the next one with: RAM itself will have changed by then.

    A frame has changed where its record or, if a program shows it, its content has; a page where it leads elsewhere, has
    other rights or another content.  Bits that the CPU sets as it uses an entry are no change. */
export class Fingerprint {
  constructor(snapshot) {
    this.records = Array.from(snapshot.uses, (use, frame) => use * 2 ** 16 + snapshot.references.at(frame));
    this.processes = new Map(
      [...snapshot.processes.values()].map(({ pid, name, isAlive, record }) => {
        const { parent, exit_status: status } = record;
        return [pid, { pid, name, isAlive, parent, status, doing: snapshot.doing({ isAlive, record }) }];
      }),
    );
    this.pages = new Map(
      snapshot.spaces.map((space) => [space.pid, new Map(space.user.map((page) => [page.page, pageState(space, page)]))]),
    );
    this.contents = new Map();
    for (const [, pages] of this.pages) {
      for (const { frame } of pages.values()) {
        if (!this.contents.has(frame)) this.contents.set(frame, digest(snapshot.ram, frame * PAGE));
      }
    }
  }

  /** Return the frames that are not as before. */
  changedFrames(before) {
    return new Set([...this.#written(before), ...this.records.flatMap((each, frame) => (each === before.records[frame] ? [] : [frame]))]);
  }

  /** Return the pages of a process, by address, that are not as before. */
  changedPages(before, pid) {
    const written = this.#written(before);
    const [now, then] = [this.pages.get(pid) ?? new Map(), before.pages.get(pid) ?? new Map()];
    const isChanged = ([page, state]) => written.has(state.frame) || !isSame(state, then.get(page));
    return new Set([...now].filter(isChanged).map(([page]) => page));
  }

  #written(before) {
    const isWritten = ([frame, content]) => (before.contents.get(frame) ?? content) !== content;
    return new Set([...this.contents].filter(isWritten).map(([frame]) => frame));
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
    return process.doing === "exited" ? `exited with status ${process.status}` : `ended: ${process.doing}`;
  }
}

const whose = ({ pid, name }) => `${name} (${pid})`;
const isSame = (one, other) => other !== undefined && one.frame === other.frame && one.flags === other.flags;

function pageState(space, page) {
  const { styleMeanings } = space.snapshot.facts.words;
  const flags = (page.flags & ~(ACCESSED | DIRTY)) * 2 + Number(page.noExecute);
  return { frame: page.frame, flags, may: styleMeanings[space.styleOf(page)] ?? "read-only" };
}

/* A number that is another one where a page's bytes are others: FNV, by words. */
function digest(ram, place) {
  const end = Math.min(place + PAGE, ram.byteLength);
  let found = 0x811c9dc5;
  for (let at = place; at < end; at += 4) found = Math.imul(found ^ ram.getInt32(at, true), 0x01000193);
  return found;
}

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
