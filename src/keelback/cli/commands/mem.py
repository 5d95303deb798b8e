"""`keelback mem`."""

import click

from keelback.cli import options


@click.command()
@options.target
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
    type=options.Number(0),
    help="Mark what has changed since, and draw both.",
)
@options.picture
def command(
    target: options.Target,
    form: str,
    since: int | None,
    drawn: options.Picture,
) -> int:
    """Show all memory: physical by owner, and each process's by region.

    Runs programs on the simulated PC to a moment, or looks at a machine that is there (--on).  Each page is a cell.
    Its glyph says who has it, its style what the program may do there: reversed, may be written; underlined,
    copy-on-write; dim, only for the kernel.  In a file, which has no styles, marks below a row say the same.
    """
    from keelback.cli.mem import show_memory

    return show_memory(target, form, since=since, drawn=drawn)
