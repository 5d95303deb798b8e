"""Writing a machine into a file."""

import hashlib
import json
import zlib
from dataclasses import asdict
from typing import Any, BinaryIO

from keelback.inspect.moment import Moment
from keelback.inspect.records_digest import records_digest
from keelback.inspect.saved.form import FORMAT, MAGIC, MOST_CONSOLE, RUN, SIZES, START, Facts
from keelback.inspect.sparse import PAGE, PIECE, filled_runs


def write_moment(moment: Moment, file: BinaryIO, version: str) -> None:
    """Write a machine into an empty file that can be sought in; `version` is that of this Keelback.  Raises: OSError.

    64 MiB take 0.2 s, 3.5 GiB of which little was ever touched as long.
    """
    header = json.dumps(asdict(_facts(moment, version))).encode()
    file.write(bytes(START) + header)
    body = _Packer(file)
    body.add(moment.console[-MOST_CONSOLE:])
    memory = memoryview(moment.contents).cast("B")
    for first, count in filled_runs(memory):
        body.add(RUN.pack(first, count))
        for place in range(first * PAGE, (first + count) * PAGE, PIECE):
            body.add(memory[place : min(place + PIECE, (first + count) * PAGE)])
    body.end(RUN.pack(0, 0))
    sizes = SIZES.pack(len(header), body.size)
    digest = hashlib.sha256(sizes)
    digest.update(body.digest.digest() + header)
    file.seek(0)
    file.write(MAGIC + sizes + digest.digest())


def _facts(moment: Moment, version: str) -> Facts:
    return Facts(
        format=FORMAT,
        build=version,
        layout=moment.layout.name,
        paging=moment.layout.paging.name,
        records=records_digest(moment.layout),
        memory=memoryview(moment.contents).nbytes,
        machine=moment.machine,
        stands=moment.stands.value,
        time=moment.time,
        traps=moment.traps,
        console=min(len(moment.console), MOST_CONSOLE),
    )


class _Packer:
    """What is written of the body, and its size and digest."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = 0
        self.digest = hashlib.sha256()
        self._packer = zlib.compressobj(1)

    def add(self, content: Any) -> None:
        self._write(self._packer.compress(content))

    def end(self, content: bytes) -> None:
        self._write(self._packer.compress(content) + self._packer.flush())

    def _write(self, packed: bytes) -> None:
        self.file.write(packed)
        self.digest.update(packed)
        self.size += len(packed)
