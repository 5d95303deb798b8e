"""The machine that the web page carries: v86, pinned, and the BIOS of Debian's package `seabios`.

    v86-….tgz     by npm, once, into the build cache      libv86.mjs, v86.wasm, its licence
    SeaBIOS       where the package puts it               bios.bin, vgabios-stdvga.bin

v86 comes back to the page after 100,003 instructions or later, and whole programs run in less.  One number in its code
says so; the page's copy has a smaller one there, so that it can stand still between any two traps.
"""

import base64
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha512
from pathlib import Path
from typing import Final

from keelback.errors import UserError
from keelback.image.cache import Entry, find, find_or_build, key_of
from keelback.image.host_tools import install_line, missing_tools
from keelback.image.leftovers import run_tool

VERSION: Final = "0.5.462"
INTEGRITY: Final = "aKPX7DdzqAKFRv2omDkqSju0uEzlOxzo+II82J5UT7+tZNsboA6kyaNq9NKAnxvo9hzpJ8dQj7vcvcz0J7I2QA=="
"""The SHA-512 of the package's file, as npm has it."""
TARBALL: Final = f"v86-{VERSION}.tgz"
MEMBERS: Final = {"v86": "package/build/libv86.mjs", "wasm": "package/build/v86.wasm", "licence": "package/LICENSE"}

BIOS: Final = Path("/usr/share/seabios")
BIOS_FILES: Final = {"bios": "bios.bin", "vgaBios": "vgabios-stdvga.bin"}
MOST_BIOS: Final = 256 << 10

SLICE: Final = 1
"""Instructions after which v86 comes back to the page: with 1 it does so after each basic block."""
_PUBLISHED_SLICE: Final = bytes.fromhex("41a38d0649")  # i32.const 100003, i32.lt_u


class NoEmulator(UserError):
    """The page's machine can't be had; the message is one line, with the line that helps."""


@dataclass(frozen=True)
class Emulator:
    """The files of the page's machine by the names that the page has for them, and v86's licence."""

    files: Mapping[str, bytes]
    licence: str


def find_emulator() -> Emulator:
    """Return v86 and its BIOS; the former is fetched where the cache does not have it.  Raises: NoEmulator."""
    bios = {name: _bios(file) for name, file in BIOS_FILES.items()}
    with tarfile.open(fileobj=io.BytesIO(_tarball())) as tar:
        members = {name: _member(tar, path) for name, path in MEMBERS.items()}
    licence = members.pop("licence").decode()
    return Emulator({**members, "wasm": with_short_slices(members["wasm"]), **bios}, licence)


def is_bios_there() -> bool:
    """Say whether the BIOS's files are on this machine."""
    return all((BIOS / file).is_file() for file in BIOS_FILES.values())


def is_v86_kept() -> bool:
    """Say whether v86 is in the build cache."""
    return find(_key()) is not None


def with_short_slices(wasm: bytes) -> bytes:
    """Return v86's code as the page needs it.  Raises: NoEmulator when it is none that is known here."""
    if wasm.count(_PUBLISHED_SLICE) != 1:
        raise NoEmulator(f"v86.wasm is not that of version {VERSION}: the length of its slices is not where it was")
    # The number as LEB128 of as many bytes as before, so that nothing moves.
    number = bytes([SLICE & 0x7F | 0x80, SLICE >> 7 & 0x7F | 0x80, SLICE >> 14])
    return wasm.replace(_PUBLISHED_SLICE, _PUBLISHED_SLICE[:1] + number + _PUBLISHED_SLICE[-1:])


def _bios(name: str) -> bytes:
    try:
        with (BIOS / name).open("rb") as file:
            return file.read(MOST_BIOS)
    except OSError as error:
        why = error.strerror or error
        raise NoEmulator(f"the page's machine needs a BIOS, {BIOS / name}: {why}: {install_line('seabios')}") from None


def _key() -> str:
    return key_of("npm", TARBALL, INTEGRITY)


def _tarball() -> bytes:
    """Return v86's package.  Raises: NoEmulator."""
    return find_or_build(_key(), _fetch).output


def _fetch(scratch: Path) -> Entry:
    if missing_tools(["npm"]):
        raise NoEmulator(f"the page's machine is v86, which npm fetches: {install_line('npm')}")
    done = run_tool(["npm", "pack", "--json", f"v86@{VERSION}"], directory=scratch)
    packed = scratch / TARBALL
    if done.returncode != 0 or not packed.is_file():
        raise NoEmulator(f"npm pack v86@{VERSION} failed: {_said(done.stdout, done.stderr)}")
    content = packed.read_bytes()
    if base64.b64encode(sha512(content).digest()).decode() != INTEGRITY:
        raise NoEmulator(f"npm fetched a {TARBALL} that is not the one known here: its SHA-512 differs")
    return Entry(content, "")


def _said(output: bytes, errors: bytes) -> str:
    """Return what npm says is wrong, in one line."""
    try:
        return str(json.loads(output)["error"]["summary"]).splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        lines = errors.decode(errors="replace").strip().splitlines()
        return lines[0] if lines else "it says nothing"


def _member(tar: tarfile.TarFile, path: str) -> bytes:
    file = tar.extractfile(path)
    assert file is not None, "the package's digest is known, and so is what is in it"
    return file.read()
