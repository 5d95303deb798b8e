"""Kernels of a layout: the live object without a machine, and what the compiler makes of it."""

from collections.abc import Callable
from functools import cache
from typing import Any

from keelback.image.compiled import compile_kernel
from keelback.image.kernel_image import CompiledKernel
from keelback.kernel.kernel import Kernel, make_kernel
from keelback.kernel.layout import Layout
from keelback.lang import NoHardware, Ram


def kernel_of(layout: Layout) -> tuple[Kernel, Ram]:
    """Return a kernel that has its records and nothing else, and the RAM that they lie in."""
    ram = Ram(layout.records_end)
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


@cache
def compiled(layout: Layout) -> CompiledKernel:
    """Compile the kernel of a layout, once a process.  Raises: CompileError; ToolchainError."""
    kernel, ram = kernel_of(layout)
    return compile_kernel(kernel, ram, entries_of(kernel))
