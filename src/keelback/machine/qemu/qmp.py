"""A client of QEMU's monitor: as much of QMP as giving orders takes.

    server   {"QMP": {"version": …}}
    client   {"execute": "query-status", "id": 2}
    server   {"event": "STOP", …}
    server   {"return": {"status": "running", …}, "id": 2}

An answer has the number of its order, so that one whose asker was interrupted is not taken for the next.

Source: QEMU, docs/interop/qmp-spec.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keelback.errors import UserError
from keelback.machine.qemu.answers import Answers

LONGEST = 1 << 24
"""No answer is longer, bytes."""


class QemuError(UserError):
    """QEMU is missing, did not start or does not do what it is told; the message is one line for the user."""


class Qmp:
    """A connection to a monitor, whose timeout says how long an answer may take, with all that is said before it."""

    def __init__(self, connection: socket.socket) -> None:
        """Own a connected socket.  Raises: QemuError when it is no QMP monitor; ConnectionError when it is gone."""
        self._socket = connection
        self._answers = Answers(connection)
        self._number = 0
        try:
            with self._limited("a connection"):
                greeting = self._next("a connection")
                if "QMP" not in greeting:
                    raise _not_qmp("a connection", json.dumps(greeting))
                self.command("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def command(self, name: str, **arguments: Any) -> Any:
        """Give an order; return the answer.  Raises: QemuError when QEMU refuses; ConnectionError when it is gone."""
        self._number += 1
        order = {"execute": name, "arguments": arguments, "id": self._number}
        with self._limited(name):
            self._socket.sendall(json.dumps(order).encode())
            return self._answer(name)

    @contextmanager
    def _limited(self, order: str) -> Iterator[None]:
        try:
            with self._answers.limited():
                yield
        except TimeoutError as late:
            raise QemuError(f"QEMU does not answer {order} {late}") from None

    def _answer(self, name: str) -> Any:
        while True:
            answer = self._next(name)
            if answer.get("id", self._number) != self._number:
                continue
            if "error" in answer:
                raise QemuError(f"QEMU refuses {name}: {_description(answer['error'])}")
            if "return" in answer:
                return answer["return"]

    def monitor(self, line: str) -> str:
        """Return what the human monitor says to a line, such as `info mem`.  Raises: as `command`."""
        return str(self.command("human-monitor-command", **{"command-line": line}))

    def _next(self, order: str) -> dict[str, Any]:
        line = self._answers.until(b"\n", LONGEST)
        if not line:
            raise ConnectionResetError("the monitor is gone")
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise _not_qmp(order, line.decode(errors="replace"))
        return answer

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def _not_qmp(order: str, line: str) -> QemuError:
    return QemuError(f"QEMU does not answer {order} as QMP has it: {line[:60]!r}")


def _description(error: Any) -> str:
    return str(error.get("desc", error)) if isinstance(error, dict) else str(error)
