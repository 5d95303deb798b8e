"""`keelback run`: programs on the simulated PC."""

import sys
from collections.abc import Callable, Sequence

from keelback.lang import strict

TOUR = ("hello tourist", "ping 3", "pong 3", "primes 5000")
WELCOME = """\
A short tour.  A kernel written in Python boots and starts four programs: machine code from C, each in
ring 3 behind page tables that the kernel has made.  ping and pong take turns; primes is pre-empted by the timer.
"""
FAREWELL = """
Next:  keelback run hello null           a program that reads address 0 dies alone
       keelback run "primes 100000"      a program with an argument
       keelback run --check --verbose hello
       keelback run yours.c              your own program
"""


def run_programs(
    words: Sequence[str], *, layout: str, compiled: bool, memory: int, command_line: str, check: bool, verbose: bool
) -> int:
    """Run the programs that the words name, or the tour, to their end; return the exit status.

    Raises: UserError.
    """
    if check and not compiled and not strict.is_installed("keelback.kernel"):
        strict.install("keelback.kernel")
    # Imported here: strict mode has to come first.
    from keelback.cli.session import Session
    from keelback.kernel.layout import layout_named

    def run(chosen: Sequence[str]) -> int:
        session = Session(
            chosen,
            layout=layout_named(layout),
            compiled=compiled,
            memory=memory,
            command_line=command_line,
            check=check,
        )
        if verbose:
            session.trace(sys.stderr)
        return session.run()

    return _with_tour(words, run)


def run_qemu(words: Sequence[str], *, layout: str, memory: int, cpu: str | None, command_line: str) -> int:
    """Run the programs that the words name, or the tour, on QEMU; return the exit status.  Raises: UserError."""
    from keelback.cli.qemu import run_on_qemu
    from keelback.kernel.layout import layout_named

    def run(chosen: Sequence[str]) -> int:
        return run_on_qemu(chosen, layout=layout_named(layout), memory=memory, cpu=cpu, command_line=command_line)

    return _with_tour(words, run)


def _with_tour(words: Sequence[str], run: Callable[[Sequence[str]], int]) -> int:
    """Run the words, or the tour between two words about it."""
    if words:
        return run(words)
    print(WELCOME)
    status = run(TOUR)
    if status == 0:
        print(FAREWELL, end="")
    return status
