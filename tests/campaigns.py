"""What the fuzzers share: their arguments, SECONDS [SEED], and a line of progress each half minute."""

import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

EVERY = 30.0
"""Seconds from one line of progress to the next."""


@dataclass
class Progress:
    """Prints now and then how far a campaign is."""

    start: float = field(default_factory=time.monotonic)
    lines: int = 0

    def tell(self, how_far: Callable[[], str]) -> None:
        """Print the seconds that are gone and how far it is, if the last line was long ago."""
        spent = time.monotonic() - self.start
        if spent >= EVERY * (self.lines + 1):
            print(f"{spent:.0f} s: {how_far()}", flush=True)
            self.lines = int(spent // EVERY)


def seeds(how_far: Callable[[], str]) -> Iterator[int]:
    """Yield one seed after the other until the time is up; say meanwhile, and at the end, how far it is."""
    seconds = float(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1_000_000)
    progress, tried = Progress(), 0

    def told() -> str:
        return f"seeds {first} to {first + tried - 1}: {how_far()}"

    while time.monotonic() < progress.start + seconds:
        yield first + tried
        tried += 1
        progress.tell(told)
    print(told())
