"""The kernel image file: what a boot loader loads, by the Linux x86 boot protocol.

    0x0000 ┬ boot sector        says that a boot loader is needed; holds the start of the setup header
    0x0200 ┼ setup code         real mode: memory map, protected mode
    0x1000 ┼ microkernel and process manager    loaded at kernel_start, with the static records after its text
           ┼ payload            a ustar archive of programs
           ┼ mover              where the kernel does not lie where it is loaded (mover.py)
           ┼ checksum           in the last 4 of 16 bytes: with it the CRC-32 of the file is 0
           ┴

The same contents make the same bytes.  Source: Linux x86 boot protocol 2.15.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

from keelback.errors import UserError
from keelback.image.boot_protocol import (
    BOOT_FLAG,
    FIELDS,
    HDRS,
    HEADER,
    HEADER_END,
    SECTOR,
    SETUP_SIZE,
    STACK,
    VERSION_SIZE,
    read_field,
    write_header,
)
from keelback.image.toolchain import assemble, link_flat

SETUP_SOURCE: Final = Path(__file__).parent / "setup.S"
OUR_NAME: Final = "Keelback "
"""How the version text of all our kernels starts."""
UNIT: Final = 16  # bytes in which loaders count the kernel
CHECKSUM: Final = 4


class BadImageFile(UserError):
    """A file is no kernel image of ours; the message says what is wrong with it, and starts with `it` or `its`."""


@dataclass(frozen=True)
class KernelInRam:
    """The part of the file that is loaded at `start`: its bytes, where in it the payload starts, who it is.

    `mover` is what moves it to where it lies, and follows it, 16-aligned.
    `room` is how many bytes from `start` on must be usable memory when the kernel starts.  `version` starts with
    `OUR_NAME` and is printable ASCII; what is longer than its place in the file is cut off.
    """

    start: int
    content: bytes
    payload: int
    room: int
    version: str
    mover: bytes = b""


@dataclass(frozen=True)
class Part:
    """One part of the file, the bytes [start, end); `address` is where it is loaded, None where the loader decides."""

    name: str
    start: int
    end: int
    address: int | None


def build_image_file(kernel: KernelInRam) -> bytes:
    """Return the kernel image file.  Raises: ToolchainError."""
    setup = bytearray(_build_setup())
    content = padded(kernel.content)
    entry = kernel.start + len(content) if kernel.mover else kernel.start
    content += padded(kernel.mover)
    write_header(
        setup,
        {
            "syssize": len(content) // UNIT + 1,
            "code32_start": entry,
            "payload_offset": kernel.payload,
            "payload_length": len(kernel.content) - kernel.payload,
            "pref_address": kernel.start,
            "init_size": kernel.room,
        },
    )
    version = kernel.version.encode("ascii")[: VERSION_SIZE - 1]
    setup[SETUP_SIZE - VERSION_SIZE :] = version.ljust(VERSION_SIZE, b"\0")
    return with_checksum(bytes(setup) + content)


def with_checksum(content: bytes) -> bytes:
    """Return a file with its checksum behind it, in bytes that the loaders load and nobody reads."""
    content += bytes(UNIT - CHECKSUM)
    return content + _remainder(content).to_bytes(CHECKSUM, "little")


def _remainder(content: bytes) -> int:
    """Return the CRC-32 as the boot protocol means it: its bits are not inverted at the end."""
    return crc32(content) ^ 0xFFFF_FFFF


def padded(content: bytes) -> bytes:
    """Return some bytes, with zeros up to a whole number of the units that loaders count in."""
    return content + bytes(-len(content) % UNIT)


def _build_setup() -> bytes:
    """Return boot sector and setup code, without the setup header's values."""
    defines = {
        "HEADER": HEADER,
        "HEADER_END": HEADER_END,
        "STACK": STACK,
        "VERSION_SIZE": VERSION_SIZE,
        "SETUP_SIZE": SETUP_SIZE,
    }
    objects = {"setup.o": assemble(SETUP_SOURCE, defines)}
    setup = link_flat(objects, "ENTRY(start) SECTIONS { . = 0; .text : { *(.text) } }")
    assert len(setup) == SETUP_SIZE, "setup has its own size"
    return setup


