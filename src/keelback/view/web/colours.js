/* Colours of the map: those of keelback.view in Python, made darker or lighter where they could not be read. */

const ENOUGH = 4.5;
const STEPS = 20;

/** Return the colour of a process, of some by the id; 0, no one's, has the other. */
export const colourOf = (pid, owners, other) => (pid ? owners[pid % owners.length] : other);

function parts(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

function luminance(colour) {
  const [red, green, blue] = parts(colour).map((each) => {
    const share = each / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Return the contrast of two colours, from 1 to 21. */
export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((first, second) => first - second);
  return (high + 0.05) / (low + 0.05);
}

function mixed(colour, other, share) {
  const both = parts(colour).map((each, index) => Math.round(each + (parts(other)[index] - each) * share));
  return `#${both.map((each) => each.toString(16).padStart(2, "0")).join("")}`;
}

const readables = new Map();

/** Return a colour as near to the given one as can be read on a ground. */
export function readable(colour, ground) {
  const key = colour + ground;
  if (!readables.has(key)) {
    const end = inkOn(ground);
    const shares = Array.from({ length: STEPS + 1 }, (_, step) => mixed(colour, end, step / STEPS));
    readables.set(key, shares.find((each) => contrast(each, ground) >= ENOUGH) ?? end);
  }
  return readables.get(key);
}

/** Return black or white, whichever is read better on a ground. */
export const inkOn = (ground) => (contrast("#000000", ground) >= contrast("#ffffff", ground) ? "#000000" : "#ffffff");
