"""The lens: a kernel's own classes, laid over the RAM of any machine.

The kernel that `look` returns is only read: it has no hardware, and its reads leave no trace in the machine.
"""

from typing import Any

from keelback.inspect.walk import Walker, reader
from keelback.kernel.kernel import Kernel, make_kernel
from keelback.kernel.layout import Layout
from keelback.lang import NoHardware, Ram


def look(layout: Layout, contents: Any) -> Kernel:
    """Return a kernel over a machine's RAM, a writable buffer of bytes from physical address 0.

    Raises: ValueError when the buffer is too small for the layout's records.
    """
    ram = Ram(len(contents), word_bits=layout.paging.word_bits, contents=contents)
    return make_kernel(layout, ram, NoHardware())


def walker_of(kernel: Kernel) -> Walker:
    """Return what reads the page tables of a kernel, in the RAM that it lies in."""
    return Walker(kernel.spaces.scheme.name, reader(memoryview(kernel.spaces.ram.contents)))
