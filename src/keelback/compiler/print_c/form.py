"""How C is printed, and which of its functions other files see."""

from dataclasses import dataclass
from enum import Enum


class Linkage(Enum):
    """Who may see the functions of a C file, besides its entries."""

    ALONE = "static "
    """Nobody: it is the whole program."""
    REPLACEABLE = "__attribute__((weak)) "
    """A file of which functions of the same names stand in their place."""
    REPLACING = ""
    """The functions of the other file, which it is linked to."""


@dataclass(frozen=True)
class Form:
    """How C is printed.

    With `lines`, debuggers see the Python source; `convention` is the attribute by which an entry is called in another
    way than C functions are.  Where another file is linked to it, `own` are functions that it has not, and `elsewhere`
    sections of records that it defines.
    """

    lines: bool = True
    convention: str = ""
    linkage: Linkage = Linkage.ALONE
    own: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
