"""Regions against a model of single pages: what they are, and when there are too many."""

import random

import pytest

from keelback.kernel.errors import TooManyRegions
from keelback.kernel.memory.regions import MOST_REGIONS, Kind, Space
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.lang import Ram, Region

PAGE = 4096
BASE, PAGES = 0x4000_0000, 48
Pages = dict[int, tuple[Kind, int]]
WHAT = [(Kind.ANONYMOUS, USER | WRITABLE), (Kind.ANONYMOUS, USER), (Kind.IMAGE, USER | WRITABLE), (Kind.IMAGE, 0)]


@pytest.fixture
def space() -> Space:
    return Region(Ram(1 << 16), 0x1000, 0x8000).struct(Space)


def regions_of(pages: Pages) -> list[tuple[int, int, Kind, int]]:
    """Return the regions that single pages make: as few as can be."""
    found: list[tuple[int, int, Kind, int]] = []
    for page in sorted(pages):
        if found and (found[-1][1], *found[-1][2:]) == (page, *pages[page]):
            found[-1] = (found[-1][0], page + PAGE, *pages[page])
        else:
            found.append((page, page + PAGE, *pages[page]))
    return found


def drawn(chance: random.Random, pages: Pages) -> tuple[int, int, Kind | None, int]:
    """Draw a request; one that protects only what is in regions."""
    first = chance.randrange(PAGES)
    start, end = BASE + first * PAGE, BASE + min(first + chance.choice([1, 1, 1, 2, 5, 12]), PAGES) * PAGE
    kind, permissions = chance.choice([*WHAT, (Kind.NONE, 0), (None, USER), (None, USER | WRITABLE)])
    if kind is None and any(page not in pages for page in range(start, end, PAGE)):
        kind = Kind.ANONYMOUS
    return start, end, kind, permissions


def after(pages: Pages, start: int, end: int, kind: Kind | None, permissions: int) -> Pages:
    """Return what a request makes of single pages, however many regions that is."""
    left = {page: what for page, what in pages.items() if not start <= page < end}
    if kind == Kind.NONE:
        return left
    return left | {page: (kind or pages[page][0], permissions) for page in range(start, end, PAGE)}


def listed(space: Space) -> list[tuple[int, int, Kind, int]]:
    return [(each.start, each.end, each.kind, each.permissions) for each in list(space.regions)[: space.count]]


def change(space: Space, start: int, end: int, kind: Kind | None, permissions: int) -> None:
    """Change regions as `VirtualMemory` does; with no kind, only permissions."""
    if kind is None:
        space.check_room_to_protect(start, end, permissions)
        space.protect(start, end, permissions)
        return
    space.check_room(start, end, kind, permissions)
    space.carve(start, end)
    if kind != Kind.NONE:
        space.add(start, end, kind, permissions)


def test_a_change_is_refused_exactly_when_more_regions_than_can_be_would_be_left(space):
    chance, pages, refused = random.Random(3), {}, 0
    for _ in range(1500):
        what = drawn(chance, pages)
        expected = after(pages, *what)
        if len(regions_of(expected)) > MOST_REGIONS:
            refused += 1
            with pytest.raises(TooManyRegions):
                change(space, *what)
        else:
            change(space, *what)
            pages = expected
        assert listed(space) == regions_of(pages)
    assert refused > 100
