"""The runtime of programs: the C files of its folder and what of it is Kernel Python, an object each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from keelback.image.runtime_parts import build_parts
from keelback.image.symbols import with_weak_names
from keelback.image.toolchain import I386, NO_WARNINGS, SECTION_FLAGS, USER_FLAGS, Target, build_support, compile_c

NAME_PART: Final = "runtime/print.o"
_NAME_SIZE: Final = 32
_NAME: Final = b"\1the name of the program\1".ljust(_NAME_SIZE, b"\0")
"""What `print.c` of the runtime has in place of the program's name."""


def build_runtime(runtime: Path, flags: Sequence[str] = USER_FLAGS, target: Target = I386) -> Mapping[str, bytes]:
    """Return the objects of a runtime directory, by file name.  Raises: ToolchainError."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return compile_runtime(runtime, pool, flags, target)


def compile_runtime(
    runtime: Path, pool: Executor, flags: Sequence[str] = USER_FLAGS, target: Target = I386
) -> Mapping[str, bytes]:
    """Compile every file of a runtime directory, in C and in Kernel Python, in the order of their names.

    Raises: ToolchainError.
    """
    flags = (*SECTION_FLAGS, *flags)
    own = (*NO_WARNINGS, *flags)
    sources = sorted(runtime.glob("*.c"))
    objects = pool.map(lambda source: compile_c(source, includes=[runtime], flags=own, target=target), sources)
    compiled = {f"runtime/{source.stem}.o": data for source, data in zip(sources, objects, strict=True)}
    made = compiled | build_parts(runtime, flags, target)
    support = {"support.o": build_support(target, flags=flags)}
    return {name: with_weak_names(each) for name, each in made.items()} | support


def named(objects: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    """Return a runtime's objects with a program's name in them; of a long one its start."""
    text = name.encode(errors="replace")[: _NAME_SIZE - 1].ljust(_NAME_SIZE, b"\0")
    return {**objects, **{part: objects[part].replace(_NAME, text) for part in objects.keys() & {NAME_PART}}}
