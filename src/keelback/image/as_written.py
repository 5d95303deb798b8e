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
RULE: Final = "loads and divisions are kept, 2"
"""What this module makes of the same IR; part of the name under which an object is kept."""
# Texts in IR have no line ends of their own, so that no line of one is taken for an instruction.
_LOAD: Final = re.compile(r"^( +%\S+ = load )(?!volatile |atomic )", re.MULTILINE)
_DIVISIONS: Final = {
    bits: re.compile(rf"^ +(%\S+) = [su](?:div|rem) ({types}) [^\n]*?(, !dbg !\d+)?$", re.MULTILINE)
    for bits, types in ((32, "i32"), (64, "i32|i64"))
}


def keeping_all(ir: str, word_bits: int = 32) -> str:
    """Return LLVM IR with no load and no division that may be left out, of 32 bits or of a word's."""
    kept = _LOAD.sub(r"\1volatile ", ir)
    return _DIVISIONS[word_bits].sub(r'\g<0>\n  call void asm sideeffect "", "r"(\2 \1)\3', kept)
