"""The C compiler, assembler and linker: zig's, run once for each distinct input.

Every build is kept in a cache, so that asking again costs a few file reads:

    source, flags, header names, zig's version ──SHA-256──► key ──► <cache>/<key>

    entry:  digest of the rest │ length │ warnings, files read with their digests │ output
            32 bytes             4 bytes   JSON

1. An entry whose digest does not fit its bytes is never used; it is built again.
2. An entry is used only while every file that the build read still has the same bytes.
3. An entry appears whole or not at all: it is written elsewhere and renamed.
4. An output depends on the text of its inputs, never on where they lie; zig itself refuses `__DATE__`.

A file named by the assembler's own `.incbin` or `.include` is not noticed when it changes; `#include` is.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Final

TARGET: Final = ("-target", "x86-freestanding-none", "-mcpu=i686")

C_FLAGS: Final = (
    "-O2",
    "-ffreestanding",
    "-nostdlib",
    "-fno-stack-protector",
    "-fno-sanitize=all",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-fno-delete-null-pointer-checks",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",  # zig asks for them by itself
    "-fno-pic",
    "-fno-pie",
    "-mno-mmx",
    "-mno-sse",
    "-mno-sse2",
    "-mno-avx",
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
)

NO_WARNINGS: Final = ("-Werror",)
"""Flags for our own C, which has to compile without a warning."""

_LINKER_FLAGS: Final = ("-m", "elf_i386", "-z", "max-page-size=4096", "--no-dynamic-linker")
_FORMAT: Final = "keelback build 1"
_NO_DEFINES: Final[Mapping[str, int]] = MappingProxyType({})
_STEERING: Final = ("ZIG_", "CPATH", "C_INCLUDE_PATH", "CCC_OVERRIDE_OPTIONS", "CLICOLOR_FORCE")

_log = logging.getLogger(__name__)


class ToolchainError(Exception):
    """Tell which file the toolchain refused, and why, in the toolchain's own words."""

    def __init__(self, source: Path, failure: str, diagnostics: str) -> None:
        """Take the file, what went wrong as the rest of a sentence, and the tool's message."""
        super().__init__(f"{source} {failure}\n{diagnostics}")
        self.source = source
        self.diagnostics = diagnostics


def compile_c(
    source: Path,
    *,
    includes: Sequence[Path] = (),
    defines: Mapping[str, int] = _NO_DEFINES,
    flags: Sequence[str] = (),
) -> bytes:
    """Compile one C file to an i386 object with debug information.

    Warnings go to this module's logger, whether or not the object comes from the cache.

    Raises:
        ToolchainError: the compiler refused it.
        OSError: the source can't be read.
    """
    return _translate(source, includes, defines, (*C_FLAGS, *flags), "does not compile")


def build_support() -> bytes:
    """Return the object of the functions that a C compiler may call by itself: memory blocks, 64-bit division.

    Raises: ToolchainError.
    """
    return compile_c(Path(__file__).parent / "support.c", flags=NO_WARNINGS)


def assemble(
    source: Path,
    defines: Mapping[str, int] = _NO_DEFINES,
    *,
    includes: Sequence[Path] = (),
) -> bytes:
    """Assemble one `.S` file, after the C preprocessor, to an i386 object.

    Raises:
        ToolchainError: the assembler refused it.
        OSError: the source can't be read.
    """
    # Absolute, because the assembler lets a file's directory be renamed but not be added.
    return _translate(source.absolute(), includes, defines, (), "does not assemble")


def link_elf(objects: Mapping[str, bytes], script: str, *, flags: Sequence[str] = ()) -> bytes:
    """Link objects, each with a file name for messages, to an ELF executable by a linker script.

    Raises:
        ToolchainError: the linker refused them, or a symbol is undefined, weak ones included.
    """
    source = Path(next(iter(objects)))

    def build(work: Path) -> _Entry:
        entry = _link(work, objects, script, flags)
        if missing := _undefined_symbols(entry.output):
            raise ToolchainError(source, "does not link", f"undefined symbols: {', '.join(missing)}")
        return entry

    return _cached(_key(source, "elf", tuple(objects.items()), script, tuple(flags)), build)


