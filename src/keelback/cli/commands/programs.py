"""`keelback programs`."""

import click

from keelback.cli import options


@click.command()
@options.json
def command(as_json: bool) -> int:
    """List the programs and libraries that come with Keelback, and what each is for."""
    from keelback.cli.listing import list_programs

    return list_programs(as_json=as_json)
