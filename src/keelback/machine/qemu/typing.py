"""Typing on QEMU: bytes that go to its serial line, from a thread of their own."""

import os
from contextlib import suppress
from threading import Event, Thread
from typing import IO

from keelback.machine.live import LiveInput

AGAIN = 0.1  # seconds after which who listens looks whether the machine is there


class Typist:
    """Types on a serial line that QEMU reads from a pipe: `text`, and then what comes by `live`, if there is any.

    QEMU holds back what its port has no room for.
    """

    def __init__(self, text: bytes, live: LiveInput | None) -> None:
        self.text = text
        self.live = live
        self._is_over = Event()
        self._thread: Thread | None = None

    def start(self, line: IO[bytes]) -> None:
        """Begin, unless that was long ago."""
        if self._thread is None:
            self._thread = Thread(target=self._type, args=(line.fileno(),), daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Type no more, when QEMU has ended."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _type(self, line: int) -> None:
        with suppress(BrokenPipeError):
            _write(line, self.text)
            while self.live is not None and not self.live.is_over and not self._is_over.is_set():
                _write(line, self.live.heard(AGAIN))


def _write(line: int, data: bytes) -> None:
    while data:
        data = data[os.write(line, data) :]
