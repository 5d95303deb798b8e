"""Address spaces: a page directory a process, the kernel's part the same in all.

    0x00000000 ┬ page 0: mapped nowhere; the screen's page and the kernel region at their own addresses
    KLIMIT     ┼ kernel part: global, supervisor; every directory holds the same entries
    user_end   ┼ user part: what the process has mapped
    4 GiB      ┴ the last page: mapped nowhere

The functions here know tables and frames; what a page is for and may do is its region's (`regions.py`).

1. Kernel entries are made once, before the first space, and never change, but for the window pages'.
2. Every table of the user part belongs to exactly one space and comes from the kernel zone.
3. A user entry holds one reference to its frame, except to the frame of zeros.
4. An empty table of the user part is given back.
"""

from collections.abc import Iterator

from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frames import TABLE, ZERO, Frames
from keelback.kernel.x86.paging import (
    ACCESSED,
    DIRECTORY,
    DIRTY,
    ENTRIES,
    I386,
    KERNEL_READ,
    KERNEL_WRITE,
    PRESENT,
    USER,
    WRITABLE,
    PageTable,
    frame_of,
    make_entry,
)
from keelback.lang import (
    PAGE_SHIFT,
    PAGE_SIZE,
    Component,
    Cpu,
    Region,
    Struct,
    Window,
    address_of,
    i16,
    u32,
    view,
    word,
)


class KernelSpace(Struct):
    """The address space that has a kernel part alone, and what all others share; 0 until they are made."""

    directory: u32  # frame
    zero: u32  # the frame of zeros that pages read before they are written show; its uses are not counted


