"""C files of users, each compiled to an object of a program."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from keelback.image.c_library import library_headers
from keelback.image.c_options import NO_C_OPTIONS, COptions
from keelback.image.division import DIVISION_FLAGS
from keelback.image.toolchain import HOSTED_FLAGS, I386, USER_FLAGS, Target, ToolchainError
from keelback.image.zig import c_headers

_COMMENT: Final = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_TEXT_MAIN: Final = re.compile(r"\bmain\s*\(\s*(const\s+)?char\b")
_TEXT_REFUSED: Final = "first parameter of 'main'"


def compile_user_c(
    source: Path,
    runtime: Path,
    *,
    flags: Sequence[str] = (),
    options: COptions = NO_C_OPTIONS,
    target: Target = I386,
) -> bytes:
    """Compile a C file of a user's to an object.

    It is compiled as C for a hosted environment, in which main may leave out its return, unless main takes a text.
    Raises: ToolchainError; OSError.
    """
    includes = (runtime, *library_headers(runtime))
    common = (*USER_FLAGS, *DIVISION_FLAGS, *c_headers(target.zig), *flags)
    if _TEXT_MAIN.search(_COMMENT.sub(" ", source.read_text(errors="replace"))):  # a guess, to be spared a second try
        return options.compile(source, includes, common, target)
    try:
        return options.compile(source, includes, (*HOSTED_FLAGS, *common), target)
    except ToolchainError as error:
        if _TEXT_REFUSED not in error.diagnostics:
            raise
        return options.compile(source, includes, common, target)
