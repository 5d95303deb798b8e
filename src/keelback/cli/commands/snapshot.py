"""`keelback snapshot`."""

import click

from keelback.cli import options


@click.command()
@click.argument("file")
@options.target
def command(file: str, target: options.Target) -> int:
    """Save a machine into a file.

    That is a QEMU that runs (--on qemu:SOCKET), or the simulated PC when it has run programs to a moment.  Other
    commands look at the file by --on file:FILE.

    Without --at and --until the moment is just before the first process ends, children too, or that of
    --pid.
    """
    from keelback.cli.snapshot import save_machine

    return save_machine(file, target)
