"""Regions against models: what they are, in how many nodes they lie, and when there are too many or no memory."""

import random
from bisect import bisect_left, insort
from dataclasses import replace

import pytest

from keelback.abi.errors import OutOfMemory, TooManyRegions
from keelback.inspect.records import regions_of
from keelback.kernel.layout import MICROKERNEL, WrongLayout
from keelback.kernel.memory.regions import IN_NODE, MOST_NODES, Node, Regions
from keelback.kernel.memory.space_records import FEW, SPARE, RegionKind, Space
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.lang import layout_of, size_of
from kernel.driven import MOST_REGIONS
from support import make_pc, some_of

PAGE = 4096
BASE, PAGES = 0x4000_0000, 48
Pages = dict[int, tuple[RegionKind, int]]
Found = tuple[int, int, RegionKind, int]
WHAT = [
    (RegionKind.ANONYMOUS, USER | WRITABLE),
    (RegionKind.ANONYMOUS, USER),
    (RegionKind.IMAGE, USER | WRITABLE),
    (RegionKind.IMAGE, 0),
]


class Booted:
    """The regions of a kernel that has booted, and a space without any."""

    def __init__(self, most: int) -> None:
        self.pc = make_pc(layout=replace(MICROKERNEL, regions=most), check=False)
        self.pc.boot()
        self.kernel = self.pc.kernel
        self.regions: Regions = self.kernel.regions
        self.space: Space = self.kernel.programs.next
        self.free = self.kernel.memory.frames.counts.kernel_free

    def listed(self) -> list[Found]:
        found = regions_of(self.kernel, self.space)
        assert [(each.start, each.end) for each in self.regions.of(self.space)] == [(e.start, e.end) for e in found]
        return [(each.start, each.end, each.kind, each.permissions) for each in found]

    def change(self, start: int, end: int, kind: RegionKind | None, permissions: int) -> None:
        """Change regions as `VirtualMemory` does; with no kind, only permissions."""
        regions, space = self.regions, self.space
        if kind is None:
            regions.reserve_to_protect(space, start, end, permissions)
            regions.protect(space, start, end, permissions)
        else:
            regions.reserve(space, start, end, kind, permissions)
            regions.carve(space, start, end)
            if kind != RegionKind.NONE:
                regions.add(space, start, end, kind, permissions)
        regions.settle(space)

    def assert_tidy(self) -> None:
        """Assert that there are as many nodes as are needed, in frames that are taken, and zeros behind the last."""
        space, needed = self.space, nodes_for(self.space.count)
        assert (space.nodes, self.kernel.memory.frames.counts.kernel_free) == (needed, self.free - needed)
        places = [self.regions.at(space, index) for index in range(space.count, needed * IN_NODE or FEW + SPARE)]
        assert not any(each.start or each.end or each.kind or each.permissions for each in places)

    def content(self) -> bytes:
        """Return the record of the space, and all of its nodes, byte by byte."""
        ram, record = self.pc.ram.bytes, self.space
        first = record._address
        frames = list(self.regions._node_of(record, 0).nodes)[: record.nodes] if record.nodes else []
        nodes = [bytes(ram[each : each + PAGE]) for each in frames]
        return b"".join([bytes(ram[first : first + size_of(record)]), *nodes])


