"""A picture of memory: one state, with the tale of a page beside it, or two states side by side; fit for a slide.

title ─────────────────────────────────────────────── when
physical memory     ┌ tale of a page, if one is told, with
processes           └ rings and links to all that shows it
legend
"""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from keelback.view.cells import Cell, Fold, Line, Map, Row, Spot, Style
from keelback.view.colours import DARK, LIGHT, Ground
from keelback.view.page_tale import Tale
from keelback.view.scene import Scene
from keelback.view.svg_elements import Place, Size, cells, ring, style_sheet, text
from keelback.view.words import glyph_entries, plain_entries, style_entries

WIDTH, HEIGHT, MARGIN = 1280, 720, 36
TOP, BOTTOM = 84, 668
"""Where maps start, and where they end at the latest."""
PANEL = 348
"""How wide the tale is."""
GROUNDS: dict[str, tuple[Ground, Ground | None]] = {
    "auto": (LIGHT, DARK),
    "light": (LIGHT, None),
    "dark": (DARK, None),
}
"""By the name of a choice: the ground, and another where people prefer darkness."""
CELLS_OF_ONE, CELLS_OF_TWO = 64, 32


class Column:
    """A scene drawn from the top down, and where each cell of it stands."""

    def __init__(self, scene: Scene, left: float, width: float, most: int) -> None:
        self.scene = scene
        self.left = left
        self.width = width
        self.spots: dict[Spot, Place] = {}
        lines = sum(len(each.lines) + 1.6 for each in scene.maps)
        self.step = max(min((BOTTOM - TOP) / lines, 19.0), 10.0)
        self.letters = [scene.level_letter(level + 1) for level in range(len(scene.levels))]
        self._before = 26 + scene.digits * 7.4
        self.size = Size(min((width - self._before - 76) / most, 12.5), self.step - 1)

    def draw(self) -> Iterator[str]:
        """Yield the elements; what has no room is told in a line."""
        y = float(TOP)
        for number, shown in enumerate(self.scene.maps):
            kind = f"o{shown.pid % 7}" if shown.pid else "ink"
            yield text(Place(self.left, y + 3), shown.title, f"{kind} bold", 12.5)
            y += self.step * 0.6
            for line in shown.lines:
                if y + self.step > BOTTOM:
                    rest = sum(len(each.lines) for each in self.scene.maps[number:])
                    yield text(Place(self.left, y + self.step * 0.8), f"⋮ {rest} rows more", "quiet", 11)
                    return
                yield from self._line(shown, line, y)
                y += self.step
            y += self.step

    def _line(self, shown: Map, line: Line, y: float) -> Iterator[str]:
        base, font = y + self.step * 0.72, min(self.step * 0.62, 11)
        start = self.scene.address(line.start)
        if isinstance(line, Fold):
            yield text(Place(self.left + 2, base), "⋮", "quiet", font)
            said = f"{start}–{self.scene.address(line.end - 1)}  {line.said}"
            yield text(Place(self.left + 12, base), said, "quiet mono", font)
        else:
            yield text(Place(self.left + 12, base), start, "quiet mono", font)
            at = Place(self.left + self._before + 8, y)
            for index in range(len(line.cells)):
                self.spots[Spot(shown.pid, line.address(index))] = Place(at.x + index * self.size.width, y)
            yield from cells(at, line.cells, self.size, self.letters)
            yield from self._rings(at, line)
        if line.name:
            yield text(Place(self.left + self.width - 2, base), line.name, "quiet", font, 'text-anchor="end"')

    def _rings(self, at: Place, row: Row) -> Iterator[str]:
        for index, cell in enumerate(row.cells):
            if Style.CHANGED in cell.style:
                yield ring(Place(at.x + index * self.size.width, at.y), self.size)


def align(columns: Sequence[Column]) -> None:
    """Make rows as high in all columns as in the lowest."""
    step = min(each.step for each in columns)
    for each in columns:
        each.step, each.size = step, Size(each.size.width, step - 1)


def picture(scene: Scene, ground: str = "auto") -> str:
    """Return one state of a machine."""
    column = Column(scene, MARGIN, WIDTH - 2 * MARGIN, CELLS_OF_ONE)
    return page(scene.title, [*column.draw()], [scene], ground)


def picture_of_page(scene: Scene, tale: Tale, spots: Sequence[Spot], ground: str = "auto") -> str:
    """Return one state with the tale of a page; the first of the spots is that page, then its frame, then others'."""
    column = Column(scene, MARGIN, WIDTH - 2 * MARGIN - PANEL - 28, CELLS_OF_ONE)
    drawn = [*column.draw()]
    places = {spot: column.spots[spot] for spot in spots if spot in column.spots}
    frames = [each for spot, each in places.items() if not spot.pid]
    links = [_link(frame, each, column.size) for frame in frames for spot, each in places.items() if spot.pid]
    rings = [ring(each, column.size) for each in places.values()]
    return page(scene.title, [*links, *drawn, *rings, *_panel(tale)], [scene], ground)


