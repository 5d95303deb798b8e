"""Page tables: finding, making and giving back what leads to an entry, by a paging scheme.

1. A table's frame record counts the table's present entries (`references`), so an empty one is known by one compare.
2. Making the way to an entry makes all of it or nothing.
3. A table that has become empty is given back, and so is each above it that is empty then; never the root, nor a
   table that has entries of the kernel part.
4. A CPU that walks the tables meanwhile sees an entry as it was, as it will be, or absent.
5. Where the CPU loads the entries of a level with cr3, it has those of the space in use as they are.
6. A walk that is remembered led to a lowest table that is still there, at the same place.
"""

from collections.abc import Iterator

from keelback.abi.errors import BadAddress, OutOfMemory
from keelback.kernel.memory.frame_access import FrameAccess
from keelback.kernel.memory.frames import Frames
from keelback.kernel.memory.space_records import REMEMBERED, WALKS, Space
from keelback.kernel.x86.paging import (
    EXECUTE,
    HIGH_FRAME,
    LOW_FLAGS,
    NO_EXECUTE,
    PRESENT,
    Entry,
    Level,
    PagingScheme,
    WideEntry,
)
from keelback.lang import (
    PAGE_SHIFT,
    PAGE_SIZE,
    Array,
    Component,
    Cpu,
    address_of,
    i32,
    native,
    rare,
    u16,
    u32,
    view,
    word,
)