def nodes_for(count: int) -> int:
    """Return in how many nodes so many regions lie, two places more among them."""
    return 0 if count <= FEW else -(-(count + SPARE) // IN_NODE)


def regions_in(pages: Pages) -> list[Found]:
    """Return the regions that single pages make: as few as can be."""
    found: list[Found] = []
    for page in sorted(pages):
        if found and (found[-1][1], *found[-1][2:]) == (page, *pages[page]):
            found[-1] = (found[-1][0], page + PAGE, *pages[page])
        else:
            found.append((page, page + PAGE, *pages[page]))
    return found


def drawn(chance: random.Random, pages: Pages) -> tuple[int, int, RegionKind | None, int]:
    """Draw a request; one that protects only what is in regions."""
    first = chance.randrange(PAGES)
    start, end = BASE + first * PAGE, BASE + min(first + chance.choice([1, 1, 1, 2, 5, 12]), PAGES) * PAGE
    kind, permissions = chance.choice([*WHAT, (RegionKind.NONE, 0), (None, USER), (None, USER | WRITABLE)])
    if kind is None and any(page not in pages for page in range(start, end, PAGE)):
        kind = RegionKind.ANONYMOUS
    return start, end, kind, permissions


def after(pages: Pages, start: int, end: int, kind: RegionKind | None, permissions: int) -> Pages:
    """Return what a request makes of single pages, however many regions that is."""
    left = {page: what for page, what in pages.items() if not start <= page < end}
    if kind == RegionKind.NONE:
        return left
    return left | {page: (kind or pages[page][0], permissions) for page in range(start, end, PAGE)}


def test_a_change_is_refused_exactly_when_more_regions_than_can_be_would_be_left():
    chance, pages, refused, booted = random.Random(3), {}, 0, Booted(MOST_REGIONS)
    for _ in range(1500):
        what = drawn(chance, pages)
        expected = after(pages, *what)
        before = booted.content()
        if len(regions_in(expected)) > MOST_REGIONS:
            refused += 1
            with pytest.raises(TooManyRegions):
                booted.change(*what)
            assert booted.content() == before
        else:
            booted.change(*what)
            pages = expected
        assert booted.listed() == regions_in(pages)
        booted.assert_tidy()
    assert refused > 100


class Intervals:
    """A model of regions: a sorted list of them."""

    def __init__(self) -> None:
        self.found: list[Found] = []

    def within(self, start: int, end: int) -> list[Found]:
        """Return what the regions have of a range, cut to it."""
        return [(max(s, start), min(e, end), k, p) for s, e, k, p in self.found if s < end and start < e]

    def after(self, start: int, end: int, kind: RegionKind | None, permissions: int) -> "Intervals":
        made = Intervals()
        outside = [*self.within(0, start), *self.within(end, 1 << 32)]
        if kind is None:
            inside = [(s, e, k, permissions) for s, e, k, _ in self.within(start, end)]
        else:
            inside = [] if kind == RegionKind.NONE else [(start, end, kind, permissions)]
        for each in sorted([*outside, *inside]):
            if made.found and (made.found[-1][1:]) == (each[0], *each[2:]):
                made.found[-1] = (made.found[-1][0], *each[1:])
            else:
                made.found.append(each)
        return made

    def covers(self, start: int, end: int) -> bool:
        return sum(e - s for s, e, *_ in self.within(start, end)) == end - start


def request(chance: random.Random, model: Intervals, grow: bool) -> tuple[int, int, RegionKind | None, int]:
    """Draw a request among 4,000 pages that mostly adds regions, or mostly takes some away."""
    pages = chance.choice([1, 1, 1, 2, 3] if grow else [1, 3, 40, 400])
    first = chance.randrange(4000 - pages)
    start, end = BASE + first * PAGE, BASE + (first + pages) * PAGE
    kinds = (
        [*WHAT, *WHAT, (None, USER), (None, 0)]
        if grow
        else [*WHAT, (RegionKind.NONE, 0), (RegionKind.NONE, 0), (None, USER)]
    )
    kind, permissions = chance.choice(kinds)
    if kind is None and not model.covers(start, end):
        kind = RegionKind.NONE
    return start, end, kind, permissions


@pytest.mark.parametrize("times", some_of([1, 2], [1]))
def test_many_regions_are_those_of_a_list_and_a_failure_changes_nothing(times):
    """Random requests, with an allocation that fails in two of three, over three nodes and down again."""
    chance, model, booted, failed, most = random.Random(7), Intervals(), Booted(32_000), 0, 0
    injection = booted.kernel.memory.frames.injection
    for number in range(1200 * times):
        what = request(chance, model, grow=number % 1200 < 900)
        before = booted.content()
        injection.countdown = chance.choice([0, 1, 1])
        try:
            booted.change(*what)
        except OutOfMemory:
            failed += 1
            assert booted.content() == before
        else:
            model = model.after(*what)
        injection.countdown = 0
        most = max(most, len(model.found))
        assert booted.listed() == model.found
        booted.assert_tidy()
    assert failed > 3 and most > 2 * IN_NODE


@pytest.fixture(scope="module")
def many():
    """Return a space with a thousand regions of one page each, one page apart."""
    booted = Booted(32_000)
    for number in range(1000):
        booted.change(BASE + 2 * number * PAGE, BASE + (2 * number + 1) * PAGE, RegionKind.ANONYMOUS, USER)
    return booted


def test_each_of_a_thousand_regions_is_found(many):
    starts = [BASE + 2 * number * PAGE for number in range(1000)]
    for start in starts:
        assert many.regions.find(many.space, start).start == start
        assert many.regions.find(many.space, start + PAGE - 1).start == start
        assert many.regions.find(many.space, start + PAGE) is many.regions.nowhere
        assert many.regions.first_behind(many.space, start - 1) == bisect_left(starts, start)
    assert many.regions.find(many.space, BASE - 1) is many.regions.nowhere


def test_a_thousand_regions_are_found_by_a_dozen_looks(many):
    """Of the regions no more are looked at than a number has bits."""
    seen: list[int] = []

    class Counting:
        def __getattr__(self, name):
            return getattr(many.regions, name)

        def at(self, space, index):
            insort(seen, index)
            return many.regions.at(space, index)

    for number in (0, 1, 255, 256, 500, 998, 999):
        seen.clear()
        Regions.first_behind(Counting(), many.space, BASE + 2 * number * PAGE)
        assert len(seen) <= 10


def test_what_is_within_a_range_is_what_has_a_page_of_it(many):
    for first, last in ((0, 1), (1, 2), (510, 520), (1990, 2000), (0, 2000)):
        start, end = BASE + first * PAGE, BASE + last * PAGE
        found = [each.start for each in many.regions.within(many.space, start, end)]
        assert found == [page for page in range(BASE, BASE + 2000 * PAGE, 2 * PAGE) if start <= page < end]
        assert many.regions.is_free(many.space, start, end) == (not found)


def test_a_copy_has_all_regions_in_nodes_of_its_own(many):
    child = many.kernel.libraries.table[0].space
    free = many.kernel.memory.frames.counts.kernel_free
    many.regions.duplicate(child, many.space)
    assert [(each.start, each.end) for each in many.regions.of(child)] == [each[:2] for each in many.listed()]
    assert many.kernel.memory.frames.counts.kernel_free == free - 4 == free - child.nodes
    many.regions.add(child, BASE - PAGE, BASE, RegionKind.ANONYMOUS, 0)
    assert many.space.count == 1000 == len(many.listed())
    many.regions.release(child)
    child.clear()
    assert many.kernel.memory.frames.counts.kernel_free == free


def test_a_copy_without_memory_gives_back_what_it_took(many):
    child, counts = many.kernel.libraries.table[0].space, many.kernel.memory.frames.counts
    before, free = bytes(many.pc.ram.bytes[child._address :][: size_of(child)]), counts.kernel_free
    for allocation in range(1, 5):
        many.kernel.memory.frames.injection.countdown = allocation
        with pytest.raises(OutOfMemory):
            many.regions.duplicate(child, many.space)
        many.regions.release(child)
        assert bytes(many.pc.ram.bytes[child._address :][: size_of(child)]) == before
        assert counts.kernel_free == free


@pytest.mark.parametrize("count", [FEW, IN_NODE - SPARE, 2 * IN_NODE - SPARE])
def test_one_region_more_takes_a_node_and_gives_it_back(count):
    booted = Booted(32_000)
    for number in range(count):
        booted.change(BASE + 2 * number * PAGE, BASE + (2 * number + 1) * PAGE, RegionKind.ANONYMOUS, USER)
    full, nodes = booted.content(), booted.space.nodes
    for number in (0, count // 2, count - 1):
        between = BASE + 2 * number * PAGE + PAGE
        booted.change(between, between + PAGE, RegionKind.ANONYMOUS, 0)
        assert (booted.space.count, booted.space.nodes) == (count + 1, nodes + 1)
        booted.assert_tidy()
        booted.change(between, between + PAGE, RegionKind.NONE, 0)
        assert booted.content() == full
        booted.assert_tidy()


def test_a_node_is_a_frame():
    assert {layout_of(Node, word_bits).size for word_bits in (32, 64)} == {PAGE}


def test_a_layout_allows_just_as_many_regions_as_a_first_node_lists():
    most = IN_NODE * MOST_NODES - SPARE
    assert replace(MICROKERNEL, regions=most).regions == most
    with pytest.raises(WrongLayout, match="two over are listed in one node"):
        replace(MICROKERNEL, regions=most + 1)