def picture_of_two(before: Scene, after: Scene, ground: str = "auto", ringed: str = "changed") -> str:
    """Return two states side by side; what has changed is ringed, and the legend has the word for it."""
    width = (WIDTH - 3 * MARGIN) / 2
    columns = [
        Column(each, MARGIN + number * (width + MARGIN), width, CELLS_OF_TWO)
        for number, each in enumerate((before, after))
    ]
    align(columns)
    drawn = [element for each in columns for element in each.draw()]
    heads = [text(Place(each.left, TOP - 20), each.scene.title, "quiet", 12) for each in columns]
    title = after.title.partition(" · trap ")[0]
    return page(title, [*heads, *drawn], [before, after], ground, ringed)


def _link(frame: Place, page: Place, size: Size) -> str:
    """Return a line from a page's cell to its frame's: a curve from its upper edge to the other's lower one."""
    start = Place(page.x + size.width / 2, page.y - 1.5)
    end = Place(frame.x + size.width / 2, frame.y + size.height + 1.5)
    bend = max((start.y - end.y) * 0.4, 8)
    return (
        f'<path d="M{start.x:.1f} {start.y:.1f}C{start.x:.1f} {start.y - bend:.1f} '
        f'{end.x:.1f} {end.y + bend:.1f} {end.x:.1f} {end.y:.1f}" class="link"/>'
    )


def _panel(tale: Tale) -> Iterator[str]:
    left, y = WIDTH - MARGIN - PANEL, float(TOP - 14)
    lines = [*_told(tale)]
    height = sum(16 if kind != "gap" else 8 for kind, _ in lines) + 26
    yield f'<rect x="{left}" y="{y:.0f}" width="{PANEL}" height="{height}" rx="8" class="panel"/>'
    y += 8
    for kind, said in lines:
        y += 16 if kind != "gap" else 8
        size = 14 if "bold" in kind else 11.5 if "mono" in kind else 12.5
        yield text(Place(left + 16, y), said, kind, size)


def _told(tale: Tale) -> Iterator[tuple[str, str]]:
    """Yield the lines of a tale, each behind its class."""
    yield "ink bold", tale.title
    for word, said in tale.facts:
        yield "gap", ""
        yield "quiet", word
        yield from (("ink", each) for each in wrap(said, 45))
    yield "gap", ""
    for line in tale.way():
        yield from (("ink mono", each) for each in wrap(line, 45, subsequent_indent="  "))


def page(title: str, drawn: Sequence[str], scenes: Sequence[Scene], ground: str, ringed: str = "changed") -> str:
    """Return a picture of elements below a title, with a legend of all that scenes show."""
    paper, at_night = GROUNDS[ground]
    name, _, when = title.partition(" · ")
    head = [text(Place(MARGIN, 42), name, "ink bold", 22)]
    head += [text(Place(WIDTH - MARGIN, 42), when, "quiet", 14, 'text-anchor="end"')]
    content = "\n".join([style_sheet(paper, at_night), *_frame(), *head, *drawn, *_legend(scenes, ringed)])
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<title>{title}</title>\n{content}\n</svg>\n'


def _frame() -> Iterator[str]:
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" class="paper"/>'


def _legend(scenes: Sequence[Scene], ringed: str) -> Iterator[str]:
    shown = {cell for scene in scenes for cell in scene.cells()}
    scene = scenes[-1]
    letters = [scene.level_letter(level + 1) for level in range(len(scene.levels))]
    levels = sorted({cell.level for cell in shown if cell.level})
    entries = [(each.cell, each.means) for each in glyph_entries(shown, scene.name_of)]
    plain = [(each.cell, each.means) for each in plain_entries(shown)]
    styles = [(each.cell, each.means) for each in style_entries(shown) if each.cell.style is not Style.CHANGED]
    tables = [(Cell("x", Style.TABLE, 0, level), scene.levels[level - 1]) for level in levels]
    tail = [(Cell("x", Style.CHANGED), ringed)] * any(Style.CHANGED in each.style for each in shown)
    kept = [each for each in styles if each[0].style is not Style.TABLE or not tables]
    yield from _entries(entries, 688.0, letters)
    yield from _entries([*plain, *kept, *tables, *tail], 708.0, letters)


def _entries(entries: Sequence[tuple[Cell, str]], y: float, letters: Sequence[str]) -> Iterator[str]:
    x, size = float(MARGIN), Size(13, 16)
    for cell, means in entries:
        yield from cells(Place(x, y - 12), [cell], size, letters)
        if Style.CHANGED in cell.style:
            yield ring(Place(x, y - 12), size)
        yield text(Place(x + 18, y), means, "quiet", 11)
        x += 34 + len(means) * 5.9
