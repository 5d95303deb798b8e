"""The objects of a program linked to a static ELF file.

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

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from keelback.image.c_library import build_library_parts, build_part, needs_library
from keelback.image.compact import SIZE_SYMBOL, fixes_its_size, link_sized
from keelback.image.debug_data import link_with_debug_data
from keelback.image.own_sources import BUILT_FROM, kept_build
from keelback.image.runtime import named
from keelback.image.symbols import takes_words
from keelback.image.toolchain import USER_FLAGS, Target, ToolchainError

NO_SYMBOLS: Final[Mapping[str, int]] = MappingProxyType({})
_PAGE: Final = 4096


def link_program(
    source: Path,
    own: Mapping[str, bytes],
    base: Mapping[str, bytes],
    runtime: Path,
    image_base: int,
    symbols: Mapping[str, int],
    target: Target,
) -> bytes:
    """Return the program that a source's objects make with those of the runtime, named by the source's stem.

    It is kept for as long as Keelback's sources stay as they are.  Raises: ToolchainError.
    """

    def link() -> bytes:
        start = _library_start(own, runtime, base, target)
        library = build_library_parts({**own, **start}, runtime, base, USER_FLAGS, target) if start else {}
        objects, archive = {**own, **start}, named(base, source.stem) | library
        try:
            if any(map(fixes_its_size, own.values())):
                return link_sized(objects, archive, image_base, SIZE_SYMBOL, target)
            return link_with_debug_data(objects, program_script(image_base, symbols), archive=archive, target=target)
        except ToolchainError as error:
            if _UNDEFINED.findall(error.diagnostics) == ["main"]:
                raise ToolchainError(source, "has no main, where a program starts", _LIBRARY_HINT) from None
            raise ToolchainError(source, "does not link", _with_hint(error.diagnostics)) from None

    key = ("linked", str(runtime.absolute()), image_base, source.stem, own, base, dict(symbols), target)
    return kept_build(BUILT_FROM, *key, build=link)


def _library_start(
    own: Mapping[str, bytes], runtime: Path, base: Mapping[str, bytes], target: Target
) -> dict[str, bytes]:
    """Return what starts a program that needs the C library, nothing for one that does not."""
    if any(map(takes_words, own.values())):
        return {"libc/start_words.o": build_part("own start_words.c", runtime, USER_FLAGS, target)}
    if needs_library(own, runtime, base):
        return {"libc/start_text.o": build_part("own start_text.c", runtime, USER_FLAGS, target)}
    return {}


_UNDEFINED = re.compile(r"undefined symbol: (\w+)")
_UNDEFINED_HINT = """\
It is in none of the program's files, and not in Keelback's C library (docs/c-programs.md).
Several files of one program are joined by +: main.c+list.c"""
_LIBRARY_HINT = "If it is a library, its name has to begin with lib (docs/libraries.md)."


def _with_hint(diagnostics: str) -> str:
    if "undefined symbol" not in diagnostics:
        return diagnostics
    return f"{diagnostics}\n{_UNDEFINED_HINT}"


def program_script(image_base: int, symbols: Mapping[str, int] = NO_SYMBOLS) -> str:
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
