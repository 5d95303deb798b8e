"""Promised page tables, by every scheme: each that a touch may need, at every level, and not one more."""

import random

import pytest

from keelback.abi.errors import BadAddress, NoRoom, OutOfMemory
from keelback.kernel.memory.space_records import FEW, REMEMBERED, SPARE
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.lang import PAGE_SIZE
from kernel.paging_world import SHAPES, Lives, walker
from support import sliced

STEPS = 80
RIGHTS = (0, USER, USER | WRITABLE)


def lowest(lives):
    """Return where anonymous memory is mapped: above what the layout keeps for the malloc area, of no size here."""
    return lives.shape.layout.malloc_limit


def tables_there(lives, root):
    """Return the tables of a space but its root, each by its level and its slot."""
    levels = lives.scheme.levels
    found = [each for each in walker(lives).tables(root * PAGE_SIZE) if each.depth > 0]
    return {(levels[each.depth - 1].name, each.base >> levels[each.depth - 1].shift) for each in found}


def tables_needed(lives, pages):
    """Return the tables on the ways to pages, likewise."""
    return {(level.name, page >> level.shift) for level in lives.scheme.directories for page in pages}


class Model:
    """One space: the permissions of each page that is in a region."""

    def __init__(self, shape, seed):
        self.lives, self.draw, self.pages = Lives(shape), random.Random(seed), {}
        self.most = self.remembered = 0
        self.lives.call("begin")
        self.space = self.lives.world.space
        reaches = [level.reach for level in shape.scheme.levels]
        base = lowest(self.lives)
        edges = [base + number * reach for reach in reaches for number in (1, 2, 3)]
        top = shape.user_end - PAGE_SIZE
        near = {edge + by * PAGE_SIZE for edge in edges for by in range(-2, 3)}
        self.places = [*sorted(place for place in near if place < top), top]

    def step(self):
        start = self.draw.choice(self.places)
        count = min(self.draw.randrange(1, 5), (self.lives.shape.user_end - start) // PAGE_SIZE)
        wanted = [start + number * PAGE_SIZE for number in range(count)]
        self.check_walks()
        action = self.draw.choice([self.map, self.map, self.unmap, self.protect, self.read, self.show])
        if self.space.count + SPARE > FEW:  # a node of regions has no room for words of 64 bits
            action, wanted = self.unmap, sorted(self.pages)[:8]
        before = self.lives.state()
        self.lives.call("fail", self.draw.randrange(1, 5) if self.draw.random() < 0.2 else 0)
        try:
            action(wanted)
        except (OutOfMemory, NoRoom, BadAddress):
            self.lives.call("fail", 0)
            assert self.lives.state() == before
        self.lives.call("fail", 0)
        self.compare()

    def map(self, pages):
        rights = self.draw.choice(RIGHTS)
        self.lives.call("map_memory", pages[0], len(pages) * PAGE_SIZE, rights)
        self.pages |= dict.fromkeys(pages, rights)

    def unmap(self, pages):
        for page in pages:
            self.lives.call("unmap_memory", page, PAGE_SIZE)
            self.pages.pop(page, None)

    def protect(self, pages):
        rights = self.draw.choice(RIGHTS)
        self.lives.call("protect_memory", pages[0], len(pages) * PAGE_SIZE, rights)
        self.pages |= dict.fromkeys(pages, rights)

    def read(self, pages):
        self.lives.call("read_memory", pages[0])

    def show(self, pages):
        """Look at pages as a copy does, which remembers the way: to each that is mapped, and to no other."""
        tables = walker(self.lives)
        for page in pages:
            there = tables.walk(self.space.directory * PAGE_SIZE, page)
            try:
                shown = self.lives.call("shown_frame", page)
            except BadAddress:
                shown = None
            assert shown == (there.frame if there and there.flags & USER else None)
            self.check_walks()

    def compare(self):
        """Compare what is promised with what is needed and not there."""
        readable = [page for page, rights in self.pages.items() if rights & USER]
        missing = tables_needed(self.lives, readable) - tables_there(self.lives, self.space.directory)
        counts = self.lives.world.frames.counts
        self.most = max(self.most, len(missing))
        assert self.space.promised.tables == counts.kernel_promised == len(missing) <= counts.kernel_free
        assert self.space.promised.pages == sum(rights & WRITABLE > 0 for rights in self.pages.values())

    def check_walks(self):
        """Check that the walks that are remembered lead to tables, by the walk that shares no code."""
        for walk in self.space.walks:
            if walk.number > 0:
                page = (walk.number & ~REMEMBERED) * self.lives.scheme.reach
                *_, lowest = walker(self.lives).tables(self.space.directory * PAGE_SIZE, page, page + 1)
                assert (lowest.depth, lowest.place) == (len(self.lives.scheme.levels) - 1, walk.table)
                self.remembered += 1

    def read_all(self):
        """Read every page that may be read: each finds its tables, which are all that was promised."""
        free, promised = self.lives.free(), self.space.promised.tables
        for page, rights in self.pages.items():
            if rights & USER:
                self.read([page])
        assert self.space.promised.tables == 0 and self.lives.free() == free - promised


@pytest.mark.parametrize("seed", sliced(range(2), 2))
@pytest.mark.parametrize("shape", sliced(SHAPES, 2), ids=str)
def test_the_tables_that_are_promised_are_those_that_touches_need(shape, seed):
    model = Model(shape, seed)
    for _ in range(STEPS):
        model.step()
    assert model.most >= len(shape.scheme.directories)
    model.read_all()
    model.show(list(model.pages))
    assert (model.remembered > 0) == (len(shape.scheme.levels) > 2)
