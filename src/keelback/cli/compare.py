"""`keelback compare`: both lives of the kernel, trap by trap."""

import sys
from collections.abc import Sequence

from keelback.cli.machines import check_start, make_compiled, make_interpreted
from keelback.cli.programs import all_programs, select
from keelback.kernel.layout import layout_named
from keelback.lang import Panic
from keelback.machine.compare import compare

EQUAL, DIFFERENT, KERNEL_WRONG = 0, 1, 3


def compare_lives(words: Sequence[str], *, layout: str, memory: int) -> int:
    """Run the programs that the words name in both lives and compare all RAM after every trap; return the exit status.

    Without words, all programs of the payload.  Raises: CommandError.
    """
    where = layout_named(layout)
    selection = select(words or all_programs(where.image_base), where)
    payload = selection.payload()
    interpreted = make_interpreted(where, payload, memory=memory)
    other = make_compiled(where, payload, memory=memory)
    try:
        report = compare(interpreted, other)
    except Panic as panic:
        print(f"keelback: kernel panic: {panic}", file=sys.stderr)
        return KERNEL_WRONG
    if report.difference is not None:
        print(f"different after {report.traps:,} traps: {report.difference}")
        return DIFFERENT
    check_start(interpreted)
    print(f"equal: {report.traps:,} traps, {report.bytes:,} bytes compared")
    return EQUAL
