"""`keelback run`: programs on the simulated PC."""

import sys
from collections.abc import Sequence

from keelback.cli.errors import CommandError
from keelback.lang import strict

SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
MOST_MEMORY = 4 << 30
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


def run_programs(words: Sequence[str], *, memory: str, check: bool, verbose: bool) -> int:
    """Run the programs that the words name, or the tour, to their end; return the exit status.

    Raises: CommandError.
    """
    size = memory_size(memory)
    if check and not strict.is_installed("keelback.kernel"):
        strict.install("keelback.kernel")
    # Imported here: strict mode has to come first.
    from keelback.cli.session import Session

    if not words:
        print(WELCOME)
    session = Session(words or TOUR, memory=size, check=check)
    if verbose:
        session.trace(sys.stderr)
    status = session.run()
    if not words and status == WELL:
        print(FAREWELL, end="")
    return status


def memory_size(text: str) -> int:
    """Return the bytes of a size such as `64M`.  Raises: CommandError."""
    digits, unit = (text[:-1], text[-1:].upper()) if text[-1:].isalpha() else (text, "")
    if not (digits.isascii() and digits.isdigit()) or unit not in ("", *SIZES):
        raise CommandError(f"--memory {text}: not a size such as 512K, 64M or 1G")
    size = int(digits) * SIZES.get(unit, 1)
    if not 0 < size < MOST_MEMORY or size % 4096:
        raise CommandError(f"--memory {text}: not a multiple of 4K below 4G")
    return size
