"""What somebody types while a machine runs: bytes by a descriptor, as they come."""

import os
import select

PIECE = 4096


class LiveInput:
    """What comes by a descriptor; `is_over` says that nothing more will."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.is_over = False

    def heard(self, seconds: float | None = 0.0) -> bytes:
        """Return what has come, or what comes first within so many seconds, None: however long; nothing at its end."""
        if self.is_over or not select.select([self.descriptor], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self.descriptor, PIECE)
        except OSError:  # the terminal is gone
            data = b""
        self.is_over = not data
        return data
