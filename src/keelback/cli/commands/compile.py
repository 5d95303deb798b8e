"""`keelback compile`."""

import click

from keelback.cli import options


@click.command()
@click.argument("functions", metavar="[FUNCTION]...", nargs=-1)
@click.option(
    "--show", type=click.Choice(["c"]), help="What to show of the functions: their Python, and beside it this."
)
@options.kernel
def command(functions: tuple[str, ...], show: str | None, choice: options.KernelChoice) -> int:
    """Compile the kernel, and show what becomes of it.

    It lists the functions, or prints some; a FUNCTION is a name in C, which may have wildcards.
    """
    from keelback.cli.compile import list_functions, show_c

    if show is None or not functions:
        return list_functions(choice, functions or ["*"])
    return show_c(choice, functions)
