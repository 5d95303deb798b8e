"""A client of QEMU's gdb server: as much of gdb's remote serial protocol as stopping at addresses takes.

    client   $Z1,10003a,1#69           +  $c#63               +
    server                   +$OK#9a           +  …  $T05thread:01;#07

A packet is its text between `$` and `#`, and the sum of its bytes; each side says `+` to a packet of the other's.
The machine stands still but while it answers `go_on` or `step`.

Source: GDB manual, appendix "GDB Remote Serial Protocol".
"""

import socket
from contextlib import suppress

from keelback.machine.qemu.answers import Answers
from keelback.machine.qemu.qmp import QemuError

STOPPED = ("T05", "S05")
"""What the answer starts with when the machine stands still again: at a breakpoint, or after a step."""
ENDED = ("W", "X")
BREAKPOINTS = ("1", "0")
"""The kinds of breakpoints, best first: the CPU's own; in memory, where a boot loader would write over it."""


class GdbRemote:
    """A connection to the gdb server of a machine, which stops for it."""

    def __init__(self, connection: socket.socket) -> None:
        """Own a connected socket, whose timeout says how long an answer may take."""
        self._socket = connection
        self._answers = Answers(connection)
        self._kinds: dict[int, str] = {}

    # Breakpoints.

    def set_breakpoint(self, address: int) -> None:
        """Set a breakpoint: the machine stops before the instruction at an address.  Raises: QemuError."""
        for kind in BREAKPOINTS:
            if self._ask(f"Z{kind},{address:x},1") == "OK":
                self._kinds[address] = kind
                return
        raise QemuError(f"QEMU's gdb server sets no breakpoint at {address:#x}")

    def remove_breakpoint(self, address: int) -> None:
        """Remove the breakpoint at an address.  Raises: QemuError."""
        order = f"z{self._kinds.pop(address)},{address:x},1"
        self._check(order, self._ask(order))

    # Running.

    def go_on(self) -> bool:
        """Run the machine to a breakpoint; return whether it came to one, and did not end.

        A machine that stands at a breakpoint stays there until a `step`.
        Raises: QemuError.
        """
        return self._run("c")

    def step(self) -> bool:
        """Execute one instruction, at a breakpoint too; return whether it did, and did not end.

        Raises: QemuError.
        """
        return self._run("s")

    def _run(self, order: str) -> bool:
        try:
            answer = self._exchange(order)
        except ConnectionError:
            return False
        if not answer.startswith((*STOPPED, *ENDED)):
            raise QemuError(f"QEMU's gdb server answers {order} with {answer!r}")
        return answer.startswith(STOPPED)

    # The end.

    def detach(self) -> None:
        """Leave the machine running; it stops no more.  Raises: QemuError."""
        with suppress(ConnectionError):  # it runs before the server has said so, and may be at its end by then
            self._check("D", self._exchange("D"))
        self.close()

    def kill(self) -> None:
        """End the machine, if it has not ended, and the connection."""
        with suppress(OSError):
            self._send("k")
        self.close()

    def close(self) -> None:
        """End the connection; a machine that has not ended runs on."""
        self._socket.close()

    # Packets.

    def _check(self, text: str, answer: str) -> None:
        if answer != "OK":
            raise QemuError(f"QEMU's gdb server answers {text} with {answer!r}")

    def _ask(self, text: str) -> str:
        try:
            return self._exchange(text)
        except ConnectionError as error:
            raise QemuError(f"QEMU ended before its gdb server answered {text}") from error

    def _exchange(self, text: str) -> str:
        """Return the answer to a packet.  Raises: QemuError; ConnectionError when the server is gone."""
        try:
            with self._answers.limited():
                self._send(text)
                return self._receive()
        except TimeoutError as error:
            raise QemuError(f"QEMU's gdb server does not answer {text} {error}") from None

    def _send(self, text: str) -> None:
        content = text.encode("ascii")
        self._socket.sendall(b"$%s#%02x" % (content, sum(content) & 0xFF))

    def _receive(self) -> str:
        """Return the text of the next packet, and say that it was received."""
        while (first := self._read(1)) == b"+":
            pass
        content = b""
        while first == b"$" and (byte := self._read(1)) != b"#":
            content += byte
        if first != b"$" or self._read(2) != b"%02x" % (sum(content) & 0xFF):
            raise QemuError(f"QEMU's gdb server sends what is no packet: {(first + content)!r}")
        self._socket.sendall(b"+")
        return content.decode("ascii")

    def _read(self, count: int) -> bytes:
        found = self._answers.read(count)
        if len(found) < count:
            raise ConnectionResetError("the gdb server is gone")
        return found
