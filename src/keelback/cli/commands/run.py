"""`keelback run`."""

from dataclasses import dataclass
from pathlib import Path

import click

from keelback.cli import options
from keelback.cli.sizes import memory_size, qemu_memory_size
from keelback.errors import UserError

NO_CHECK_ON_QEMU = "QEMU runs the compiled kernel, without --check; try --machine simulated"
TRACES = ("text", "json")
"""The forms of a trace, the usual one first."""


@dataclass(frozen=True)
class RunOptions:
    """What `keelback run` is told beside the programs."""

    choice: options.KernelChoice = options.DEFAULT_KERNEL
    on_qemu: bool = False
    compiled: bool = False
    memory: int = 64 << 20
    cpu: str | None = None
    qmp: str | None = None
    command_line: str = ""
    check: bool = False
    trace: str | None = None
    record: Path | None = None
    limits: options.Limits = options.NO_LIMITS
    as_json: bool = False
    typing: options.Typing = options.NO_TYPING


class WithTrace(click.Command):
    """A command whose `--trace` may say nothing more, and then takes no program for its value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line."""
        end = args.index("--") if "--" in args else len(args)
        told = [f"--trace={TRACES[0]}" if each == "--trace" else each for each in args[:end]]
        return super().parse_args(ctx, told + args[end:])


@click.command(cls=WithTrace)
@options.programs
@options.machine
@options.kernel
@options.memory("64M")
@click.option("--cpu", metavar="NAME", help="QEMU's name of the CPU, as for its own -cpu.  [default: max,-smap]")
@click.option("--qmp", metavar="SOCKET", help="Offer QEMU's monitor there, for others to look: --on qemu:SOCKET.")
@options.append
@click.option(
    "--check",
    is_flag=True,
    help="Check the kernel as it runs: all invariants after each of the first 1,000 traps, then after every 64th and "
    "at the end; in the interpreted life also integers, memory accesses and TLB invalidations.",
)
@click.option(
    "--record",
    metavar="FILE",
    help="Write what repeats the run, for `keelback replay`.",
)
@click.option(
    "--trace",
    type=click.Choice(TRACES),
    metavar="[=json]",
    help="Print every trap on standard error by its number, which --at of other commands takes: calls with arguments "
    "and result, faults with page and frame.",
)
@options.typed
@click.option(
    "--type",
    "is_live",
    is_flag=True,
    help="Type: what this terminal sends goes in by the serial line, and control-] ends the run.",
)
@click.option("--input-log", metavar="FILE", help="Write what came in and when, for --input.")
@options.limits
@options.json
def command(
    programs: tuple[str, ...],
    machine: str,
    kernel: str | None,
    choice: options.KernelChoice,
    memory: str,
    cpu: str | None,
    qmp: str | None,
    append: str,
    check: bool,
    trace: str | None,
    record: str | None,
    typing: options.Typing,
    is_live: bool,
    input_log: str | None,
    limits: options.Limits,
    as_json: bool,
) -> int:
    """Boot the kernel and run programs.

    A PROGRAM is a name (`keelback programs` lists them) or the path of a C, Python or ELF file, each with an argument
    string if you like: "primes 1000".  Without any, a short tour.

    At the end, at a limit, at control-C and at SIGTERM a report tells how each process ended, or where it was.  The
    exit status is 0 when every process ended well, 1 when one did not; that of a child whose parent waited for it does
    not count.
    """
    from keelback.cli.run import run_programs

    on_qemu, has_shell = machine == "qemu", programs[:1] == (options.SHELL,)
    if on_qemu and kernel == "interpreted":
        raise UserError(NO_CHECK_ON_QEMU)
    given = RunOptions(
        choice=choice,
        on_qemu=on_qemu,
        compiled=kernel == "compiled",
        memory=qemu_memory_size(memory) if on_qemu else memory_size(memory),
        cpu=cpu,
        qmp=qmp,
        command_line=append,
        check=check,
        trace=trace,
        record=None if record is None else Path(record),
        limits=limits,
        as_json=as_json,
        typing=typing._replace(is_live=is_live or (has_shell and not typing.is_any), log=input_log),
    )
    check_together(given)
    return run_programs(programs, given)


def check_together(given: RunOptions) -> None:
    """Check that what a run is told goes together.  Raises: UserError."""
    if not given.on_qemu and given.cpu is not None:
        raise UserError("--cpu names a CPU of QEMU's; the simulated PC has one of its own")
    if given.trace and given.qmp is not None:
        raise UserError("--trace and --qmp: both stop the machine; say one of them")
    if not given.on_qemu and given.qmp is not None:
        raise UserError("--qmp offers a monitor of QEMU's; say --machine qemu")
    if given.on_qemu and given.check:
        raise UserError(NO_CHECK_ON_QEMU)
    if given.on_qemu and given.limits.instructions is not None:
        raise UserError("--limit counts the simulated PC's instructions; with QEMU, say --time")
    if given.on_qemu and given.record is not None:
        raise UserError("a run on QEMU can't be recorded, for it does not repeat; try --machine simulated")
    check_typing(given.typing, given.on_qemu)


def check_typing(typing: options.Typing, on_qemu: bool) -> None:
    """Check that what is typed goes together.  Raises: UserError."""
    if typing.is_live and "-" in (typing.input, typing.keys):
        raise UserError("--type and -: standard input is only one; name a file")
    if on_qemu and typing.keys is not None:
        raise UserError("--keys types on the simulated PC's keyboard; on QEMU, say --input")
    if on_qemu and typing.log is not None:
        raise UserError("--input-log has the simulated PC's times; say --machine simulated")
