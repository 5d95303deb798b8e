"""A run as a moving picture: one SVG file whose elements are seen in the frames that have them, over and over.

    frame        0    1    2    3
    element a    ███████████████████      drawn once, seen always
    element b         ██████████          seen from the second to the third, by a rule of the style sheet

Who prefers no motion sees the last frame, which stays for a while in any case.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from keelback.view.scene import Scene
from keelback.view.svg import CELLS_OF_ONE, MARGIN, TOP, WIDTH, Column, align, page
from keelback.view.svg_elements import Place, text

STAY = 4
"""How many frames long the last one stays."""
CAPTION = 150
"""Characters that a line has room for."""

Span = tuple[int, int]
"""Frames [first, end)."""


class Still(NamedTuple):
    """A frame: what is seen, and what happened."""

    scene: Scene
    caption: str


def film(stills: Sequence[Still], seconds: float, ground: str = "auto") -> str:
    """Return a picture that shows frames, each for so many seconds."""
    drawn = [[*each] for each in _drawn(stills)]
    spans: dict[str, list[Span]] = {}
    for number, elements in enumerate(drawn):
        for element in elements:
            _extend(spans.setdefault(element, []), number)
    length = len(stills) + STAY
    ends = {each: (each[0], length if each[1] == len(stills) else each[1]) for of in spans.values() for each in of}
    seen = [(element, ends[span]) for element, of in spans.items() for span in of]
    below = [_group(element, span, length) for element, span in seen if not element.startswith("<text")]
    above = [_group(element, span, length) for element, span in seen if element.startswith("<text")]
    rules = [_rule(span, length) for span in sorted({*ends.values()}) if span != (0, length)]
    style = f"<style>{''.join(_common(seconds * length))}{''.join(rules)}</style>"
    title = stills[-1].scene.title.partition(" · trap ")[0]
    return page(title, [style, *below, *above], [each.scene for each in stills], ground)


def _drawn(stills: Sequence[Still]) -> Iterator[Iterator[str]]:
    """Yield the elements of each frame; rows are as high in all."""
    columns = [Column(each.scene, MARGIN, WIDTH - 2 * MARGIN, CELLS_OF_ONE) for each in stills]
    align(columns)
    yield from map(_frame, columns, stills)


def _frame(column: Column, still: Still) -> Iterator[str]:
    yield from column.draw()
    when = still.scene.title.partition(" · trap ")[2]
    yield text(Place(WIDTH - MARGIN, TOP - 22), f"trap {when}", "quiet", 14, 'text-anchor="end"')
    caption = still.caption if len(still.caption) <= CAPTION else still.caption[: CAPTION - 1] + "…"
    yield text(Place(MARGIN, TOP - 22), caption, "ink", 13)


def _extend(spans: list[Span], frame: int) -> None:
    """Add a frame, behind all others, to those in which an element is seen."""
    if spans and spans[-1][1] > frame:
        return  # the same element twice in one frame
    if spans and spans[-1][1] == frame:
        spans[-1] = (spans[-1][0], frame + 1)
    else:
        spans.append((frame, frame + 1))


def _group(element: str, span: Span, length: int) -> str:
    return element if span == (0, length) else f'<g class="film {_name(span)}">{element}</g>'


def _name(span: Span) -> str:
    return f"f{span[0]}-{span[1]}"


def _common(seconds: float) -> Iterator[str]:
    yield f".film{{animation:{seconds:.1f}s step-end infinite}}"
    yield "@media(prefers-reduced-motion){.film{animation:none!important}}"


def _rule(span: Span, length: int) -> str:
    """Return when the elements of a span are seen; without motion, those of the last frame are."""
    first, end = (f"{100 * each / length:.3f}%" for each in span)
    hidden, seen = "visibility:hidden", "visibility:visible"
    start = "" if span[0] == 0 else f"0%{{{hidden}}}"
    stop = "" if span[1] == length else f"{end}{{{hidden}}}"
    still = seen if span[1] == length else hidden
    name = _name(span)
    return f".{name}{{animation-name:{name};{still}}}@keyframes {name}{{{start}{first}{{{seen}}}{stop}}}"
