"""Windows: pages of the kernel's address space through which it reaches any frame."""

from keelback.lang.array import Array
from keelback.lang.component import Component
from keelback.lang.cpu import Cpu
from keelback.lang.integers import u8, u32
from keelback.lang.layout import inline
from keelback.lang.native import native
from keelback.lang.ram import Ram
from keelback.lang.struct import Struct, make_view

PAGE_SIZE = 4096
PAGE_SHIFT = 12


class Page(Struct):
    """The bytes of one page."""

    bytes: Array[u8] = inline(PAGE_SIZE)


class Window(Component):
    """The page at `address`, mapped by `entries[index]`, an entry of a page table that is in every address space.

    `flags` are the entry's low bits.  What `open` returns is good until the next `open`, and is never stored.
    """

    def __init__(self, ram: Ram, cpu: Cpu, entries: Array[u32], index: int, address: int, flags: int) -> None:
        self.ram = ram
        self.cpu = cpu
        self.entries = entries
        self.index = index
        self.address = address
        self.flags = flags

    def open(self, frame: u32) -> Page:
        """Let the window show a frame and return its bytes."""
        self.entries[self.index] = frame << PAGE_SHIFT | self.flags
        self.cpu.invalidate_page(self.address)
        return self._shown(frame)

    @native("return (Page *)self_address;")
    def _shown(self, frame: u32) -> Page:
        self.cpu.hardware.window_opened(self.address)
        return make_view(self.ram, Page, self.address, frame << PAGE_SHIFT)
