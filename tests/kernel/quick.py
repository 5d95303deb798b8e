"""Kernels that are compiled in half the time: for layouts that are a test's own, and run for moments.

They have no debug information, so a panic in one has no place; nothing is inlined, and no stack is proven.  Whoever
tests these compiles as everybody does, by `keelback.image.kernels`.
"""

from functools import cache

from keelback.image.compiled import compile_kernel
from keelback.image.kernel_image import CompiledKernel
from keelback.image.kernels import BUILT_FROM, is_as_written
from keelback.image.live_kernels import entries_of, kernel_of
from keelback.image.own_sources import kept_build
from keelback.kernel.layout import Layout

FLAGS = ("-Os", "-g0", "-fno-inline")


@cache
def compiled_quickly(layout: Layout) -> CompiledKernel:
    """Compile the kernel of a layout, or find it compiled from the same sources.  Raises: as `kernels.compiled`."""
    kernel, ram = kernel_of(layout)

    def build() -> bytes:
        return compile_kernel(kernel, ram, entries_of(kernel), flags=FLAGS).pack()

    is_kept = is_as_written(kernel)
    return CompiledKernel.unpack(
        kept_build(BUILT_FROM, "quick kernel", layout, FLAGS, build=build) if is_kept else build()
    )
