"""`keelback build`."""

from pathlib import Path

import click

from keelback.cli import options
from keelback.errors import UserError


@click.command()
@options.programs
@click.option("--output", "-o", metavar="FILE", help="The file to write.  [default: keelback.img, or keelback.iso]")
@click.option("--iso", is_flag=True, help="Make a GRUB rescue ISO that boots the image.")
@click.option(
    "--append",
    metavar="TEXT",
    callback=options.command_line,
    help="The command line that the ISO gives the kernel.",
)
@options.kernel
@options.json
def command(
    programs: tuple[str, ...],
    output: str | None,
    iso: bool,
    append: str | None,
    choice: options.KernelChoice,
    as_json: bool,
) -> int:
    """Build the kernel image file, or a rescue disc.

    Boot loaders load it.  Without a PROGRAM, it has the tour's.

    The same programs make the same bytes, wherever and whenever it is built.
    """
    from keelback.cli.build import IMAGE, ISO, build_disc, build_file

    if iso:
        return build_disc(programs, choice, Path(output or ISO), append or "", as_json=as_json)
    if append is not None:
        raise UserError("--append: only with --iso; whoever boots an image file gives it a command line")
    return build_file(programs, choice, Path(output or IMAGE), as_json=as_json)
