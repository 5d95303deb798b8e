"""The build cache: finished builds, each in a file named by a digest of all that decides it.

    source, flags, header names, zig's version ──SHA-256──► key ──► <cache>/<key>

    entry:  digest of the rest │ length │ warnings, files read with their digests │ output
            32 bytes             4 bytes   JSON

1. An entry whose digest does not fit its bytes is never used; it is built again.
2. An entry is used only while every file that the build read still has the same bytes.
3. An entry appears whole or not at all: it is written elsewhere and renamed.
4. Of all who want an entry that is not there, one builds it, and the others wait: threads by a lock, processes by
   that of a file, which is gone with whoever holds it.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from keelback.image.cache_bound import LOCKS, note_use, tidy
from keelback.image.leftovers import folder_of_this_process, scratch_folder

_FORMAT: Final = "keelback build 1"


@dataclass(frozen=True)
class Entry:
    """One finished build: what came out, what the tool said, and which files it read."""

    output: bytes
    warnings: str
    inputs: Mapping[str, str] = field(default_factory=dict)  # absolute path → digest

    def pack(self) -> bytes:
        """Return the bytes of the entry's file."""
        facts = json.dumps([self.warnings, dict(self.inputs)]).encode()
        rest = len(facts).to_bytes(4, "little") + facts + self.output
        return sha256(rest).digest() + rest

    @staticmethod
    def unpack(packed: bytes) -> Entry | None:
        """Return the entry in a file's bytes, or None if they are not as they were written."""
        digest, rest = packed[:32], packed[32:]
        if sha256(rest).digest() != digest:
            return None
        end = 4 + int.from_bytes(rest[:4], "little")
        warnings, inputs = json.loads(rest[4:end])
        return Entry(rest[end:], warnings, inputs)

    def is_current(self) -> bool:
        """Tell whether every file that the build read still has the same bytes."""
        return all(digest_of(Path(path)) == digest for path, digest in self.inputs.items())


def find_or_build(key: str, build: Callable[[Path], Entry]) -> Entry:
    """Return the entry kept under a key, or build it in a scratch directory and keep it."""
    with _lock_of(key):
        if (entry := find(key)) is not None:
            return entry
        with _alone(key):
            if (entry := find(key)) is None:
                with scratch_folder() as scratch:
                    entry = build(scratch)
                keep(key, entry)
        return entry


@functools.cache
def _lock_of(_key: str) -> threading.Lock:
    return threading.Lock()


@contextmanager
def _alone(key: str) -> Iterator[None]:
    """Keep other processes from building under a key meanwhile; where the cache can't be written, all may."""
    try:
        place = cache_directory() / LOCKS / key
        place.parent.mkdir(exist_ok=True)
        lock = os.open(place, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):  # who waits has it open
            place.unlink()
            fcntl.flock(lock, fcntl.LOCK_UN)  # a child that was forked meanwhile has it open too
        os.close(lock)


def key_of(*parts: object) -> str:
    """Return the name under which a build is kept; `parts` are all that decides it."""
    return sha256(repr((_FORMAT, _told(parts))).encode()).hexdigest()


def _told(part: object) -> object:
    """Return what tells a part from others in few characters: for bytes and texts, wherever, that is their digest."""
    if isinstance(part, bytes):
        return "bytes", sha256(part).hexdigest()
    if isinstance(part, str):
        return "text", sha256(part.encode(errors="surrogatepass")).hexdigest()
    if isinstance(part, Mapping):
        return "mapping", *((_told(key), _told(value)) for key, value in part.items())
    return tuple(map(_told, part)) if type(part) is tuple else part


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes, or None if it can't be read."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def cache_directory() -> Path:
    """Make and return the directory of finished builds.

    It is `$KEELBACK_CACHE`, else where this system keeps a user's caches: `$XDG_CACHE_HOME/keelback`, else
    `~/.cache/keelback`, or on macOS `~/Library/Caches/keelback`; where that can't be written, a directory of this
    user's among the temporary files.
    """
    with suppress(OSError, RuntimeError):  # RuntimeError: this user has no home
        wanted = _wanted_directory()
        wanted.mkdir(parents=True, exist_ok=True)
        if os.access(wanted, os.W_OK | os.X_OK):
            return wanted
    return _temporary_cache()


def _looked_into() -> Iterator[Path]:
    """Yield the directory of finished builds, and that which the user wants where it is another."""
    yield (used := cache_directory())
    with suppress(OSError, RuntimeError):
        if (wanted := _wanted_directory()) != used:
            yield wanted


def _wanted_directory() -> Path:
    """Return where the user wants the cache to be, made or not."""
    if named := os.environ.get("KEELBACK_CACHE"):
        return Path(named).absolute()
    from platformdirs import user_cache_path  # here, because who names a place needs no other

    place = user_cache_path("keelback", appauthor=False)
    if str(place).startswith("~"):
        raise RuntimeError("this user has no home")
    return place.absolute()


@functools.cache
def _temporary_cache() -> Path:
    """Make this user's cache among the temporary files; one for this process if somebody else holds the name."""
    shared = Path(tempfile.gettempdir()) / f"keelback-{os.getuid()}"
    with suppress(OSError):
        shared.mkdir(mode=0o700, exist_ok=True)
        facts = shared.lstat()
        if facts.st_uid == os.getuid() and facts.st_mode & 0o077 == 0 and not shared.is_symlink():
            return shared
    return folder_of_this_process()


def find(key: str) -> Entry | None:
    """Return the entry kept under a key if there is one, it is whole and it is current.

    A directory that the user wants and that can only be read is looked into, too.
    """
    for folder in _looked_into():
        with suppress(OSError):
            entry = Entry.unpack((folder / key).read_bytes())
            if entry is not None and entry.is_current():
                note_use(folder / key)
                return entry
    return None


def keep(key: str, entry: Entry) -> None:
    """Keep an entry under a key; a cache that can't be written costs time, not the build."""
    folder = cache_directory()
    with suppress(OSError), scratch_folder(folder) as scratch:
        (scratch / "entry").write_bytes(entry.pack())
        os.replace(scratch / "entry", folder / key)
    tidy(folder)