def link_flat(objects: Mapping[str, bytes], script: str, *, flags: Sequence[str] = ()) -> bytes:
    """Link objects to bare bytes, from the first section in the script to the last that has contents.

    Raises:
        ToolchainError: the linker refused them, or a symbol is undefined, weak ones included.
    """
    link_elf(objects, script, flags=flags)  # bare bytes have no symbol table to check
    key = _key(Path(next(iter(objects))), "flat", tuple(objects.items()), script, tuple(flags))
    return _cached(key, lambda work: _link(work, objects, script, (*flags, "--oformat=binary")))


def cache_directory() -> Path:
    """Make and return the directory of finished builds.

    It is `$KEELBACK_CACHE`, else `$XDG_CACHE_HOME/keelback`, else `~/.cache/keelback`; where that can't be
    written, a directory of this user's among the temporary files.
    """
    with suppress(OSError, RuntimeError):  # RuntimeError: this user has no home
        wanted = _wanted_directory()
        wanted.mkdir(parents=True, exist_ok=True)
        if os.access(wanted, os.W_OK | os.X_OK):
            return wanted
    return _temporary_cache()


def _wanted_directory() -> Path:
    """Return where the user wants the cache to be, made or not."""
    if named := os.environ.get("KEELBACK_CACHE"):
        return Path(named).absolute()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches).absolute() / "keelback"
    return Path.home() / ".cache" / "keelback"


@functools.cache
def _temporary_cache() -> Path:
    """Make this user's cache among the temporary files; a new one if somebody else holds the name."""
    shared = Path(tempfile.gettempdir()) / f"keelback-{os.getuid()}"
    with suppress(OSError):
        shared.mkdir(mode=0o700, exist_ok=True)
        facts = shared.lstat()
        if facts.st_uid == os.getuid() and facts.st_mode & 0o077 == 0 and not shared.is_symlink():
            return shared
    return Path(tempfile.mkdtemp(prefix="keelback-"))


@dataclass(frozen=True)
class _Entry:
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
    def unpack(packed: bytes) -> _Entry | None:
        """Return the entry in a file's bytes, or None if they are not as they were written."""
        digest, rest = packed[:32], packed[32:]
        if sha256(rest).digest() != digest:
            return None
        end = 4 + int.from_bytes(rest[:4], "little")
        warnings, inputs = json.loads(rest[4:end])
        return _Entry(rest[end:], warnings, inputs)

    def is_current(self) -> bool:
        """Tell whether every file that the build read still has the same bytes."""
        return all(_digest(Path(path)) == digest for path, digest in self.inputs.items())


def _cached(key: str, build: Callable[[Path], _Entry]) -> bytes:
    """Return the output kept under a key, or build it in a scratch directory and keep it."""
    cache = cache_directory()
    entry = _load(cache / key)
    if entry is None:
        with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as scratch:
            entry = build(Path(scratch))
            _keep(entry, Path(scratch) / "entry", cache / key)
    if entry.warnings:
        _log.warning("%s", entry.warnings)
    return entry.output


def _load(place: Path) -> _Entry | None:
    """Return the entry in a file if there is one, it is whole and it is current."""
    try:
        entry = _Entry.unpack(place.read_bytes())
    except OSError:
        return None
    return entry if entry is not None and entry.is_current() else None


def _keep(entry: _Entry, draft: Path, place: Path) -> None:
    """Put an entry in its place whole; a cache that can't be written costs time, not the build."""
    with suppress(OSError):
        draft.write_bytes(entry.pack())
        os.replace(draft, place)


def _key(source: Path, *parts: object) -> str:
    """Return the name under which a build is kept: a digest of all that decides it."""
    return sha256(repr((_FORMAT, _zig_version(source), TARGET, _LINKER_FLAGS, parts)).encode()).hexdigest()


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes, or None if it can't be read."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _header_names(directory: Path) -> list[str]:
    """Return the headers beside a source: a new one may hide another without changing any file."""
    return sorted(name for name in os.listdir(directory) if name.endswith(".h"))


