"""The libraries that a command names: ours by name, or a path of one in C or in Kernel Python."""

import re
from collections.abc import Sequence
from pathlib import Path

from keelback.cli.sources import our_libraries
from keelback.cli.users_files import check_readable, imports_beside, users_python
from keelback.errors import UserError
from keelback.image.c_options import NO_C_OPTIONS, OURS, COptions
from keelback.image.libraries import build_library
from keelback.image.own_sources import BUILT_FROM, kept_build
from keelback.image.toolchain import I386, Target
from keelback.user import LIBRARIES, RUNTIME

LONGEST_NAME = 31
SUFFIXES = (".c", ".py")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
STARTS = {
    ".c": re.compile(r"\bmain\s*\([^;{}]*\)\s*\{"),
    ".py": re.compile(r"^PROGRAM\b", re.MULTILINE),
}
"""What the text of a program has, by its suffix."""


def is_library(word: str, paths: Sequence[Path]) -> bool:
    """Say whether a word names a library: its name begins with lib, and none of its files is a program's."""
    is_named_so = Path(word).name.startswith("lib") and Path(word).suffix in ("", *SUFFIXES)
    return is_named_so and not any(map(_is_programs, paths))


def _is_programs(source: Path) -> bool:
    """Say whether a file defines what a program starts at."""
    starts = STARTS.get(source.suffix)
    try:
        return starts is not None and bool(starts.search(COMMENT.sub(" ", source.read_text(errors="replace"))))
    except (OSError, ValueError):  # who reads it says so
        return False


def payload_libraries(target: Target = I386) -> dict[str, bytes]:
    """Return all libraries of ours, built, by name.  Raises: UserError."""
    return {name: build(source, target=target) for name, source in our_libraries().items()}


def check_library_file(word: str, source: Path) -> None:
    """Check that a word can name a library by its path.  Raises: UserError."""
    if source.suffix not in SUFFIXES:
        raise UserError(f"{word}: a name that starts with lib is a library's, and a library is a C or Python file")
    if not re.fullmatch(f"[!-~]{{1,{LONGEST_NAME}}}", source.stem):
        raise UserError(f"{word}: {source.stem!r} is no library name: at most {LONGEST_NAME} ASCII characters")


def build(source: Path, options: COptions = NO_C_OPTIONS, target: Target = I386) -> bytes:
    """Return a library, built from its source.  Raises: UserError."""
    if source.parent == LIBRARIES:
        return kept_build(BUILT_FROM, "library", source.name, target, build=lambda: _build(source, OURS, target))
    check_readable(source)
    return _build(source, options, target)


def _build(source: Path, options: COptions, target: Target) -> bytes:
    if source.suffix == ".c":
        return build_library(source, runtime=RUNTIME, options=options, target=target)
    with users_python(source), imports_beside(source):
        from keelback.cli.python_files import build_library_file  # here, because most need no compiler

        return build_library_file(source, target)
