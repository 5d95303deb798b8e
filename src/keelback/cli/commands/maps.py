"""`keelback maps`."""

import click

from keelback.cli import options


@click.command()
@options.target
@click.option(
    "--walk",
    metavar="ADDRESS",
    help="Tell all of one address, or of where a variable is that the program has by that name: its page, its frame, "
    "and each entry on the way.",
)
@options.picture
@options.json
def command(
    target: options.Target,
    walk: str | None,
    drawn: options.Picture,
    as_json: bool,
) -> int:
    """Show where a program's own pages are.

    Runs programs on the simulated PC to a moment, or looks at a machine that is there (--on).  For every run of pages
    it says what that is for, what the program may do there, which frames it has, whose they are, and who else shows
    them.

    Without --at and --until the moment is just before the first process ends, children too, or that of
    --pid.
    """
    from keelback.cli.maps import show_maps

    return show_maps(target, walk=walk, drawn=drawn, as_json=as_json)
