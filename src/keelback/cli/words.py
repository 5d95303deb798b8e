"""A word of the command line that names a program.

It has the program's name or path, or several paths with `+` between, and behind that the argument string:
`main.c+list.c 20`.  In front of it a command puts what it was told for C files: `-O -DSIZE=3 -Iheaders main.c 20`.
"""

import io
import re
import shlex
from collections.abc import Sequence
from os.path import isdir, isfile
from pathlib import Path
from typing import NamedTuple

from keelback.errors import UserError

LONGEST_ARGUMENT = 255
WITH_VALUE = ("-I", "-D")
OPTIMISE = "-O"
DEFINE = re.compile(r"[A-Za-z_]\w*(=.*)?", re.ASCII)


class Word(NamedTuple):
    """A program's name or path, its argument string, and for its C files the folders of headers, macros, and `-O`."""

    name: str
    argument: str
    includes: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    optimise: bool = False

    @property
    def paths(self) -> list[Path]:
        """Return the files that make the program."""
        return [Path(self.name)] if isfile(self.name) else [Path(part) for part in self.name.split("+") if part]


def with_options(
    words: Sequence[str], includes: Sequence[str], defines: Sequence[str], optimise: bool = False
) -> tuple[str, ...]:
    """Return words that have options in front of what they say.  Raises: UserError."""
    for include in includes:
        if not isdir(include):
            raise UserError(f"-I {include}: there is no such folder")
    for define in defines:
        if not DEFINE.fullmatch(define):
            raise UserError(f"-D {define}: not NAME or NAME=VALUE")
    folders, macros = (f"-I{each}" for each in includes), (f"-D{each}" for each in defines)
    options = [OPTIMISE] * optimise + [shlex.quote(each) for each in (*folders, *macros)]
    if not options:
        return tuple(words)
    return tuple(" ".join([*options, _quoted(word)]) for word in words)


def _quoted(word: str) -> str:
    return shlex.quote(word) if _is_files(word) else word


def _is_files(text: str) -> bool:
    """Say whether a whole word is the path of a file, or paths with `+` between."""
    return isfile(text) or all(map(isfile, text.split("+")))


def read_word(text: str) -> Word:
    """Return what a word says; a name with blanks is quoted, or is the whole word.  Raises: UserError."""
    if _is_files(text):
        return Word(text, "")
    stream = io.StringIO(text)
    lexer = shlex.shlex(stream, posix=True, punctuation_chars=False)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters, lexer.escape = " \t", True, "", ""
    try:
        name, given = _read_options(lexer)
    except ValueError:
        raise UserError(f"{text}: a quotation mark has no other") from None
    argument = stream.read().strip()
    if not name:
        raise UserError("an empty program name")
    if not argument.isascii() or not argument.isprintable():
        raise UserError(f"{name}: the argument {argument!r} is not printable ASCII")
    if len(argument) > LONGEST_ARGUMENT:
        raise UserError(f"{name}: the argument has {len(argument)} characters; {LONGEST_ARGUMENT} are the most")
    includes, defines = (tuple(value for option, value in given if option == each) for each in WITH_VALUE)
    return Word(name, argument, includes, defines, (OPTIMISE, "") in given)


def _read_options(lexer: shlex.shlex) -> tuple[str, list[tuple[str, str]]]:
    """Return the first token that is no option, and the options before it, each with its value."""
    given = []
    while (token := lexer.get_token() or "") == OPTIMISE or token.startswith(WITH_VALUE):
        value = "" if token == OPTIMISE else token[2:] or lexer.get_token() or ""
        given.append((token[:2], value))
    return token, given
