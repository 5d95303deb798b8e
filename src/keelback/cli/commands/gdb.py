"""`keelback gdb`."""

import click

from keelback.cli import options
from keelback.cli.sizes import qemu_memory_size


@click.command()
@options.programs
@options.kernel
@options.memory("64M")
@click.option("--command", "-x", "files", metavar="FILE", multiple=True, help="Let gdb execute a file first.")
@click.option("--execute", "-e", "lines", metavar="COMMAND", multiple=True, help="Let gdb execute a command first.")
@click.option("--batch", is_flag=True, help="End after these, instead of asking what to do.")
@click.option("--interpreter", metavar="NAME", help="How gdb speaks to an editor, mi2, which then connects by `start`.")
def command(
    programs: tuple[str, ...],
    choice: options.KernelChoice,
    memory: str,
    files: tuple[str, ...],
    lines: tuple[str, ...],
    batch: bool,
    interpreter: str | None,
) -> int:
    """Debug the compiled kernel with gdb, on QEMU.

    It shows Python's lines and values.  Without a PROGRAM, the machine runs the tour's.

    gdb starts at the kernel's first instruction and knows Python's files and lines; print takes Python expressions
    over the kernel's parts and the locals: print processes[1].state.  maps and walk tell a process's own pages and what
    an address leads to.  The exit status is gdb's.
    """
    from keelback.cli.gdb import debug_programs

    arguments = [f"--command={file}" for file in files] + [f"--eval-command={line}" for line in lines]
    if batch:
        arguments.append("--batch")
    return debug_programs(
        programs, choice=choice, memory=qemu_memory_size(memory), interpreter=interpreter, arguments=arguments
    )
