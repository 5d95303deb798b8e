"""The lens: a kernel's own classes, laid over the RAM of any machine.

The kernel that `look` returns is only read: it has no hardware, and its reads leave no trace in the machine.
"""

from collections.abc import Iterator
from typing import Any

from keelback.kernel.kernel import Kernel, make_kernel
from keelback.kernel.layout import Layout
from keelback.kernel.x86.paging import frame_of
from keelback.lang import NoHardware, Ram


def look(layout: Layout, contents: Any) -> Kernel:
    """Return a kernel over a machine's RAM, a writable buffer of bytes from physical address 0.

    Raises: ValueError when the buffer is too small for the layout's records.
    """
    return make_kernel(layout, Ram(len(contents), contents=contents), NoHardware())


def malloc_pages(kernel: Kernel, pid: int) -> Iterator[tuple[int, int]]:
    """Yield each malloc page of a process, by its address, and the frame that it has there, lowest first."""
    space = kernel.processes.table[pid].space
    if space.directory != 0:
        for page in kernel.malloc_pages.pages(space):
            yield page, frame_of(kernel.spaces.lookup(space.directory, page))