@dataclass(frozen=True)
class ImageFile:
    """A kernel image file whose setup header was found good.  Raises: BadImageFile when it is not."""

    content: bytes

    def __post_init__(self) -> None:
        for problem in _problems(self.content):
            raise BadImageFile(problem)

    @property
    def kernel(self) -> bytes:
        """Return what is loaded at kernel_start: kernel and payload, without what pads the file after them."""
        return self.content[SETUP_SIZE : SETUP_SIZE + self.field("payload_offset") + self.field("payload_length")]

    @property
    def mover(self) -> bytes:
        """Return what moves the kernel to where it lies; nothing where it is loaded there."""
        offset = self.field("code32_start") - self.field("pref_address")
        return self.content[SETUP_SIZE + offset : -UNIT] if offset else b""

    @property
    def is_whole(self) -> bool:
        """Say whether all of the file is as it was built, by its checksum."""
        return _remainder(self.content) == 0

    @property
    def version(self) -> str:
        """Return the text that says which kernel it is."""
        return _version_text(self.content)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the four parts, in order; behind the payload is what pads the file, perhaps a mover, the checksum."""
        start, offset = self.field("pref_address"), self.field("payload_offset")
        payload, end = SETUP_SIZE + offset, SETUP_SIZE + len(self.kernel)
        return (
            Part("boot sector", 0, SECTOR, None),
            Part("setup code", SECTOR, SETUP_SIZE, None),
            Part("microkernel and process manager", SETUP_SIZE, payload, start),
            Part("payload", payload, end, start + offset),
        )

    def field(self, name: str) -> int:
        """Return a field of the setup header."""
        return read_field(self.content, name)


def _version_text(content: bytes) -> str:
    """Return the version text of any kernel; empty where there is none."""
    start = SECTOR + read_field(content, "kernel_version")
    text = content[start : start + VERSION_SIZE].partition(b"\0")[0].decode("ascii", "replace")
    return text if text.isprintable() else ""


def _problems(content: bytes) -> Iterator[str]:
    """Yield what is wrong with a file, in an order in which each finding rests on those before."""
    if len(content) < 2 * SECTOR:
        yield f"it has {len(content):,} bytes; boot sector and setup header alone take {2 * SECTOR:,}"
    if read_field(content, "boot_flag") != BOOT_FLAG or read_field(content, "header") != HDRS:
        yield "it has no setup header: no 0xaa55 at 0x1fe and HdrS at 0x202"
    yield from _foreign(content)
    yield from _wrong_size(content)
    yield from _wrong_places(content)


def _foreign(content: bytes) -> Iterator[str]:
    """Yield what another kernel's setup header has, and ours has not."""
    version = read_field(content, "version")
    if version < 0x020A:
        yield f"its boot protocol is {version >> 8}.{version & 0xFF}; ours is 2.15"
    setup = SECTOR * (1 + read_field(content, "setup_sects"))
    if setup != SETUP_SIZE:
        text = _version_text(content)
        name = f", and it calls itself {text!r}" if text else ""
        yield f"boot sector and setup code take {setup:,} bytes by its header; ours take {SETUP_SIZE:,}{name}"
    for field in FIELDS:
        value = read_field(content, field.name)
        if field.value is not None and value != field.value:
            yield f"its field {field.name} is {value:#x}; ours is {field.value:#x}"
    if len(content) >= SETUP_SIZE and not _version_text(content).startswith(OUR_NAME):
        yield f"it is another kernel: it calls itself {_version_text(content)!r}"


def _wrong_size(content: bytes) -> Iterator[str]:
    """Yield where the file's size is not what its header says."""
    size = SETUP_SIZE + UNIT * read_field(content, "syssize")
    if len(content) < size:
        yield f"it is truncated: {len(content):,} bytes of {size:,}"
    if len(content) > size:
        yield f"it goes on after its end: {len(content):,} bytes instead of {size:,}"


def _wrong_places(content: bytes) -> Iterator[str]:
    """Yield where the places that the header tells contradict each other."""
    start, entry = read_field(content, "pref_address"), read_field(content, "code32_start")
    kernel, room = len(content) - SETUP_SIZE - UNIT, read_field(content, "init_size")
    if room < kernel:
        yield f"it asks for {room:,} bytes of memory; kernel and payload take {kernel:,}"
    offset = read_field(content, "payload_offset")
    end = offset + read_field(content, "payload_length")
    if end > kernel:
        yield f"its payload, [{offset:#x}, {end:#x}), ends after the kernel's {kernel:#x} bytes"
    behind = len(padded(bytes(end % UNIT))) - end % UNIT + end
    if entry not in (start, start + behind):
        yield f"it is to be loaded at {start:#x}, but entered at {entry:#x}"
    if entry == start + behind and behind < kernel:
        kernel = behind
    if kernel - end >= UNIT or any(content[SETUP_SIZE + end : SETUP_SIZE + kernel]):
        yield f"its payload, [{offset:#x}, {end:#x}), ends before the kernel's {kernel:#x} bytes"
