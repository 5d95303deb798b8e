"""What is built from Keelback's own sources is kept for as long as these stay as they are."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keelback
from keelback.image.cache import Entry, cache_directory, find, find_or_build, keep, key_of

BUILT_FROM = ("abi", "compiler", "image", "lang", "user")
"""The parts of Keelback that decide what becomes of a program or library."""
SUFFIXES = (".py", ".c", ".h", ".S", ".zig", ".list")


def kept_build(parts: Sequence[str], *key: object, build: Callable[[], bytes]) -> bytes:
    """Return what was built before from the same sources of some parts of Keelback, else build it and keep it.

    `key` is all else that decides what comes out.
    """
    return find_or_build(_key(parts, *key), lambda _work: Entry(build(), "")).output


def copy_kept(parts: Sequence[str], *key: object, folder: Path) -> None:
    """Copy what `kept_build` has kept to another cache; where it could not keep it, there is nothing to copy."""
    with suppress(OSError):
        shutil.copy(cache_directory() / _key(parts, *key), folder)


def kept_builds(
    parts: Sequence[str],
    *key: object,
    names: Iterable[str],
    build: Callable[[list[str]], Mapping[str, bytes]],
) -> dict[str, bytes]:
    """Return the builds of several names, as `kept_build` does of one; those that are not kept are built together."""
    keys = {name: _key(parts, *key, name) for name in names}
    kept = {name: find(each) for name, each in keys.items()}
    missing = [name for name, entry in kept.items() if entry is None]
    built = build(missing) if missing else {}
    for name, output in built.items():
        keep(keys[name], Entry(output, ""))
    return {name: built[name] if entry is None else entry.output for name, entry in kept.items()}


def _key(parts: Sequence[str], *key: object) -> str:
    """Return by what is kept that was built from the sources of some parts, and from all else that decides it."""
    return key_of(digest_of_sources(tuple(parts)), *key)


@cache
def digest_of_sources(parts: tuple[str, ...]) -> str:
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
