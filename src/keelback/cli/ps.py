"""`keelback ps`: the processes of a machine."""

from typing import Any

from rich.console import Console
from rich.text import Text

from keelback.cli.json_output import print_json
from keelback.cli.options import Target
from keelback.cli.statuses import WELL
from keelback.cli.streams import escaped
from keelback.cli.tables import make_table, print_table
from keelback.cli.targets import looked_at, title_of
from keelback.errors import UserError
from keelback.inspect.doings import FEW, doing_of_all
from keelback.inspect.endings import ending_of
from keelback.inspect.snapshot.processes import Process
from keelback.kernel.processes.processes import BY_KERNEL, NOBODY

NUMBERS = ("pid", "parent", "pages", "own")


def list_processes(target: Target, *, as_json: bool) -> int:
    """Print the processes of a machine; return the exit status.  Raises: UserError; as `looked_at`."""
    with looked_at(target) as moment:
        snapshot = moment.snapshot()
        pid = target.stop.pid
        if pid is not None and pid not in snapshot.processes:
            raise UserError(f"there is no process {pid} here")
        processes = [*snapshot.processes.values()] if pid is None else [snapshot.processes[pid]]
        if as_json:
            print_json({"stands": moment.stands.value, "processes": [facts_of(each) for each in processes]})
            return WELL
        console = Console(highlight=False, soft_wrap=True)
        console.print(Text(title_of(moment, snapshot), "bold"))
        console.print()
        table = make_table()
        for name in ("pid", "parent", "program", "does", "pages", "own", "at"):
            table.add_column(name, justify="right" if name in NUMBERS else "left")
        for each in processes:
            table.add_row(*_row(each))
        print_table(console, table)
    return WELL


def _row(process: Process) -> list[str]:
    threads = process.threads if process.is_alive else []
    at = ", ".join(f"{thread.instruction:#010x}" for thread in threads[:FEW]) + ", …" * (len(threads) > FEW)
    counted = (str(len(process.space.user)), str(process.own_pages)) if process.space is not None else ("", "")
    parent = {BY_KERNEL: "", NOBODY: "-"}.get(process.parent, str(process.parent))
    return [str(process.pid), parent, escaped(process.name), does(process), *counted, at]


def does(process: Process) -> str:
    """Return what the threads of a process do, or how it ended."""
    if not process.is_alive:
        return ending_of(process.record, process.snapshot.kernel, {}).how
    return doing_of_all(process.snapshot.kernel, [thread.number for thread in process.threads])


def facts_of(process: Process) -> dict[str, Any]:
    """Return what is known of a process, as plain values."""
    return {
        "pid": process.pid,
        "parent": process.parent,
        "program": process.name,
        "alive": process.is_alive,
        "does": does(process),
        "threads": [
            {
                "number": each.number,
                "state": each.state.name.lower(),
                "does": each.doing,
                "instruction": each.instruction,
            }
            for each in (process.threads if process.is_alive else ())
        ],
        "handles": [
            {
                "number": each.number,
                "kind": each.kind.name.lower(),
                "object": each.object,
                "rights": each.rights,
                "badge": each.badge,
            }
            for each in process.handles
        ],
        "root": process.space.directory if process.space is not None else None,
        "regions": [
            {"start": each.start, "end": each.end, "use": each.use, "rights": each.rights} for each in process.regions
        ],
        "libraries": [{"name": each.library.name, "address": each.address} for each in process.libraries],
        "pages": [
            {"address": each.address, "frame": each.mapping.frame, "rights": each.rights} for each in process.pages()
        ],
    }
