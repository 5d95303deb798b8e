"""What is built from Keelback's own sources is kept for as long as these stay as they are."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keelback
from keelback.image.cache import Entry, find_or_build, key_of

SUFFIXES = (".py", ".c", ".h")


def kept_build(parts: Sequence[str], *key: object, build: Callable[[], bytes]) -> bytes:
    """Return what was built before from the same sources of some parts of Keelback, else build it and keep it.

    `key` is all else that decides what comes out.
    """
    return find_or_build(key_of(_digest(tuple(parts)), *key), lambda _work: Entry(build(), "")).output


@cache
def _digest(parts: tuple[str, ...]) -> str:
    """Return a digest of the sources of some parts, and of which toolchain there is."""
    root = Path(keelback.__file__).parent
    digest = sha256(_toolchain().encode())
    for path in (path for part in parts for path in sorted((root / part).rglob("*")) if path.suffix in SUFFIXES):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _toolchain() -> str:
    try:
        return version("ziglang")
    except PackageNotFoundError:
        return ""
