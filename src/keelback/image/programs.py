"""User programs: C files and their runtime, made into static ELF files.

The image of a program, from its lowest address; every segment starts on a page of its own:

    image_base ┌─────────┐
               │ .text   │  R X
               ├─────────┤
               │ .rodata │  R      left out if there is none
               ├─────────┤
               │ .data   │  RW     in the file
               │ .bss    │         not in the file: p_memsz > p_filesz
               └─────────┘  end

A program that fixes its image's size has the compact image of `compact.py` instead.
Of the runtime and the C library only that is in it which the program uses; of its own files all is.
Function names stay in the symbol table, for fault reports; line tables do not, for size.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Final

from keelback.image.c_library import add_library, build_part, library_headers
from keelback.image.c_options import NO_C_OPTIONS, COptions
from keelback.image.compact import SIZE_SYMBOL, fixes_its_size, link_sized
from keelback.image.division import DIVISION_FLAGS
from keelback.image.own_sources import BUILT_FROM, kept_build
from keelback.image.runtime_parts import build_parts
from keelback.image.symbols import takes_words
from keelback.image.toolchain import (
    HOSTED_FLAGS,
    NO_WARNINGS,
    PROGRAM_LINKER_FLAGS,
    SECTION_FLAGS,
    USER_FLAGS,
    ToolchainError,
    build_support,
    c_headers,
    compile_c,
    link_elf,
)

_PAGE: Final = 4096
NAME_PART: Final = "runtime/name.o"
_NAME_SIZE: Final = 32
_NAME: Final = b"\1the name of the program\1".ljust(_NAME_SIZE, b"\0")
"""What `name.c` of the runtime has in place of the program's name."""
_TEXT_MAIN: Final = re.compile(r"\bmain\s*\(\s*(const\s+)?char\b")
_TEXT_REFUSED: Final = "first parameter of 'main'"
_NO_SYMBOLS: Final[Mapping[str, int]] = MappingProxyType({})


def build_program(
    *sources: Path,
    runtime: Path,
    image_base: int,
    flags: Sequence[str] = (),
    options: COptions = NO_C_OPTIONS,
    symbols: Mapping[str, int] = _NO_SYMBOLS,
) -> bytes:
    """Compile C files with the C files and headers of a runtime directory to an ELF file, named by the first's stem.

    Args:
        flags: for the program's own files; the runtime is always compiled with `NO_WARNINGS`.
        symbols: addresses by name that the program may use.

    Raises:
        ToolchainError: the compiler or the linker refused it.
        OSError: a source can't be read.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        compiled = [pool.submit(compile_user_c, each, runtime, flags=flags, options=options) for each in sources]
        base = _compile_runtime(runtime, pool)
        own = dict(zip(_object_names(sources), (each.result() for each in compiled), strict=True))
        return _link(sources[0], own, base, runtime, image_base, symbols)


def build_programs(
    sources: Sequence[Path], *, runtime: Path, image_base: int, flags: Sequence[str] = ()
) -> dict[str, bytes]:
    """Build several programs of a file each, as many at once as there are processors; each is named by its file's stem.

    Raises:
        ValueError: two sources have the same stem, or the image base is not the start of a page.
        ToolchainError: the compiler or the linker refused one.
        OSError: a source can't be read.
    """
    _check_names(sources)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        compiled = [pool.submit(compile_user_c, each, runtime, flags=flags) for each in sources]
        base = _compile_runtime(runtime, pool)

        def link(source: Path, own: Future[bytes]) -> bytes:
            return _link(source, {f"{source.stem}.o": own.result()}, base, runtime, image_base, _NO_SYMBOLS)

        return dict(zip((source.stem for source in sources), pool.map(link, sources, compiled), strict=True))


def compile_user_c(
    source: Path,
    runtime: Path,
    *,
    flags: Sequence[str] = (),
    options: COptions = NO_C_OPTIONS,
) -> bytes:
    """Compile a C file of a user's to an object.

    It is compiled as C for a hosted environment, in which main may leave out its return, unless main takes a text.
    Raises: ToolchainError; OSError.
    """
    includes = (*options.includes, runtime, *library_headers(runtime))
    common = (*USER_FLAGS, *DIVISION_FLAGS, *c_headers(), *options.define_flags(), *flags)
    if _TEXT_MAIN.search(source.read_text(errors="replace")):
        return compile_c(source, includes=includes, flags=common)
    try:
        return compile_c(source, includes=includes, flags=(*HOSTED_FLAGS, *common))
    except ToolchainError as error:
        if _TEXT_REFUSED not in error.diagnostics:
            raise
        return compile_c(source, includes=includes, flags=common)


def _object_names(sources: Sequence[Path]) -> list[str]:
    """Return names for the objects of sources, which may have equal stems."""
    stems = Counter(source.stem for source in sources)
    return [
        f"{source.stem}.o" if stems[source.stem] == 1 else f"{number}/{source.stem}.o"
        for number, source in enumerate(sources)
    ]


def _link(
    source: Path,
    own: Mapping[str, bytes],
    base: Mapping[str, bytes],
    runtime: Path,
    image_base: int,
    symbols: Mapping[str, int],
) -> bytes:
    """Return the program of objects, kept for as long as Keelback's sources stay as they are."""
    key = ("linked", str(runtime.absolute()), image_base, source.stem, own, base, dict(symbols))
    return kept_build(BUILT_FROM, *key, build=lambda: _link_new(source, own, base, runtime, image_base, symbols))


