/* The legend: only the glyphs and styles that occur. */

/** Return the entries, those of processes first: a cell as it is shown, and what it means. */
export function legendOf(maps, snapshot, cells) {
  const { words } = snapshot.facts;
  const seen = new Set(maps.flatMap((map) => map.lines.flatMap((line) => line.cells ?? line.cell ?? [])));
  const glyphs = new Map([...seen].filter(({ glyph }) => glyph.trim()).map(({ glyph, pid }) => [glyph, pid]));
  const plain = (glyph, pid) => cells.make(glyph, words.styles.PLAIN, pid);
  const ours = [...glyphs].filter(([, pid]) => pid).sort(([, one], [, other]) => one - other);
  const others = Object.entries(words.glyphs).filter(([glyph]) => glyphs.has(glyph));
  const styles = Object.entries(words.styleMeanings).filter(([style]) => [...seen].some((cell) => cell.style & style && cell.glyph !== "."));
  const isRead = [...seen].some((cell) => cell.pid && (cell.style & ~words.styles.CHANGED) === words.styles.PLAIN);
  const plainly = isRead ? [{ cell: plain("1", 0), means: words.readOnly }] : [];
  return [
    ...ours.map(([glyph, pid]) => ({ cell: plain(glyph, pid), means: snapshot.nameOf(pid) })),
    ...others.map(([glyph, means]) => ({ cell: plain(glyph, 0), means })),
    ...plainly,
    ...styles.map(([style, means]) => ({ cell: cells.make("1", Number(style)), means })),
  ];
}
