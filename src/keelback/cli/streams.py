"""Standard streams, and text as a terminal may be given it.

1. Text of others (names in a file, a tool's words) is shown with its control characters escaped: it obeys no terminal
   and forges no line.
2. A character that the stream's encoding does not have is shown by others: lines for those of a drawing, an escape for
   any other.  A byte of a name that is no text is shown as that byte.
"""

import codecs
import io
import os
import re
import sys
import unicodedata
from typing import Any, TextIO

from keelback.cli.progress import take_away

CALM = b"\x18\x0f\x1b[!p\x1b[0m\x1b[999;1H\n"
"""Cancel, the usual character set, a soft reset, no colour, the last line: what no program can have made unknown."""


def escaped(text: str) -> str:
    """Return a text of others as one line: what is not printable is shown by its escape."""
    return "".join(each if each.isprintable() else _escape_of(each) for each in text)


def escaped_lines(text: str) -> str:
    """Return a text of others with its lines as they are, and the rest as `escaped` shows it."""
    return "\n".join(escaped(line.replace("\t", "    ")) for line in re.split(r"\r?\n", text))


def _escape_of(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no text
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def take_terminal_back(console: bytes | bytearray) -> None:
    """Reset a terminal after a machine's console, whatever its programs have told it.

    An unfinished sequence ends, colours and character sets are the usual ones, and lines go on at the screen's end.
    """
    if sys.stdout.isatty() and any(byte in console for byte in (0x0E, 0x1B)):
        sys.stdout.flush()
        sys.stdout.buffer.write(CALM)
        sys.stdout.flush()


def open_streams() -> None:
    """Open all three streams, whatever this process was started with; the last two show any text."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # the lowest that is free is this one
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:  # it was closed when Python started
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    codecs.register_error("keelback", _by_others)
    sys.stdout = _stream(1, "the output", sys.stdout)
    sys.stderr = _stream(2, "standard error", sys.stderr)


def _stream(descriptor: int, name: str, before: TextIO | None) -> TextIO:
    """Return a stream in place of another, whose errors say its name."""
    encoding = before.encoding if before is not None else "utf-8"
    at_once = descriptor == 2 or os.isatty(descriptor)
    buffered = io.BufferedWriter(_Output(descriptor, name))
    return io.TextIOWrapper(buffered, encoding=encoding, errors="keelback", line_buffering=at_once)


class _Output(io.FileIO):
    """A stream of this process whose errors say its name."""

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.called = name

    def write(self, data: Any) -> int:
        """Write bytes; return how many were written.  Raises: OSError."""
        if self.fileno() == 1:
            take_away()
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.called) from None


def _by_others(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for the characters that an encoding does not have."""
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    """Return ASCII characters for any other."""
    name = unicodedata.name(character, "")
    if not name.startswith("BOX DRAWINGS "):
        return character if character.isascii() else _escape_of(character)
    if "VERTICAL" in name or "UP" in name or "DOWN" in name:
        return "|" if name.endswith("VERTICAL") and "HORIZONTAL" not in name else "+"
    return "=" if "DOUBLE" in name else "-"
