"""`keelback web`."""

from pathlib import Path

import click

from keelback.cli import options


@click.command()
@click.argument("folder", metavar="DIR")
@options.programs
@options.append
@options.kernel
@options.memory("16M")
@options.json
def command(
    folder: str,
    programs: tuple[str, ...],
    append: str,
    choice: options.KernelChoice,
    memory: str,
    as_json: bool,
) -> int:
    """Write a web page that boots the kernel beside a live map of its memory.

    DIR/index.html is one file, which needs no server and loads nothing from elsewhere.  Without a PROGRAM, it starts
    the tour's.

    The machine in it is v86, which npm fetches once, and has no 64-bit mode; its BIOS is Debian's package seabios.
    """
    from keelback.cli.web import write_page

    return write_page(Path(folder), programs, choice, memory, append, as_json=as_json)
