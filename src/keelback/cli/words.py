"""A word of the command line that names a program: its name or path, and the argument string behind it."""

import io
import shlex
from os.path import isfile
from typing import NamedTuple

from keelback.errors import UserError

LONGEST_ARGUMENT = 255


class Word(NamedTuple):
    """A program's name or path, and its argument string, which may be empty."""

    name: str
    argument: str


def read_word(text: str) -> Word:
    """Return what a word says; a name with blanks is quoted, or is the whole word.  Raises: UserError."""
    if isfile(text):
        return Word(text, "")
    stream = io.StringIO(text)
    lexer = shlex.shlex(stream, posix=True, punctuation_chars=False)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters, lexer.escape = " \t", True, "", ""
    try:
        name = lexer.get_token() or ""
    except ValueError:
        raise UserError(f"{text}: a quotation mark has no other") from None
    argument = stream.read().strip()
    if not name:
        raise UserError("an empty program name")
    if not argument.isascii() or not argument.isprintable():
        raise UserError(f"{name}: the argument {argument!r} is not printable ASCII")
    if len(argument) > LONGEST_ARGUMENT:
        raise UserError(f"{name}: the argument has {len(argument)} characters; {LONGEST_ARGUMENT} are the most")
    return Word(name, argument)
