"""Kernel stacks: what the kernel runs on while it serves a thread's traps.

    layout.globals_start ┬ guard: never mapped        ┐
                         ├ layout.kernel_stack bytes  ┴ the slot of thread 0; then that of thread 1 …

A stack that overflows meets the guard: a page fault that itself finds no room, and so a double fault, which says so.
A layout without slots has stacks of a page in the kernel zone, where they lie at their own addresses, without guards;
or one for all threads, the entry stack: no trap interrupts another, and what interrupts the idle thread finds it empty.

The stack that the kernel runs on while it ends its thread is freed when the next trap starts, on another one, before
that trap does anything: nothing is refused because a stack was not free yet.
"""

from keelback.abi.errors import OutOfMemory
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frames import STACK
from keelback.kernel.memory.spaces import AddressSpaces
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, u32, word


class KernelStacks(Component):
    """The stacks of all threads; a stack is known by the first address after it."""

    def __init__(self, layout: Layout, spaces: AddressSpaces) -> None:
        self.layout = layout
        self.spaces = spaces
        self.frames = spaces.frames

    def create(self, thread: u32) -> word:
        """Return a new stack for the thread of an index.  Raises: OutOfMemory; nothing has changed."""
        if self.layout.one_stack:
            return self.layout.records_end
        if self.layout.kernel_stack_slots == 0:
            return (self.frames.allocate_kernel(STACK) + 1) << PAGE_SHIFT
        end: word = self.layout.globals_start + (thread + 1) * self.layout.kernel_stack_slot
        try:
            for page in range(end - self.layout.kernel_stack, end, PAGE_SIZE):
                self.spaces.map_global(page, self.frames.allocate_kernel(STACK))
        except OutOfMemory:
            self.release(end)
            raise
        return end

    def release(self, end: word) -> None:
        """Free a stack that no CPU runs on, as far as it was made."""
        if self.layout.one_stack:
            return
        if self.layout.kernel_stack_slots == 0:
            self._release_frame((end >> PAGE_SHIFT) - 1)
            return
        for page in range(end - self.layout.kernel_stack, end, PAGE_SIZE):
            frame: u32 = self.spaces.unmap_global(page)
            if frame != 0:
                self._release_frame(frame)

    def _release_frame(self, frame: u32) -> None:
        self.spaces.access.spoil(frame)
        self.frames.release_kernel(frame)

    # For those who look at a stack that went wrong.

    def lowest_of(self, address: word) -> word:
        """Return where the stack starts in whose slot, guard or not, an address lies; 0 when there is no stack."""
        layout = self.layout
        end: word = layout.globals_start + layout.kernel_stack_slots * layout.kernel_stack_slot
        if not layout.globals_start <= address < end:
            return 0
        lowest: word = address - (address - layout.globals_start) % layout.kernel_stack_slot + PAGE_SIZE
        return lowest if self.spaces.frame(self.spaces.kernel.directory, lowest) != 0 else 0

    def is_guard(self, address: word) -> bool:
        """Say whether an address lies in the guard below a stack."""
        return address < self.lowest_of(address)
