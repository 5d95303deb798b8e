"""`keelback man`."""

import click


@click.command()
def command() -> int:
    """Print the manual page, in the format of man: keelback man | man -l -."""
    from keelback.cli.man import man_page

    print(man_page(), end="")
    return 0
