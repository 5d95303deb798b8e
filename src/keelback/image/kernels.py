"""Compiled kernels: made of a layout's live kernel, their stacks proven, and kept.

The compiler is imported where it is needed: a kernel that is kept needs none.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

import keelback
from keelback.image.kernel_image import CompiledKernel
from keelback.image.linked import make_symbols
from keelback.image.live_kernels import entries_of, kernel_of
from keelback.image.own_sources import kept_build
from keelback.image.stacks.proven import StackBound
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import Layout
from keelback.lang import static_parts

if TYPE_CHECKING:
    from keelback.image.compiled import KernelBase

BUILT_FROM = ("abi", "compiler", "image", "kernel", "lang")
"""The parts of Keelback that decide what becomes of the kernel."""
FOR_SIZE = ("-Os",)
FOR_SPEED = ("-mllvm", "-inline-threshold=425")
"""Twice as much is inlined as without: a kernel's functions are small, and calling them costs more than their text."""


@cache
def compiled(layout: Layout) -> CompiledKernel:
    """Compile the kernel of a layout, or find it compiled from the same sources.

    Raises: CompileError; ToolchainError.
    """
    kernel, ram = kernel_of(layout)

    def build() -> bytes:
        from keelback.image.compiled import compile_kernel

        flags, proof = FOR_SIZE if layout.for_size else FOR_SPEED, partial(stacks_of, layout)
        return compile_kernel(kernel, ram, entries_of(kernel), flags=flags, prove=proof).pack()

    is_kept = is_as_written(kernel)
    return CompiledKernel.unpack(kept_build(BUILT_FROM, "kernel", layout, build=build) if is_kept else build())


@cache
def base_of(layout: Layout) -> KernelBase:
    """Compile the kernel of a layout to be compiled again, or find it compiled from the same sources.

    Raises: CompileError; ToolchainError.
    """
    kernel, ram = kernel_of(layout)

    def build() -> bytes:
        from keelback.image.compiled import compile_kernel_base

        return pickle.dumps(compile_kernel_base(kernel, ram, entries_of(kernel), flags=FOR_SIZE * layout.for_size))

    is_kept = is_as_written(kernel)
    found: KernelBase = pickle.loads(kept_build(BUILT_FROM, "base", layout, build=build) if is_kept else build())
    return found


def compiled_again(layout: Layout, base: KernelBase) -> CompiledKernel:
    """Compile the kernel of a layout with what was replaced in this process, its stacks proven.

    Raises: CompileError; ToolchainError.
    """
    from keelback.image.compiled import compile_kernel_again

    kernel, ram = kernel_of(layout)
    flags, proof = FOR_SIZE * layout.for_size, partial(stacks_of, layout)
    return compile_kernel_again(base, kernel, ram, entries_of(kernel), flags=flags, prove=proof)


def stacks_of(layout: Layout, made: CompiledKernel) -> tuple[StackBound, ...]:
    """Return how deep the stacks of a compiled kernel get at most, the kernel stack first.

    Raises: Unbounded; StackTooDeep; ToolchainError.
    """
    from keelback.image.stacks.bounds import prove

    return prove(layout, make_symbols(layout, made))


@contextmanager
def compiling(layout: Layout) -> Iterator[None]:
    """Compile the kernel of a layout, for `compiled` to return, while the caller does something else.

    Raises: as `compiled`, after that.
    """
    with ThreadPoolExecutor(1) as pool:
        kernel = pool.submit(compiled, layout)
        yield
        kernel.result()


def is_as_written(kernel: Kernel) -> bool:
    """Say whether all methods of a kernel's parts are those of our files, which a test may have changed."""
    root = str(Path(keelback.__file__).parent)
    classes = {each for _, part in static_parts(kernel) for each in type(part).__mro__}
    ours = [vars(each) for each in classes if each.__module__.startswith("keelback.")]
    methods = [each for names in ours for name, each in names.items() if name[:2] != "__"]
    codes = [each.__code__ for each in methods if isinstance(each, FunctionType)]
    return all(code.co_filename.startswith(root) for code in codes)
