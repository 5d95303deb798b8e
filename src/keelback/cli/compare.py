"""`keelback compare`: both lives of the kernel, trap by trap."""

from collections.abc import Sequence
from typing import Any

from keelback.cli.ending import tell
from keelback.cli.json_output import print_json
from keelback.cli.machines import check_start, least_memory, make_compiled, make_interpreted
from keelback.cli.options import KernelChoice, Limits, Typing
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import choose
from keelback.cli.progress import RUNNING, shown
from keelback.cli.running import add_limit, stoppable, within
from keelback.cli.sizes import counted
from keelback.cli.sources import programs_for
from keelback.cli.starts import Starts
from keelback.cli.statuses import BADLY, WELL
from keelback.cli.typed_input import typed_by
from keelback.cli.users_files import reading_within
from keelback.image.kernels import compiled_to_run, compiling
from keelback.machine.compare import compare


def compare_lives(
    words: Sequence[str],
    *,
    choice: KernelChoice,
    memory: int | None,
    command_line: str,
    typing: Typing,
    limits: Limits,
    as_json: bool,
) -> int:
    """Run the programs that the words name in both lives and compare all RAM after every trap; return the exit status.

    Without words, all programs that the layout is for; without an amount of memory, the layout's least.
    Raises: UserError; Interrupted; LimitReached.
    """
    with reading_within(limits.seconds):
        where = chosen_layout(choice)
        chosen = choose(words or programs_for(where), where)
        with compiling(compiled_to_run, where):
            selection = chosen.build()
    payload, size = selection.payload(), memory or least_memory(where)
    interpreted = make_interpreted(where, payload, memory=size, command_line=command_line)
    other = make_compiled(where, payload, memory=size, command_line=command_line)
    if limits.instructions is not None:
        add_limit(interpreted, limits.instructions)
    typed = typed_by(typing)
    interpreted.input.add(*typed)
    other.input.add(*typed)
    starts = Starts(interpreted)
    with shown(RUNNING), within(limits.seconds), stoppable(interpreted, other):
        report = compare(interpreted, other)
    if report.difference is None:
        check_start(interpreted)
    failed = starts.failed()
    if as_json:
        different = None if report.difference is None else str(report.difference)
        found: dict[str, Any] = {
            "equal": different is None,
            "traps": report.traps,
            "bytes": report.bytes,
            "difference": different,
        }
        found |= {"differences": list(report.described)}
        print_json(found | {"not_started": failed})
    elif report.difference is not None:
        print(f"different after {counted(report.traps, 'trap')}: {report.difference}")
        for line in report.described:
            print(f"  {line}")
    else:
        what = "equal" if report.traps else "equal, but no program ran"
        print(f"{what}: {counted(report.traps, 'trap')}, {report.bytes:,} bytes compared")
    for line in failed:
        tell(line)
    return BADLY if report.difference is not None or failed else WELL
