"""Which of our programs and libraries others start or load by name: those that their text names.

C and Python name them in string literals, includes and imports; an ELF file has them as strings.
More may be found than is needed, which costs only a build.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

QUOTED = re.compile(r'"([\w.]+)"')
WORD = re.compile(r"[\w.]+")
IMPORTED = re.compile(r"\blibraries\.(\w+)")


def named_in_text(text: str) -> set[str]:
    """Return what the words of a text may name."""
    return {*WORD.findall(text)}


def named_in_source(text: str) -> set[str]:
    """Return what the text of a program's source may name."""
    return {each.removesuffix(".h") for each in QUOTED.findall(text)} | {*IMPORTED.findall(text)}


def named_in_elf(content: bytes) -> set[str]:
    """Return what the strings of a program's file may name."""
    return {each.decode("ascii") for each in re.findall(rb"(?<![\w.])[\w.]{1,31}(?=\0)", content) if each.isascii()}


def with_needs(names: Iterable[str], sources: Mapping[str, Path]) -> set[str]:
    """Return those of the names that have sources, with all that these name, and so on."""
    found: set[str] = set()
    waiting = {name for name in names if name in sources}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= {each for each in named_in_source(sources[name].read_text()) if each in sources} - found
    return found
