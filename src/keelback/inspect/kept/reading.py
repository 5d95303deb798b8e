"""The door: a kept file that anybody may have written, opened and checked."""

import hashlib
import json
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from reprlib import repr  # however deep a value is
from typing import Any, Final

from keelback.inspect.kept.form import SIZES, BadKeptFile, Kind

PIECE: Final = 1 << 16


@contextmanager
def opened(path: Path, kind: Kind) -> Iterator[tuple[dict[str, Any], "Body"]]:
    """Open a kept file; yield its facts, all checked, and its body.  Raises: BadKeptFile; OSError."""
    with _opened(path, kind) as file:
        door = _Door(path, kind, file)
        facts = door.facts()
        yield facts, Body(path, file)


@contextmanager
def _opened(path: Path, kind: Kind) -> Iterator[BufferedReader]:
    """Open a file that is one, without waiting for who else has it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError:  # a zero byte in its name
        raise BadKeptFile(path, "no file is called so") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadKeptFile(path, f"it is no file; {kind.made_by} makes one")
    with open(descriptor, "rb") as file:
        yield file


class _Door:
    def __init__(self, path: Path, kind: Kind, file: BufferedReader) -> None:
        self.path = path
        self.kind = kind
        self.file = file

    def bad(self, why: str) -> BadKeptFile:
        return BadKeptFile(self.path, why)

    def facts(self) -> dict[str, Any]:
        """Return what the header says, when the whole file's digest is right; the body is read next."""
        header = self._header()
        try:
            said = json.loads(header)
        except (ValueError, RecursionError):
            raise self.bad("its header is not JSON") from None
        found = said.pop("format", None) if isinstance(said, dict) else None
        if type(found) is not int or found != self.kind.format:
            raise self.bad(f"it has format {repr(found):.40}, and this Keelback reads format {self.kind.format}")
        for name, check in self.kind.facts.items():
            if name not in said:
                raise self.bad(f"its header does not say {name}")
            if not check(said[name]):
                raise self.bad(f"its header says {name}: {repr(said[name]):.40}, which can't be")
        for name in sorted(said.keys() - self.kind.facts.keys()):
            raise self.bad(f"its header says {name!r:.40}, which is no word of a {self.kind.name}'s")
        return {name: said[name] for name in self.kind.facts}

    def _header(self) -> bytes:
        magic, start = self.kind.magic, self.kind.start
        read, size = self.file.read(start), os.fstat(self.file.fileno()).st_size
        if not read.startswith(magic[: max(len(read), 1)]):
            raise self.bad(f"it is no {self.kind.name}; {self.kind.made_by} makes one")
        if len(read) < start:
            raise self.bad(f"it is truncated: {size:,} bytes")
        sizes = read[len(magic) : len(magic) + SIZES.size]
        header_size, body_size = SIZES.unpack(sizes)
        whole = start + header_size + body_size
        if header_size > self.kind.most_header:
            raise self.bad(f"its header has {header_size:,} bytes; {self.kind.most_header:,} are the most")
        if size != whole:
            what = "it is truncated" if size < whole else "it goes on after its end"
            raise self.bad(f"{what}: {size:,} bytes of {whole:,}")
        header = self.file.read(header_size)
        digest = hashlib.sha256(sizes)
        digest.update(hashlib.file_digest(self.file, "sha256").digest() + header)
        if digest.digest() != read[-digest.digest_size :]:
            raise self.bad("its bytes have changed since it was written: their digest is another")
        self.file.seek(start + header_size)
        return header


class Body:
    """Takes a body apart, in pieces of bounded size."""

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self._path = path
        self._file = file
        self._unpacker = zlib.decompressobj()

    def take(self, count: int) -> bytes:
        """Return the next bytes.  Raises: BadKeptFile."""
        taken = bytearray()
        while len(taken) < count:
            taken += self._some(count - len(taken))
        return bytes(taken)

    def _some(self, most: int) -> bytes:
        packed = self._unpacker.unconsumed_tail or self._file.read(PIECE)
        try:
            found = self._unpacker.decompress(packed, most)
        except zlib.error:
            raise BadKeptFile(self._path, "its body is not packed as zlib packs") from None
        if not packed or (self._unpacker.eof and not found):
            raise BadKeptFile(self._path, "its body ends before what its header says has come")
        return found

    def check_end(self) -> None:
        """Check that nothing follows.  Raises: BadKeptFile."""
        rest = self._unpacker.unconsumed_tail or self._file.read(PIECE)
        try:
            more = self._unpacker.decompress(rest, 1) if rest else b""
        except zlib.error:
            more = b"?"
        if more or not self._unpacker.eof or self._unpacker.unused_data or self._file.read(1):
            raise BadKeptFile(self._path, "its body goes on after what its header says")