def _translate(
    source: Path, includes: Sequence[Path], defines: Mapping[str, int], flags: Sequence[str], failure: str
) -> bytes:
    """Compile or assemble one file, by its suffix."""
    text = source.read_bytes()
    options = (*flags, *(f"-D{name}={value}" for name, value in defines.items()))
    # The path as given is part of the key because messages repeat it.
    directories = (source.parent, *includes)
    places = [(str(place), str(place.absolute()), _header_names(place)) for place in directories]
    key = _key(source, "object", source.name, text, places, options)

    def build(work: Path) -> _Entry:
        output, inputs = work / "output.o", work / "inputs"
        arguments = [*TARGET, "-g", *options, *_same_everywhere(source, includes)]
        arguments += [f"-I{include}" for include in includes]
        arguments += ["-MMD", "-MT", "output", "-MF", str(inputs)]
        arguments += ["-c", _as_operand(source), "-o", str(output)]
        said = _zig(source, failure, work, Path.cwd(), ["cc", *arguments])
        return _Entry(output.read_bytes(), said, _files_read(inputs.read_text(errors="surrogateescape")))

    return _cached(key, build)


def _same_everywhere(source: Path, includes: Sequence[Path]) -> list[str]:
    """Return the flags that keep the places of files out of the object."""
    zig = importlib.util.find_spec("ziglang")
    assert zig is not None and zig.origin is not None
    # The last that fits counts. The first is for the assembler, which leaves out the slash.
    places = [(f"{source.parent.absolute()}", "."), (f"{source.parent}/", "")]
    places += [(f"{include}/", f"{include.absolute().name}/") for include in includes]
    places += [(f"{Path(zig.origin).resolve().parent}/", "zig/")]
    return ["-fdebug-compilation-dir=.", *(f"-ffile-prefix-map={old}={new}" for old, new in places)]


def _as_operand(source: Path) -> str:
    """Return a path that no tool takes for an option or a response file."""
    return f"./{source}" if str(source).startswith(("-", "@")) else str(source)


def _files_read(rule: str) -> dict[str, str]:
    """Return the digests of the files in a Make rule, as the compiler writes one."""
    _, _, names = rule.replace("\\\n", " ").partition(":")
    paths = [re.sub(r"\\([ #])|\$(\$)", r"\1\2", name) for name in re.split(r"(?<!\\)\s+", names) if name]
    # A file that went away meanwhile gets a digest that none has, so the entry is never current.
    return {path: _digest(Path(path)) or "" for path in (os.path.join(os.getcwd(), path) for path in paths)}


def _link(work: Path, objects: Mapping[str, bytes], script: str, flags: Sequence[str]) -> _Entry:
    """Link objects in a scratch directory, under their own names so that messages can be read."""
    source = Path(next(iter(objects)))
    inputs = work / "objects"
    for name, data in objects.items():
        (inputs / name).parent.mkdir(parents=True, exist_ok=True)
        (inputs / name).write_bytes(data)
    (work / "script").write_text(script)
    arguments = [*_LINKER_FLAGS, *flags, "-T", str(work / "script"), "-o", str(work / "output")]
    arguments += [f"./{name}" for name in objects]
    said = _zig(source, "does not link", work, inputs, ["ld.lld", *arguments])
    return _Entry((work / "output").read_bytes(), said)


def _undefined_symbols(elf: bytes) -> list[str]:
    """Return the names that an ELF file's symbol table leaves undefined."""
    # Imported here, because that takes longer than all cache hits together.
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    sections = ELFFile(BytesIO(elf)).iter_sections()
    tables = [section for section in sections if isinstance(section, SymbolTableSection)]
    symbols = [symbol for table in tables for symbol in table.iter_symbols()]
    return sorted(symbol.name for symbol in symbols if symbol.name and symbol["st_shndx"] == "SHN_UNDEF")


@functools.cache
def _installed_zig() -> str | None:
    """Return the version of the ziglang package, or None if there is none."""
    try:
        return importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        return None


def _zig_version(source: Path) -> str:
    """Return the version of zig that would build a source."""
    version = _installed_zig()
    if version is None:
        raise ToolchainError(source, "can't be built", "there is no C compiler: pip install ziglang")
    return version


def _zig(source: Path, failure: str, work: Path, directory: Path, arguments: Sequence[str]) -> str:
    """Run zig in a directory and return what it said; its own caches stay in the scratch directory."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
    environment |= {"ZIG_GLOBAL_CACHE_DIR": str(work / "zig"), "ZIG_LOCAL_CACHE_DIR": str(work / "zig")}
    environment["NO_COLOR"] = "1"
    # -P: a file of the user's directory must not be taken for a Python module.
    command = [sys.executable, "-P", "-m", "ziglang", *arguments]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, check=False)
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        raise ToolchainError(source, failure, said or f"zig ended with status {done.returncode}")
    return said
