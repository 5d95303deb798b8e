"""Access to frames: the one door to what is in a frame.

    frame of a page table    at its own address: the kernel zone is mapped to itself
    any other                through a window: a page of the kernel's, whose entry is changed for it

Nothing is kept of a window from one opening to the next: its entry is written and its translation invalidated on the
CPU that opens it.  So CPUs that serve traps one at a time can share the windows; others would need some each.

A layout that maps all memory would answer here, and nobody else would notice.
"""

from keelback.kernel.layout import Layout
from keelback.kernel.x86.paging import KERNEL_WRITE, PageTable, PagingScheme
from keelback.lang import (
    PAGE_SHIFT,
    PAGE_SIZE,
    Array,
    Component,
    Cpu,
    Page,
    Ram,
    Region,
    native,
    u32,
    view,
    view_at,
    word,
)


class Window(Component):
    """The page at `address`, which `words[index]` maps: the low word of an entry of a table that all spaces share.

    What `open` returns is good until the next `open`, and is never stored.
    """

    def __init__(self, ram: Ram, cpu: Cpu, words: Array[u32], index: int, address: int, flags: int, step: int) -> None:
        self.ram = ram
        self.cpu = cpu
        self.words = words
        self.index = index
        self.address = address
        self.flags = flags
        self.step = step

    def open(self, frame: u32) -> Page:
        """Show a frame in the window and return its bytes."""
        if self.step > 1:
            self.words[self.index + 1] = frame >> 20
            self.words[self.index] = (frame & 0xF_FFFF) << PAGE_SHIFT | self.flags
        else:
            self.words[self.index] = frame << PAGE_SHIFT | self.flags
        self.cpu.invalidate_page(self.address)
        return self._shown(frame)

    @native("return (Page *)self_address;")
    def _shown(self, frame: u32) -> Page:
        self.cpu.hardware.window_opened(self.address)
        return view_at(self.ram, Page, self.address, frame << PAGE_SHIFT)


class FrameAccess(Component):
    """Reaches frames by their numbers."""

    def __init__(self, records: Region, layout: Layout, cpu: Cpu, scheme: PagingScheme) -> None:
        self.ram = records.ram
        self.window_table = records.struct(PageTable, PAGE_SIZE)
        step, words = scheme.entry_size // 4, self.window_table.words
        self.windows = tuple(
            Window(records.ram, cpu, words, scheme.table.index(address) * step, address, KERNEL_WRITE, step)
            for address in range(layout.windows, layout.windows + layout.window_count * PAGE_SIZE, PAGE_SIZE)
        )
        self.first, self.second = self.windows

    def page(self, frame: u32) -> Page:
        """Return the bytes of a frame; they are good until the next call."""
        return self.first.open(frame)

    def source(self, frame: u32) -> Page:
        """Return the bytes of a frame to copy to another, which `page` returns; they are good until the next call."""
        return self.second.open(frame)

    def table(self, frame: u32) -> PageTable:
        """Return the page table in a frame of the kernel zone."""
        return view(self.ram, PageTable, self.place_of(frame))

    def clear(self, frame: u32) -> None:
        """Make a frame of the kernel zone that was free all zero; it is already if its first word is 0."""
        words = self.table(frame).words
        if words[0] != 0:
            words.clear()

    def spoil(self, frame: u32) -> None:
        """Mark a frame that is to be free as one that may not be all zero."""
        self.table(frame).words[0] = 1

    def place_of(self, frame: u32) -> word:
        """Return the address at which a frame of the kernel zone is reached."""
        return frame << PAGE_SHIFT

    def frame_at(self, address: word) -> u32:
        """Return which frame of the kernel zone is reached at an address."""
        return address >> PAGE_SHIFT
