/* The place that a link keeps: after which trap the machine stands, and which page is chosen; `#run`: it runs on. */

/** Return what a link says: `trap`, null for none; `chosen`, a page of a process (0: a frame), or null; whether it `runs`. */
export function readPlace(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const trap = /^\d+$/.test(words.get("trap") ?? "") ? Number(words.get("trap")) : null;
  const found = /^(\d+):0x([0-9a-f]+)$/.exec(words.get("page") ?? "");
  return { trap, runs: words.has("run"), chosen: found ? { pid: Number(found[1]), address: parseInt(found[2], 16) } : null };
}

/** Return the link's part that says so. */
export function writePlace(trap, chosen) {
  const page = chosen ? `&page=${chosen.pid}:0x${chosen.address.toString(16)}` : "";
  return `#trap=${trap}${page}`;
}
