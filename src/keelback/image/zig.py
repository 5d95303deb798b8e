"""zig: where it is, and how it is run; it has the C compiler, the assembler, the linker, and musl."""

from __future__ import annotations

import functools
import importlib.metadata
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from keelback.errors import UserError
from keelback.image.leftovers import run_tool

_STEERING: Final = ("ZIG_", "CPATH", "C_INCLUDE_PATH", "CCC_OVERRIDE_OPTIONS", "CLICOLOR_FORCE")


class ToolchainError(UserError):
    """Tell which file the toolchain refused, and why, in the toolchain's own words."""

    def __init__(self, source: Path, failure: str, diagnostics: str) -> None:
        """Take the file, what went wrong as the rest of a sentence, and the tool's message."""
        super().__init__(f"{source} {failure}", diagnostics)
        self.source = source
        self.diagnostics = diagnostics


@functools.cache
def zig_folder() -> Path:
    """Return the folder of the ziglang package, which has the compiler and its headers."""
    # Not by import: a file of the user's directory must not be taken for it.
    return Path(str(importlib.metadata.distribution("ziglang").locate_file("ziglang")))


def zig_program() -> Path:
    """Return the C compiler.  Raises: PackageNotFoundError."""
    return zig_folder() / "zig"


@functools.cache
def _installed_zig() -> str | None:
    """Return the version of the ziglang package, or None if there is none."""
    try:
        return importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        return None


def zig_version(source: Path) -> str:
    """Return the version of zig that would build a source.  Raises: ToolchainError where there is none."""
    version = _installed_zig()
    if version is None:
        raise ToolchainError(source, "can't be built", "there is no C compiler: pip install ziglang")
    return version


def run_zig(source: Path, failure: str, work: Path, directory: Path, arguments: Sequence[str]) -> str:
    """Run zig in a directory and return what it said; its own caches stay in the scratch directory.

    Raises: ToolchainError.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
    environment |= {"ZIG_GLOBAL_CACHE_DIR": str(work / "zig"), "ZIG_LOCAL_CACHE_DIR": str(work / "zig")}
    environment |= {"NO_COLOR": "1", "TMPDIR": str(work)}
    done = run_tool([str(zig_program()), *arguments], directory=directory, environment=environment)
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        raise ToolchainError(source, failure, said or f"zig ended with status {done.returncode}")
    return said


def musl_folder() -> Path:
    """Return the folder of musl's sources, which come with zig."""
    return zig_folder().resolve() / "lib" / "libc" / "musl"


def c_headers(machine: str) -> tuple[str, ...]:
    """Return the flags that let C include the headers of musl for a machine as zig calls it, none without zig."""
    if _installed_zig() is None:
        return ()  # who compiles is told
    headers = zig_folder().resolve() / "lib" / "libc" / "include"
    return ("-isystem", str(headers / f"{machine}-linux-musl"), "-isystem", str(headers / "generic-musl"))
