"""What the compiler refuses, and where."""

import linecache
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from keelback.errors import UserError


class CompileError(UserError):
    """A construct that Kernel Python does not have, or that can't be bounded.

    `rule` is the rule's name in docs/kernel-python.md, `file`, `line` and `column` (from 1 on) tell the place.
    It is made with a column in bytes, as Python's syntax trees have it.
    """

    def __init__(self, rule: str, message: str, file: str, line: int, column: int) -> None:
        self.rule = rule
        self.message = message
        self.file = file
        self.line = line
        source = linecache.getline(file, line).rstrip("\n")
        self.column = len(source.encode()[: column - 1].decode(errors="replace")) + 1
        mark = " " * (self.column - 1) + "^"
        super().__init__(f"{_shown(file)}:{line}:{self.column}: {message} [{rule}]", f"    {source}\n    {mark}")


def _shown(file: str) -> str:
    """Return a file as messages have it: from this folder on, if it lies there."""
    with suppress(ValueError, OSError):  # it does not; there is no folder
        return str(Path(file).relative_to(Path.cwd()))
    return file


@contextmanager
def blamed(place: Callable[[], tuple[str, int, int]]) -> Iterator[None]:
    """Turn any other error, which is a mistake of the compiler's, into one that tells which source it was at."""
    try:
        yield
    except CompileError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
        message = f"the compiler failed here, which is a fault of Keelback's: {what}"
        raise CompileError("compiler", message, *place()) from error
