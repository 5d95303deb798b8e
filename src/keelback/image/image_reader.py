"""A kernel image file read back: setup header, the kernel's own header and the payload, and whether they agree.

1. The kernel's header is that of a layout that we know, and the places in both headers are that layout's.
2. The build id is that of the kernel and the payload: no byte of theirs has changed since it was built.
3. The payload is an archive as the builder makes one, of all its members and nothing else.
4. No other byte of the file has changed, by its checksum.
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from keelback.image.image_file import BadImageFile, ImageFile
from keelback.image.images import mover_of, room_loaded
from keelback.image.payload import Member, make_payload, members_of
from keelback.kernel.boot.header import MAGIC, VERSION, ImageHeader
from keelback.kernel.layout import PUBLISHED, Layout
from keelback.lang import layout_of

_HEADER = layout_of(ImageHeader)
_INTEGERS = tuple(field for field in _HEADER.fields if field.name not in ("jump", "build_id"))


@dataclass(frozen=True)
class KernelFile:
    """A kernel image file that was found good in all its parts.  Raises: BadImageFile when it is not."""

    file: ImageFile
    layouts: tuple[Layout, ...] = PUBLISHED
    """Those that it may be of: the published ones, or a user's own."""

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise BadImageFile(problem)

    @cached_property
    def header(self) -> Mapping[str, int]:
        """Return the integers of the kernel's own header, by name."""
        kernel = self.file.kernel
        return {field.name: struct.unpack_from("<I", kernel, field.offset)[0] for field in _INTEGERS}

    @property
    def layout(self) -> Layout:
        """Return the layout that the kernel was built for."""
        return self._layouts[self.header["layout"], self.header["levels"]]

    @cached_property
    def _layouts(self) -> Mapping[tuple[int, int], Layout]:
        return {(each.number, len(each.paging.levels)): each for each in self.layouts}

    @property
    def build_id(self) -> bytes:
        """Return the start of the SHA-256 of kernel and payload."""
        field = _HEADER.field("build_id")
        return self.file.kernel[field.offset : field.offset + field.kind.size]

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """Return what is in the payload, in order."""
        *_, part = self.file.parts
        found = members_of(self.file.content[part.start : part.end])
        return tuple(member._replace(start=part.start + member.start) for member in found)

    def _problems(self) -> Iterator[str]:
        """Yield what is wrong, in an order in which each finding rests on those before."""
        if self.file.field("payload_offset") < _HEADER.size:
            yield f"its kernel is shorter than the {_HEADER.size} bytes of the kernel's header"
        for name, ours in (("magic", MAGIC), ("version", VERSION)):
            if self.header[name] != ours:
                yield f"the {name} in its kernel's header is {self.header[name]:#x}; ours is {ours:#x}"
        if (kind := (self.header["layout"], self.header["levels"])) not in self._layouts:
            yield f"its kernel is of layout {kind[0]} with {kind[1]} levels of tables, which we do not know"
        yield from self._misplaced()
        if self.build_id != (own := _build_id_of(self.file.kernel)):
            yield f"its bytes have changed: its build id is {self.build_id.hex()}, that of its bytes is {own.hex()}"
        if not self._is_payload_ours():
            yield "its payload is not an archive as `keelback build` makes one"
        if not self.file.is_whole:
            yield "its bytes have changed: kernel and payload are as they were built, and the others are not"

    def _misplaced(self) -> Iterator[str]:
        """Yield places and sizes that are not the layout's, or differ between the two headers."""
        layout, header, field = self.layout, self.header, self.file.field
        for what, said, right in (
            ("it is loaded at", field("pref_address"), layout.loaded_at),
            ("its payload starts at", layout.kernel_start + field("payload_offset"), layout.records_end),
            ("its kernel finds the payload at", header["payload"], layout.records_end),
        ):
            if said != right:
                yield f"{what} {said:#x}; in the {layout.name} layout that is {right:#x}"
        if header["payload_size"] != (size := field("payload_length")):
            yield f"its payload has {size:,} bytes by the setup header, {header['payload_size']:,} by the kernel's"
        if field("init_size") != (room := room_loaded(layout, len(self.file.kernel))):
            yield f"it asks for {field('init_size'):,} bytes of memory; it needs {room:,} to start"
        if self.file.mover != mover_of(layout, len(self.file.kernel)):
            yield f"what moves its kernel to {layout.kernel_start:#x} is not ours"

    def _is_payload_ours(self) -> bool:
        """Make the payload again out of its members, which finds all that is not as it should be."""
        payload = self.file.content[self.file.parts[-1].start : self.file.parts[-1].end]
        try:
            return make_payload({each.name: each.content for each in self.members}) == payload
        except ValueError:
            return False


def read_image_file(content: bytes, layout: Layout | None = None) -> KernelFile:
    """Return a kernel image file's contents, checked: one of a layout, or of any that is published.

    Raises: BadImageFile.
    """
    return KernelFile(ImageFile(content), PUBLISHED if layout is None else (layout,))


def _build_id_of(kernel: bytes) -> bytes:
    """Return the build id that a kernel with its payload ought to have: it is made while its own place is zero."""
    field = _HEADER.field("build_id")
    end = field.offset + field.kind.size
    return hashlib.sha256(kernel[: field.offset] + bytes(field.kind.size) + kernel[end:]).digest()[: field.kind.size]
