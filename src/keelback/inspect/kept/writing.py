"""Writing a kept file."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from keelback.inspect.kept.form import SIZES, Kind


def write_kept(file: BinaryIO, kind: Kind, facts: Mapping[str, Any], body: Iterable[Any], level: int) -> None:
    """Write facts and the pieces of a body, packed at a level of zlib's, into an empty file that can be sought in.

    Raises: OSError.
    """
    assert facts.keys() == kind.facts.keys(), "a kind of file says what its facts are"
    header = json.dumps({"format": kind.format, **facts}).encode()
    file.write(bytes(kind.start) + header)
    digest, size = hashlib.sha256(), 0
    for packed in _packed(zlib.compressobj(level), body):
        file.write(packed)
        digest.update(packed)
        size += len(packed)
    sizes = SIZES.pack(len(header), size)
    whole = hashlib.sha256(sizes)
    whole.update(digest.digest() + header)
    file.seek(0)
    file.write(kind.magic + sizes + whole.digest())


def _packed(packer: Any, body: Iterable[Any]) -> Iterator[bytes]:
    yield from map(packer.compress, body)
    yield packer.flush()
