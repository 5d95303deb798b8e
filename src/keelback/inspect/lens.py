"""The lens: a kernel's own classes, laid over the RAM of any machine.

The kernel that `look` returns is only read: it has no hardware, and its reads leave no trace in the machine.
"""

from collections.abc import Iterator
from typing import Any

from keelback.inspect.walk import PAGE_SHIFT, Translation, Walker, reader
from keelback.kernel.kernel import Kernel, make_kernel
from keelback.kernel.layout import Layout
from keelback.lang import NoHardware, Ram


def look(layout: Layout, contents: Any) -> Kernel:
    """Return a kernel over a machine's RAM, a writable buffer of bytes from physical address 0.

    Raises: ValueError when the buffer is too small for the layout's records.
    """
    return make_kernel(layout, Ram(len(contents), contents=contents), NoHardware())


def walker_of(kernel: Kernel) -> Walker:
    """Return what reads the page tables of a kernel, in the RAM that it lies in."""
    return Walker(kernel.spaces.scheme.name, reader(memoryview(kernel.spaces.ram.contents)))


def user_pages(kernel: Kernel, directory: int) -> list[Translation]:
    """Return what a space, the frame of its page directory, maps in user space, lowest first; 0: nothing."""
    layout = kernel.layout
    return walker_of(kernel).pages(directory << PAGE_SHIFT, layout.user_base, layout.user_end) if directory else []


def malloc_pages(kernel: Kernel, pid: int) -> Iterator[tuple[int, int]]:
    """Yield each malloc page of a process, by its address, and the frame that it has there, lowest first."""
    layout = kernel.layout
    for each in user_pages(kernel, kernel.processes.table[pid].space.directory):
        if layout.malloc_base <= each.page < layout.malloc_limit:
            yield each.page, each.frame
