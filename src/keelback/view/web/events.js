/* What a trap was: a system call with its arguments and result, a page fault with its address and frame, or the timer. */

import { hexadecimal } from "./lines.js";
import { PAGE } from "./walk.js";

/** Return who runs, as the kernel has it: the thread's number, and its process's id and name; id 0: nobody's. */
export function runnerOf(snapshot) {
  const thread = snapshot.cpus.at(0).current;
  const pid = snapshot.threads.at(thread).pid;
  return { thread, pid, who: pid ? snapshot.nameOf(pid) : "nobody" };
}

/** Return in words what the last trap was, by who ran before it, and the CPU's registers where it entered the kernel. */
export function eventOf(snapshot, { thread, pid, who }, { registers, address }) {
  const { words } = snapshot.facts;
  const { frame, state, pid: pidNow } = snapshot.threads.at(thread);
  const { vector } = frame;
  if (vector === words.vectors.systemCall) {
    const isBack = pidNow === pid && words.running.includes(state);
    return `${who}: ${callText(words, registers)}${isBack ? ` = ${frame.eax | 0}` : ""}`;
  }
  if (vector === words.vectors.pageFault) return `${who}: ${faultText(frame, address)}${leadsTo(snapshot, pid, address)}`;
  if (vector === words.vectors.timer) return pid ? `${who}: the timer's tick` : "the timer's tick";
  if (words.vectors.devices[vector]) return `${who}: the ${words.vectors.devices[vector]}'s interrupt`;
  return `${who}: ${words.vectors.names[vector] ?? `interrupt ${vector}`} at ${hexadecimal(frame.eip)}`;
}

function callText(words, registers) {
  const number = registers[words.calls.number] >>> 0;
  const call = words.calls.known[number];
  if (!call) return `system call ${number}`;
  const values = call.arguments.map((form, index) => {
    const value = registers[words.calls.arguments[index]] & ~(index === 0 ? call.mark : 0);
    return form === "address" ? hexadecimal(value >>> 0) : form === "signed" ? value : value >>> 0;
  });
  return `${call.name}(${values.join(", ")})`;
}

function faultText(frame, address) {
  const what = frame.writing ? "write to" : frame.fetching ? "fetch from" : "read of";
  return `page fault at ${hexadecimal(frame.eip)}: ${what} ${hexadecimal(address)}`;
}

function leadsTo(snapshot, pid, address) {
  const page = snapshot.spaceOf(pid)?.user.find((each) => each.page === address - (address % PAGE));
  return page ? ` → frame 0x${page.frame.toString(16)}` : "";
}
