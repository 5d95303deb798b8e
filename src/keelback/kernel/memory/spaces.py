"""Address spaces: a page directory a process, the kernel's part the same in all.

    0x00000000 ┬ page 0: mapped nowhere; the screen's page and the kernel region at their own addresses;
               │ what the kernel maps at run time
    KLIMIT     ┼ kernel part: global, supervisor; every directory holds the same entries
    user_end   ┼ user part: what the process has mapped
    4 GiB      ┴ the last page: mapped nowhere

The functions here know tables and frames; what a page is for and may do is its region's (`regions.py`).

1. Kernel entries are made once, before the first space, and never change, but for the window pages' and those of the
   area for global mappings; the tables of that area are made then, too, so every space has them.
2. Every table of the user part belongs to exactly one space and comes from the kernel zone.
3. A user entry holds one reference to its frame; the frame of zeros, which is pinned, counts none.
4. An empty table of the user part is given back.
"""

from collections.abc import Iterator

from keelback.abi.errors import OutOfMemory
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frame_access import FrameAccess
from keelback.kernel.memory.frames import TABLE, ZERO, Frames
from keelback.kernel.memory.page_tables import PageTables
from keelback.kernel.memory.space_records import Space
from keelback.kernel.x86.paging import (
    DIRECTORY,
    EXECUTE,
    GLOBAL,
    KERNEL_EXECUTE,
    KERNEL_READ,
    KERNEL_WRITE,
    PRESENT,
    USER,
    WRITABLE,
    Entry,
)
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, Cpu, Region, Struct, address_of, i32, u16, u32, word


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
        self.scheme = layout.paging
        self.access = FrameAccess(records, layout, cpu)
        self.tables = PageTables(self.access, cpu, self.scheme, frames, layout.kernel_limit)
        self.kernel = records.struct(KernelSpace)
        self.screen_flags = KERNEL_WRITE | USER if layout.user_screen else KERNEL_WRITE

    # The kernel part.

    def start(self, region_top: word, no_execute: u32) -> None:
        """Make the kernel's page tables, for memory up to an address, the kernel's text read-only to the kernel itself.

        Nothing but text can be executed where the CPU has the bit NO_EXECUTE.
        Raises: OutOfMemory.
        """
        layout, tables = self.layout, self.tables
        self.access.bits.no_execute = no_execute
        top: u32 = region_top >> PAGE_SHIFT
        if not layout.one_pool:
            for frame in range(top - self.frames.counts.kernel_total, top):
                self.access.spoil(frame)  # nobody knows what is there
        self.kernel.directory = tables.new_table(TABLE)
        table = self.access.window_table
        if table is None:
            self._map_all()
        else:
            self._map_region(region_top, address_of(table) >> PAGE_SHIFT)
        for page in range(layout.globals_start, layout.globals_end, tables.reach):
            tables.reserve(self.kernel.directory, page)
        tables.note_kernel_part(self.kernel.directory)
        self.kernel.zero = self.frames.allocate_kernel(ZERO)
        self.access.clear(self.kernel.zero)
        self.frames.pin(self.kernel.zero)

    def _map_region(self, top: word, windows: u32) -> None:
        """Map the kernel's own memory up to an address, the screen, and the table of the windows, in a frame."""
        layout = self.layout
        self.tables.enter(self.tables.reserve_last(self.kernel.directory, layout.windows), windows, DIRECTORY)
        self._map_kernel(layout.owned_start, layout.kernel_start, KERNEL_WRITE)
        self._map_text()
        self._map_kernel(layout.text_end, top, KERNEL_WRITE)
        if layout.owned_start > SCREEN:
            self._map_screen()
        # What was counted of the windows' table, which is part of the kernel's records.
        self.frames.table[windows].references = 1

    def _map_all(self) -> None:
        """Map all memory but page 0 at its own addresses; what no process has is not global."""
        layout = self.layout
        self._map_kernel(PAGE_SIZE, layout.kernel_start, KERNEL_WRITE)
        self._map_text()
        self._map_kernel(layout.text_end, SCREEN, KERNEL_WRITE)
        self._map_screen()
        self._map_kernel(SCREEN + PAGE_SIZE, layout.kernel_limit, KERNEL_WRITE)
        self._map_kernel(layout.kernel_limit, len(self.frames.table) << PAGE_SHIFT, KERNEL_WRITE & ~GLOBAL)

    def _map_text(self) -> None:
        """Map what of the kernel can't be written: its text, and the places of source lines, which nobody executes."""
        self._map_kernel(self.layout.kernel_start, self.layout.places, KERNEL_EXECUTE)
        self._map_kernel(self.layout.places, self.layout.text_end, KERNEL_READ)

    def _map_screen(self) -> None:
        self._map_kernel(SCREEN, SCREEN + PAGE_SIZE, self.screen_flags)

    def _map_kernel(self, start: word, end: word, flags: u32) -> None:
        """Map the pages of [start, end) to the frames at their own addresses, with one walk a table."""
        tables = self.tables
        for base in range(start // tables.reach * tables.reach, end, tables.reach):
            first: word = max(start, base)
            tables.reserve(self.kernel.directory, first)
            table: u32 = tables.table_of(self.kernel.directory, first)
            tables.map_to_itself(table, first, min(end, base + tables.reach), flags)

    def map_global(self, page: word, frame: u32) -> None:
        """Map a page of the area for global mappings, which is not mapped, to a frame, in every space at once.

        No invalidation: the CPU keeps nothing of an entry that was not present.
        """
        self.tables.enter(self._global_entry(page), frame, KERNEL_WRITE)

    def unmap_global(self, page: word) -> u32:
        """Unmap a page of that area in every space; return the frame that it was mapped to, 0 for none."""
        entry = self._global_entry(page)
        if not entry.present:
            return 0
        frame = self.tables.frame_of(entry)
        self.tables.remove(entry)
        self.cpu.invalidate_page(page)  # loading cr3 drops no global translation
        return frame

    def _global_entry(self, page: word) -> Entry:
        return self.tables.entry(self.tables.table_of(self.kernel.directory, page), self.scheme.table.index(page))

    # The user part.

    def create(self, owner: u16) -> u32:
        """Return a new page directory for a process, 0: none, its user part empty.

        Raises: OutOfMemory; nothing has changed.
        """
        directory: u32 = self.tables.create(self.kernel.directory, TABLE | owner)
        if self.layout.eager_tables:
            self._make_tables(directory)
        return directory

    def _make_tables(self, directory: u32) -> None:
        """Make all tables of the user part of a new space.  Raises: OutOfMemory; the space is destroyed."""
        try:
            for page in self._user_tables():
                self.tables.reserve(directory, page)
        except OutOfMemory:
            self.destroy(directory)
            raise

    def _user_tables(self) -> Iterator[word]:
        """Yield a page of each lowest table of the user part, lowest first."""
        base, reach = self.layout.user_base, self.tables.reach
        for page in range(base // reach * reach, self.layout.user_end, reach):
            yield max(page, base)

    def destroy(self, directory: u32) -> None:
        """Give back a page directory, whose user part is empty."""
        if self.layout.eager_tables:
            for page in self._user_tables():
                self.tables.prune(directory, page)
        self.tables.destroy(directory, self.kernel.directory)

    def frame(self, directory: u32, address: word) -> u32:
        """Return the frame that the page of an address is mapped to, 0 when it is not mapped."""
        entry = self.tables.find(directory, address)
        return self.tables.frame_of(entry) if entry is not None and entry.present else 0

    def enter(self, entry: Entry, page: word, frame: u32, permissions: u32) -> None:
        """Map a user page that is not mapped; its entry takes over the caller's reference to the frame."""
        assert self.layout.user_base <= page < self.layout.user_end, "a user page"
        self.tables.enter(entry, frame, permissions)

    def change(self, entry: Entry, page: word, frame: u32, permissions: u32) -> None:
        """Remap a page that is mapped, to a frame with other permissions; the caller sees to the references.

        The CPU may have kept the translation that was, in the space in use: it is invalidated.
        """
        self.tables.change(entry, frame, PRESENT | permissions)
        if not self.layout.identity:  # else no CPU uses the space meanwhile
            self.cpu.invalidate_page(page)

    def mappings(self, directory: u32, start: word, end: word) -> Iterator[tuple[word, Entry]]:
        """Yield each mapped page of [start, end) with its entry, lowest first; looks only at tables that are there."""
        tables = self.tables
        for base, table in tables.tables(directory, start, end):
            for page in range(base, base + min(tables.reach - base % tables.reach, end - base), PAGE_SIZE):
                entry = tables.entry(table, self.scheme.table.index(page))
                if entry.present:
                    yield page, entry

    def frames_of(self, directory: u32, start: word, end: word) -> Iterator[u32]:
        """Yield the frame of each mapped page of [start, end)."""
        for base, table in self.tables.tables(directory, start, end):
            for entry in self.tables.present(table, base, end):
                yield self.tables.frame_of(entry)

    def unmap(self, space: Space, start: word, end: word) -> bool:
        """Unmap every page of [start, end), drop the references to their frames, give empty tables back.

        Returns whether there was an empty one.  The caller invalidates what the CPU may have kept.
        """
        emptied = False
        for base, table in self.tables.tables(space.directory, start, end):
            self._clear(table, base, end, space.owner)
            if not self.layout.eager_tables and self.frames.table[table].references == 0:
                self.tables.forget(space, base)
                self.tables.prune(space.directory, base)
                emptied = True
        return emptied

    def _clear(self, table: u32, start: word, end: word, holder: u16) -> None:
        """Clear the entries of one table for its pages of [start, end)."""
        words = self.access.table(table).words
        total: u32 = self.frames.table[table].references
        first: u32 = self.scheme.table.index(start)
        index: u32 = self.tables.after_last(start, end)
        seen: i32 = index - total  # where all of the table's have been, but for gaps: a stack's few are at its top
        while index > first:
            index -= 1
            if words[index * self.tables.step] & PRESENT:
                frame: u32 = self.tables.frame_at(words, index)
                self.tables.withdraw(words, index)
                if not self.frames.drop_other(frame, holder):
                    self.frames.drop(frame, holder)
            else:
                seen -= 1
                if index == seen:
                    break
        self.tables.count(table, index - seen - total)

    def restrict(self, directory: u32, start: word, end: word, permissions: u32, holder: u16) -> None:
        """Restrict every mapped page of [start, end) to some permissions at most, and to no write before a fault.

        Frames are read-only then if the holder may not write to them any more, and its own if it alone may.
        The caller invalidates what the CPU may have kept.
        """
        for base, table in self.tables.tables(directory, start, end):
            for entry in self.tables.present(table, base, end):
                frame: u32 = self.tables.frame_of(entry)
                self.tables.change(entry, frame, PRESENT | permissions & (USER | EXECUTE))
                if permissions & WRITABLE:
                    self.frames.take_over(frame, holder)
                else:
                    self.frames.make_read_only(frame)

    # Fork.

    def reserve_like(self, directory: u32, other: u32, start: word, end: word) -> None:
        """Make a table wherever another space has one for [start, end).

        Raises: OutOfMemory; the tables made by then are in the space.
        """
        for base, _table in self.tables.tables(other, start, end):
            self.tables.reserve(directory, base)

    def is_copied(self, frame: u32, permissions: u32) -> bool:
        """Say whether fork copies a page, in a region with some permissions, instead of sharing its frame."""
        if frame == self.kernel.zero:
            return False
        return self.frames.is_full(frame) or (self.layout.eager_fork and permissions & WRITABLE != 0)

    def share(self, directory: u32, other: u32, start: word, end: word) -> None:
        """Map what another space maps in [start, end), but pages that have been copied, to the same frames.

        Nobody may write to them any more without a fault.  The tables are there, so nothing can fail.
        The caller invalidates what the CPU may have kept of the other space.
        """
        for base, there in self.tables.tables(other, start, end):
            here: u32 = self.tables.table_of(directory, base)
            if self.may_copy():
                self._share_rest(here, there, base, end)
            else:
                self._share_all(here, there, base, end)

    def may_copy(self) -> bool:
        """Say whether fork may have to copy a page."""
        return self.layout.eager_fork or self.frames.counts.full > 0

    def _share_rest(self, here: u32, there: u32, start: word, end: word) -> None:
        """Map the pages of one table that have not been copied."""
        for other in self.tables.present(there, start, end):
            entry = self.tables.like(here, other)
            frame: u32 = self.tables.frame_of(other)
            if not entry.present and self.frames.share(frame):
                other.writable = False
                self.tables.enter(entry, frame, self.tables.flags_of(other))

    def _share_all(self, here: u32, there: u32, start: word, end: word) -> None:
        """Map all pages of one table, as a block: no CPU uses the space that gets them yet."""
        words, step = self.access.table(there).words, self.tables.step
        total: u32 = self.frames.table[there].references
        first: u32 = self.scheme.table.index(start)
        index: u32 = self.tables.after_last(start, end)
        seen: i32 = index - total  # where all of the table's have been, but for gaps: a stack's few are at its top
        while index > first:
            index -= 1
            low = words[index * step]
            if low & PRESENT:
                words[index * step] = low & ~WRITABLE
                self.frames.share(self.tables.frame_at(words, index))
            else:
                seen -= 1
                if index == seen:
                    break
        after: u32 = self.tables.after_last(start, end)
        self.access.table(here).words.copy_from(index * step, words, index * step, (after - index) * step)
        self.tables.count(here, total + seen - index)

    def forget_user_pages(self, directory: u32) -> None:
        """Invalidate every translation of user pages, if the space is the one in use."""
        if not self.layout.identity and self.cpu.read_cr3() == directory << PAGE_SHIFT:
            self.cpu.write_cr3(directory << PAGE_SHIFT)
