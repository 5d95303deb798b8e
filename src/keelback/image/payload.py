"""The payload: the programs that travel with the kernel, as a ustar archive.

Equal members make equal bytes: the archive holds no time, no user and no order but the caller's.
The format is POSIX.1-1988 ustar; names fit the header's name field, so a reader needs no prefix.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Final, NamedTuple

_NAME_LIMIT: Final = 100  # bytes, the size of the header's name field
_BLOCK: Final = 512
_CHECKSUM: Final = slice(148, 156)
_OCTAL: Final = re.compile(rb"[0-7]+")


def make_payload(members: Mapping[str, bytes]) -> bytes:
    """Return a ustar archive of the members in their given order; ELF files are marked executable.

    Raises:
        ValueError: a name is empty, longer than 100 bytes, or not printable ASCII.
    """
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members.items():
            tar.addfile(_header(name, data), BytesIO(data))
    return archive.getvalue()


class Member(NamedTuple):
    """A member of an archive: its name, where its content starts in the archive, and its bytes."""

    name: str
    start: int
    content: bytes


def members_of(archive: bytes) -> Iterator[Member]:
    """Yield the members of an archive that `make_payload` made; one that others made may hold more than is seen.

    Raises: ValueError where a header can't be one of ours.
    """
    position = 0
    while any(archive[position : position + _BLOCK]):
        header = archive[position : position + _BLOCK]
        name, digits = header[:_NAME_LIMIT].rstrip(b"\0"), header[124:135]
        if len(header) < _BLOCK or not _OCTAL.fullmatch(digits) or header[_CHECKSUM] != _checksum(header):
            raise ValueError(f"no header at {position:#x}")
        start, size = position + _BLOCK, int(digits, 8)
        yield Member(name.decode("ascii"), start, archive[start : start + size])
        position = start + size + -size % _BLOCK


def _checksum(header: bytes) -> bytes:
    """Return what a header's checksum field should hold: the sum of its bytes, that field taken for blanks."""
    total = sum(header) - sum(header[_CHECKSUM]) + 8 * ord(" ")
    return b"%06o\0 " % total


def read_payload(archive: bytes) -> dict[str, bytes]:
    """Return the members of an archive that `make_payload` made, in their order."""
    return {member.name: member.content for member in members_of(archive)}


def _header(name: str, data: bytes) -> tarfile.TarInfo:
    """Return a member's header; `TarInfo` starts with no time, user 0 and group 0."""
    if not name:
        raise ValueError("a payload member has an empty name")
    if not (name.isascii() and name.isprintable()):
        raise ValueError(f"payload name {name!r} is not printable ASCII")
    if len(name) > _NAME_LIMIT:
        raise ValueError(f"payload name {name!r} has {len(name)} bytes; at most {_NAME_LIMIT} fit")
    header = tarfile.TarInfo(name)
    header.size = len(data)
    header.mode = 0o755 if data.startswith(b"\x7fELF") else 0o644
    return header
