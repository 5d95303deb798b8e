"""`keelback run`: programs on the simulated PC, in both lives, or on QEMU."""

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from keelback.cli.commands.run import RunOptions
from keelback.lang import strict

if TYPE_CHECKING:
    from keelback.cli.programs import Selection
    from keelback.kernel.layout import Layout
    from keelback.machine.observed import Machine

TOUR = ("hello tourist", "ping 2", "pong 2", "primes 5000")
WELCOME = """\
A kernel written in Python boots and starts four programs: machine code from C,
in ring 3 behind page tables.  ping and pong take turns; a timer stops primes.
"""
FAREWELL = """
Next:  {0} run hello null   a program that reads address 0 dies
       {0} run --trace hello
       {0} programs         what else there is
"""


def run_programs(words: Sequence[str], options: RunOptions) -> int:
    """Run the programs that the words name, or the tour, to their end; return the exit status.

    Raises: UserError; Interrupted; LimitReached.
    """
    if options.check and not options.compiled and not strict.is_installed("keelback.kernel"):
        strict.install("keelback.kernel")
    if words or options.as_json or options.command_line:  # which may start others
        return _run(words or TOUR, options)
    status = _run(TOUR, options, WELCOME)
    if status == 0:
        print(FAREWELL.format(_own_name()), end="")
    return status


def _own_name() -> str:
    """Return what to type to run Keelback as this process was run."""
    called = sys.argv[0]
    if os.path.basename(called) != "keelback":
        return "python -m keelback"
    on_path = shutil.which("keelback")
    return "keelback" if on_path and os.path.samefile(on_path, called) else called


def _kernel_meanwhile(options: RunOptions, layout: "Layout") -> AbstractContextManager[None]:
    """Return what compiles the kernel meanwhile, if the run needs one that is compiled."""
    if not (options.compiled or options.on_qemu):
        return nullcontext()
    from keelback.image.kernels import compiled, compiled_to_run, compiling  # who runs it interpreted needs no compiler

    return compiling(compiled_to_run if options.compiled else compiled, layout)


def _run(words: Sequence[str], options: RunOptions, welcome: str = "") -> int:
    """Run programs, after a word of welcome once they are built; return the exit status."""
    # Imported here: strict mode has to come first.
    from keelback.abi.calls import OWN_CALLS
    from keelback.cli.ending import tell
    from keelback.cli.machines import machine_for
    from keelback.cli.own_parts import chosen_layout
    from keelback.cli.programs import choose
    from keelback.cli.session import Session
    from keelback.cli.users_files import reading_within

    with reading_within(options.limits.seconds):
        if options.on_qemu:
            from keelback.machine.qemu.qemu import find_qemu  # here, because hardly anybody runs QEMU

            find_qemu()
        layout = chosen_layout(options.choice)
        for call in OWN_CALLS:
            tell(f"{call.name} is call {call.number}")
        chosen = choose(words, layout)
        with _kernel_meanwhile(options, layout):
            selection = chosen.build(options.command_line)
    with machine_for(options, layout, selection.payload()) as machine:
        print(welcome, end="")
        with _recorded(options, selection, machine):
            return Session(machine, selection, options).run()


def _recorded(options: RunOptions, selection: "Selection", machine: "Machine") -> AbstractContextManager[None]:
    """Return what records a run, if it is to be recorded."""
    if options.record is None:
        return nullcontext()
    from keelback.cli.recorded_runs import recorded  # few runs are

    return recorded(options.record, options, selection, machine)
