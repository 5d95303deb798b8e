/* A machine's memory at one moment: processes, spaces, libraries and frames, found in RAM by the records' layouts.

   All of it is true as long as the machine stands still. */

import { columnOf, makeStructs, rootOf, textOf } from "./records.js";
import { PAGE, USER, WRITABLE, Walker } from "./walk.js";

/** Return what the page was built with, ready to read by: layouts of records, their structs, and words. */
export function factsOf(json) {
  return { ...json, structs: makeStructs(json.layouts.structs) };
}

export class Snapshot {
  /** `bytes` is all RAM, `facts` what `factsOf` returns. */
  constructor(facts, bytes) {
    this.facts = facts;
    this.size = bytes.length;
    this.ram = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.structs = facts.structs;
    this.layout = facts.layouts.layout;
    this.walker = new Walker(facts.layouts.scheme, this.ram);
    const { roots, structs } = facts.layouts;
    const root = (name) => rootOf(roots[name], facts.structs, this.ram);
    this.counts = root("counts");
    this.bounds = root("bounds");
    this.kernelSpace = root("kernelSpace");
    this.threads = root("threads");
    this.cpus = root("cpus");
    const column = (name) => columnOf(roots.frames, name, structs, facts.structs, this.ram);
    this.uses = column("use");
    this.references = column("references");
    this.processes = this.#processes(root("processes"));
    this.spaces = [...this.processes.values()].filter((each) => each.root).map((each) => new Space(this, each));
    this.libraries = this.#libraries(root("libraries"));
  }

  /** Say whether the kernel has laid out its memory. */
  get isUp() {
    return this.uses.length > 0 && this.kernelSpace.directory > 0;
  }

  /** Return the frames [start, end) that only the kernel will take. */
  get kernelZone() {
    return this.layout.onePool ? [0, 0] : [this.bounds.zone / PAGE, this.bounds.region_top / PAGE];
  }

  /** Return the state of the thread that a process started with, in words. */
  doing(process) {
    if (!process.isAlive) return this.facts.words.endings[process.record.ending];
    return this.facts.words.doing[this.threads.at(process.record.threads.first).state];
  }

  nameOf(pid) {
    const found = this.processes.get(pid);
    return `${found ? found.name : ""} (${pid})`;
  }

  spaceOf(pid) {
    return this.spaces.find((each) => each.pid === pid);
  }

  /** Return who shows each frame: spaces and their pages. */
  get shown() {
    this._shown ??= this.#shown();
    return this._shown;
  }

  /** Return the table that lies in each frame that is one, and its space. */
  get tables() {
    this._tables ??= new Map(
      this.#allSpaces().flatMap((space) => space.tables.map((table) => [table.frame, { space, table }])),
    );
    return this._tables;
  }

  #allSpaces() {
    return [...this.spaces, ...this.libraries.map((each) => each.space)];
  }

  #shown() {
    const found = new Map();
    for (const space of this.#allSpaces()) {
      for (const page of space.user) {
        if (!found.has(page.frame)) found.set(page.frame, []);
        found.get(page.frame).push({ space, page });
      }
    }
    return found;
  }

  #processes(records) {
    const { ProcessState } = this.facts.words.numbers;
    const found = new Map();
    for (const record of records) {
      const { state } = record;
      if (state === ProcessState.FREE) continue;
      const isAlive = state === ProcessState.ALIVE;
      const root = isAlive ? record.space.directory * PAGE : 0;
      found.set(record.pid, { pid: record.pid, name: textOf(record.name), record, isAlive, root });
    }
    return found;
  }

  #libraries(records) {
    const found = [];
    for (const [number, record] of [...(records ?? [])].entries()) {
      const root = record.space.directory * PAGE;
      const name = textOf(record.name);
      if (root) found.push({ number, name, space: new Space(this, { pid: 0, name: `library ${name}`, record, root }) });
    }
    return found;
  }
}

/** An address space: its pages, tables and regions; `pid` 0: a library's. */
class Space {
  constructor(snapshot, { pid, name, record, root }) {
    this.snapshot = snapshot;
    this.pid = pid;
    this.whose = pid ? `${name} (${pid})` : name;
    this.record = record;
    this.root = root;
  }

  get user() {
    this._user ??= this.snapshot.walker.pages(this.root, this.snapshot.layout.userBase);
    return this._user;
  }

  get tables() {
    this._tables ??= this.snapshot.walker.tables(this.root, this.snapshot.layout.userBase);
    return this._tables;
  }

  /** Return the regions, lowest first: start, end, kind, permissions, and the memory object that is shown (0: none). */
  get regions() {
    this._regions ??= [...this.#regionRecords()].map(({ start, end, kind, permissions, object }) => {
      return { start, end, kind, permissions, object };
    });
    return this._regions;
  }

  regionOf(address) {
    return this.regions.find((each) => each.start <= address && address < each.end);
  }

  /** Return the libraries that it maps: name and address. */
  get mappedLibraries() {
    const { slots, count } = this.record.libraries;
    const all = new Map(this.snapshot.libraries.map((each) => [each.number, each.name]));
    return [...slots]
      .slice(0, count)
      .filter((each) => all.has(each.library - 1))
      .map((each) => ({ name: all.get(each.library - 1), address: each.address }));
  }

  /** Return the pages of the kernel part that the program may use, such as the screen's. */
  get opened() {
    const { userBase, userScreen } = this.snapshot.layout;
    if (!userScreen) return [];
    return this.snapshot.walker.pages(this.root, 0).filter(({ page, flags }) => page < userBase && flags & USER);
  }

  /** Yield every page that the program may use, lowest first, with what it may do there. */
  *styled() {
    for (const page of [...this.opened, ...this.user]) yield { page, style: this.styleOf(page) };
  }

  /** Return what the program may do with a page, in the numbers of the words' styles. */
  styleOf(page) {
    const { WRITABLE: written, COPY_ON_WRITE: copied, PLAIN: plain } = this.snapshot.facts.words.styles;
    if (page.flags & WRITABLE) return written;
    const region = this.regionOf(page.page);
    if (!(region?.permissions & WRITABLE)) return plain;
    return region.object ? written : copied;
  }

  /** Return the frames that the regions are in; none where they are in the process's record. */
  get regionFrames() {
    return this.record.space.nodes ? this.#regionNodes().map((place) => place / PAGE) : [];
  }

  #regionNodes() {
    const { nodes, node } = this.record.space;
    return [...new this.snapshot.structs.Node(this.snapshot.ram, node).nodes].slice(0, nodes);
  }

  *#regionRecords() {
    const { count, nodes, regions } = this.record.space;
    const { ram, structs } = this.snapshot;
    if (!nodes) {
      for (let index = 0; index < count; index++) yield regions.at(index);
      return;
    }
    let left = count;
    for (const place of this.#regionNodes()) {
      for (const region of new structs.Node(ram, place).regions) {
        if (left-- <= 0) return;
        yield region;
      }
    }
  }
}
