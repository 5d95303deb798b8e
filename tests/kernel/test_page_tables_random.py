"""Random sequences of what spaces do, by every scheme, in both lives, against a dictionary of pages."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from keelback.abi.errors import OutOfMemory
from keelback.kernel.x86.paging import EXECUTE, PRESENT, USER, WRITABLE
from keelback.lang import PAGE_SIZE
from kernel.paging_world import FRAMES, OWNER, SHAPES, USER_FRAMES, Lives, mappings, tables_of
from support import sliced

STEPS = 60
RIGHTS = (USER, USER | WRITABLE, USER | EXECUTE, USER | WRITABLE | EXECUTE)


class Model:
    """What each space maps: by its root, each page's frame and whether it may be written and fetched from."""

    def __init__(self, shape, seed):
        self.lives = Lives(shape)
        self.draw = random.Random(seed)
        self.spaces = {}
        self.before = self.lives.state()
        reaches = [level.reach for level in shape.scheme.levels]
        near = [shape.kernel_limit + number * PAGE_SIZE for number in range(6)]
        far = [shape.kernel_limit + number * reach for reach in reaches for number in (1, 2, 3)]
        self.pages = sorted({page for page in (*near, *far, shape.user_end - PAGE_SIZE) if page < shape.user_end})

    def step(self):
        """Do one thing, perhaps with an allocation that fails; then compare all."""
        doing = [self.map] * 5 + [self.unmap] * 2 + [self.limit, self.fork, self.create, self.destroy]
        action = self.draw.choice(doing if self.spaces else [self.create])
        failing = self.draw.random() < 0.2
        before = self.lives.state()
        self.lives.call("fail", self.draw.randrange(1, 5) if failing else 0)
        try:
            action()
        except OutOfMemory:
            assert self.lives.free() < len(self.lives.scheme.levels) or failing
            self.lives.call("fail", 0)
            assert self.lives.state() == before
        self.lives.call("fail", 0)
        self.compare()

    def root(self):
        return self.draw.choice(list(self.spaces))

    def range(self):
        ends = [*self.pages, self.lives.shape.user_end]
        first, last = sorted(self.draw.sample(range(len(ends)), 2))
        return ends[first], ends[last]

    def create(self):
        self.spaces[self.lives.call("create")] = {}

    def map(self):
        root, page, rights = self.root(), self.draw.choice(self.pages), self.draw.choice(RIGHTS)
        if page in self.spaces[root]:
            return
        self.spaces[root][page] = self.lives.call("map", root, page, rights, OWNER), rights

    def unmap(self):
        root, (start, end) = self.root(), self.range()
        self.lives.call("unmap", root, start, end, OWNER)
        self.spaces[root] = {page: had for page, had in self.spaces[root].items() if not start <= page < end}

    def limit(self):
        root, (start, end), rights = self.root(), self.range(), self.draw.choice(RIGHTS)
        self.lives.call("limit", root, start, end, rights, OWNER)
        for page, (frame, _) in self.spaces[root].items():
            if start <= page < end:
                self.spaces[root][page] = frame, rights & ~WRITABLE

    def fork(self):
        """Make a space that has what another has, in pieces as a process's regions are; undo it where memory ends."""
        parent = self.root()
        child = self.lives.call("create")
        edges = [self.lives.base, *sorted(self.draw.sample(self.pages, 2)), self.lives.shape.user_end]
        pieces = [piece for piece in pairwise(edges) if piece[0] < piece[1]]
        try:
            for start, end in pieces:
                self.lives.call("reserve_like", child, parent, start, end)
        except OutOfMemory:
            self.lives.call("fail", 0)
            for page in self.pages:
                self.lives.call("prune", child, page)
            self.lives.call("destroy", child)
            raise
        for start, end in pieces:
            self.lives.call("share", child, parent, start, end)
        self.spaces[parent] = {
            page: (frame, rights & ~WRITABLE) for page, (frame, rights) in self.spaces[parent].items()
        }
        self.spaces[child] = dict(self.spaces[parent])

    def destroy(self):
        root = self.root()
        self.lives.call("unmap", root, self.lives.base, self.lives.shape.user_end, OWNER)
        self.lives.call("destroy", root)
        del self.spaces[root]

    def compare(self):
        """Compare tables, frames and counts with the dictionary."""
        lives, given = self.lives, (0 if self.lives.scheme.no_execute else EXECUTE)
        uses = Counter()
        kernels = tables_of(lives, lives.world.spaces.kernel.directory)  # some wait, empty, for global mappings
        tables = dict(kernels)
        for root, pages in self.spaces.items():
            wanted = {page: (frame, self.flags(rights | given)) for page, (frame, rights) in pages.items()}
            assert mappings(lives, root) == wanted
            uses.update(frame for frame, _ in pages.values())
            tables |= tables_of(lives, root)
        windows = lives.world.spaces.access.window_table._address >> 12
        assert all(lives.count(table) == count or table == windows for table, count in tables.items())
        assert all(table in kernels or count > 0 for table, count in tables.items())
        records = lives.world.frames.table
        assert {
            frame: records[frame].references for frame in range(USER_FRAMES, FRAMES) if records[frame].references
        } == uses
        assert (
            len(tables) - 1 + 1 == 0x60 - lives.free()
        )  # the windows' table is no frame of the zone, but that of zeros

    def flags(self, rights):
        """Return what an entry with some rights has in its flags."""
        return PRESENT | rights & (USER | WRITABLE) | (0 if rights & EXECUTE else 1 << 63)

    def end(self):
        """Destroy all spaces, and find all as it was."""
        while self.spaces:
            self.destroy()
        assert self.lives.state() == self.before


@pytest.mark.parametrize("seed", sliced(range(2), 2))
@pytest.mark.parametrize("shape", sliced(SHAPES, 2), ids=str)
def test_spaces_map_what_a_dictionary_says(shape, seed):
    model = Model(shape, seed)
    for _ in range(STEPS):
        model.step()
    model.end()
