/* The page: the machine, its map, and what the reader asks of both. */

import { Cells, FrameCells } from "./cells.js";
import { MapCanvas } from "./canvas.js";
import { Fingerprint } from "./changes.js";
import { eventOf, runnerOf } from "./events.js";
import { scanCodes } from "./keyboard.js";
import { legendOf } from "./legend.js";
import { makeMachine } from "./machine.js";
import { MapView, key } from "./map_view.js";
import { counted, physicalMap, virtualMap } from "./maps.js";
import { readPlace, writePlace } from "./place.js";
import { Screen } from "./screen.js";
import { Snapshot, factsOf } from "./snapshot.js";
import { taleOf } from "./tale.js";
import { PAGE } from "./walk.js";

/* Traps a second; the last is as many as there are. */
const SPEEDS = [1, 2, 5, 10, 20, 50, 100, 500, Infinity];
const AT_ONCE = 12;
const MOST_CHANGES = 200;
/* How many traps before the one that is gone to are looked at, for what they change. */
const SEEN = 50;
/* Sequences that move the cursor or change colours: the screen obeys them. */
const ESCAPES = /\x1b\[[0-9;]*[A-Za-z]/g;
const NOTHING = { processes: new Map(), pages: new Map() };

const element = (id) => document.getElementById(id);

export class App {
  constructor(data, files, V86) {
    Object.assign(this, { data, files, V86 });
    this.facts = factsOf(data);
    this.cells = new Cells(this.facts.words);
    this.screen = new Screen(element("screen"));
    this.darkness = window.matchMedia("(prefers-color-scheme: dark)");
    this.canvas = new MapCanvas(element("picture"), this.facts.words.styles, this.theme);
    this.map = new MapView({ pane: element("map"), text: element("text"), canvas: this.canvas }, (chosen) => this.choose(chosen));
    this.map.onResize = () => this.refresh();
    this.target = 0;
    this.isRunning = false;
    this.#connect();
    this.#adopt();
  }

  #connect() {
    element("run").addEventListener("click", () => this.toggle());
    element("back").addEventListener("click", () => this.back());
    element("step").addEventListener("click", () => this.step());
    element("reset").addEventListener("click", () => this.reset(0, []));
    for (const type of ["keydown", "keyup"]) element("screen").addEventListener(type, (event) => this.#type(event));
    element("link").addEventListener("click", () => this.keepLink());
    element("speed").max = SPEEDS.length - 1;
    element("speed").addEventListener("input", () => this.#saySpeed());
    this.darkness.addEventListener("change", () => this.#adopt());
    window.addEventListener("hashchange", () => this.goTo(readPlace(location.hash)));
    document.addEventListener("keydown", (event) => this.#key(event));
    this.#saySpeed();
  }

  #key(event) {
    const isTaken = event.target.closest("button, input, a, summary, #screen") || event.ctrlKey || event.metaKey || event.altKey;
    if (isTaken || ![" ", ".", ","].includes(event.key)) return;
    event.preventDefault();
    if (event.key === " ") this.toggle();
    else if (event.key === ",") this.back();
    else this.step();
  }

  /* Give the machine a key; the tabulator and the browser's own keys stay the browser's. */
  #type(event) {
    const codes = event.metaKey || event.code === "Tab" ? [] : scanCodes(event);
    if (!codes.length || !this.machine?.hasStarted || this.isStarting) return;
    event.preventDefault();
    this.machine.type(codes);
  }

  /** Take the theme's colours, and the sizes of its letters. */
  #adopt() {
    this.canvas.theme = this.theme;
    this.map.fit();
    this.refresh();
  }

  get theme() {
    return this.data.themes[this.darkness.matches ? "dark" : "light"];
  }

  get speed() {
    return SPEEDS[element("speed").value];
  }

  #saySpeed() {
    const said = this.speed === Infinity ? "as fast as it goes" : `${this.speed} trap${this.speed === 1 ? "" : "s"} a second`;
    element("speed-said").textContent = said;
    element("speed").setAttribute("aria-valuetext", said);
  }

  /** Switch the machine on anew, and run it to a trap's end; what was typed comes again. */
  async reset(trap = 0, typed = this.machine?.typed ?? []) {
    if (this.isStarting) return;
    this.isStarting = true;
    this.isRunning = false;
    this.say("Starting …");
    this.machine?.switchOff();
    this.machine = null;
    this.screen.clear();
    this.#forget();
    const { memory, commandLine } = this.data;
    const machine = await makeMachine({ V86: this.V86, files: this.files, memory, commandLine, typed });
    machine.onCharacter = (row, column, code, _flags, back, fore) => this.screen.put(row, column, code, back, fore);
    this.machine = machine;
    await this.runTo(trap);
    this.isStarting = false;
    this.#sayState();
  }

  /* Forget what was seen of the machine before. */
  #forget() {
    this.fingerprint = null;
    this.changed = new Set();
    this.changedPages = () => new Set();
    this.changes = [];
    this.told = 0;
    this.looked = null;
  }

  /** Run to a trap's end as fast as it goes, and stand still there. */
  async runTo(trap) {
    const { machine } = this;
    this.isRunning = false;
    while (!this.isOver && (!machine.hasStarted || machine.traps < trap)) {
      const isThere = machine.runTrap(performance.now() + AT_ONCE);
      if (!isThere) await new Promise((resolve) => setTimeout(resolve));
      else if (trap - machine.traps < SEEN) this.#look();
    }
    this.pause();
  }

  /** Go where a link says. */
  async goTo({ trap, chosen }) {
    if (!this.machine || this.isStarting) return;
    if (chosen) this.map.chosen = chosen;
    if (trap === null || trap === this.machine.traps) this.refresh();
    else await (this.machine.traps < trap ? this.runTo(trap) : this.reset(trap));
  }

  toggle() {
    if (this.isRunning) this.pause();
    else this.run();
  }

  run() {
    if (!this.machine || this.isOver || this.isRunning) return;
    this.isRunning = true;
    this.since = performance.now();
    this.owed = 0;
    this.#sayState();
    requestAnimationFrame(() => this.#tick());
  }

  pause() {
    this.isRunning = false;
    this.refresh();
    this.#sayState();
  }

  /** Run to the end of the next trap. */
  step() {
    if (!this.machine || this.isOver) return;
    this.machine.runTrap(performance.now() + 1000);
    this.pause();
  }

  /** Go to the end of the trap before: from the start, for every run is the same. */
  async back() {
    if (this.machine && !this.isStarting && this.machine.traps > 0) await this.reset(this.machine.traps - 1);
  }

  #tick() {
    if (!this.isRunning) return;
    const now = performance.now();
    const deadline = now + AT_ONCE;
    this.owed = this.speed === Infinity ? Infinity : Math.min(this.owed + ((now - this.since) * this.speed) / 1000, this.speed);
    this.since = now;
    const before = this.machine.traps;
    while (this.owed >= 1 && !this.isOver && this.machine.runTrap(deadline)) this.owed -= 1;
    if (this.isOver) this.pause();
    else {
      if (this.machine.traps !== before) this.refresh();
      requestAnimationFrame(() => this.#tick());
    }
  }

  /** Say whether nothing can happen any more: all programs have ended, or the machine has stopped. */
  get isOver() {
    const { machine } = this;
    if (machine.isDead || !machine.hasStarted) return machine.isDead;
    if (this.looked !== machine.traps) {
      this.looked = machine.traps;
      this.areEnded = this.#snapshot().spaces.length === 0;
    }
    return this.areEnded;
  }

  #snapshot() {
    return new Snapshot(this.facts, this.machine.memory);
  }

  /* Read the memory, and note what has changed since the last time. */
  #look() {
    const snapshot = this.#snapshot();
    if (!snapshot.isUp) return null;
    const frames = new FrameCells(snapshot, this.cells);
    if (this.fingerprint?.trap !== this.machine.traps) this.#note(snapshot);
    return frames;
  }

  /* Note what is not as it was; the first time that is said, but no cell is marked. */
  #note(snapshot) {
    const { traps: trap, entered } = this.machine;
    const fingerprint = Object.assign(new Fingerprint(snapshot), { trap, runner: runnerOf(snapshot) });
    const before = this.fingerprint;
    if (before) {
      this.changed = fingerprint.changedFrames(before);
      this.changedPages = (pid) => fingerprint.changedPages(before, pid);
    }
    const event = before && trap === before.trap + 1 ? [eventOf(snapshot, before.runner, entered)] : [];
    const changes = [...fingerprint.said(before ?? NOTHING), ...this.#newLines()];
    this.changes.unshift(...changes.reverse().map((text) => ({ trap, text, isEvent: false })));
    this.changes.unshift(...event.map((text) => ({ trap, text, isEvent: true })));
    this.changes.length = Math.min(this.changes.length, MOST_CHANGES);
    this.fingerprint = fingerprint;
  }

  /* What the console has got since the last time, line by line. */
  #newLines() {
    const lines = this.machine.console.slice(this.told).split("\n").slice(0, -1);
    this.told += lines.reduce((sum, line) => sum + line.length + 1, 0);
    return lines.map((line) => `console: ${line.replace(ESCAPES, "")}`);
  }

  /** Read the memory again and show all of it. */
  refresh() {
    this.screen.draw();
    if (!this.machine?.hasStarted) return;
    const start = performance.now();
    const frames = this.#look();
    if (!frames) return;
    const { snapshot } = frames;
    this.maps = this.#mapsOf(frames, this.map.width);
    this.map.show(this.maps, this.#twins(snapshot));
    this.took = performance.now() - start;
    this.#showLegend(snapshot);
    this.#showTale(snapshot);
    this.#showChanges();
    element("trap").textContent = `${counted(this.machine.traps)} · ${this.fingerprint.runner.who} runs next`;
  }

  #mapsOf(frames, width) {
    const living = [...frames.snapshot.processes.values()].filter((each) => each.isAlive);
    living.sort((one, other) => one.pid - other.pid);
    return [
      physicalMap(frames, width, this.changed),
      ...living.map((each) => virtualMap(frames, each, width, this.changedPages(each.pid))),
    ];
  }

  /* The other places of the frame that is chosen, or that the chosen page shows. */
  #twins(snapshot) {
    const { chosen } = this.map;
    if (!chosen) return new Set();
    const page = chosen.pid && snapshot.spaceOf(chosen.pid)?.user.find((each) => each.page === chosen.address);
    const frame = chosen.pid ? page?.frame : chosen.address / PAGE;
    if (frame === undefined) return new Set();
    const shown = (snapshot.shown.get(frame) ?? []).map(({ space, page: each }) => key(space.pid, each.page));
    return new Set([key(0, frame * PAGE), ...shown]);
  }

  choose(chosen) {
    this.map.chosen = chosen;
    this.refresh();
  }

  #showTale(snapshot) {
    const { chosen } = this.map;
    const isThere = Boolean(chosen && (!chosen.pid || snapshot.processes.has(chosen.pid)));
    const tale = isThere ? taleOf(snapshot, chosen) : { title: "This page", facts: [], steps: [] };
    const said = JSON.stringify(tale);
    if (this.tale === said) return; // what is the same is not read aloud again, and stays selected
    this.tale = said;
    element("tale-title").textContent = tale.title;
    element("tale-hint").hidden = isThere;
    element("tale-facts").hidden = !isThere;
    element("tale-steps").hidden = !tale.steps.length;
    const facts = tale.facts.flatMap(([name, pieces]) => [made("dt", name), made("dd", ...pieces.map((each) => this.#piece(each)))]);
    element("tale-facts").replaceChildren(...facts);
    const cells = ({ entry, value, leads, flags }) => [entry, value, leads, flags].map((each) => made("td", each));
    element("tale-entries").replaceChildren(...tale.steps.map((step) => made("tr", ...cells(step))));
    const letters = this.facts.words.flags.map(([letter]) => letter).filter((letter) => tale.steps.some(({ flags }) => flags.includes(letter)));
    element("tale-letters").hidden = !letters.length;
    element("tale-letters").textContent = letters.map((letter) => `${letter} ${this.facts.words.flagNames[letter]}`).join(", ");
  }

  #piece(said) {
    if (typeof said === "string") return said;
    const button = made("button", said.text);
    button.type = "button";
    button.className = "to";
    button.addEventListener("click", () => this.choose({ pid: said.pid, address: said.address }));
    return button;
  }

  #showChanges() {
    if (this.shownChange === this.changes[0]) return;
    [this.shownChange] = this.changes;
    element("changes").replaceChildren(
      ...this.changes.map(({ trap, text, isEvent }) => {
        const line = made("li", made("span", counted(trap)), " ", text);
        line.classList.toggle("event", isEvent);
        return line;
      }),
    );
  }

  #showLegend(snapshot) {
    const entries = legendOf(this.maps, snapshot, this.cells);
    const said = JSON.stringify(entries) + this.theme.paper;
    if (this.legend === said) return;
    this.legend = said;
    element("legend").replaceChildren(...entries.map(({ cell, means }) => made("li", this.#sample(cell), " ", means)));
  }

  #sample(cell) {
    const canvas = document.createElement("canvas");
    const map = { pid: -1 };
    const item = { kind: "row", text: cell.glyph, map, column: 0, line: { start: 0, cells: [cell] } };
    new MapCanvas(canvas, this.facts.words.styles, this.theme).draw([item], { top: 0, width: 8, height: 16, rings: () => null });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", cell.glyph);
    return canvas;
  }

  keepLink() {
    history.replaceState(null, "", writePlace(this.machine.traps, this.map.chosen));
    navigator.clipboard?.writeText(location.href).then(() => this.say("Link copied"), () => this.say("The link is in the address bar"));
  }

  #sayState() {
    element("run").textContent = this.isRunning ? "Pause" : "Run";
    const isOver = this.machine && this.isOver;
    element("run").disabled = element("step").disabled = Boolean(isOver);
    element("back").disabled = this.isStarting || !this.machine?.traps;
    if (this.machine?.failure) this.say(`v86 does not know what the program does, and has failed: ${this.machine.failure}`);
    else if (this.machine?.isDead) this.say("The machine has stopped");
    else if (isOver) this.say("All programs have ended");
    else this.say(this.isRunning ? "Running" : "Paused");
  }

  say(text) {
    element("state").textContent = text;
  }
}

function made(name, ...children) {
  const node = document.createElement(name);
  node.append(...children);
  return node;
}
