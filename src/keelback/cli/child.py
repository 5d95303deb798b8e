"""Work in a process of its own, which hands over what it finds as it goes on, a line of JSON each.

    parent ── fork ──> child: work(report) ── lines by a pipe ──> parent: take(line) … until the pipe is closed

1. What the child writes to standard output is on standard error, and its standard input is empty.
2. The child ends with its parent, whatever ends that.
3. Control-C, SIGTERM and a time that is over interrupt the child once; after GRACE seconds it is killed.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

from keelback.cli.progress import TAKE_AWAY, take_away
from keelback.errors import Interrupted
from keelback.image.leftovers import postpone, remove_all
from keelback.machine.breaking import place_in_kernel, taking_signals

GRACE = 5.0
Report = Callable[[Any], None]


class Child:
    """One piece of work; afterwards `status` is the child's, `ended_by` (a signal, 0: none) and `was_late` say why."""

    def __init__(self, work: Callable[[Report], None], seconds: float | None) -> None:
        """Take what is to be done, and within which time."""
        self.work = work
        self.seconds = seconds
        self.ended_by = 0
        self.was_late = False
        self.status = 0

    def run(self, take: Report) -> None:
        """Do the work, and take each thing that is reported."""
        take_away()
        sys.stdout.flush()
        sys.stderr.flush()
        lines, told = os.pipe()
        alive, life = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(lines)
            os.close(life)
            _be_child(self.work, told, alive)
        os.close(told)
        os.close(alive)
        with suppress(OSError):  # the child may have done it
            os.setpgid(self.pid, self.pid)
        timers = [] if self.seconds is None else [threading.Timer(self.seconds, self._end_late)]
        for timer in timers:
            timer.daemon = True
            timer.start()
        try:
            with taking_signals(self._take_signal), open(lines, encoding="utf-8") as found:
                for line in found:
                    take(json.loads(line))
                self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        finally:
            for timer in timers:
                timer.cancel()
            os.close(life)
            if sys.stderr.isatty():
                os.write(2, TAKE_AWAY)

    def _take_signal(self, number: int, _frame: FrameType | None) -> None:
        self.ended_by = number
        self._interrupt()

    def _end_late(self) -> None:
        self.was_late = True
        self._interrupt()

    def _interrupt(self) -> None:
        self._send(signal.SIGINT)
        timer = threading.Timer(GRACE, self._send, [signal.SIGKILL])
        timer.daemon = True
        timer.start()

    def _send(self, number: int) -> None:
        with suppress(OSError):  # it has ended
            os.killpg(self.pid, number)


def _be_child(work: Callable[[Report], None], told: int, alive: int) -> NoReturn:
    """Do the work of the child, and end it."""
    status = 1
    try:
        with suppress(OSError):  # the parent has done it
            os.setpgid(0, 0)
        signal.signal(signal.SIGINT, _end_here)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()

        def report(facts: Any) -> None:
            data = json.dumps(facts).encode() + b"\n"
            while data:
                data = data[os.write(told, data) :]

        work(report)
        status = 0
    finally:
        take_away()
        remove_all()
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _end_here(_number: int, frame: FrameType | None) -> None:
    place = place_in_kernel(frame)
    if not postpone(lambda: _stop(place)):
        _stop(place)


def _stop(place: str) -> NoReturn:
    raise Interrupted(place)


def _end_with_parent(alive: int) -> None:
    """Wait for the parent's end of a pipe to be closed, which it is at the latest when the parent ends."""
    os.read(alive, 1)
    remove_all()
    os._exit(1)
