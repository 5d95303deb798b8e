"""Kernels of a layout: the live object without a machine, and what the compiler makes of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import keelback
from keelback.image.compiled import compile_kernel
from keelback.image.kernel_image import CompiledKernel
from keelback.image.own_sources import kept_build
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.kernel import Kernel, make_kernel
from keelback.kernel.layout import Layout
from keelback.lang import PAGE_SIZE, NoHardware, Ram, static_parts

BUILT_FROM = ("abi", "compiler", "image", "kernel", "lang")
"""The parts of Keelback that decide what becomes of the kernel."""
FOR_SIZE = ("-Os",)


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


@cache
def compiled(layout: Layout) -> CompiledKernel:
    """Compile the kernel of a layout, or find it compiled from the same sources.

    Raises: CompileError; ToolchainError.
    """
    kernel, ram = kernel_of(layout)

    def build() -> bytes:
        return compile_kernel(kernel, ram, entries_of(kernel), flags=FOR_SIZE * layout.for_size).pack()

    is_kept = _is_as_written(kernel)
    return CompiledKernel.unpack(kept_build(BUILT_FROM, "kernel", layout, build=build) if is_kept else build())


@contextmanager
def compiling(layout: Layout) -> Iterator[None]:
    """Compile the kernel of a layout, for `compiled` to return, while the caller does something else.

    Raises: as `compiled`, after that.
    """
    with ThreadPoolExecutor(1) as pool:
        kernel = pool.submit(compiled, layout)
        yield
        kernel.result()


def _is_as_written(kernel: Kernel) -> bool:
    """Say whether all methods of a kernel's parts are those of our files, which a test may have changed."""
    root = str(Path(keelback.__file__).parent)
    classes = {each for _, part in static_parts(kernel) for each in type(part).__mro__}
    ours = [vars(each) for each in classes if each.__module__.startswith("keelback.")]
    methods = [each for names in ours for name, each in names.items() if name[:2] != "__"]
    codes = [each.__code__ for each in methods if isinstance(each, FunctionType)]
    return all(code.co_filename.startswith(root) for code in codes)
