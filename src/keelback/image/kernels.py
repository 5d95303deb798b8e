"""Compiled kernels: made of a layout's live kernel, their stacks proven, and kept.

The compiler is imported where it is needed: a kernel that is kept needs none.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

import keelback
from keelback.image.images import places_of
from keelback.image.kernel_image import CompiledKernel, ImageTooLarge
from keelback.image.leftovers import run_tool
from keelback.image.linked import make_symbols, text_of
from keelback.image.live_kernels import entries_of, kernel_of
from keelback.image.own_sources import copy_kept, kept_build
from keelback.image.progress import working_on
from keelback.image.stacks.proven import StackBound
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import Layout
from keelback.lang import static_parts

if TYPE_CHECKING:
    from keelback.image.compiled import KernelBase

BUILT_FROM = ("abi", "compiler", "image", "kernel", "lang")
"""The parts of Keelback that decide what becomes of the kernel."""
BASE = "base"
"""What is kept of a kernel to be compiled again."""
OF_DATACLASS = "<string>"
"""The file of the `__init__` that a dataclass is given."""
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

    Where methods of it are replaced in this process, another one compiles it, if the compiler refuses none of them.
    Raises: CompileError; ToolchainError; NoBase.
    """
    build = built_base if is_as_written(kernel_of(layout)[0]) else _base_of_another_process
    found: KernelBase = pickle.loads(kept_build(BUILT_FROM, BASE, layout, build=partial(build, layout)))
    return found


def built_base(layout: Layout) -> bytes:
    """Compile the kernel of a layout to be compiled again, and pack it.  Raises: CompileError; ToolchainError."""
    from keelback.image.compiled import compile_kernel_base

    kernel, ram = kernel_of(layout)
    return pickle.dumps(compile_kernel_base(kernel, ram, entries_of(kernel), flags=FOR_SIZE * layout.for_size))


def copy_base(layout: Layout, folder: Path) -> None:
    """Compile the kernel of a layout to be compiled again, and copy it to another cache.

    Raises: as `base_of`.
    """
    base_of(layout)
    copy_kept(BUILT_FROM, BASE, layout, folder=folder)


class NoBase(Exception):
    """Another process could not compile the kernel of a layout."""


def _base_of_another_process(layout: Layout) -> bytes:
    """Have another process compile the kernel of a layout to be compiled again.

    What the compiler refuses of the kernel as it is here is told first, before that takes its time.
    Raises: CompileError; NoBase.
    """
    with working_on("the kernel"):
        _look_at(layout)
        done = run_tool([sys.executable, "-P", "-m", "keelback.image.base", pickle.dumps(layout).hex()])
    if done.returncode != 0:
        raise NoBase(done.stderr.decode(errors="replace"))
    return done.stdout


def _look_at(layout: Layout) -> None:
    """Have the compiler read the kernel of a layout.  Raises: CompileError at the first construct that is refused."""
    from keelback.compiler import compile_program

    kernel, ram = kernel_of(layout)
    compile_program(kernel, ram, entries_of(kernel))


@cache
def compiled_to_run(layout: Layout) -> CompiledKernel:
    """Compile the kernel of a layout in less time than `compiled` where methods of it are replaced.

    It does the same at other places, with other stacks; where these have no room, the whole is compiled.
    Raises: CompileError; ToolchainError.
    """
    kernel, _ = kernel_of(layout)
    if is_as_written(kernel):
        return compiled(layout)
    from keelback.compiler.errors import CompileError

    try:
        made = compiled_again(layout, base_of(layout))
        text_of(layout, made)
        places_of(layout, made)
    except (NoBase, ImageTooLarge):
        return compiled(layout)
    except CompileError as refused:
        if refused.rule != "stack":
            raise
        return compiled(layout)
    return made


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
def compiling(compile_it: Callable[[Layout], CompiledKernel], layout: Layout) -> Iterator[None]:
    """Compile the kernel of a layout, for `compile_it` to return, while the caller does something else.

    Raises: as `compile_it`, after that.
    """
    with ThreadPoolExecutor(1) as pool:
        kernel = pool.submit(compile_it, layout)
        yield
        kernel.result()


def is_as_written(kernel: Kernel) -> bool:
    """Say whether all methods of a kernel's parts are those of our files, which a test may have changed."""
    root = str(Path(keelback.__file__).parent)
    classes = {each for _, part in static_parts(kernel) for each in type(part).__mro__}
    ours = [vars(each) for each in classes if each.__module__.startswith("keelback.")]
    methods = [each for names in ours for name, each in names.items() if name[:2] != "__" or name == "__init__"]
    codes = [each.__code__ for each in methods if isinstance(each, FunctionType)]
    return all(code.co_filename.startswith((root, OF_DATACLASS)) for code in codes)
