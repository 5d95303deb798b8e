"""Kernel stacks: what the kernel runs on while it serves a thread's traps.

The stack that the kernel runs on while it ends its thread is freed when the next trap starts, on another one, before
that trap does anything: nothing is refused because a stack was not free yet.
"""

from keelback.kernel.memory.frames import KERNEL, Frames
from keelback.lang import PAGE_SHIFT, Component, Region, Struct, u32, word


class LeftStack(Struct):
    """The stack of a thread that has ended, which the CPU is about to leave; all zero means that there is none."""

    end: word


class KernelStacks(Component):
    """The stacks of all threads; a stack is known by the first address after it."""

    def __init__(self, records: Region, frames: Frames) -> None:
        self.frames = frames
        self.left = records.struct(LeftStack)

    def create(self) -> word:
        """Return a new stack.  Raises: OutOfMemory; nothing has changed."""
        frame: u32 = self.frames.allocate_kernel(KERNEL)
        return (frame + 1) << PAGE_SHIFT

    def release(self, end: word) -> None:
        """Free a stack that no CPU runs on."""
        self.frames.release_kernel((end >> PAGE_SHIFT) - 1)

    def leave(self, end: word) -> None:
        """Free the stack that the CPU runs on as soon as it runs on another one."""
        self.left.end = end

    def release_left(self) -> None:
        """Free the stack that the CPU has left."""
        self.release(self.left.end)
        self.left.end = 0
