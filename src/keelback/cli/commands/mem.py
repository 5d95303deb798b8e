"""`keelback mem`."""

import click

from keelback.cli import options


@click.command()
@options.programs
@options.life
@options.kernel
@options.memory("64M")
@options.pause
@click.option(
    "--format",
    "form",
    type=click.Choice(["keelback", "qemu", "qemu-tlb", "jos", "vmprint"]),
    default="keelback",
    show_default=True,
    help="Cells, a page each; or one process's page tables as QEMU's `info mem` and `info tlb`, as the JOS course's "
    "`info pg`, or as xv6's `vmprint` prints them.",
)
@click.option(
    "--since",
    metavar="TRAP",
    type=click.IntRange(0),
    help="Mark what has changed since, and draw both.",
)
@options.picture
@options.limits
def command(
    programs: tuple[str, ...],
    kernel: str | None,
    choice: options.KernelChoice,
    memory: str,
    moment: options.Moment,
    form: str,
    since: int | None,
    drawn: options.Picture,
    limits: options.Limits,
) -> int:
    """Show all memory: physical by owner, and each process's by region.

    Runs programs on the simulated PC to a moment, as `keelback maps` does.  Each page is a cell: its glyph says who has
    it, its style what the program may do there: reversed, may be written; underlined, copy-on-write; dim, only for the
    kernel.  In a file, which has no styles, marks below a row say the same.
    """
    from keelback.cli.mem import show_memory
    from keelback.cli.pausing import Pause
    from keelback.cli.sizes import memory_size

    pause = Pause(choice, kernel == "compiled", memory_size(memory), moment, limits)
    return show_memory(programs, pause, form, since=since, drawn=drawn)
