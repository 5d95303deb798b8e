"""What comes in by one device: each byte at its time, or as soon afterwards as the device has room for it.

A feed depends on virtual time and on the device's state alone, so the same input makes the same run.
"""

from typing import Protocol

from keelback.machine.input_log import Typed
from keelback.machine.simulated.kept import Kept


class Receiver(Protocol):
    """A device that something comes in by."""

    def room(self) -> int:
        """Return how many bytes it takes now."""

    def receive(self, byte: int) -> None:
        """Take a byte, for which there is room."""


class Feed(Kept):
    """Brings a device what was typed for it; `entry` and `offset` say what comes next."""

    KEPT = "entry", "offset"

    def __init__(self, device: Receiver) -> None:
        self.device = device
        self.typed: list[Typed] = []
        self.entry = 0
        self.offset = 0

    @property
    def is_over(self) -> bool:
        """Say whether the device has been given all."""
        return self.entry == len(self.typed)

    @property
    def due(self) -> int | None:
        """Return when the next byte comes, None where there is none or no room for it."""
        return None if self.is_over or not self.device.room() else self.typed[self.entry].time

    def give(self, time: int) -> None:
        """Give the device what comes by a time, as far as there is room."""
        while (due := self.due) is not None and due <= time:
            data = self.typed[self.entry].data
            self.device.receive(data[self.offset])
            self.offset += 1
            if self.offset == len(data):
                self.entry, self.offset = self.entry + 1, 0
