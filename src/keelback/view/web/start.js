/* The start: unpack what the page carries, and switch the machine on. */

import { App } from "./app.js";
import { readPlace } from "./place.js";

/** Return the bytes of a file that the page carries, gzipped and in base64. */
async function carried(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent.trim()), (each) => each.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start() {
  const data = JSON.parse(document.getElementById("facts").textContent);
  const names = ["v86", "wasm", "bios", "vgaBios", "image"];
  const files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await carried(`file-${name}`)])));
  const script = URL.createObjectURL(new Blob([files.v86], { type: "text/javascript" }));
  const { V86 } = await import(script);
  URL.revokeObjectURL(script);
  const place = readPlace(location.hash);
  const app = new App(data, files, V86);
  app.map.chosen = place.chosen;
  window.keelback = app;
  await app.reset(place.trap ?? 0);
  if (place.runs) app.run();
}

start().catch((error) => {
  document.getElementById("state").textContent = `The machine can't start: ${error.message}`;
  throw error;
});
