/* The map on the page: canvas, text layer, and the page that is chosen by pointer or keys. */

import { CELL, LINE } from "./canvas.js";
import { itemsOf, widthFor } from "./lines.js";
import { PAGE } from "./walk.js";

export class MapView {
  /** `onChoose` is told what was chosen: a process, 0 for physical memory, and an address. */
  constructor({ pane, text, canvas }, onChoose) {
    Object.assign(this, { pane, text, canvas, onChoose });
    this.items = [];
    this.chosen = null;
    this.twins = new Set();
    pane.addEventListener("scroll", () => this.draw());
    pane.addEventListener("click", (event) => this.#point(event));
    pane.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.onResize?.()).observe(pane);
  }

  /** Return how many characters have room in a line, and cells in a row. */
  get columns() {
    return Math.floor(this.pane.clientWidth / CELL);
  }

  get width() {
    return widthFor(this.columns);
  }

  /** Show maps; `twins` are the other places, as `key` has them, of the frame that the chosen page shows. */
  show(maps, twins) {
    this.items = itemsOf(maps, this.columns);
    this.twins = twins;
    const text = this.items.map((each) => each.text).join("\n");
    if (this.text.textContent !== text) this.text.textContent = text;
    this.draw();
  }

  draw() {
    const { pane } = this;
    const chosen = this.chosen && key(this.chosen.pid, this.chosen.address);
    const rings = (map, address) => {
      const each = key(map.pid, address);
      return each === chosen ? "strong" : this.twins.has(each) ? "weak" : null;
    };
    const place = { top: pane.scrollTop, width: pane.clientWidth, height: pane.clientHeight, rings };
    this.canvas.draw(this.items, place);
  }

  /** Fit the text layer's characters to the cells. */
  fit() {
    this.text.style.letterSpacing = "0px";
    const probe = document.createElement("span");
    probe.textContent = "0".repeat(100);
    this.text.replaceChildren(probe);
    const advance = probe.getBoundingClientRect().width / 100;
    this.text.textContent = "";
    this.text.style.letterSpacing = `${CELL - advance}px`;
  }

  #choose(item, index) {
    const address = item.kind === "row" ? item.line.start + index * PAGE : item.line.start;
    this.chosen = { pid: item.map.pid, address };
    this.onChoose(this.chosen);
  }

  #point(event) {
    if (String(window.getSelection())) return;
    const box = this.pane.getBoundingClientRect();
    const item = this.items[Math.floor((event.clientY - box.top + this.pane.scrollTop) / LINE)];
    if (!item?.line) return;
    const index = Math.floor((event.clientX - box.left) / CELL) - (item.column ?? 0);
    if (item.kind === "fold" || (index >= 0 && index < item.line.cells.length)) this.#choose(item, index);
  }

  #key(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [down, across] = step;
    const places = this.items.map((item, at) => ({ item, at })).filter(({ item }) => item.line);
    if (!places.length) return;
    const [row, index] = this.#chosenPlace(places);
    if (row < 0) this.#go(places[0], 0);
    else if (down) this.#go(places[row + down], index);
    else this.#across(places, row, index + across);
  }

  #across(places, row, index) {
    const cells = places[row].item.line.cells;
    if (cells && index >= 0 && index < cells.length) this.#go(places[row], index);
    else this.#go(places[row + (index < 0 ? -1 : 1)], index < 0 ? Infinity : 0);
  }

  #go(place, index) {
    if (!place) return;
    const most = (place.item.line.cells?.length ?? 1) - 1;
    this.#choose(place.item, Math.min(index, most));
    const [top, height] = [place.at * LINE, this.pane.clientHeight];
    if (top < this.pane.scrollTop) this.pane.scrollTop = top - LINE;
    if (top + LINE > this.pane.scrollTop + height) this.pane.scrollTop = top + 2 * LINE - height;
  }

  /* Where the chosen page stands now: which of the places, and which cell of it; -1: nowhere. */
  #chosenPlace(places) {
    if (!this.chosen) return [-1, 0];
    const { pid, address } = this.chosen;
    const row = places.findIndex(({ item: { map, line } }) => {
      const end = line.cells ? line.start + line.cells.length * PAGE : line.end;
      return map.pid === pid && line.start <= address && address < end;
    });
    return [row, row < 0 || !places[row].item.line.cells ? 0 : (address - places[row].item.line.start) / PAGE];
  }
}

export const key = (pid, address) => `${pid}:${address}`;
