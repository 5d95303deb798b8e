/* The tale of a page or a frame: what it is for, what may be done with it, who else shows it, and each level's entry.

   A fact is a word, and pieces: text, and links to other pages.  As keelback.view.page_tale in Python tells it. */

import { hexadecimal } from "./lines.js";
import { counted } from "./maps.js";
import { PAGE, PRESENT, USER, WRITABLE } from "./walk.js";

/** Return the tale of what is chosen: a title, facts, and steps. */
export function taleOf(snapshot, { pid, address }) {
  return pid ? taleOfPage(snapshot, pid, address) : taleOfFrame(snapshot, address / PAGE);
}

const link = (text, pid, address) => ({ text, pid, address });
const frameName = (frame) => `frame 0x${frame.toString(16)}`;
const range = (start, end) => `[${hexadecimal(start)}, ${hexadecimal(end)})`;
const plural = (count, noun) => `${counted(count)} ${noun}${count === 1 ? "" : "s"}`;

function taleOfPage(snapshot, pid, address) {
  const title = `${hexadecimal(address)} in ${snapshot.nameOf(pid)}`;
  const space = snapshot.spaceOf(pid);
  if (!space) return { title, facts: [["process", ["it has ended: it has no memory any more"]]], steps: [] };
  const page = [...space.opened, ...space.user].find((each) => each.page === address);
  const facts = [...regionFacts(snapshot, space, address, page), ...(page ? pageFacts(snapshot, space, page) : [])];
  return { title, facts: facts.length ? facts : [nothingThere(snapshot, address)], steps: stepsOf(snapshot, space, address) };
}

function regionFacts(snapshot, space, address, page) {
  const { words } = snapshot.facts;
  const region = space.regionOf(address);
  if (!region) return [];
  const size = plural((region.end - region.start) / PAGE, "page");
  const said = `${regionUse(words, region)} ${range(region.start, region.end)}: ${regionRights(words, region)}, ${size}`;
  return [["region", [said]], ...(page ? [] : [["page", [growsByTouch(words, region) ? words.onTouch : words.never]]])];
}

function growsByTouch(words, { permissions, kind }) {
  return (permissions & USER) !== 0 && kind !== words.numbers.RegionKind.MALLOC;
}

function regionRights(words, { permissions }) {
  if (!(permissions & USER)) return "closed";
  return (permissions & WRITABLE ? "may be written" : "read-only") + (permissions & words.execute ? " and executed" : "");
}

function regionUse(words, region) {
  if (!region) return words.regionKinds[words.numbers.RegionKind.NONE];
  if (region.kind === words.numbers.RegionKind.IMAGE) return region.permissions & WRITABLE ? "data" : "text";
  return words.regionKinds[region.kind] ?? `kind ${region.kind}`;
}

/* What a program may do with a page as it is mapped, in a word or two. */
function rightsOf(snapshot, space, page) {
  if (page.flags & WRITABLE) return "may be written";
  if (page.frame === snapshot.kernelSpace.zero) return "shows zeros";
  const region = space.regionOf(page.page);
  if (!(region?.permissions & WRITABLE)) return "read-only";
  return region.object ? "may be written" : "copy-on-write";
}

function pageFacts(snapshot, space, page) {
  const rights = rightsOf(snapshot, space, page);
  const isOpened = page.page < snapshot.layout.userBase;
  const said = isOpened ? `of the kernel part, open to every program: ${rights}` : (snapshot.facts.words.rights[rights] ?? rights);
  if (page.frame < snapshot.uses.length) return [["page", [said]], ...frameFacts(snapshot, page.frame, isOpened ? null : { space, page })];
  return [["page", [said]], ["frame", [`0x${page.frame.toString(16)}, which is behind all memory that the kernel has`]]];
}

/* What is known of a frame, and who else shows it than the page that it is seen from, if it is from one. */
function frameFacts(snapshot, frame, from) {
  const { words } = snapshot.facts;
  const use = snapshot.uses.at(frame);
  const counts = use === 0 ? "" : `, ${referencesOf(snapshot, frame)}`;
  const said = [link(frameName(frame), 0, frame * PAGE), `: ${useOf(snapshot, frame)}${counts} (physical ${hexadecimal(frame * PAGE)})`];
  if (use === 0) return [["frame", said]];
  const owner = use >> words.ownerBits === words.numbers.Role.OBJECT ? 0 : use & ((1 << words.ownerBits) - 1);
  const facts = [["frame", said]];
  if (from && owner !== 0 && owner !== from.space.pid) facts.push(["owner", [snapshot.nameOf(owner)]]);
  return [...facts, ...shownFacts(snapshot, frame, from)];
}

function shownFacts(snapshot, frame, from) {
  const { mostPages } = snapshot.facts.words;
  const shown = snapshot.shown.get(frame) ?? [];
  const others = shown.filter(({ space, page }) => !from || space.root !== from.space.root || page.page !== from.page.page);
  const facts = others.slice(0, mostPages).map(({ space, page }) => {
    const place = `${hexadecimal(page.page)} in ${space.whose}`;
    const use = regionUse(snapshot.facts.words, space.regionOf(page.page));
    const said = `: ${use}, ${rightsOf(snapshot, space, page)}`;
    return [from ? "also" : "shown", [space.pid ? link(place, space.pid, page.page) : place, said]];
  });
  return others.length > mostPages ? [...facts, ["", [`and ${counted(others.length - mostPages)} pages more`]]] : facts;
}

function referencesOf(snapshot, frame) {
  const count = snapshot.references.at(frame);
  return count === snapshot.facts.words.pinned ? "pinned" : `${count} reference${count === 1 ? "" : "s"}`;
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
    const uses = (snapshot.shown.get(frame) ?? []).map(({ space, page }) => regionUse(words, space.regionOf(page.page)));
    return `${[...new Set(uses)].sort().join(" and ") || "data"} of ${snapshot.nameOf(owner)}`;
  }
  if (role === words.numbers.Role.OBJECT) {
    const [low, high] = snapshot.kernelZone;
    return `${low <= frame && frame < high ? "list of frames of " : ""}${words.roles[role]} ${owner}`;
  }
  if (role === words.numbers.Role.TABLE && owner) {
    const listed = snapshot.spaceOf(owner).regionFrames.includes(frame) ? "regions" : "handles";
    return `${listed} of ${snapshot.nameOf(owner)}`;
  }
  return words.roles[role] ?? `role ${role}`;
}

function nothingThere({ layout }, address) {
  const [low, high] = layout.guard ?? [0, 0];
  if (low <= address && address < high) return ["guard", [`below the stack, never mapped: ${range(low, high)}`]];
  if (address >= layout.userBase) return ["region", ["none: whoever touches it ends"]];
  return ["kernel", [`the kernel part, below ${hexadecimal(layout.userBase)}: no program reaches it`]];
}

function taleOfFrame(snapshot, frame) {
  const facts = frame < snapshot.uses.length ? frameFacts(snapshot, frame, null) : [["frame", ["no memory is there"]]];
  return { title: frameName(frame), facts, steps: [] };
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
