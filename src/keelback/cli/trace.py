"""The trace of `--verbose`: a line for what a trap was and what came of it, with virtual time and process."""

from typing import TextIO

from keelback.cli.streams import escaped
from keelback.inspect.events import Event, TrapBegun, TrapEnded


class Trace:
    """Prints a machine's events."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def take(self, event: Event) -> None:
        """Print an event, but for those that only say that a trap begins or ends."""
        if not isinstance(event, TrapBegun | TrapEnded):
            who = f"{event.program}[{event.pid}]" if event.pid else event.program
            print(f"{event.time:>12,}  {escaped(who):<16} {event}", file=self.stream)
