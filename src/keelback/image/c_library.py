"""The C library of programs: musl's sources, zig's and our own, each file compiled when a program first needs it.

The runtime's `libc/parts.list` says which files there are and what each defines.  A program gets those that define what
it calls, those that define what these call, and so on; the linker leaves out of them what is not used.

1. No part makes a system call of Linux's: such a call is an undefined symbol here (`libc/internal/syscall_arch.h`).
2. No part has floating point: they are compiled as programs are (`integers_only.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import Final

from keelback.image.symbols import defined_in, undefined_in, with_weak_names
from keelback.image.toolchain import (
    HOSTED_FLAGS,
    I386,
    NO_WARNINGS,
    SECTION_FLAGS,
    Target,
    assemble,
    compile_c,
)
from keelback.image.zig import c_headers, musl_folder
from keelback.image.zig_library import build_zig_library

FOLDER: Final = "libc"
"""The folder of a runtime that has the library's list and own files."""
_ZIG_PARTS: Final = tuple(
    f"c/{name}.zig" for name in ("ctype", "inttypes", "search", "stdlib", "stdlib/rand", "string", "strings", "wchar")
)
_ZIG_LEFT_OUT: Final = ("c/stdlib/drand48.zig",)  # it returns floating point
_MUSL_FLAGS: Final = ("-std=c99", "-D_XOPEN_SOURCE=700", "-w")
_MUSL_PLACES: Final = ("arch/generic", "src/include", "src/internal", "src/time")
_HAVE_FLOATING_POINT: Final = ("stdio/vfprintf.c", "stdio/vfscanf.c")
"""Files of musl's that are compiled without what they have of it (`integers_only.h`)."""


def library_headers(runtime: Path) -> tuple[Path, ...]:
    """Return the folders of headers that come before musl's."""
    folder = runtime / FOLDER / "include"
    return (folder,) if folder.is_dir() else ()


def needs_library(objects: Mapping[str, bytes], runtime: Path, base: Mapping[str, bytes]) -> bool:
    """Say whether objects need a part of the library, beside the runtime's own objects."""
    return not _wanted(objects, base).isdisjoint(_providers(runtime))


def build_library_parts(
    objects: Mapping[str, bytes], runtime: Path, base: Mapping[str, bytes], flags: Sequence[str], target: Target
) -> dict[str, bytes]:
    """Return the parts of the library that objects need beside those of the runtime, by file name.

    Raises: ToolchainError; OSError.
    """
    providers, here = _providers(runtime), _defined(base)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        building: dict[str, Future[bytes]] = {}

        def begin(names: Iterable[str]) -> set[Future[bytes]]:
            """Begin with the parts that define names and are not begun yet."""
            parts = sorted({providers[name] for name in names if name in providers} - building.keys())
            begun = {part: pool.submit(build_part, part, runtime, flags, target) for part in parts}
            building.update(begun)
            return {*begun.values()}

        waiting = begin(_wanted(objects, base))
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for each in done:
                waiting |= begin(undefined_in(each.result()) - here)
        return {_object_name(part): building[part].result() for part in sorted(building)}


def _wanted(objects: Mapping[str, bytes], base: Mapping[str, bytes]) -> set[str]:
    """Return the names that neither objects define that leave them to others, nor the runtime."""
    return set[str]().union(*map(undefined_in, objects.values())) - _defined(objects) - _defined(base)


def _defined(objects: Mapping[str, bytes]) -> set[str]:
    return set[str]().union(*map(defined_in, objects.values()))


def build_part(part: str, runtime: Path, flags: Sequence[str], target: Target = I386) -> bytes:
    """Build one line of the list: `zig c.zig`, `musl FILE` or `own FILE`.  Raises: ToolchainError; OSError."""
    origin, _, name = part.partition(" ")
    folder, musl = runtime / FOLDER, musl_folder()
    inside = [folder / "internal", musl / "arch" / target.musl, *(musl / place for place in _MUSL_PLACES)]
    if origin == "zig":
        root, pic = folder / "zig" / name, "-fPIC" in flags
        return build_zig_library(root, _ZIG_PARTS, empty=_ZIG_LEFT_OUT, pic=pic, target=target)
    if name.endswith(".S"):
        return assemble(folder / name, includes=[musl / "src"], target=target)
    common = (*HOSTED_FLAGS, *c_headers(target.zig), *SECTION_FLAGS, *flags)
    if origin == "musl":
        changes = ("-include", str(folder / "internal" / "integers_only.h")) if name in _HAVE_FLOATING_POINT else ()
        return compile_c(musl / "src" / name, includes=inside, flags=(*_MUSL_FLAGS, *changes, *common), target=target)
    own = (folder, runtime, *inside)
    flags = ("-D_GNU_SOURCE", *NO_WARNINGS, *common)
    return with_weak_names(compile_c(folder / name, includes=own, flags=flags, target=target))


@cache
def _providers(runtime: Path) -> Mapping[str, str]:
    """Return the part that defines each symbol; none where the runtime has no library."""
    return {name: part for part, names in read_parts(runtime).items() for name in names}


def read_parts(runtime: Path) -> dict[str, list[str]]:
    """Return the symbols of each part in the list of a runtime."""
    text = runtime / FOLDER / "parts.list"
    lines = text.read_text().splitlines() if text.exists() else []
    rows = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {part: names.split() for part, _, names in rows}


def _object_name(part: str) -> str:
    origin, _, name = part.partition(" ")
    return f"libc/{origin}/{Path(name).with_suffix('.o')}"
