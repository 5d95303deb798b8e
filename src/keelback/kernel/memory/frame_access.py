"""Access to frames: the one door to what is in a frame.

    frame of a page table    at its own address: the kernel zone is mapped to itself
    any other                through a window: a page of the kernel's, whose entry is changed for it
    either                   at its own address, where the kernel serves traps in a space that maps all memory so

Nothing is kept of a window from one opening to the next: its entry is written and its translation invalidated on the
CPU that opens it.  So CPUs that serve traps one at a time can share the windows; others would need some each.

The layout says which, and nobody else notices.
"""

from keelback.kernel.layout import Layout
from keelback.kernel.memory.windows import AtOwnAddress, EntryBits, Window
from keelback.kernel.x86.paging import Entry, PageTable
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, Cpu, Page, Region, Struct, u32, view, word


class KernelPart(Struct):
    """How a page table begins that leads to the kernel part; all zero until there is one."""

    first: u32  # its first word


class FrameAccess(Component):
    """Reaches frames by their numbers."""

    def __init__(self, records: Region, layout: Layout, cpu: Cpu) -> None:
        self.ram = records.ram
        self.bits = records.struct(EntryBits)
        self.part = records.struct(KernelPart)
        # Whether a table with the kernel part keeps it when it is given back: if its first entry is surely present,
        # since it leads to the screen.
        scheme, limit = layout.paging, layout.kernel_limit
        level = scheme.levels[scheme.levels_above(limit)]
        self.keeps_part = not layout.one_pool and level != scheme.table and limit < level.reach << level.bits
        self.part_words = level.index(limit) * scheme.entry_size // 4
        self.one_pool = layout.one_pool
        self.window_table: PageTable | None = None
        self.first: Window | AtOwnAddress
        self.second: Window | AtOwnAddress
        if layout.identity:
            self.first = self.second = AtOwnAddress(records.ram, cpu)
        else:
            self.window_table = records.struct(PageTable, PAGE_SIZE)
            self.first, self.second = self._windows(layout, cpu, self.window_table)

    def _windows(self, layout: Layout, cpu: Cpu, table: PageTable) -> tuple[Window, ...]:
        """Return the windows of a layout that has two."""
        scheme, words = layout.paging, table.words
        step = scheme.entry_size // 4
        return tuple(
            Window(self.ram, cpu, words, scheme.table.index(address) * step, address, self.bits, step)
            for address in range(layout.windows, layout.windows + layout.window_count * PAGE_SIZE, PAGE_SIZE)
        )

    def page(self, frame: u32) -> Page:
        """Return the bytes of a frame; they are good until the next call."""
        return self.first.open(frame)

    def source(self, frame: u32) -> Page:
        """Return the bytes of a frame to copy to another, which `page` returns; they are good until the next call."""
        return self.second.open(frame)

    def page_of(self, entry: Entry) -> Page:
        """Return as `page`, of the frame that the entry of a user's page points to."""
        return self.first.open_behind(entry)

    def source_of(self, entry: Entry) -> Page:
        """Return as `source`, of the frame that the entry of a user's page points to."""
        return self.second.open_behind(entry)

    def table(self, frame: u32) -> PageTable:
        """Return the page table in a frame of the kernel zone."""
        return view(self.ram, PageTable, self.place_of(frame))

    def clear(self, frame: u32) -> None:
        """Make a frame of the kernel zone that was free all zero; it is already if its first word is 0.

        One that begins as a table with the kernel part has nothing else.  Where users' pages lie among them, nobody
        knows that.
        """
        words = self.table(frame).words
        first = words[0]
        if self.one_pool or (first != 0 and first != self.part.first):
            words.clear()
        elif first != 0:
            words.fill(0, self.part_words, 0)

    def spoil(self, frame: u32) -> None:
        """Mark a frame that is to be free as one that may not be all zero."""
        self.table(frame).words[0] = 1

    def place_of(self, frame: u32) -> word:
        """Return the address at which a frame of the kernel zone is reached."""
        return frame << PAGE_SHIFT

    def place_of_root(self, frame: u32) -> word:
        """Return the same for the root of a space, which no CPU's cr3 has above 4 GiB."""
        return frame << PAGE_SHIFT & 0xFFFF_FFFF

    def frame_at(self, address: word) -> u32:
        """Return which frame of the kernel zone is reached at an address."""
        return address >> PAGE_SHIFT
