"""User programs: C files and their runtime, made into static ELF files.

The image of a program, from its lowest address; every segment starts on a page of its own:

    image_base ┌─────────┐
               │ .text   │  R X
               ├─────────┤
               │ .rodata │  R      left out if there is none
               ├─────────┤
               │ .data   │  RW     in the file
               │ .bss    │         not in the file: p_memsz > p_filesz
               └─────────┘

A program that fixes its image's size has the compact image of `compact.py` instead.
Of the runtime's files only those are in it that the program uses.
Function names stay in the symbol table, for fault reports; line tables do not, for size.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from keelback.image.compact import SIZE_SYMBOL, fixes_its_size, link_sized
from keelback.image.runtime_parts import build_parts
from keelback.image.toolchain import NO_WARNINGS, USER_FLAGS, ToolchainError, build_support, compile_c, link_elf

_PAGE: Final = 4096


def build_program(source: Path, *, runtime: Path, image_base: int, flags: Sequence[str] = ()) -> bytes:
    """Compile a C file with the C files and headers of a runtime directory to an ELF file.

    Raises:
        ToolchainError: the compiler or the linker refused it.
        OSError: the source can't be read.
    """
    [program] = build_programs([source], runtime=runtime, image_base=image_base, flags=flags).values()
    return program


def build_programs(
    sources: Sequence[Path], *, runtime: Path, image_base: int, flags: Sequence[str] = ()
) -> dict[str, bytes]:
    """Build several programs, as many at once as there are processors; each is named by its file's stem.

    Args:
        flags: for the programs' own files; the runtime is always compiled with `NO_WARNINGS`.

    Raises:
        ValueError: two sources have the same stem, or the image base is not the start of a page.
        ToolchainError: the compiler or the linker refused one.
        OSError: a source can't be read.
    """
    _check_names(sources)
    script = program_script(image_base)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        compiled = [pool.submit(compile_c, each, includes=[runtime], flags=(*USER_FLAGS, *flags)) for each in sources]
        library = _compile_runtime(runtime, pool)

        def link(source: Path, own: Future[bytes]) -> bytes:
            name, code = f"{source.stem}.o", own.result()
            try:
                if fixes_its_size(code):
                    return link_sized({name: code}, library, image_base, SIZE_SYMBOL)
                return link_elf({name: code}, script, archive=library, flags=["--strip-debug"])
            except ToolchainError as error:
                raise ToolchainError(source, "does not link", error.diagnostics) from None

        return dict(zip((source.stem for source in sources), pool.map(link, sources, compiled), strict=True))


def program_script(image_base: int) -> str:
    """Return the linker script of a program whose text starts at an address.

    Raises:
        ValueError: the address is not the start of a page.
    """
    if image_base % _PAGE != 0:
        raise ValueError(f"the image base {image_base:#x} is not the start of a page")
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
    .text : {{ *(.text .text.*) }} :text
    . = ALIGN({_PAGE});
    .rodata : {{ *(.rodata .rodata.*) }} :rodata
    . = ALIGN({_PAGE});
    .data : {{ *(.data .data.*) }} :data
    .bss (NOLOAD) : {{ *(.bss .bss.* .record.* COMMON) }} :data
    /DISCARD/ : {{ *(.comment .note .note.* .eh_frame) }}
}}
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
    sources = sorted(runtime.glob("*.c"))
    objects = pool.map(lambda source: compile_c(source, includes=[runtime], flags=(*NO_WARNINGS, *flags)), sources)
    support = pool.submit(build_support, flags=flags)
    parts = build_parts(runtime, flags)  # in this thread, while the C compiler works for the others
    compiled = {f"runtime/{source.stem}.o": data for source, data in zip(sources, objects, strict=True)}
    return compiled | parts | {"support.o": support.result()}
