"""A run in a file: all that repeats it exactly, and how it ended.

    0x00 ┬ magic      `Keelback run`, a line end
    0x0d ┼ SHA-256    of the rest
    0x2d ┴ zlib       a line of JSON: the facts; then the image that the machine loads

1. A run depends on its image, its machine and the build that runs it, on nothing else.
2. Nothing of the file is believed before its digest is found right.
"""

import json
import os
import zlib
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import keelback
from keelback.errors import UserError
from keelback.image.boot_protocol import LONGEST_COMMAND_LINE

MAGIC: Final = b"Keelback run\n"
DIGEST: Final = sha256().digest_size
MOST_BYTES: Final = 1 << 30
"""What a file that is unpacked may have at most."""
MOST_MEMORY: Final = 4 << 30
"""Bytes that a simulated PC has at most."""
PAGE: Final = 4096
HOW_TO_MAKE: Final = "`keelback run --record FILE` makes one"


class BadRunFile(UserError):
    """A file is no recorded run that can be read here; the message says why, behind the file's name."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}")


@dataclass(frozen=True)
class End:
    """Where a run was when its recording ended: traps, virtual time, the outcome, and the digest of RAM.

    The digest is empty where the run was stopped: within the last trap, maybe.
    """

    traps: int
    time: int
    outcome: str
    memory: str


@dataclass(frozen=True)
class RunFile:
    """A recorded run.  `build` and `records` are digests: of the sources, and of how the kernel's records lie.

    `parts` are the user's own files that the kernel has, with their digests; `files` says where in the image the files
    of programs and libraries lie.
    """

    build: str
    records: str
    layout: str
    paging: str
    parts: dict[str, str]
    compiled: bool
    check: bool
    memory: int
    command_line: str
    lines: list[str]
    files: dict[str, list[int]]
    end: End
    image: bytes = b""

    def content(self, name: str) -> bytes:
        """Return the file of a program or library."""
        start, size = self.files[name]
        return self.image[start : start + size]

    def pack(self) -> bytes:
        """Return the file's bytes."""
        facts = {name: value for name, value in asdict(self).items() if name != "image"}
        packed = zlib.compress(json.dumps(facts).encode() + b"\n" + self.image)
        return MAGIC + sha256(packed).digest() + packed


def read_run(path: Path) -> RunFile:
    """Return the run that a file has.  Raises: UserError."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not content.startswith(MAGIC):
        raise BadRunFile(path, f"it is no recorded run; {HOW_TO_MAKE}")
    start = len(MAGIC) + DIGEST
    digest, packed = content[len(MAGIC) : start], content[start:]
    if sha256(packed).digest() != digest:
        raise BadRunFile(path, "it is truncated, or its bytes have changed since it was written; record the run again")
    try:
        unpacker = zlib.decompressobj()
        facts, _, image = unpacker.decompress(packed, MOST_BYTES).partition(b"\n")
        return _made(json.loads(facts), image)
    except (zlib.error, ValueError, TypeError, KeyError, RecursionError):
        raise BadRunFile(path, "what it says is not what a recorded run says; record the run again") from None


def _made(facts: dict[str, Any], image: bytes) -> RunFile:
    """Return the run of some facts.  Raises: TypeError, ValueError or KeyError where they are of no run."""
    end = End(**facts.pop("end"))
    run = RunFile(**facts, end=end, image=image)
    expected = {"build": str, "records": str, "layout": str, "paging": str, "parts": dict, "compiled": bool}
    expected |= {"check": bool, "memory": int, "command_line": str, "lines": list, "files": dict}
    if not all(type(getattr(run, name)) is kind for name, kind in expected.items()):
        raise TypeError("a fact has another type")
    if (type(end.traps), type(end.time)) != (int, int):
        raise TypeError("the end has another type")
    if not all(type(each) is str for each in run.lines):
        raise TypeError("a line has another type")
    if not 0 < run.memory <= MOST_MEMORY or run.memory % PAGE:
        raise ValueError("no machine has such memory")
    if len(os.fsencode(run.command_line)) > LONGEST_COMMAND_LINE:
        raise ValueError("no kernel has such a command line")
    for name in run.files:
        if len(run.content(name)) != run.files[name][1]:
            raise ValueError(f"{name} is not in the image")
    return run


@cache
def build_digest() -> str:
    """Return the digest of all of Keelback's sources: two builds with one digest run alike."""
    root = Path(keelback.__file__).parent
    digest = sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
