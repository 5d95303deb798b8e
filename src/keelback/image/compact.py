"""The compact image: text and read-only data together, then data on a new page, and nothing else.

    base ┌──────────────────┐
         │ .text, .rodata   │  R X
         ├──────────────────┤  a new page
         │ .data            │  RW     in the file
         │ .bss             │         not in the file
         └──────────────────┘  base + size, where a size is fixed

Libraries have it, and programs that fix their image's size: `IMAGE_SIZE(bytes)` in C, `image_size` in Kernel Python.
The size counts from the image's first byte to its last; .bss grows to fill it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keelback.image.debug_data import link_with_debug_data
from keelback.image.toolchain import Target

SIZE_SYMBOL: Final = "__image_size"
"""The absolute symbol that `IMAGE_SIZE` of keelback.h defines."""
_PAGE: Final = 4096


def fixes_its_size(compiled: bytes) -> bool:
    """Tell whether an object file defines the size of the image that it becomes part of."""
    return b"\0" + SIZE_SYMBOL.encode() + b"\0" in compiled


def link_sized(
    objects: Mapping[str, bytes], runtime: Mapping[str, bytes], image_base: int, size: str, target: Target
) -> bytes:
    """Link a program whose image has a fixed size, with those objects of the runtime that it uses.

    Raises: ToolchainError, too where the image is larger.
    """
    script = compact_script(image_base, size)
    return link_with_debug_data(objects, script, archive=runtime, target=target)


def compact_script(base: int, size: str = "", *, header: int = 0) -> str:
    """Return the linker script of a compact image at a page's start, behind a read-only header of whole pages.

    `size` is what the image's size is in the linker's language, empty where it is as large as it comes.
    Raises: ValueError when the base is not the start of a page.
    """
    if base % _PAGE != 0:
        raise ValueError(f"the image base {base:#x} is not the start of a page")
    fill = f". = MAX(., {base + header:#x} + {size});" if size else ""
    check = f'ASSERT(. <= {base + header:#x} + {size}, "the image is larger than its fixed size")' if size else ""
    header_segment = "header PT_LOAD FLAGS(4);" if header else ""
    header_section = f".header : {{ . = {base + header:#x}; }} :header" if header else ""
    return f"""\
ENTRY(_start)
PHDRS
{{
    {header_segment}
    text PT_LOAD FLAGS(5);
    data PT_LOAD FLAGS(6);
}}
SECTIONS
{{
    . = {base:#x};
    {header_section}
    .text : {{ KEEP(*(.text)) *(.text.*) KEEP(*(.rodata)) *(.rodata.*) }} :text
    . = ALIGN({_PAGE});
    .data : {{ KEEP(*(.data)) *(.data.*) *(.got .got.plt) }} :data
    .bss (NOLOAD) : {{ KEEP(*(.bss)) *(.bss.* .record.* COMMON) {fill} }} :data
    {check}
    /DISCARD/ : {{
        *(.comment .note .note.* .eh_frame)
        *(.dynamic .dynsym .dynstr .hash .gnu.hash)
    }}
}}
"""
