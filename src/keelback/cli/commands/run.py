"""`keelback run`."""

import os

import click

from keelback.cli import options
from keelback.cli.sizes import memory_size, qemu_memory_size
from keelback.errors import UserError

LONGEST_COMMAND_LINE = 2047


@click.command()
@options.programs
@options.machine
@options.layout
@options.memory("64M")
@click.option("--cpu", metavar="NAME", help="QEMU's name of the CPU, as for its own -cpu.  [default: max,-smap]")
@click.option("--append", metavar="TEXT", default="", help="The kernel's command line: init=, memory=, console=.")
@click.option(
    "--check",
    is_flag=True,
    help="Check the kernel as it runs: all invariants after each of the first 1,000 traps, then after every 64th and "
    "at the end; in the interpreted life also integers, memory accesses and TLB invalidations.",
)
@click.option("--verbose", is_flag=True, help="Print every trap, on standard error.")
def command(
    programs: tuple[str, ...],
    machine: str,
    kernel: str | None,
    layout: str,
    memory: str,
    cpu: str | None,
    append: str,
    check: bool,
    verbose: bool,
) -> int:
    """Boot the kernel and run programs.

    A PROGRAM is a name from the payload or the path of an ELF or C file, each with an argument string if you like
    ("primes 1000").  Without any, a short tour.

    The exit status is 0 when every program ended well, 1 when one did not.
    """
    from keelback.cli.run import run_programs, run_qemu

    if len(os.fsencode(append)) > LONGEST_COMMAND_LINE:
        raise UserError(
            f"--append has {len(os.fsencode(append))} bytes; a command line has at most {LONGEST_COMMAND_LINE}"
        )
    if machine == "simulated":
        if cpu is not None:
            raise UserError("--cpu names a CPU of QEMU's; the simulated PC has one of its own")
        return run_programs(
            programs,
            layout=layout,
            compiled=kernel == "compiled",
            memory=memory_size(memory),
            command_line=append,
            check=check,
            verbose=verbose,
        )
    if kernel == "interpreted" or check or verbose:
        raise UserError("QEMU runs the compiled kernel, without --check and --verbose; try --machine simulated")
    return run_qemu(programs, layout=layout, memory=qemu_memory_size(memory), cpu=cpu, command_line=append)
