"""Scan codes: what a US keyboard sends where somebody types a text, in set 1, as a PC's controller delivers it.

A key sends its code when it goes down, and the same with bit 7 when it goes up; shift and control are keys as others
are, held meanwhile.  Keys that stand for no character are what a terminal sends for them, `ESC [ A` for the up arrow.

Source: IBM PS/2 technical reference, keyboard (scan code set 1).
"""

import re

ROWS = (
    (0x02, "1234567890-=", "!@#$%^&*()_+"),
    (0x10, "qwertyuiop[]", "QWERTYUIOP{}"),
    (0x1E, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (0x2B, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
)
"""The code of the first key of each row, and the characters of all, plain and with shift."""
SHIFT, CONTROL = 0x2A, 0x1D
UP = 0x80
EXTENDED = 0xE0

OTHERS = {" ": 0x39, "\n": 0x1C, "\r": 0x1C, "\t": 0x0F, "\b": 0x0E, "\x7f": 0x0E, "\x1b": 0x01}
NAMED = {
    "\x1b[A": 0x48,
    "\x1b[B": 0x50,
    "\x1b[C": 0x4D,
    "\x1b[D": 0x4B,
    "\x1b[H": 0x47,
    "\x1b[F": 0x4F,
    "\x1b[2~": 0x52,
    "\x1b[3~": 0x53,
    "\x1b[5~": 0x49,
    "\x1b[6~": 0x51,
}
"""Arrows up, down, right and left, home, end, insert, delete, page up and down: extended keys."""
PLAIN = {character: start + place for start, plain, _ in ROWS for place, character in enumerate(plain)}
SHIFTED = {character: start + place for start, _, shifted in ROWS for place, character in enumerate(shifted)}
WITH_CONTROL = {
    chr(ord(character.upper()) & 0x1F): code
    for character, code in PLAIN.items()
    if character.isalpha() or character in "[\\]"
}
KEYS = re.compile(r"\x1b\[(?:[ABCDHF]|[2356]~)|.", re.DOTALL)


class NoKey(Exception):
    """A character is on no key; `at` is its place in the text."""

    def __init__(self, character: str, at: int) -> None:
        self.character = character
        self.at = at
        super().__init__(f"{character!r} is on no key of a US keyboard")


def scan_codes(text: str) -> bytes:
    """Return what a keyboard sends where somebody types a text.  Raises: NoKey."""
    return b"".join(_codes_of(found[0], found.start()) for found in KEYS.finditer(text))


def _codes_of(key: str, at: int) -> bytes:
    if key in NAMED:
        return bytes((EXTENDED, NAMED[key], EXTENDED, NAMED[key] | UP))
    if key in OTHERS or key in PLAIN:
        return _pressed(OTHERS.get(key) or PLAIN[key])
    if key in SHIFTED:
        return bytes((SHIFT, *_pressed(SHIFTED[key]), SHIFT | UP))
    if key in WITH_CONTROL:
        return bytes((CONTROL, *_pressed(WITH_CONTROL[key]), CONTROL | UP))
    raise NoKey(key, at)


def _pressed(code: int) -> bytes:
    return bytes((code, code | UP))
