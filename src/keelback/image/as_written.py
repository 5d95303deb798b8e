"""C compiled as it is written: each load, store, call and division that is executed in the source is in the code.

Without optimisation clang keeps all but loads and divisions whose result nobody uses: its instruction selection leaves
these out at any level.  So its LLVM IR is changed on the way: a load is made volatile, and what a division returns is
given to an empty `asm`.
Source: LLVM Language Reference, volatile memory accesses and inline assembler with side effects.
"""

from __future__ import annotations

import re
from typing import Final

AS_WRITTEN_FLAGS: Final = ("-O0",)
"""Flags for C that is to be kept as it is written."""
RULE: Final = "loads and divisions are kept, 1"
"""What this module makes of the same IR; part of the name under which an object is kept."""
# Texts in IR have no line ends of their own, so that no line of one is taken for an instruction.
_LOAD: Final = re.compile(r"^( +%\S+ = load )(?!volatile |atomic )", re.MULTILINE)
_DIVISION: Final = re.compile(r"^ +(%\S+) = [su](?:div|rem) i32 [^\n]*?(, !dbg !\d+)?$", re.MULTILINE)


def keeping_all(ir: str) -> str:
    """Return LLVM IR with no load and no division of words that may be left out."""
    kept = _LOAD.sub(r"\1volatile ", ir)
    return _DIVISION.sub(r'\g<0>\n  call void asm sideeffect "", "r"(i32 \1)\2', kept)
