"""`keelback frames`."""

import re

import click

from keelback.cli import options


@click.command(options_metavar="[OPTIONS] [NUMBER]...")
@options.target
@options.json
def command(target: options.Target, as_json: bool) -> int:
    """List the page frames of a machine, and what each is for.

    Runs of one kind are a line.  With a NUMBER, or several: all of these frames, and every page that shows them.

    That is a QEMU that runs, a file (--on), or the simulated PC when it has run programs to a moment.
    """
    from keelback.cli.frames import show_frames

    is_number = re.compile("0[xX][0-9a-fA-F]+|[0-9]+").fullmatch
    numbers = [int(word, 0 if word[:2] in ("0x", "0X") else 10) for word in target.words if is_number(word)]
    words = tuple(word for word in target.words if not is_number(word))
    return show_frames(numbers, target._replace(words=words), as_json=as_json)
