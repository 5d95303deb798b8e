"""What is compiled from our own Kernel Python is kept, for as long as the sources that decide it stay as they are."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keelback
from keelback.image.cache import Entry, find_or_build, key_of

PARTS = ("compiler", "image", "lang", "user")
"""The parts of Keelback that decide what comes out."""
SUFFIXES = (".py", ".c", ".h")


def kept_build(*parts: object, build: Callable[[], bytes]) -> bytes:
    """Return what was built before from the same parts and sources, else build it and keep it."""
    return find_or_build(key_of("Kernel Python", _sources(), *parts), lambda _work: Entry(build(), "")).output


@cache
def _sources() -> str:
    """Return a digest of the sources, and of which toolchain there is."""
    root = Path(keelback.__file__).parent
    paths = [path for part in PARTS for path in sorted((root / part).rglob("*")) if path.suffix in SUFFIXES]
    digest = sha256(_toolchain().encode())
    for path in paths:
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _toolchain() -> str:
    try:
        return version("ziglang")
    except PackageNotFoundError:
        return ""
