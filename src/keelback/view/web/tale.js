/* The tale of a page or a frame: what it is for, what may be done with it, who else shows it, and each level's entry. */

import { hexadecimal } from "./lines.js";
import { PAGE, PRESENT, WRITABLE } from "./walk.js";

/** Return the tale of what is chosen: a title, facts (a name, pieces of text and of links to other pages), and steps. */
export function taleOf(snapshot, { pid, address }) {
  return pid ? taleOfPage(snapshot, pid, address) : taleOfFrame(snapshot, address / PAGE);
}

const link = (text, pid, address) => ({ text, pid, address });
const frameName = (frame) => `frame 0x${frame.toString(16)}`;

function taleOfPage(snapshot, pid, address) {
  const title = `${hexadecimal(address)} in ${snapshot.nameOf(pid)}`;
  const space = snapshot.spaceOf(pid);
  if (!space) return { title, facts: [["process", [`${snapshot.doing(snapshot.processes.get(pid))}: it has no memory any more`]]], steps: [] };
  const page = space.user.find((each) => each.page <= address && address < each.page + each.size);
  const facts = [["region", [regionText(snapshot, space, address)]]];
  if (page) facts.push(["page", [rightsText(snapshot, space, page)]], ...frameFacts(snapshot, page.frame, { pid, address }));
  else facts.push(["page", [space.regionOf(address) ? "not there yet: it comes when it is touched" : "not mapped"]]);
  return { title, facts, steps: stepsOf(snapshot, space, address) };
}

function regionText(snapshot, space, address) {
  const region = space.regionOf(address);
  const { words, layouts } = snapshot.facts;
  if (!region) {
    const [low, high] = layouts.layout.guard ?? [0, 0];
    return low <= address && address < high ? "guard below the stack: never mapped" : "in no region";
  }
  const isData = Boolean(region.permissions & WRITABLE);
  const isImage = region.kind === words.numbers.RegionKind.IMAGE;
  const use = isImage ? (isData ? "data" : "text") : words.regionKinds[region.kind];
  const executed = region.permissions & words.execute ? ", may be executed" : "";
  return `${use}, ${isData ? "may be written" : "read-only"}${executed}, ${hexadecimal(region.start)}–${hexadecimal(region.end - 1)}`;
}

function rightsText(snapshot, space, page) {
  const { styles } = snapshot.facts.words;
  if (page.flags & WRITABLE) return "may be written";
  if (page.frame === snapshot.kernelSpace.zero) return "shows zeros: when it is written, it gets a frame of its own";
  return space.styleOf(page) === styles.COPY_ON_WRITE ? "copy-on-write: when it is written, it becomes a copy" : "read-only";
}

/* The frame, and the other pages that show it. */
function frameFacts(snapshot, frame, chosen) {
  const others = (snapshot.shown.get(frame) ?? []).filter(({ space, page }) => space.pid !== chosen.pid || page.page !== chosen.address);
  const facts = [["frame", [link(frameName(frame), 0, frame * PAGE), `: ${useOf(snapshot, frame)}, ${referencesOf(snapshot, frame)}`]]];
  if (others.length) facts.push(["also shown", shownBy(others)]);
  return facts;
}

function shownBy(others) {
  const most = 8;
  const said = others.slice(0, most).flatMap(({ space, page }, index) => {
    const text = `${hexadecimal(page.page)} in ${space.whose}`;
    return [index ? ", " : "", space.pid ? link(text, space.pid, page.page) : text];
  });
  return others.length > most ? [...said, ` and ${others.length - most} more`] : said;
}

function referencesOf(snapshot, frame) {
  const count = snapshot.references.at(frame);
  if (count === snapshot.facts.words.pinned) return "pinned";
  return `${count} reference${count === 1 ? "" : "s"}`;
}

/* Whose a frame is and what for. */
function useOf(snapshot, frame) {
  const { words } = snapshot.facts;
  const use = snapshot.uses.at(frame);
  const [role, owner] = [use >> words.ownerBits, use & ((1 << words.ownerBits) - 1)];
  const found = snapshot.tables.get(frame);
  if (use === 0) return "free";
  if (found) return `${found.table.name} of ${found.space.whose}, for ${hexadecimal(found.table.base)} and on`;
  if (role === words.numbers.Role.DATA) {
    const uses = new Set((snapshot.shown.get(frame) ?? []).map(({ space, page }) => regionUse(words, space.regionOf(page.page))));
    return `${[...uses].sort().join(" and ") || "data"} of ${snapshot.nameOf(owner)}`;
  }
  if (role === words.numbers.Role.TABLE && owner) return `regions of ${snapshot.nameOf(owner)}`;
  return words.roles[role] ?? `role ${role}`;
}

function regionUse(words, region) {
  if (!region) return words.regionKinds[words.numbers.RegionKind.NONE];
  if (region.kind === words.numbers.RegionKind.IMAGE) return region.permissions & WRITABLE ? "data" : "text";
  return words.regionKinds[region.kind];
}

function taleOfFrame(snapshot, frame) {
  const title = `${frameName(frame)}, at ${hexadecimal(frame * PAGE)}`;
  if (frame >= snapshot.uses.length) return { title, facts: [["use", ["no memory is there"]]], steps: [] };
  const shown = snapshot.shown.get(frame) ?? [];
  const facts = [["use", [useOf(snapshot, frame)]]];
  if (snapshot.uses.at(frame) !== 0) facts.push(["held by", [referencesOf(snapshot, frame)]]);
  facts.push(["shown at", shown.length ? shownBy(shown) : ["no page of a program"]]);
  return { title, facts, steps: [] };
}

/* Each level's entry: its name and index, its place, its value, where it leads, and its flags, a letter each. */
function stepsOf(snapshot, space, address) {
  const letters = snapshot.facts.words.flags;
  const hasHigh = snapshot.walker.scheme.entrySize === 8;
  return snapshot.walker.steps(space.root, address).map((step) => ({
    entry: `${step.name}[${step.index}]`,
    place: hexadecimal(step.place),
    value: `0x${hasHigh ? step.high.toString(16).padStart(8, "0") : ""}${step.low.toString(16).padStart(8, "0")}`,
    leads: step.low & PRESENT ? `${step.isPage ? "page" : "table"} in ${frameName(step.frame)}` : "not present",
    flags: letters.map(([letter, low, high]) => (step.low & low || step.high & high ? letter : "-")).join(""),
  }));
}
