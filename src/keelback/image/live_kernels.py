"""The kernel of a layout as a live object, without a machine: what the compiler compiles, and others ask of."""

from collections.abc import Callable
from typing import Any

from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.kernel import Kernel, make_kernel
from keelback.kernel.layout import Layout
from keelback.lang import PAGE_SIZE, NoHardware, Ram


def kernel_of(layout: Layout) -> tuple[Kernel, Ram]:
    """Return a kernel that has its records and nothing else, and the RAM that they and the screen lie in."""
    ram = Ram(max(layout.records_end, SCREEN + PAGE_SIZE), word_bits=layout.paging.word_bits)
    return make_kernel(layout, ram, NoHardware()), ram


def entries_of(kernel: Kernel) -> dict[str, Callable[..., Any]]:
    """Return the methods that entry code calls, by the names that it calls them by."""
    return {
        "kernel_start": kernel.start,
        "kernel_boot": kernel.boot,
        "kernel_begin": kernel.begin,
        "kernel_trap": kernel.trap,
        "kernel_panic": kernel.panic,
    }
