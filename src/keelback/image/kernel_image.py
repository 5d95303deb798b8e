"""The kernel image as it lies in RAM: entry code and text, static records, payload.

start ┬ header, entry code, entry stubs         the same bytes in every life, but for the calls of compiled text
start + TEXT ┼ compiled text and read-only data, zero-padded
text_end ┼ static records, zero
records_end ┼ payload
end ┴
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

from keelback.errors import UserError
from keelback.image.stacks.proven import StackBound
from keelback.image.toolchain import Target, assemble, build_support, link_elf, link_flat
from keelback.lang.layout import StructLayout

TEXT = 0x2000
"""Where compiled text starts, in bytes from the start of the image."""
ENTRY_POINTS = ("kernel_start", "kernel_boot", "kernel_begin", "kernel_trap", "kernel_panic")


class ImageTooLarge(UserError):
    """A part of the image does not fit the room that the layout gives it."""


def check_room(part: str, content: bytes, room: int) -> None:
    """Check that a part of an image has no more bytes than there is room for.  Raises: ImageTooLarge."""
    if len(content) > room:
        raise ImageTooLarge(f"{part} has {len(content):,} bytes; there is room for {room:,}")


@dataclass(frozen=True)
class CompiledKernel:
    """A kernel as the compiler leaves it; all of `ENTRY_POINTS` are defined in it.

    `objects` are object files by name; `sections` the names and addresses of the sections that hold records in RAM;
    `stacks` how deep its stacks get, where that was proven.
    """

    objects: Mapping[str, bytes]
    sections: Sequence[tuple[str, int]] = field(default=())
    stacks: Sequence[StackBound] = field(default=())

    def __hash__(self) -> int:
        return hash((*self.objects.values(),))

    def pack(self) -> bytes:
        """Return the kernel as bytes."""
        sizes = {name: len(content) for name, content in self.objects.items()}
        facts = json.dumps([sizes, list(self.sections), [astuple(each) for each in self.stacks]]).encode()
        return bytes(len(facts).to_bytes(4, "little") + facts + b"".join(self.objects.values()))

    @staticmethod
    def unpack(packed: bytes) -> CompiledKernel:
        """Return the kernel that `pack` made bytes of."""
        position = 4 + int.from_bytes(packed[:4], "little")
        sizes, sections, stacks = json.loads(packed[4:position])
        objects = {}
        for name, size in sizes.items():
            objects[name] = packed[position : position + size]
            position += size
        bounds = (
            StackBound(stack, size, tuple((name, taken) for name, taken in chain)) for stack, size, chain in stacks
        )
        return CompiledKernel(objects, tuple((name, address) for name, address in sections), tuple(bounds))


def build_text(
    entry: Path,
    defines: Mapping[str, int],
    *,
    start: int,
    target: Target,
    compiled: CompiledKernel | None = None,
) -> bytes:
    """Assemble the entry code for the address `start` and link it, with a compiled kernel if there is one.

    Raises: ToolchainError.
    """
    return link_flat(_objects(entry, defines, target, compiled), _script(start, compiled), target=target)


def build_symbols(
    entry: Path, defines: Mapping[str, int], *, start: int, target: Target, compiled: CompiledKernel
) -> bytes:
    """Return the ELF file of the text that `build_text` makes, with symbols and debug information.

    Raises: ToolchainError.
    """
    return link_elf(_objects(entry, defines, target, compiled), _script(start, compiled), target=target)


def _objects(
    entry: Path, defines: Mapping[str, int], target: Target, compiled: CompiledKernel | None
) -> dict[str, bytes]:
    objects = {entry.name + ".o": assemble(entry, {**defines, "TEXT": TEXT}, target=target)}
    if compiled is not None:
        objects |= {"support.o": build_support(target), **compiled.objects}
    return objects


def _script(start: int, compiled: CompiledKernel | None) -> str:
    absent = [f"{name} = 0;" for name in ENTRY_POINTS if compiled is None]
    placed = [place_records(name, address) for name, address in (compiled.sections if compiled is not None else ())]
    return f"""
ENTRY(start)
{" ".join(absent)}
SECTIONS {{
    . = {start:#x};
    .text : {{
        *(.text.entry)
        ASSERT(. == {start + TEXT:#x}, "the entry code has its own size");
        *(.text*) *(.rodata*)
    }}
    .data : {{ *(.data*) *(.bss*) *(COMMON) }}
    ASSERT(SIZEOF(.data) == 0, "state of the kernel lies in records only")
{"".join(placed)}}}
"""


def place_records(name: str, address: int) -> str:
    """Return a linker script's lines for a section of records, which takes no room in the file."""
    return f"""    {name} {address:#x} (NOLOAD) : {{ *({name}) }}
    ASSERT(ADDR({name}) == {address:#x}, "{name} lies where its record does")
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
