"""What a server says at a socket, within one time limit for all of an answer.

A socket's own timeout is for one read; a server that says a byte now and then, or one thing after the other that is
no answer, would never meet it.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

PIECE: Final = 1 << 16


class Answers:
    """Reads from a connected socket, whose timeout says how long an answer may take."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._received = bytearray()
        self._seconds: float | None = None
        self._last = 0.0

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Let all that is said in this context take no longer than the socket's timeout; the outermost counts.

        Raises: TimeoutError, whose text is `within … seconds`.
        """
        is_outermost = self._seconds is None
        if is_outermost:
            self._seconds = self._socket.gettimeout()
            self._last = monotonic() + (self._seconds or 0.0)
        try:
            yield
        except TimeoutError:
            raise TimeoutError(f"within {self._seconds:g} seconds") from None
        finally:
            if is_outermost:
                self._socket.settimeout(self._seconds)
                self._seconds = None

    def until(self, mark: bytes, most: int) -> bytes:
        """Return what comes up to a mark and with it, or the first bytes if those are too many; fewer at the end.

        Raises: TimeoutError.
        """
        looked = 0
        while (found := self._received.find(mark, looked)) < 0 and len(self._received) < most:
            looked = max(0, len(self._received) - len(mark) + 1)
            if not self._receive():
                break
        return self._take(found + len(mark) if found >= 0 else most)

    def read(self, count: int) -> bytes:
        """Return the next bytes, fewer at the end.  Raises: TimeoutError."""
        while len(self._received) < count and self._receive():
            pass
        return self._take(count)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def _receive(self) -> bool:
        """Wait for more; return whether there was any."""
        if self._seconds is not None:
            left = self._last - monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
        more = self._socket.recv(PIECE)
        self._received += more
        return bool(more)
