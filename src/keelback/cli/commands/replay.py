"""`keelback replay`."""

from pathlib import Path

import click

from keelback.cli import options
from keelback.errors import UserError


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
@click.option("--film", metavar="FILE.svg", help="Draw memory trap by trap instead, as a picture that moves.")
@click.option(
    "--every", type=options.Number(min=1), metavar="TRAPS", help="Traps from one frame of the film to the next."
)
def command(file: str, at: int | None, changed: str | None, film: str | None, every: int | None) -> int:
    """Make a run again that `keelback run --record FILE` has recorded.

    It is the same to the last byte of memory; one line says so where it is not, or where another build recorded it.
    Own parts of the kernel that the run had are taken from where they were, if they have not changed.
    """
    from keelback.cli.recorded_runs import Question, replay

    if film is None and every is not None:
        raise UserError("--every is for a film: name its file by --film FILE.svg")
    if film is not None and changed is not None:
        raise UserError("--film and --changed are two questions: ask one")
    return replay(Path(file), at, Question(changed, Path(film) if film is not None else None, every))
