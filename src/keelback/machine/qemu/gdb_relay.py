"""Stands between gdb and a machine's gdb server, so that what the machine prints is shown before the stop it led to.

    gdb  ──  relay  ──  QEMU's gdb server
               ╰──────  QEMU's serial line  ──  the machine's output

QEMU has written to the serial line what the machine printed before it tells gdb of a stop.  Who reads both, and the
serial line first, keeps that order; two readers that write to one terminal would not.
"""

import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from keelback.machine.qemu.qemu import Qemu

PIECE = 1 << 16


class GdbRelay:
    """A gdb server for one gdb, in front of a machine's own."""

    def __init__(self, machine: Qemu, path: Path) -> None:
        """Listen at a path, which is to be free.  Raises: QemuError."""
        self._machine = machine
        self._server = machine.serve_gdb()
        self._server.settimeout(None)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._ready = DefaultSelector()

    def run(self) -> None:
        """Pass on what both say and what the machine prints, until it has ended; a gdb then has no connection."""
        with self._server, self._listener, self._ready:
            assert self._machine.process.stdout is not None
            self._ready.register(self._machine.process.stdout, EVENT_READ, lambda: None)
            self._ready.register(self._listener, EVENT_READ, self._accept)
            is_running = True
            while is_running:
                found = self._ready.select()
                is_running = self._machine.read_console()
                for key, _ in found:
                    key.data()

    def _accept(self) -> None:
        gdb, _ = self._listener.accept()
        self._ready.unregister(self._listener)
        self._ready.register(gdb, EVENT_READ, partial(self._pass_on, gdb, self._server))
        self._ready.register(self._server, EVENT_READ, partial(self._pass_on, self._server, gdb))

    def _pass_on(self, source: socket.socket, goal: socket.socket) -> None:
        data = b""
        with suppress(ConnectionError):
            data = source.recv(PIECE)
            goal.sendall(data)
        if not data:  # it speaks no more, and its other side need not wait
            self._ready.unregister(source)
            with suppress(OSError):
                goal.shutdown(socket.SHUT_WR)