class PageTables(Component):
    """The tables of all address spaces; a space is the frame of its root."""

    def __init__(self, access: FrameAccess, cpu: Cpu, scheme: PagingScheme, frames: Frames, kernel_limit: int) -> None:
        self.access = access
        self.ram = access.ram
        self.cpu = cpu
        self.scheme = scheme
        self.frames = frames
        self.step = scheme.entry_size // 4
        self.reach = scheme.reach
        self.upper = scheme.directories[:-1]
        self.remembers = len(self.upper) > 0  # to walk two levels takes no longer than to remember
        self.kernel_limit = kernel_limit
        # Levels, each with the way to its table, the root first: those of directories; those down to the one that
        # KLIMIT is aligned to, at which each space has a table that leads to the kernel part; the links between them.
        levels = tuple((level, scheme.levels[:depth]) for depth, level in enumerate(scheme.levels))
        self.ways = levels[:-1]
        self.own = levels[: 1 + scheme.levels_above(kernel_limit)]
        self.links = tuple(zip(scheme.levels, self.own[1:], strict=False))

    # One entry.

    def entry(self, table: u32, index: u32) -> Entry:
        """Return an entry of a table."""
        return self._entry_in(self.access.place_of(table), index)

    def _entry_in(self, place: word, index: u32) -> Entry:
        """Return an entry of the table at an address."""
        return view(self.ram, Entry, place + index * self.scheme.entry_size)

    def behind(self, entry: Entry) -> Entry:
        """Return the entry behind one that is not its table's last."""
        return view(self.ram, Entry, address_of(entry) + self.scheme.entry_size)

    def like(self, table: u32, entry: Entry) -> Entry:
        """Return the entry of a table that is for the same index as one of another table."""
        return view(self.ram, Entry, self.access.place_of(table) + address_of(entry) % PAGE_SIZE)

    def frame_of(self, entry: Entry) -> u32:
        """Return the frame that an entry points to."""
        frame = entry.low >> PAGE_SHIFT
        if self.step == 1:
            return frame
        return (self._wide(entry).words[1] & HIGH_FRAME) << 20 | frame

    def table_at(self, entry: Entry) -> u32:
        """Return the table that an entry points to: all lie below 4 GiB, in its low word."""
        return entry.low >> PAGE_SHIFT

    def frame_at(self, words: Array[u32], index: u32) -> u32:
        """Return the frame that an entry of a table points to."""
        frame = words[index * self.step] >> PAGE_SHIFT
        if self.step == 1:
            return frame
        return (words[index * self.step + 1] & HIGH_FRAME) << 20 | frame

    def _wide(self, entry: Entry) -> WideEntry:
        return view(self.ram, WideEntry, address_of(entry))

    def change(self, entry: Entry, frame: u32, flags: u32) -> None:
        """Point an entry at a frame; the caller invalidates what the CPU may have kept of it."""
        if self.step > 1:
            self._store(self._wide(entry).words, 0, 0)
        self._fill(entry, frame, flags)

    def enter(self, entry: Entry, frame: u32, flags: u32) -> None:
        """Point an entry that is not present at a frame.

        No invalidation: the CPU keeps nothing of an entry that was not present.
        """
        assert not entry.present, "an entry is made once"
        self._fill(entry, frame, flags | PRESENT)
        self.count(self.access.frame_at(address_of(entry)), 1)

    def _fill(self, entry: Entry, frame: u32, flags: u32) -> None:
        """Point an entry at a frame; one of two words is absent until then, and gets the low one last."""
        if self.step == 1:
            entry.low = frame << PAGE_SHIFT | flags & LOW_FLAGS
        else:
            words = self._wide(entry).words
            self._store(words, 1, frame >> 20 | self._ban(flags))
            self._store(words, 0, (frame & 0xF_FFFF) << PAGE_SHIFT | flags & LOW_FLAGS)

    def _ban(self, flags: u32) -> u32:
        """Return the bit that forbids fetching, unless some flags allow it."""
        return 0 if flags & EXECUTE else self.access.bits.no_execute

    @native("*(volatile u32 *)&words[index] = value;")
    def _store(self, words: Array[u32], index: u32, value: u32) -> None:
        """Store a word of an entry of two, after all that was stored so before, in C, too."""
        words[index] = value

    def flags_of(self, entry: Entry) -> u32:
        """Return the flags of an entry."""
        low: u32 = entry.low & LOW_FLAGS
        if self.step == 1:
            return low
        return low if self._wide(entry).words[1] & NO_EXECUTE else low | EXECUTE

    def remove(self, entry: Entry) -> None:
        """Clear an entry that is present; the caller invalidates what the CPU may have kept of it."""
        if self.step == 1:
            entry.low = 0
        else:
            self._clear(self._wide(entry).words, 0)
        self.count(self.access.frame_at(address_of(entry)), -1)

    def withdraw(self, words: Array[u32], index: u32) -> None:
        """Clear an entry of a table, which its count does not know yet; the caller invalidates."""
        if self.step == 1:
            words[index] = 0
        else:
            self._clear(words, index * self.step)

    def _clear(self, words: Array[u32], position: u32) -> None:
        """Clear an entry of two words, of which the low one is at a position, and first."""
        self._store(words, position, 0)
        self._store(words, position + 1, 0)

    def count(self, table: u32, change: i32) -> None:
        """Note that a table has so many present entries more, or fewer."""
        self.frames.table[table].references += change

    def map_to_itself(self, table: u32, start: word, end: word, flags: u32) -> None:
        """Map the pages of [start, end), all of one lowest table and none mapped, to the frames at their addresses."""
        words = self.access.table(table).words
        first: u16 = self.scheme.table.index(start)
        pages: u16 = (end - start) >> PAGE_SHIFT
        low: u32 = start | flags & LOW_FLAGS
        high: u32 = self._ban(flags)
        for index in range(first, first + pages):
            words[index * self.step] = low
            if self.step > 1:
                words[index * self.step + 1] = high
            low += PAGE_SIZE
        self.count(table, pages)

    # The way to an entry.

    def find(self, root: u32, address: word) -> Entry | None:
        """Return the entry for the page of an address, present or not; None when a table on the way is not there."""
        try:
            return self._entry_in(self._walk(root, address), self.scheme.table.index(address))
        except BadAddress:
            return None

    def find_near(self, space: Space, address: word) -> Entry | None:
        """Return as `find`, from where a walk of the space led that is remembered."""
        try:
            return self._entry_in(self._lowest(space, address), self.scheme.table.index(address))
        except BadAddress:
            return None

    def find_with(self, space: Space, address: word, flags: u32) -> Entry:
        """Return the entry for the page of an address, which has some flags of its low word, as `find_near` does.

        They are more than PRESENT: what no entry that is absent has.  Raises: BadAddress when it does not.
        """
        entry = self._entry_in(self._lowest(space, address), self.scheme.table.index(address))
        if entry.low & flags != flags:
            raise BadAddress
        return entry

    def _lowest(self, space: Space, address: word) -> word:
        """Return where the lowest table for an address is.  Raises: BadAddress when there is none."""
        if not self.remembers:
            return self._walk(space.directory, address)
        number: u32 = self._number(address)
        walk = space.walks[number % WALKS]
        place: word = walk.table if walk.number == number else self._walk_anew(space, address)
        return place // PAGE_SIZE * PAGE_SIZE  # as it is: so C needs no check that an entry's place wraps

    @rare
    def _walk_anew(self, space: Space, address: word) -> word:
        """Return the same by a walk that is remembered from then on.  Raises: likewise."""
        place: word = self._walk(space.directory, address)
        walk = space.walks[self._number(address) % WALKS]
        walk.number = self._number(address)
        walk.table = place
        return place

    def forget(self, space: Space, address: word) -> None:
        """Remember no walk to the lowest table for an address, which goes."""
        space.walks[self._number(address) % WALKS].clear()

    def _number(self, address: word) -> u32:
        """Return which lowest table is for an address, as a walk's number, without bits that no user address has."""
        return address // self.reach & 0x7FFF_FFFF | REMEMBERED

    def _walk(self, root: u32, address: word) -> word:
        """Return where the lowest table for an address is, from the root on.  Raises: BadAddress: there is none."""
        place: word = self.access.place_of_root(root)
        for level in self.scheme.directories:
            entry = self._entry_in(place, level.index(address))
            if not entry.present:
                raise BadAddress
            place = self.access.place_of(self.table_at(entry))
        return place

    def table_of(self, root: u32, address: word) -> u32:
        """Return the frame of the lowest table for an address, 0 when there is none."""
        return self.follow(self.scheme.directories, root, address)

    def follow(self, levels: tuple[Level, ...], root: u32, address: word) -> u32:
        """Return the table that some levels from the root on lead to, 0 when there is none."""
        table: u32 = root
        for level in levels:
            entry = self.entry(table, level.index(address))
            if not entry.present:
                return 0
            table = self.table_at(entry)
        return table

    def missing(self, root: u32, address: word) -> u32:
        """Return how many tables on the way to an address are not there, the last ones."""
        place: word = self.access.place_of_root(root)
        left: u32 = len(self.scheme.directories)
        for level in self.scheme.directories:
            entry = self._entry_in(place, level.index(address))
            if not entry.present:
                break
            place = self.access.place_of(self.table_at(entry))
            left -= 1
        return left

    def reserve(self, root: u32, address: word) -> Entry:
        """Return the entry for the page of an address, making the tables on the way that are not there.

        Raises: OutOfMemory; nothing has changed.
        """
        return self.entry(self._make(self.scheme.directories, root, address), self.scheme.table.index(address))

    def reserve_last(self, root: u32, address: word) -> Entry:
        """Return the entry that points to the lowest table for an address, as `reserve` does.  Raises: OutOfMemory."""
        return self.entry(self._make(self.upper, root, address), self.scheme.levels[-2].index(address))

    def _make(self, levels: tuple[Level, ...], root: u32, address: word) -> u32:
        """Return the table that some levels from the root on lead to, made if need be.  Raises: as `reserve`."""
        table: u32 = root
        try:
            for level in levels:
                entry = self.entry(table, level.index(address))
                if not entry.present:
                    self.enter(entry, self.new_table(self.frames.table[root].use), level.link)
                    self._load(level, root)
                table = self.table_at(entry)
        except OutOfMemory:
            self.prune(root, address)
            raise
        return table

    def new_table(self, use: u16) -> u32:
        """Return a new table, which nothing leads to.  Raises: OutOfMemory; nothing has changed."""
        table: u32 = self.frames.allocate_kernel(use)
        self.frames.table[table].references = 0
        self.access.clear(table)
        return table

    def prune(self, root: u32, address: word) -> None:
        """Give back the tables on the way to an address that are empty."""
        for level, way in reversed(self.ways):
            above: u32 = self.follow(way, root, address)
            if above != 0:
                entry = self.entry(above, level.index(address))
                if entry.present:
                    table: u32 = self.table_at(entry)
                    if self.frames.table[table].references > 0:
                        return
                    self.remove(entry)
                    self._load(level, root)
                    self.frames.release_kernel(table)

    def _load(self, level: Level, root: u32) -> None:
        """Load the entries of a level, one of which has changed, into the CPU, if it keeps them and uses the space.

        Source: Intel SDM volume 3, section 4.4.1 (PDPTE registers).
        """
        if level.is_loaded and self.cpu.read_cr3() == root << PAGE_SHIFT:
            self.cpu.write_cr3(root << PAGE_SHIFT)

    # Ranges.

    def tables(self, root: u32, start: word, end: word) -> Iterator[tuple[word, u32]]:
        """Yield the first page of [start, end) in each lowest table that is there, and the table, lowest first."""
        position: word = start
        while position < end:
            table: u32 = self.table_of(root, position)
            if table != 0:
                yield position, table
            span: word = self.reach - position % self.reach if table != 0 else self._absent(root, position)
            position += min(span, end - position)

    def _absent(self, root: u32, address: word) -> word:
        """Return how many bytes from an address on have no table, because one entry is not present."""
        table: u32 = root
        for level in self.scheme.directories:
            entry = self.entry(table, level.index(address))
            if not entry.present:
                return level.reach - address % level.reach
            table = self.table_at(entry)
        return 0

    def present(self, table: u32, start: word, end: word) -> Iterator[Entry]:
        """Yield each present entry of a lowest table for [start, end), highest first.

        It stops where all of the table's have been seen: a stack's pages are few, and at its top.
        """
        size = self.scheme.entry_size
        first: word = self.access.place_of(table) + self.scheme.table.index(start) * size
        last: word = self.access.place_of(table) + self.after_last(start, end) * size
        seen: word = last - self.frames.table[table].references * size  # where all have been, but for gaps
        place: word = last
        while place > first:
            place -= size
            entry = view(self.ram, Entry, place)
            if entry.present:
                yield entry
            else:
                seen -= size
                if place == seen:
                    break

    def after_last(self, start: word, end: word) -> u32:
        """Return which entry of the lowest table for `start` comes after all that are for [start, end)."""
        return self.scheme.table.index(start) + (min(end - start, self.reach - start % self.reach) >> PAGE_SHIFT)

    # Spaces.

    def note_kernel_part(self, kernel: u32) -> None:
        """Note how the tables begin that lead to the kernel part, once the kernel's own space has all of it."""
        if not self.access.keeps_part:
            return
        _level, way = self.own[-1]
        first = self.access.table(self.follow(way, kernel, self.kernel_limit)).words[0]
        assert first & PRESENT, "a table with the kernel part begins with an entry"
        self.access.part.first = first

    def create(self, kernel: u32, use: u16) -> u32:
        """Return the root of a new space whose kernel part is that of another, and which maps nothing else.

        `use` is that of all its tables, now and later.

        Raises: OutOfMemory; nothing has changed.
        """
        limit = self.kernel_limit
        root: u32 = self._share_table(kernel, self.scheme.levels[0], use)
        table: u32 = root
        try:
            for upper, (level, way) in self.links:
                lower: u32 = self._share_table(self.follow(way, kernel, limit), level, use)
                self.change(self.entry(table, upper.index(limit)), lower, upper.link)
                table = lower
        except OutOfMemory:
            self._release(root)
            raise
        return root

    def _share_table(self, kernel: u32, level: Level, use: u16) -> u32:
        """Return a new table of a level with the entries of the kernel part that another has."""
        table: u32 = self.frames.allocate_kernel(use)
        words = self.access.table(table).words
        shared = self.access.table(kernel).words
        if not self.access.keeps_part or words[0] != shared[0]:  # else all of them are there
            self.access.clear(table)
            words.copy_from(0, shared, 0, level.index(self.kernel_limit) * self.step)
        self.frames.table[table].references = self._shared_entries(level, kernel)
        return table

    def _shared_entries(self, level: Level, kernel: u32) -> u32:
        """Return how many present entries a new space has in a table of a level, like that of another for KLIMIT."""
        if level.shift > PAGE_SHIFT:
            return self.frames.table[kernel].references
        words = self.access.table(kernel).words
        count: u32 = 0
        for index in range(level.index(self.kernel_limit)):
            count += words[index * self.step] & PRESENT
        return count

    def destroy(self, root: u32, kernel: u32) -> None:
        """Give back a space that maps nothing but the kernel part, which is that of another.

        No CPU uses it any more, so no translation is left to invalidate: the switch away dropped them.
        """
        assert root != kernel, "the kernel's own space is never destroyed"
        for level, way in self.own:
            own = self.frames.table[self.follow(way, root, self.kernel_limit)]
            there: u32 = self._shared_entries(level, self.follow(way, kernel, self.kernel_limit))
            assert own.references == there, "a space that is destroyed maps nothing"
        self._release(root)

    def _release(self, root: u32) -> None:
        """Give back the root and the other tables of a space that lead to the kernel part, as far as they are there.

        The entries of the kernel part may stay there, for the next space.
        """
        for level, way in reversed(self.own):
            table: u32 = self.follow(way, root, self.kernel_limit)
            if table != 0:
                link: u32 = level.index(self.kernel_limit) * self.step
                first: u32 = link if self.access.keeps_part else 0
                self.access.table(table).words.fill(first, link + self.step - first, 0)
                self.frames.release_kernel(table)
