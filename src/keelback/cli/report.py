"""The report at the end of a run: how each process ended, and where the memory is."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keelback.cli.streams import escaped
from keelback.inspect.endings import ProcessEnding
from keelback.kernel.kernel import Kernel


def print_report(kernel: Kernel, ended: Sequence[ProcessEnding], *, counted: str = "") -> None:
    """Print the report; `counted` is what else the machine can tell."""
    console = Console(highlight=False, soft_wrap=True)
    console.print()
    if ended:
        console.print(_processes(ended))
        console.print()
    counts = kernel.memory.frames.counts
    for name, free, total in (
        ("user frames", counts.user_free, counts.user_total),
        ("kernel zone", counts.kernel_free, counts.kernel_total),
    ):
        console.print(f"{name}: {total:,}, of which {total - free:,} used and {free:,} free")
    if counted:
        console.print(counted)


def _processes(ended: Sequence[ProcessEnding]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("pid", justify="right")
    table.add_column("program")
    table.add_column("ended", overflow="fold")
    for each in ended:
        how = Text(escaped(each.how), style="green" if each.well else "red")
        if each.place:
            how.append(f"\nat {escaped(each.place)}", style="dim")
        table.add_row(str(each.pid), Text(escaped(each.name)), how)
    return table
