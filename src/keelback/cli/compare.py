"""`keelback compare`: both lives of the kernel, trap by trap."""

import sys
from collections.abc import Sequence

from keelback.cli.errors import CommandError
from keelback.cli.programs import all_programs, select
from keelback.kernel.layout import layout_named
from keelback.lang import Panic
from keelback.machine.boot_loader import TooLittleMemory
from keelback.machine.compare import compare
from keelback.machine.compiled import CompiledPc
from keelback.machine.images import make_image
from keelback.machine.interpreted import InterpretedPc
from keelback.machine.kernels import compiled

EQUAL, DIFFERENT, KERNEL_WRONG = 0, 1, 3


def compare_lives(words: Sequence[str], *, layout: str, memory: int) -> int:
    """Run the programs that the words name in both lives and compare all RAM after every trap; return the exit status.

    Without words, all programs of the payload.  Raises: CommandError.
    """
    where = layout_named(layout)
    selection = select(words or all_programs(where.image_base), where.image_base)
    payload = selection.payload()
    try:
        interpreted = InterpretedPc(where, make_image(where, payload), memory=memory)
        other = CompiledPc(where, make_image(where, payload, compiled(where)), memory=memory)
        report = compare(interpreted, other)
    except TooLittleMemory as error:
        raise CommandError(str(error)) from error
    except Panic as panic:
        print(f"keelback: kernel panic: {panic}", file=sys.stderr)
        return KERNEL_WRONG
    if report.difference is not None:
        print(f"different after {report.traps:,} traps: {report.difference}")
        return DIFFERENT
    print(f"equal: {report.traps:,} traps, {report.bytes:,} bytes compared")
    return EQUAL
