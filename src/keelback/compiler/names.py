"""What things are called in C, so that no two ever meet.

`$` stands in no name of Python's and in no word of C's: it tells the compiler's own names from the program's.

1. A local or a field keeps its name, with a `$` behind it where C needs that word: `int$`.
2. What the compiler adds to a function has a `$` and a number: `t$1`, or `bit$3` for a local of an inlined generator.
3. What stands outside functions has a name that no local has; of two with one name, the second is called `x$$2`.
4. Structs and macros start with a capital: `Thread`, `Struct$int`. A local that does so has a `$` behind it.

The C is strict C17: its words are the keywords below and what starts with `_`, not GNU's `asm`, `typeof` or `i386`.
"""

import re
from collections.abc import Iterable

from keelback.compiler.prelude import PRELUDE, WIDE

_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""Source: ISO/IEC 9899:2018, section 6.4.1; the others start with `_`."""
MACROS = frozenset(re.findall(r"^#(?:define|ifn?def) (\w+)", PRELUDE, re.MULTILINE))
TYPES = frozenset(re.findall(r"^typedef .*?(\w+);$", PRELUDE + WIDE, re.MULTILINE))
FUNCTIONS = frozenset(re.findall(r"^(?:static|void) .*?(\w+)\((?!\()", PRELUDE + WIDE, re.MULTILINE))
C_WORDS = KEYWORDS | MACROS | TYPES | FUNCTIONS
STRICT_C = "-std=c17"
"""What a C compiler needs to be told, so that it has no words but these."""


def ascii_name(name: str) -> str:
    """Return a name with each character beyond ASCII as its number."""
    return name if name.isascii() else "".join(each if each.isascii() else f"${ord(each):x}_" for each in name)


def field_name(name: str) -> str:
    """Return what a field of a struct is called."""
    return ascii_name(name) + ("$" if name in KEYWORDS | MACROS else "")


def path_name(path: str) -> str:
    """Return the path of a static object as one word, or no word at all."""
    return ascii_name("".join(each if each.isalnum() else "_" for each in path)).strip("_")


class Names:
    """The names of what stands outside functions, each given out once."""

    def __init__(self, functions: Iterable[str]) -> None:
        self.taken = {*C_WORDS, *functions}

    def take(self, name: str) -> str:
        """Give out a name, or one like it where another thing has it."""
        wanted, number = name, 2
        while wanted in self.taken:
            wanted, number = f"{name}$${number}", number + 1
        self.taken.add(wanted)
        return wanted

    def take_struct(self, name: str) -> str:
        """Give out the name of a struct."""
        return self.take(("" if name[0].isupper() else "Struct$") + ascii_name(name))

    def local(self, name: str) -> str:
        """Return what a local of any function is called."""
        mark = name in self.taken or name[0] == "_" or name[0].isupper()
        return ascii_name(name) + ("$" if mark else "")
