"""Address spaces: a page directory a process, the kernel's part the same in all.

    0x00000000 ┬ page 0: mapped nowhere; the screen's page and the kernel region at their own addresses
    KLIMIT     ┼ kernel part: global, supervisor; every directory holds the same entries
    user_end   ┼ user part: what the process has mapped
    4 GiB      ┴ the last page: mapped nowhere

An address space is named by the frame of its page directory.

1. Kernel entries are made once, before the first space, and never change, but for the window pages'.
2. Every table of the user part belongs to exactly one space and comes from the kernel zone.
3. A user entry holds one reference to its frame.
"""

from collections.abc import Iterator

from keelback.kernel.frames import TABLE
from keelback.kernel.layout import Layout
from keelback.kernel.memory import Memory
from keelback.kernel.paging import (
    DIRECTORY,
    I386,
    KERNEL_READ,
    KERNEL_WRITE,
    PERMISSIONS,
    PRESENT,
    PageTable,
    frame_of,
    make_entry,
)
from keelback.kernel.screen import SCREEN
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

CR0_WRITE_PROTECT = 1 << 16
CR0_PAGING = 1 << 31
CR0_MONITOR_FPU = 1 << 1
CR0_TASK_SWITCHED = 1 << 3
CR4_GLOBAL_PAGES = 1 << 7
FEATURE_GLOBAL_PAGES = 1 << 13


class KernelSpace(Struct):
    """The address space that has a kernel part alone; 0 until it is made."""

    directory: u32  # frame


class AddressSpaces(Component):
    """The page tables of the kernel and of every process."""

    def __init__(self, records: Region, layout: Layout, cpu: Cpu, memory: Memory) -> None:
        self.layout = layout
        self.cpu = cpu
        self.ram = records.ram
        self.memory = memory
        self.frames = memory.frames
        self.scheme = I386
        self.kernel = records.struct(KernelSpace)
        self.window_table = records.struct(PageTable, PAGE_SIZE)
        self.windows = tuple(self._window(number) for number in range(layout.window_count))

    def _window(self, number: int) -> Window:
        address = self.layout.windows + number * PAGE_SIZE
        entries, index = self.window_table.entries, self.scheme.table.index(address)
        return Window(self.ram, self.cpu, entries, index, address, KERNEL_WRITE)

    # The kernel part.

    def start(self) -> None:
        """Map the kernel and switch paging on, the kernel's text read-only to the kernel itself.

        Raises: OutOfMemory.
        """
        self.kernel.directory = self.frames.allocate_kernel(TABLE)
        self._table(self.kernel.directory).entries.clear()
        layout, region_top = self.layout, self.memory.bounds.region_top
        self._map_kernel(layout.kernel_start, layout.text_end, KERNEL_READ)
        self._map_kernel(layout.text_end, region_top, KERNEL_WRITE)
        self._map_kernel(SCREEN, SCREEN + PAGE_SIZE, KERNEL_WRITE)
        directory = self.scheme.directories[0]
        shown = make_entry(address_of(self.window_table) >> PAGE_SHIFT, DIRECTORY)
        self._table(self.kernel.directory).entries[directory.index(layout.windows)] = shown
        self._switch_paging_on()

    def _map_kernel(self, start: word, end: word, flags: u32) -> None:
        for page in range(start, end, PAGE_SIZE):
            table = self._reserve(self.kernel.directory, page)
            table.entries[self.scheme.table.index(page)] = make_entry(page >> PAGE_SHIFT, flags)

    def _switch_paging_on(self) -> None:
        self.cpu.write_cr3(self.kernel.directory << PAGE_SHIFT)
        if self.cpu.cpu_features() & FEATURE_GLOBAL_PAGES:
            self.cpu.write_cr4(self.cpu.read_cr4() | CR4_GLOBAL_PAGES)
        # The FPU is nobody's: its first use traps.
        flags = CR0_PAGING | CR0_WRITE_PROTECT | CR0_MONITOR_FPU | CR0_TASK_SWITCHED
        self.cpu.write_cr0(self.cpu.read_cr0() | flags)

    # The user part.

    def create(self) -> u32:
        """Return a new address space, its user part empty.  Raises: OutOfMemory; nothing has changed."""
        directory: u32 = self.frames.allocate_kernel(TABLE)
        entries = self._table(directory).entries
        entries.clear()
        shared: u32 = self.scheme.directories[0].index(self.layout.kernel_limit)
        entries.copy_from(0, self._table(self.kernel.directory).entries, 0, shared)
        return directory

    def destroy(self, space: u32) -> None:
        """Drop all that a space maps, its tables and itself.

        No CPU uses it any more, so no translation is left to invalidate: the switch away dropped them.
        """
        assert space != self.kernel.directory, "the kernel's own space is never destroyed"
        for page in self.pages(space, self.layout.user_base, self.layout.user_end):
            self.frames.release_user(frame_of(self.lookup(space, page)))
        entries = self._table(space).entries
        first: u32 = self.scheme.directories[0].index(self.layout.user_base)
        for index in range(first, len(entries)):
            if entries[index] & PRESENT:
                self.frames.release_kernel(frame_of(entries[index]))
        self.frames.release_kernel(space)

    def lookup(self, space: u32, address: word) -> u32:
        """Return the entry that maps the page of an address, 0 when none does."""
        table = self._present_table(space, address)
        if table == 0:
            return 0
        entry = self._table(table).entries[self.scheme.table.index(address)]
        return entry if entry & PRESENT else 0

    def map(self, space: u32, page: word, frame: u32, permissions: u32) -> None:
        """Map a user page that is not mapped; the entry takes over the caller's reference to the frame.

        No invalidation: the CPU keeps no translation of a page that was not present.
        Raises: OutOfMemory when a table is missing and there is no frame for it; nothing has changed.
        """
        assert self.layout.user_base <= page < self.layout.user_end, "a user page"
        table = self._reserve(space, page)
        index: u32 = self.scheme.table.index(page)
        assert not table.entries[index] & PRESENT, "a page is mapped once"
        table.entries[index] = make_entry(frame, PRESENT | permissions & PERMISSIONS)

    def map_new(self, space: u32, page: word, permissions: u32, owner: i16) -> u32:
        """Map a user page that is not mapped to a new frame, and return that.

        Its content is whatever it was: the caller fills it before the process runs.
        Raises: OutOfMemory; at most a table without entries has been added.
        """
        self._reserve(space, page)
        frame = self.frames.allocate_user(owner)
        self.map(space, page, frame, permissions)
        return frame

    def pages(self, space: u32, start: word, end: word) -> Iterator[word]:
        """Yield each mapped page of [start, end), lowest first; looks only at tables that are there."""
        step: int = 1 << self.scheme.directories[-1].shift
        for base in range(start // step * step, end, step):
            table = self._present_table(space, base)
            if table != 0:
                for page in range(max(base, start), min(base + step, end), PAGE_SIZE):
                    if self._table(table).entries[self.scheme.table.index(page)] & PRESENT:
                        yield page

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

    def _present_table(self, space: u32, address: word) -> u32:
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
