"""`keelback diff`."""

import click

from keelback.cli import options


@click.command()
@click.argument("one", metavar="FILE")
@click.argument("other", metavar="FILE")
@options.json
def command(one: str, other: str, as_json: bool) -> int:
    """Tell how two saved machines differ.

    Each FILE is one that `keelback snapshot` has written, both of one layout with as much memory.  Told are fields of
    the kernel's records, what frames are used for, where pages are mapped, and what they hold.

    The exit status is 0 when they are equal and 1 when they are not.
    """
    from keelback.cli.diff import tell_differences

    return tell_differences(one, other, as_json=as_json)
