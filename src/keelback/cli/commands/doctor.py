"""`keelback doctor`."""

import click

from keelback.cli import options


@click.command()
@options.json
def command(as_json: bool) -> int:
    """Say what is missing on this machine, and which line installs it.

    The exit status is 2 where something is missing that every command needs.
    """
    from keelback.cli.doctor import examine

    return examine(as_json=as_json)