class AddressSpaces(Component):
    """The page tables of the kernel and of every process."""

    def __init__(self, records: Region, layout: Layout, cpu: Cpu, frames: Frames) -> None:
        self.layout = layout
        self.cpu = cpu
        self.ram = records.ram
        self.frames = frames
        self.scheme = I386
        self.reach = 1 << I386.directories[-1].shift
        self.kernel = records.struct(KernelSpace)
        self.window_table = records.struct(PageTable, PAGE_SIZE)
        self.windows = tuple(self._window(number) for number in range(layout.window_count))

    def _window(self, number: int) -> Window:
        address = self.layout.windows + number * PAGE_SIZE
        entries, index = self.window_table.entries, self.scheme.table.index(address)
        return Window(self.ram, self.cpu, entries, index, address, KERNEL_WRITE)

    # The kernel part.

    def start(self, region_top: word) -> None:
        """Make the kernel's page tables, for memory up to an address, the kernel's text read-only to the kernel itself.

        Raises: OutOfMemory.
        """
        self.kernel.directory = self.frames.allocate_kernel(TABLE)
        self._table(self.kernel.directory).entries.clear()
        layout = self.layout
        directory = self.scheme.directories[0]
        shown = make_entry(address_of(self.window_table) >> PAGE_SHIFT, DIRECTORY)
        self._table(self.kernel.directory).entries[directory.index(layout.windows)] = shown
        self._map_kernel(layout.owned_start, layout.kernel_start, KERNEL_WRITE)
        self._map_kernel(layout.kernel_start, layout.text_end, KERNEL_READ)
        self._map_kernel(layout.text_end, region_top, KERNEL_WRITE)
        self._map_kernel(SCREEN, SCREEN + PAGE_SIZE, KERNEL_WRITE)
        self.kernel.zero = self.frames.allocate_kernel(ZERO)
        self._table(self.kernel.zero).entries.clear()

    def _map_kernel(self, start: word, end: word, flags: u32) -> None:
        for page in range(start, end, PAGE_SIZE):
            table = self._reserve(self.kernel.directory, page)
            table.entries[self.scheme.table.index(page)] = make_entry(page >> PAGE_SHIFT, flags)

    # The user part.

    def create(self) -> u32:
        """Return a new page directory, its user part empty.  Raises: OutOfMemory; nothing has changed."""
        directory: u32 = self.frames.allocate_kernel(TABLE)
        entries = self._table(directory).entries
        shared: u32 = self.scheme.directories[0].index(self.layout.kernel_limit)
        entries.copy_from(0, self._table(self.kernel.directory).entries, 0, shared)
        entries.fill(shared, len(entries) - shared, 0)
        return directory

    def destroy(self, directory: u32) -> None:
        """Give back a page directory, whose user part is empty.

        No CPU uses it any more, so no translation is left to invalidate: the switch away dropped them.
        """
        assert directory != self.kernel.directory, "the kernel's own space is never destroyed"
        self.frames.release_kernel(directory)

    def lookup(self, directory: u32, address: word) -> u32:
        """Return the entry that maps the page of an address, 0 when none does."""
        return self.entry_of(self.table_of(directory, address), address)

    def entry_of(self, table: u32, address: word) -> u32:
        """Return the entry of a table, 0: none, that maps the page of an address, 0 when none does."""
        if table == 0:
            return 0
        entry = self._table(table).entries[self.scheme.table.index(address)]
        return entry if entry & PRESENT else 0

    def map(self, directory: u32, page: word, frame: u32, permissions: u32) -> None:
        """Map a user page whose tables are there, as `enter` does."""
        self.enter(self.table_of(directory, page), page, frame, permissions)

    def enter(self, table: u32, page: word, frame: u32, permissions: u32) -> None:
        """Map a user page that is not mapped in its table; the entry takes over the caller's reference to the frame.

        No invalidation: the CPU keeps no translation of a page that was not present.
        """
        assert self.layout.user_base <= page < self.layout.user_end, "a user page"
        entries = self._table(table).entries
        index: u32 = self.scheme.table.index(page)
        assert not entries[index] & PRESENT, "a page is mapped once"
        entries[index] = make_entry(frame, PRESENT | permissions)

    def reserve(self, directory: u32, page: word) -> None:
        """Make the tables for a page, so that mapping it can't fail.  Raises: OutOfMemory; nothing has changed."""
        self._reserve(directory, page)

    def change(self, directory: u32, page: word, frame: u32, permissions: u32) -> None:
        """Let a page that is mapped mean a frame with other permissions; the caller sees to the references.

        The CPU may have kept the translation that was, in the space in use: it is invalidated.
        """
        table = self._table(self.table_of(directory, page))
        table.entries[self.scheme.table.index(page)] = make_entry(frame, PRESENT | permissions)
        self.cpu.invalidate_page(page)

    def pages(self, directory: u32, start: word, end: word) -> Iterator[word]:
        """Yield each mapped page of [start, end), lowest first; looks only at tables that are there."""
        for base in self._bases(start, end):
            table = self.table_of(directory, base)
            if table != 0:
                for page in range(max(base, start), min(base + self.reach, end), PAGE_SIZE):
                    if self._table(table).entries[self.scheme.table.index(page)] & PRESENT:
                        yield page

    def count_frames(self, directory: u32, start: word, end: word) -> u32:
        """Return how many pages of [start, end) are mapped to frames of their own, not the one of zeros."""
        count: u32 = 0
        for page in self.pages(directory, start, end):
            if frame_of(self.lookup(directory, page)) != self.kernel.zero:
                count += 1
        return count

    def unmap(self, directory: u32, start: word, end: word, holder: i16) -> bool:
        """Unmap every page of [start, end), drop the holder's references to their frames, give empty tables back.

        Returns whether there was an empty one.  The caller invalidates what the CPU may have kept.
        """
        emptied = False
        for base in self._bases(start, end):
            table = self.table_of(directory, base)
            if table != 0:
                self._clear(table, max(base, start), min(base + self.reach, end), holder)
                if self._is_empty(table):
                    self._release_table(directory, base, table)
                    emptied = True
        return emptied

    def clear(self, directory: u32, start: word, end: word, holder: i16) -> None:
        """Unmap as `unmap` does, but leave the tables, for `release_tables`."""
        for base in self._bases(start, end):
            table = self.table_of(directory, base)
            if table != 0:
                self._clear(table, max(base, start), min(base + self.reach, end), holder)

    def release_tables(self, directory: u32, start: word, end: word) -> None:
        """Give back the tables for [start, end), which map nothing."""
        for base in self._bases(start, end):
            table = self.table_of(directory, base)
            if table != 0:
                self._release_table(directory, base, table)

    def _clear(self, table: u32, start: word, end: word, holder: i16) -> None:
        """Clear the entries of one table for the pages [start, end)."""
        entries = self._table(table).entries
        zero = self.kernel.zero
        first: u32 = self.scheme.table.index(start)
        last: u32 = first + ((end - start) >> PAGE_SHIFT)
        assert last <= ENTRIES, "pages of one table"
        for index in range(first, last):
            entry = entries[index]
            if entry & PRESENT:
                entries[index] = 0
                frame = frame_of(entry)
                if frame != zero and not self.frames.drop_other(frame, holder):
                    self.frames.drop(frame, holder)

    def _is_empty(self, table: u32) -> bool:
        entries = self._table(table).entries
        for index in range(len(entries)):
            if entries[index] & PRESENT:
                return False
        return True

    def _release_table(self, directory: u32, base: word, table: u32) -> None:
        self._table(directory).entries[self.scheme.directories[-1].index(base)] = 0
        self.frames.release_kernel(table)

    def restrict(self, directory: u32, start: word, end: word, permissions: u32, holder: i16) -> None:
        """Let every mapped page of [start, end) have at most some permissions, and never be written before a fault.

        Frames are read-only then if the holder may not write to them any more, and its own if it alone may.
        The caller invalidates what the CPU may have kept.
        """
        for page in self.pages(directory, start, end):
            table = self._table(self.table_of(directory, page))
            index: u32 = self.scheme.table.index(page)
            frame = frame_of(table.entries[index])
            table.entries[index] = make_entry(frame, PRESENT | permissions & USER)
            if frame != self.kernel.zero:
                if permissions & WRITABLE:
                    self.frames.take_over(frame, holder)
                else:
                    self.frames.make_read_only(frame)

    def count_alone(self, directory: u32, start: word, end: word) -> u32:
        """Return how many pages of [start, end) are mapped to frames that nobody else has."""
        count: u32 = 0
        for page in self.pages(directory, start, end):
            frame = frame_of(self.lookup(directory, page))
            if frame != self.kernel.zero and self.frames.is_alone(frame):
                count += 1
        return count

    # Fork.

    def reserve_like(self, directory: u32, other: u32, start: word, end: word) -> None:
        """Make a table wherever another space has one for [start, end).

        Raises: OutOfMemory; the tables made by then are in the space.
        """
        for base in self._bases(start, end):
            if self.table_of(other, base) != 0:
                self._reserve(directory, base)

    def is_copied(self, entry: u32, permissions: u32) -> bool:
        """Say whether fork copies the page of an entry, in a region with some permissions, instead of sharing it."""
        if frame_of(entry) == self.kernel.zero:
            return False
        return self.frames.is_full(frame_of(entry)) or (self.layout.eager_fork and permissions & WRITABLE != 0)

    def share(self, directory: u32, other: u32, start: word, end: word, permissions: u32) -> None:
        """Map what another space maps in [start, end), but what fork copies (see `is_copied`), to the same frames.

        The range is part of a region with some permissions.
        Nobody may write to them any more without a fault.  The tables are there, so nothing can fail.
        The caller invalidates what the CPU may have kept of the other space.
        """
        for base in self._bases(start, end):
            table = self.table_of(other, base)
            if table != 0:
                here = self.table_of(directory, base)
                self._share_table(here, table, max(base, start), min(base + self.reach, end), permissions)

    def _share_table(self, here: u32, there: u32, start: word, end: word, permissions: u32) -> None:
        copies = self.layout.eager_fork and permissions & WRITABLE != 0
        mine = self._table(here).entries
        theirs = self._table(there).entries
        zero = self.kernel.zero
        first: u32 = self.scheme.table.index(start)
        last: u32 = first + ((end - start) >> PAGE_SHIFT)
        assert last <= ENTRIES, "pages of one table"
        for index in range(first, last):
            entry = theirs[index]
            if entry & PRESENT:
                frame = frame_of(entry)
                if frame == zero or (not copies and self.frames.share(frame)):
                    kept = entry & ~WRITABLE
                    theirs[index] = kept
                    mine[index] = kept & ~(ACCESSED | DIRTY)

    def forget_user_pages(self, directory: u32) -> None:
        """Invalidate every translation of user pages, if the space is the one in use."""
        self.cpu.write_cr3(directory << PAGE_SHIFT)

    # Tables.

    def _bases(self, start: word, end: word) -> Iterator[word]:
        """Yield where the reach of each lowest table starts that has a page of [start, end)."""
        for base in range(start // self.reach * self.reach, end, self.reach):
            yield base

    def _reserve(self, space: u32, page: word) -> PageTable:
        """Return the lowest table for a page, which is made if need be."""
        frame: u32 = space
        for level in self.scheme.directories:
            entries = self._table(frame).entries
            index: u32 = level.index(page)
            if not entries[index] & PRESENT:
                entries[index] = make_entry(self._new_table(), DIRECTORY)
            frame = frame_of(entries[index])
        return self._table(frame)

    def _new_table(self) -> u32:
        frame: u32 = self.frames.allocate_kernel(TABLE)
        self._table(frame).entries.clear()
        return frame

    def table_of(self, space: u32, address: word) -> u32:
        """Return the frame of the lowest table for an address, 0 when there is none."""
        frame: u32 = space
        for level in self.scheme.directories:
            entry = self._table(frame).entries[level.index(address)]
            if not entry & PRESENT:
                return 0
            frame = frame_of(entry)
        return frame

    def _table(self, frame: u32) -> PageTable:
        return view(self.ram, PageTable, frame << PAGE_SHIFT)
