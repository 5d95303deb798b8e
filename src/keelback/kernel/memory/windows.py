"""Windows: pages of the kernel's through which it reaches any one frame; and what stands for them without any.

Source: Intel SDM volume 3, section 4.10.4 (invalidation of what a changed entry has left in the TLB).
"""

from keelback.kernel.x86.paging import KERNEL_WRITE
from keelback.lang import PAGE_SHIFT, Array, Component, Cpu, Page, Ram, Struct, native, u32, view, view_at


class EntryBits(Struct):
    """What an entry of a page table can have on this CPU; all zero until that is known."""

    no_execute: u32  # NO_EXECUTE, where the high word may have it


class Window(Component):
    """The page at `address`, which `words[index]` maps: the low word of an entry of a table that all spaces share.

    What `open` returns is good until the next `open`, and is never stored.
    """

    def __init__(
        self, ram: Ram, cpu: Cpu, words: Array[u32], index: int, address: int, bits: EntryBits, step: int
    ) -> None:
        self.ram = ram
        self.cpu = cpu
        self.words = words
        self.index = index
        self.address = address
        self.bits = bits
        self.step = step

    def open(self, frame: u32) -> Page:
        """Show a frame in the window and return its bytes."""
        if self.step > 1:
            self.words[self.index + 1] = frame >> 20 | self.bits.no_execute
            self.words[self.index] = (frame & 0xF_FFFF) << PAGE_SHIFT | KERNEL_WRITE
        else:
            self.words[self.index] = frame << PAGE_SHIFT | KERNEL_WRITE
        self.cpu.invalidate_page(self.address)
        return self._shown(frame)

    @native("return (Page *)self_address;")
    def _shown(self, frame: u32) -> Page:
        self.cpu.hardware.window_opened(self.address)
        return view_at(self.ram, Page, self.address, frame << PAGE_SHIFT)


class AtOwnAddress(Component):
    """All frames, each at its own address: what a kernel has that serves traps in a space of its own."""

    def __init__(self, ram: Ram, cpu: Cpu) -> None:
        self.ram = ram
        self.cpu = cpu

    @native("return (Page *)((word)frame << 12);")
    def open(self, frame: u32) -> Page:
        """Return the bytes of a frame."""
        self.cpu.hardware.window_opened(frame << PAGE_SHIFT)
        return view(self.ram, Page, frame << PAGE_SHIFT)