def _link_new(
    source: Path,
    own: Mapping[str, bytes],
    base: Mapping[str, bytes],
    runtime: Path,
    image_base: int,
    symbols: Mapping[str, int],
) -> bytes:
    start = _library_start(own, runtime, base)
    library = add_library({**own, **start}, runtime, base, USER_FLAGS) if start else {}
    objects, archive = {**own, **start}, named(base, source.stem) | library
    try:
        if any(map(fixes_its_size, own.values())):
            return link_sized(objects, archive, image_base, SIZE_SYMBOL)
        return link_elf(objects, program_script(image_base, symbols), archive=archive, flags=PROGRAM_LINKER_FLAGS)
    except ToolchainError as error:
        raise ToolchainError(source, "does not link", _with_hint(error.diagnostics)) from None


def _library_start(own: Mapping[str, bytes], runtime: Path, base: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what starts a program that needs the C library, nothing for one that does not."""
    if any(map(takes_words, own.values())):
        return {"libc/start_words.o": build_part("own start_words.c", runtime, USER_FLAGS)}
    if add_library(own, runtime, base, USER_FLAGS):
        return {"libc/start_text.o": build_part("own start_text.c", runtime, USER_FLAGS)}
    return {}


def _with_hint(diagnostics: str) -> str:
    if "undefined symbol" not in diagnostics:
        return diagnostics
    return f"{diagnostics}\nIt is in none of the program's files, and not in Keelback's C library (docs/c-programs.md)."


def named(objects: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    """Return a runtime's objects with a program's name in them; of a long one its start."""
    text = name.encode(errors="replace")[: _NAME_SIZE - 1].ljust(_NAME_SIZE, b"\0")
    return {**objects, **{part: objects[part].replace(_NAME, text) for part in objects.keys() & {NAME_PART}}}


def program_script(image_base: int, symbols: Mapping[str, int] = _NO_SYMBOLS) -> str:
    """Return the linker script of a program whose text starts at an address, with some addresses that it may use.

    Raises:
        ValueError: the address is not the start of a page.
    """
    if image_base % _PAGE != 0:
        raise ValueError(f"the image base {image_base:#x} is not the start of a page")
    provided = "\n".join(f"PROVIDE({name} = {address:#x});" for name, address in symbols.items())
    return f"""\
ENTRY(_start)
PHDRS
{{
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
}}
SECTIONS
{{
    . = {image_base:#x};
    .text : {{ KEEP(*(.text)) *(.text.*) }} :text
    . = ALIGN({_PAGE});
    .rodata : {{ KEEP(*(.rodata)) *(.rodata.*) }} :rodata
    . = ALIGN({_PAGE});
    .data : {{ KEEP(*(.data)) *(.data.*) }} :data
    .bss (NOLOAD) : {{ KEEP(*(.bss)) *(.bss.* .record.* COMMON) }} :data
    PROVIDE(end = .);
    PROVIDE(_end = .);
    /DISCARD/ : {{ *(.comment .note .note.* .eh_frame) }}
}}
{provided}
"""


def build_runtime(runtime: Path, flags: Sequence[str] = USER_FLAGS) -> Mapping[str, bytes]:
    """Return the objects of a runtime directory, by file name.  Raises: ToolchainError."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return _compile_runtime(runtime, pool, flags)


def _check_names(sources: Iterable[Path]) -> None:
    """Refuse two sources that would make programs of one name."""
    for stem, count in Counter(source.stem for source in sources).items():
        if count > 1:
            both = " and ".join(str(source) for source in sources if source.stem == stem)
            raise ValueError(f"{both} would both be the program {stem!r}")


def _compile_runtime(runtime: Path, pool: Executor, flags: Sequence[str] = USER_FLAGS) -> Mapping[str, bytes]:
    """Compile every file of a runtime directory, in C and in Kernel Python, in the order of their names."""
    flags = (*SECTION_FLAGS, *flags)
    own = (*NO_WARNINGS, *flags)
    sources = sorted(runtime.glob("*.c"))
    objects = pool.map(lambda source: compile_c(source, includes=[runtime], flags=own), sources)
    compiled = {f"runtime/{source.stem}.o": data for source, data in zip(sources, objects, strict=True)}
    return compiled | build_parts(runtime, flags) | {"support.o": build_support(flags=flags)}
