"""A run in a file: all that repeats it exactly, and how it ended.

    header    the build, the machine with its image's size, and where the run ended
    body      the image that the machine loads, and all that was typed, as an input log

A run depends on its image, its input, its machine and the build that runs it, on nothing else.
"""

import os
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import keelback
from keelback.errors import UserError
from keelback.image.boot_protocol import LONGEST_COMMAND_LINE
from keelback.inspect.kept import BadKeptFile, Kind, opened, write_kept
from keelback.inspect.kept.form import (
    MOST_NUMBER,
    either,
    is_truth,
    is_word,
    list_of,
    number,
    one_of,
    record_of,
    table_of,
)
from keelback.machine.input_log import MOST_LOG, BadLog, Typed, read_log, write_log

PAGE: Final = 4096
MOST_MEMORY: Final = (4 << 30) - PAGE
"""Bytes that a simulated PC has at most."""

DIGITS: Final = 2 * sha256().digest_size


def _is_text(value: Any) -> bool:
    """Say whether a value is a text that the host can be told: a path, or a line of words."""
    try:
        return isinstance(value, str) and "\0" not in value and os.fsencode(value) is not None
    except UnicodeError:
        return False


def _is_command_line(value: Any) -> bool:
    return _is_text(value) and len(os.fsencode(value)) <= LONGEST_COMMAND_LINE


def _is_memory(value: Any) -> bool:
    return number(MOST_MEMORY, PAGE)(value) and value % PAGE == 0


def _is_digest(value: Any) -> bool:
    return is_word(value) and len(value) == DIGITS


def _is_place(value: Any) -> bool:
    """Say whether a value is where something lies and how long it is."""
    return list_of(number(MOST_MEMORY))(value) and len(value) == 2


KIND: Final = Kind(
    magic=b"Keelback run\n",
    name="recorded run",
    made_by="`keelback run --record FILE`",
    format=2,
    most_header=1 << 20,
    facts={
        "build": is_word,
        "records": is_word,
        "layout": _is_text,
        "paging": is_word,
        "parts": table_of(_is_text, _is_digest),
        "compiled": is_truth,
        "check": is_truth,
        "memory": _is_memory,
        "command_line": _is_command_line,
        "lines": list_of(_is_text),
        "files": table_of(_is_text, _is_place),
        "end": record_of(
            traps=number(),
            time=number(MOST_NUMBER),
            outcome=is_word,
            memory=either(_is_digest, one_of("")),
        ),
        "image": number(MOST_MEMORY),
        "input": number(MOST_LOG),
    },
)


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
    typed: tuple[Typed, ...] = ()

    def content(self, name: str) -> bytes:
        """Return the file of a program or library."""
        start, size = self.files[name]
        return self.image[start : start + size]

    def pack(self) -> bytes:
        """Return the file's bytes."""
        file = BytesIO()
        log = write_log(self.typed)
        facts = asdict(replace(self, image=b"", typed=())) | {"image": len(self.image), "input": len(log)}
        del facts["typed"]
        write_kept(file, KIND, facts, [self.image, log], level=6)
        return file.getvalue()


def read_run(path: Path) -> RunFile:
    """Return the run that a file has.  Raises: UserError."""
    try:
        with opened(path, KIND) as (facts, body):
            size = facts.pop("image")
            if size > facts["memory"]:
                raise BadKeptFile(path, f"its image has {size:,} bytes, its machine {facts['memory']:,} of memory")
            for name, (start, length) in facts["files"].items():
                if start + length > size:
                    raise BadKeptFile(path, f"its file {name!r:.40} is not in its image, which has {size:,} bytes")
            image = body.take(size)
            typed = _input_of(path, body.take(facts.pop("input")))
            body.check_end()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except MemoryError:
        raise BadKeptFile(path, "its image takes more memory than this process may have: see `ulimit -v`") from None
    return RunFile(**facts | {"end": End(**facts["end"])}, image=image, typed=typed)


def _input_of(path: Path, log: bytes) -> tuple[Typed, ...]:
    """Return what a log says was typed.  Raises: BadKeptFile."""
    try:
        return tuple(read_log(log))
    except BadLog as error:
        raise BadKeptFile(path, f"its input is no log: {error}") from None


@cache
def build_digest() -> str:
    """Return the digest of all of Keelback's sources: two builds with one digest run alike."""
    root = Path(keelback.__file__).parent
    digest = sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
