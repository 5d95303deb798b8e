"""`keelback compile`."""

from pathlib import Path

import click

from keelback.cli import options
from keelback.errors import UserError


@click.command()
@click.argument("functions", metavar="[FUNCTION]...", nargs=-1)
@click.option("--file", metavar="FILE.py", help="A program or components of yours, instead of the kernel.")
@click.option(
    "--show", type=click.Choice(["c", "asm"]), help="What to show of the functions: their Python, and beside it this."
)
@options.kernel
@options.json
def command(
    functions: tuple[str, ...], file: str | None, show: str | None, choice: options.KernelChoice, as_json: bool
) -> int:
    """Compile the kernel, or Kernel Python of yours, and show what becomes of it.

    It lists the functions, or shows some; a FUNCTION is a name in C, which may have wildcards.  Of your file, all that
    are written in it are shown where none is named.
    """
    from keelback.cli.compile import list_functions, show_assembly, show_c
    from keelback.cli.compiled_subject import file_subject, kernel_subject
    from keelback.cli.own_parts import chosen_layout

    if as_json and show is not None:
        raise UserError("--json lists functions; it does not show them")
    if show is not None and not functions and file is None:
        raise UserError("--show shows functions that you name; `keelback compile` lists them")
    subject = kernel_subject(choice) if file is None else file_subject(Path(file), chosen_layout(choice))
    if show is None:
        return list_functions(subject, functions, as_json=as_json)
    return (show_c if show == "c" else show_assembly)(subject, functions)
