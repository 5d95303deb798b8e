"""`keelback compile`."""

import click

from keelback.cli import options
from keelback.errors import UserError


@click.command()
@click.argument("functions", metavar="[FUNCTION]...", nargs=-1)
@click.option(
    "--show", type=click.Choice(["c"]), help="What to show of the functions that are named: their Python, and this."
)
@options.kernel
@options.json
def command(functions: tuple[str, ...], show: str | None, choice: options.KernelChoice, as_json: bool) -> int:
    """Compile the kernel, and show what becomes of it.

    It lists the functions, or prints some; a FUNCTION is a name in C, which may have wildcards.
    """
    from keelback.cli.compile import list_functions, show_c

    if as_json and show is not None:
        raise UserError("--json lists functions; it does not show them")
    if show is not None and not functions:
        raise UserError("--show shows functions that you name; `keelback compile` lists them")
    if show is None:
        return list_functions(choice, functions or ["*"], as_json=as_json)
    return show_c(choice, functions)
