"""The report at the end of a run: how each process ended, as a tree, and where the memory is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keelback.cli import facts
from keelback.cli.json_output import print_json
from keelback.cli.statuses import WELL
from keelback.cli.streams import escaped
from keelback.cli.tables import make_table, print_table
from keelback.errors import Interrupted
from keelback.inspect.endings import Kind
from keelback.inspect.family import Family, Member
from keelback.inspect.lens import walker_of
from keelback.kernel.kernel import Kernel
from keelback.lang import PAGE_SHIFT, Panic
from keelback.lang.replacing import REPLACED
from keelback.machine.observed import Machine
from keelback.machine.simulated.pc import SimulatedPc

MOST_ROWS = 200


def print_report(kernel: Kernel, family: Family, *, counted: str = "") -> None:
    """Print the report; `counted` is what else the machine can tell."""
    console = Console(highlight=False, soft_wrap=True)
    console.print()
    rows = list(_rows(family))
    if rows:
        print_table(console, _processes(rows[:MOST_ROWS], family))
        console.print()
    if more := len(rows[MOST_ROWS:]) + family.uncounted:
        console.print(f"and {more:,} more process{'es' if more > 1 else ''}\n")
    for line in (*_parts(), *_refused(kernel, family)):
        console.print(line)
    for name, counts in _frames(kernel).items():
        total, free = counts["total"], counts["free"]
        if total == 0:
            continue
        console.print(f"{name.replace('_', ' ')}: {total:,}, of which {total - free:,} used and {free:,} free")
    if counted:
        console.print(counted)
    if left := left_frames(kernel, family):
        console.print(f"{left:,} user frame{'s are' if left > 1 else ' is'} used and no process is left: a leak?")


def _parts() -> list[str]:
    """Return a line for each file with parts of the user's that are in place: `with mine.py: Frames.drop`."""
    return [f"with {escaped(file)}: {', '.join(names)}" for file, names in parts_in_place().items()]


def _refused(kernel: Kernel, family: Family) -> Iterator[str]:
    """Yield a line for each program that ended badly and had made calls that the layout leaves out."""
    badly = {member.name for _, member in family.members() if not family.ending(member).well}
    for program, calls in family.refused.items():
        if program in badly:
            yield escaped(f"the {kernel.layout.name} layout has no {' or '.join(calls)}, which {program} called")


def parts_in_place() -> dict[str, list[str]]:
    """Return the names of what users' files replace or add, by file."""
    found: dict[str, list[str]] = {}
    for each in REPLACED:
        found.setdefault(Path(each.own.__code__.co_filename).name, []).append(each.name)
    return found


def left_frames(kernel: Kernel, family: Family) -> int:
    """Return how many user frames are used although every process has ended, 0 while one has not."""
    if any(family.ending(member).kind is Kind.RUNNING for _, member in family.members()):
        return 0
    counts = kernel.memory.frames.counts
    return int(counts.user_total - counts.user_free) - _frames_of_the_kernel(kernel)


def _frames_of_the_kernel(kernel: Kernel) -> int:
    """Return how many user frames the kernel itself has, in a layout with one pool: its page tables, and zeros."""
    if not kernel.layout.one_pool:
        return 0
    return len(list(walker_of(kernel).tables(kernel.spaces.kernel.directory << PAGE_SHIFT))) + 1


def _rows(family: Family) -> Iterator[tuple[str, Member]]:
    """Yield every process behind the lines that lead to it in the tree."""
    waiting = [("", "", member) for member in reversed(family.roots)]
    while waiting:
        line, below, member = waiting.pop()
        yield line, member
        for child in reversed(member.children):
            last = child is member.children[-1]
            waiting.append((below + ("└ " if last else "├ "), below + ("  " if last else "│ "), child))


def _processes(rows: list[tuple[str, Member]], family: Family) -> Table:
    table = make_table()
    table.add_column("pid", justify="right")
    table.add_column("program")
    table.add_column("ended", overflow="fold")
    for line, member in rows:
        each = family.ending(member)
        how = Text(escaped(each.how), style="green" if each.well else "" if member.told else "red")
        if each.place:
            how.append(f"\nat {escaped(each.place)}", style="dim")
        for caller in each.way:
            how.append(f"\nby {escaped(caller)}", style="dim")
        table.add_row(str(each.pid), Text(line + escaped(each.name)), how)
    return table


def print_facts(kernel: Kernel, family: Family, machine: Machine, status: int) -> None:
    """Print all that the report says as JSON, and the console."""
    found = _facts(machine, status, machine.outcome.value) | {"processes": [*facts.processes(family)]}
    left = {"left_frames": left_frames(kernel, family), "parts": parts_in_place(), "left_out": family.refused}
    print_json({**found, "more_processes": family.uncounted, **_frames(kernel), **left})


def print_failure(line: str, machine: Machine, status: int, cause: BaseException | None = None) -> None:
    """Print why a run has no report, and the console, as JSON; a panic has its file and line."""
    outcome, place = machine.outcome.value, {}
    if isinstance(cause, Panic):
        outcome, place = "panicked", {"file": Path(cause.file).name, "line": cause.line}
    elif cause is not None:
        outcome = "interrupted" if isinstance(cause, Interrupted) else "invariant broken"
    print_json({**_facts(machine, status, outcome), "failure": line, **place})


def _facts(machine: Machine, status: int, outcome: str) -> dict[str, Any]:
    found: dict[str, Any] = {"status": status, "well": status == WELL, "outcome": outcome}
    if isinstance(machine, SimulatedPc):
        found |= {"traps": machine.traps, "instructions": machine.instructions, "time": machine.time}
    return {**found, "console": bytes(machine.console).decode(errors="backslashreplace")}


def _frames(kernel: Kernel) -> dict[str, dict[str, int]]:
    counts = kernel.memory.frames.counts
    return {
        "user_frames": {"total": counts.user_total, "free": counts.user_free},
        "kernel_zone": {"total": counts.kernel_total, "free": counts.kernel_free},
    }
