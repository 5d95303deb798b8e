"""Shared libraries: position-independent code behind a link page, in an ELF file that fits any address.

    0x0000  link page                    R    `link_page.py`
    0x1000  text and read-only data      R X
            data, .bss on a new page     RW

1. Nothing in the file depends on where it is loaded: there is no dynamic relocation, or the build fails.
2. What a library exports is code: in C the functions marked EXPORT, in Kernel Python its root's public methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from keelback.errors import UserError
from keelback.image.c_library import build_library_parts, library_headers
from keelback.image.c_options import NO_C_OPTIONS, COptions
from keelback.image.compact import SIZE_SYMBOL, compact_script, fixes_its_size
from keelback.image.debug_data import keep_debug_data, link_with_debug_data, with_debug_data
from keelback.image.division import DIVISION_FLAGS
from keelback.image.link_page import PAGE_SIZE, make_link_page
from keelback.image.runtime import build_runtime, named
from keelback.image.symbols import defined_in
from keelback.image.toolchain import (
    HOSTED_FLAGS,
    I386,
    USER_FLAGS,
    Target,
    ToolchainError,
)
from keelback.image.zig import c_headers

LIBRARY_FLAGS: Final = (
    *USER_FLAGS,
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-jump-tables",  # else a switch may become a table of addresses
)
_LINKER_FLAGS: Final = ("-pie", "--entry=0", "--hash-style=sysv")


class LibraryError(UserError):
    """Tell which library can't be one, and why, in one line."""

    def __init__(self, source: Path, problem: str) -> None:
        """Take the library's source and what is wrong with it."""
        super().__init__(f"{source}: {problem}")
        self.source = source
        self.problem = problem


def build_library(
    source: Path,
    *,
    runtime: Path,
    flags: Sequence[str] = (),
    options: COptions = NO_C_OPTIONS,
    target: Target = I386,
) -> bytes:
    """Compile a C file to a library, with those of the runtime's functions that it uses.

    Raises:
        LibraryError: it can't be a library.
        ToolchainError: the compiler or the linker refused it.
        OSError: the source can't be read.
    """
    headers = (runtime, *library_headers(runtime))
    flags = (*HOSTED_FLAGS, *LIBRARY_FLAGS, *DIVISION_FLAGS, *c_headers(target.zig), *flags)
    compiled = options.compile(source, headers, flags, target)
    size = SIZE_SYMBOL if fixes_its_size(compiled) else ""
    linked = link_library(source, f"{source.stem}.o", compiled, runtime=runtime, size=size, target=target)
    return finish(source, linked, {symbol.name: symbol["st_value"] for symbol in _visible(source, linked)})


def link_library(source: Path, name: str, compiled: bytes, *, runtime: Path, target: Target, size: str = "") -> bytes:
    """Link a library's object file with the runtime; the link page is all zero yet.

    Raises: ToolchainError.
    """
    script = compact_script(0, size, header=PAGE_SIZE)
    base = build_runtime(runtime, LIBRARY_FLAGS, target)
    archive = named(base, source.stem) | build_library_parts({name: compiled}, runtime, base, LIBRARY_FLAGS, target)
    kept = (f"--undefined={symbol}" for symbol in sorted(defined_in(compiled)))
    try:
        flags = (*_LINKER_FLAGS, *kept)
        return link_with_debug_data({name: compiled}, script, archive=archive, target=target, flags=flags)
    except ToolchainError as error:
        raise ToolchainError(source, "does not link", error.diagnostics) from None


def finish(source: Path, linked: bytes, exports: Mapping[str, int]) -> bytes:
    """Return a linked library with its link page written.  Raises: LibraryError."""
    elf = _read(linked)
    for relocation in _relocations(elf):
        raise LibraryError(source, _refusal(elf, relocation["r_offset"]))
    header, *image = elf.iter_segments("PT_LOAD")
    if not exports or not image:
        raise LibraryError(source, "it exports nothing; as its name begins with lib, it is a library")
    end = max(segment["p_vaddr"] + segment["p_memsz"] for segment in image)
    try:
        page = make_link_page(end - PAGE_SIZE, exports)
    except ValueError as error:
        raise LibraryError(source, str(error)) from None
    start = header["p_offset"]
    finished = linked[:start] + page + linked[start + PAGE_SIZE :]
    keep_debug_data(finished, with_debug_data(linked))
    return finished


def functions_of(linked: bytes) -> dict[str, int]:
    """Return the offsets of the functions of a linked library, by their names in C."""
    return {symbol.name: symbol["st_value"] for symbol in _symbols(_read(linked)) if _type(symbol) == "STT_FUNC"}


def _visible(source: Path, linked: bytes) -> Iterator[Any]:
    """Yield the symbols that others may use.  Raises: LibraryError at one that is no function."""
    for symbol in _symbols(_read(linked)):
        exported = symbol["st_info"]["bind"] == "STB_GLOBAL" and symbol["st_other"]["visibility"] == "STV_DEFAULT"
        if exported and _type(symbol) == "STT_OBJECT":
            raise LibraryError(source, f"export {symbol.name!r} is data; only functions are exported")
        if exported and _type(symbol) == "STT_FUNC":
            yield symbol


def _refusal(elf: Any, offset: int) -> str:
    """Return why a library can't have the address that would be filled in at an offset."""
    for symbol in _symbols(elf):
        if symbol["st_value"] <= offset < symbol["st_value"] + symbol["st_size"]:
            return f"{symbol.name!r} holds an address (a dynamic relocation): constant pointer tables need offsets"
    return f"an address is needed at {offset:#x} (a dynamic relocation): constant pointer tables need offsets"


def _relocations(elf: Any) -> Iterator[Any]:
    for section in elf.iter_sections("SHT_REL" if elf.elfclass == 32 else "SHT_RELA"):
        yield from section.iter_relocations()


def _symbols(elf: Any) -> Iterator[Any]:
    return iter(elf.get_section_by_name(".symtab").iter_symbols())


def _type(symbol: Any) -> str:
    return str(symbol["st_info"]["type"])


def _read(linked: bytes) -> Any:
    # Imported here, because that takes longer than all cache hits together.
    from elftools.elf.elffile import ELFFile

    return ELFFile(BytesIO(linked))
