"""Drivers: programs that serve lines; a line's interrupts are bits of the endpoint that it is bound to.

    interrupt ──> line, masked ──bit──> endpoint ──> driver: reads the device, says that it is done ──> line, open

1. A line is open just while it is bound, to an endpoint that is open; who may receive there is its driver.
2. When the endpoint closes, the line does.
"""

from keelback.kernel.devices.lines import LINES
from keelback.kernel.messages.messages import Messages
from keelback.lang import Component, u16, u32, word


class Drivers(Component):
    """Tells drivers of their lines."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.endpoints = messages.endpoints
        self.lines = messages.endpoints.lines

    def bind(self, line: u32, endpoint: u16) -> bool:
        """Bind a line, which is closed, to an endpoint that is open; say whether the device answers.

        Raises: BadArgument when no device has the line; nothing has changed.
        """
        answers = self.lines.bind(line, endpoint)
        if answers:
            self.endpoints.table[endpoint].senders += 1
        return answers

    def take(self, vector: u32) -> bool:
        """Take a device's interrupt, if a driver serves its line: that is told."""
        taken = self.lines.take(vector)
        if taken:
            self._tell(self.lines.line_of(vector))
        return taken

    def done(self, line: u32) -> None:
        """Allow a line to interrupt again; its driver is told at once of what came meanwhile."""
        if self.lines.done(line):
            self._tell(line)

    def _tell(self, line: u32) -> None:
        bit: word = 1 << line % LINES
        self.messages.notify(self.lines.driver_of(line), bit)
