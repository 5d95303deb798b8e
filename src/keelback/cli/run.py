"""`keelback run`: programs on the simulated PC."""

import sys
from collections.abc import Sequence

from keelback.lang import strict

WELL = 0

TOUR = ("hello tourist", "ping 3", "pong 3", "primes 5000")
WELCOME = """\
A short tour.  A kernel written in Python boots on a simulated PC and starts four programs: machine code from C, each in
ring 3 behind page tables that the kernel has made.  ping and pong take turns; primes is pre-empted by the timer.
"""
FAREWELL = """
Next:  keelback run hello null           a program that reads address 0 dies alone
       keelback run "primes 100000"      a program with an argument
       keelback run --check --verbose hello
       keelback run yours.c              your own program
"""


def run_programs(words: Sequence[str], *, compiled: bool, memory: int, check: bool, verbose: bool) -> int:
    """Run the programs that the words name, or the tour, to their end; return the exit status.

    Raises: CommandError.
    """
    if check and not compiled and not strict.is_installed("keelback.kernel"):
        strict.install("keelback.kernel")
    # Imported here: strict mode has to come first.
    from keelback.cli.session import Session

    if not words:
        print(WELCOME)
    session = Session(words or TOUR, compiled=compiled, memory=memory, check=check)
    if verbose:
        session.trace(sys.stderr)
    status = session.run()
    if not words and status == WELL:
        print(FAREWELL, end="")
    return status
