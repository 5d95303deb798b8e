"""The kernel image as it lies in RAM: entry code and text, static records, payload.

start ┬ header, entry code, text and read-only data, zero-padded
text_end ┼ static records, zero
records_end ┼ payload
end ┴
"""

import hashlib
import struct
from collections.abc import Mapping
from pathlib import Path

from keelback.image.toolchain import assemble, link_flat
from keelback.lang.layout import StructLayout


class ImageTooLarge(Exception):
    """A part of the image does not fit the room that the layout gives it."""


def build_text(entry: Path, defines: Mapping[str, int], *, start: int, text_end: int) -> bytes:
    """Assemble the entry code for the address `start`; the result fills [start, text_end).

    Raises: ToolchainError; ImageTooLarge.
    """
    objects = {entry.name + ".o": assemble(entry, defines)}
    text = link_flat(objects, _script(start))
    if len(text) > text_end - start:
        raise ImageTooLarge(f"the kernel's text has {len(text):,} bytes; there is room for {text_end - start:,}")
    return text.ljust(text_end - start, b"\0")


def _script(start: int) -> str:
    return f"""
ENTRY(start)
SECTIONS {{
    . = {start:#x};
    .text : {{ *(.text.entry) *(.text*) *(.rodata*) }}
}}
"""


def build_kernel_image(text: bytes, header: StructLayout, *, records: int, payload: bytes) -> bytes:
    """Return the whole image: text, `records` bytes of static records, payload.

    `header` is the layout of the image's header; its `payload_size` and `build_id` are filled in.
    """
    image = bytearray(text) + bytes(records) + payload
    struct.pack_into("<I", image, header.field("payload_size").offset, len(payload))
    build_id = header.field("build_id")
    digest = hashlib.sha256(image).digest()
    image[build_id.offset : build_id.offset + build_id.kind.size] = digest[: build_id.kind.size]
    return bytes(image)
