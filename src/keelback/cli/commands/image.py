"""`keelback image`."""

from pathlib import Path

import click

from keelback.cli import options


@click.group("image", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Look at kernel image files."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@command.command()
@click.argument("file")
@options.json
def show(file: str, as_json: bool) -> int:
    """Print the parts, headers and payload of a kernel image file.

    A file that is truncated, changed or no kernel image at all is refused, with status 2.
    """
    from keelback.cli.image import show_image

    return show_image(Path(file), as_json=as_json)
