"""Windows: pages of the kernel's through which it reaches any one frame; and what stands for them without any.

Source: Intel SDM volume 3, section 4.10.4 (invalidation of what a changed entry has left in the TLB).
"""

from keelback.kernel.x86.paging import HIGH_FRAME, KERNEL_WRITE, Entry, WideEntry
from keelback.lang import (
    PAGE_SHIFT,
    PAGE_SIZE,
    Array,
    Component,
    Cpu,
    Page,
    Ram,
    Struct,
    address_of,
    native,
    u32,
    view,
    view_at,
)


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
        if self.step == 1:
            return self._show(frame, frame << PAGE_SHIFT, 0)
        return self._show(frame, (frame & 0xF_FFFF) << PAGE_SHIFT, frame >> 20)

    def open_behind(self, entry: Entry) -> Page:
        """Show the frame that the entry of a user's page points to, and return its bytes."""
        low: u32 = entry.low // PAGE_SIZE * PAGE_SIZE
        if self.step == 1:
            return self._show(low >> PAGE_SHIFT, low, 0)
        high = view(self.ram, WideEntry, address_of(entry)).words[1]
        return self._show((high & HIGH_FRAME) << 20 | low >> PAGE_SHIFT, low, high)

    def _show(self, frame: u32, low: u32, high: u32) -> Page:
        """Show a frame, by the words of an entry that points to it."""
        if self.step > 1:
            self.words[self.index + 1] = high | self.bits.no_execute
        self.words[self.index] = low | KERNEL_WRITE
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

    def open_behind(self, entry: Entry) -> Page:
        """Return the bytes of the frame that the entry of a user's page points to: all lie below 4 GiB."""
        return self.open(entry.low >> PAGE_SHIFT)
