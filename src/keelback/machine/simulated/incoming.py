"""What comes in by a machine's devices: what was typed so far, or will be, and what somebody types at this moment."""

from time import perf_counter

from keelback.machine.clock import INSTRUCTIONS_PER_SECOND
from keelback.machine.input_log import Device, Typed
from keelback.machine.live import LiveInput
from keelback.machine.simulated.feed import Feed
from keelback.machine.simulated.keyboard import Keyboard
from keelback.machine.simulated.serial import Serial


class Incoming:
    """Brings both devices their input; `typed` is all that came or will, what comes by `live` as it comes."""

    def __init__(self, serial: Serial, keyboard: Keyboard) -> None:
        self.serial = serial
        self.feeds = {Device.SERIAL: Feed(serial), Device.KEYBOARD: Feed(keyboard)}
        self.typed: list[Typed] = []
        self.live: LiveInput | None = None

    def add(self, *typed: Typed) -> None:
        """Add to what comes in, no earlier than what was added before."""
        for each in typed:
            self.typed.append(each)
            self.feeds[each.device].typed.append(each)

    def forget_after(self, time: int) -> None:
        """Take back what comes after a time that the machine has not come to."""
        for typed in (self.typed, *(feed.typed for feed in self.feeds.values())):
            typed[:] = [each for each in typed if each.time <= time]

    def bring(self, time: int) -> None:
        """Give the devices what has come by a time."""
        for feed in self.feeds.values():
            feed.give(time)
        if self.serial.due is not None and self.serial.due <= time:
            self.serial.come()

    def due(self) -> list[int]:
        """Return when something comes in, of each device where something does."""
        if not self.typed:
            return []
        times = [self.serial.due, *(feed.due for feed in self.feeds.values())]
        return [each for each in times if each is not None]

    # Who types at this moment.

    @property
    def is_typed_on(self) -> bool:
        """Say whether somebody may still type."""
        return self.live is not None and not self.live.is_over

    def listen(self, time: int) -> None:
        """Take what somebody has typed by a time."""
        if self.live is not None and (data := self.live.heard()):
            self.add(Typed(time, Device.SERIAL, data))

    def await_typing(self, time: int, until: int | None) -> int:
        """Wait from a time to another, None: however long, for who types; return when that ended.

        As much time passes here.  What is typed has come at the time that is returned.
        """
        assert self.live is not None, "somebody may type"
        left = None if until is None else max(until - time, 0)
        started = perf_counter()
        data = self.live.heard(None if left is None else left / INSTRUCTIONS_PER_SECOND)
        if not data:
            return time if until is None else max(time, until)
        passed = int((perf_counter() - started) * INSTRUCTIONS_PER_SECOND)
        ended = time + (passed if left is None else min(passed, left))
        self.add(Typed(ended, Device.SERIAL, data))
        return ended
