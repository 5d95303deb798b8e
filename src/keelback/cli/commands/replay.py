"""`keelback replay`."""

from pathlib import Path

import click


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--at", type=int, metavar="TRAP", help="Stop when so many traps were served, and report where all are.")
@click.option(
    "--changed",
    metavar="WHAT",
    help="Say who changed something last by then, and who changes it next: physical memory (0x2000-0x2fff), what a "
    "process's page is mapped to (2:0x8049000), its frame's record (2:0x8049000.references), or a field by its name "
    "(processes.table[2].state).",
)
def command(file: str, at: int | None, changed: str | None) -> int:
    """Make a run again that `keelback run --record FILE` has recorded.

    It is the same to the last byte of memory; one line says so where it is not, or where another build recorded it.
    Own parts of the kernel that the run had are taken from where they were, if they have not changed.
    """
    from keelback.cli.recorded_runs import replay

    return replay(Path(file), at, changed)
