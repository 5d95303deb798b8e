"""Reading a machine from a file that anybody may have written."""

import hashlib
import json
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from keelback.inspect.moment import Moment, Stands
from keelback.inspect.records_digest import records_digest
from keelback.inspect.saved.form import (
    FACTS,
    FORMAT,
    MAGIC,
    MOST_HEADER,
    RUN,
    SIZES,
    START,
    BadSavedFile,
    Facts,
    is_fact,
)
from keelback.inspect.sparse import PAGE, PIECE, make_memory
from keelback.kernel.layout import PUBLISHED, Layout


def read_moment(path: Path, own: Sequence[Layout] = ()) -> Moment:
    """Return the machine that a file keeps; `own` are layouts of the user's that it may have beside ours.

    Raises: BadSavedFile; OSError when it can't be read.
    """
    with _opened(path) as file:
        reader = _Reader(path, file)
        facts = reader.facts()
        layout = reader.layout(facts, own)
        contents = make_memory(facts.memory)
        console = reader.fill(contents, facts)
    return Moment(layout, contents, facts.machine, Stands(facts.stands), facts.time, facts.traps, console)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """Open a file that is one, without waiting for who else has it.  Raises: BadSavedFile; OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError:  # a zero byte in its name
        raise BadSavedFile(path, "no file is called so") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadSavedFile(path, "it is no file; `keelback snapshot FILE` makes one")
    with open(descriptor, "rb") as file:
        yield file


class _Reader:
    def __init__(self, path: Path, file: BufferedReader) -> None:
        self.path = path
        self.file = file

    def bad(self, why: str) -> BadSavedFile:
        return BadSavedFile(self.path, why)

    def facts(self) -> Facts:
        """Return what the header says, when the whole file's digest is right; the body is read next."""
        header = self._header()
        try:
            said = json.loads(header)
        except (ValueError, RecursionError):
            raise self.bad("its header is not JSON") from None
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            found = said.get("format") if isinstance(said, dict) else None
            raise self.bad(f"it has format {found!r:.40}, and this Keelback reads format {FORMAT}")
        for name in FACTS:
            if not is_fact(name, said.get(name)):
                raise self.bad(f"its header says {name}: {said.get(name)!r:.40}, which can't be")
        return Facts(**{name: said[name] for name in FACTS})

    def _header(self) -> bytes:
        start, size = self.file.read(START), os.fstat(self.file.fileno()).st_size
        if not start.startswith(MAGIC[: max(len(start), 1)]):
            raise self.bad("it is no saved machine; `keelback snapshot FILE` makes one")
        if len(start) < START:
            raise self.bad(f"it is truncated: {size:,} bytes")
        sizes = start[len(MAGIC) : len(MAGIC) + SIZES.size]
        header_size, self.body_size = SIZES.unpack(sizes)
        whole = START + header_size + self.body_size
        if header_size > MOST_HEADER:
            raise self.bad(f"its header has {header_size:,} bytes; {MOST_HEADER:,} are the most")
        if size != whole:
            what = "it is truncated" if size < whole else "it goes on after its end"
            raise self.bad(f"{what}: {size:,} bytes of {whole:,}")
        header = self.file.read(header_size)
        digest = hashlib.sha256(sizes)
        digest.update(self._body_digest() + header)
        if digest.digest() != start[-digest.digest_size :]:
            raise self.bad("its bytes have changed since it was written: their digest is another")
        self.file.seek(START + header_size)
        return header

    def _body_digest(self) -> bytes:
        return hashlib.file_digest(self.file, "sha256").digest()

    def layout(self, facts: Facts, own: Sequence[Layout]) -> Layout:
        """Return the layout that a header names, if the records of our build lie as its own did."""
        known = {(each.name, each.paging.name): each for each in (*PUBLISHED, *own)}
        layout = known.get((facts.layout, facts.paging))
        if layout is None:
            name = f"{facts.layout} with {facts.paging} page tables"
            raise self.bad(f"it is of the layout {name}, which we do not know; one of yours is named by --layout")
        if facts.records != records_digest(layout):
            raise self.bad(
                f"it was saved by another build ({facts.build}), whose kernel's records lie otherwise than ours; "
                "save it with this one"
            )
        limit = layout.physical_limit
        if not layout.records_end <= facts.memory <= limit or facts.memory % PAGE:
            raise self.bad(
                f"its header says {facts.memory:,} bytes of memory; in the {layout.name} layout a machine has "
                f"{layout.records_end:,} to {limit:,}, whole pages"
            )
        return layout

    def fill(self, contents: Any, facts: Facts) -> bytes:
        """Fill zeroed memory with what the body has; return the console."""
        body, end = _Unpacker(self), facts.memory // PAGE
        console = body.take(facts.console)
        before = 0
        while True:
            first, count = RUN.unpack(body.take(RUN.size))
            if count == 0:
                break
            if not before <= first < first + count <= end:
                raise self.bad(f"its pages [{first:#x}, {first + count:#x}) are out of order, or not in its memory")
            before = first + count
            for place in range(first * PAGE, before * PAGE, PIECE):
                contents[place : min(place + PIECE, before * PAGE)] = body.take(min(PIECE, before * PAGE - place))
        body.check_end()
        return console


class _Unpacker:
    """Takes a body apart, in pieces of bounded size."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        self._unpacker = zlib.decompressobj()

    def take(self, count: int) -> bytes:
        """Return the next bytes.  Raises: BadSavedFile."""
        taken = bytearray()
        while len(taken) < count:
            taken += self._some(count - len(taken))
        return bytes(taken)

    def _some(self, most: int) -> bytes:
        packed = self._unpacker.unconsumed_tail or self.reader.file.read(1 << 16)
        try:
            found = self._unpacker.decompress(packed, most)
        except zlib.error:
            raise self.reader.bad("its body is not packed as zlib packs") from None
        if not packed or (self._unpacker.eof and not found):
            raise self.reader.bad("its body ends before its last page")
        return found

    def check_end(self) -> None:
        """Check that nothing follows.  Raises: BadSavedFile."""
        rest = self._unpacker.unconsumed_tail or self.reader.file.read(1 << 16)
        try:
            more = self._unpacker.decompress(rest, 1) if rest else b""
        except zlib.error:
            more = b"?"
        if more or not self._unpacker.eof or self._unpacker.unused_data or self.reader.file.read(1):
            raise self.reader.bad("its body goes on after its last page")
