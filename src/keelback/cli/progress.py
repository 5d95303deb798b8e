"""A line on the terminal that says what is being done, where that takes long; it goes when anything else is to say.

It is on standard error, only where that is a terminal, and only when a second has gone by.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from keelback.image.progress import listening

if TYPE_CHECKING:
    from rich.status import Status

PATIENCE = 1.0
"""Seconds in which nothing is shown."""
RUNNING = "running the programs (--time and --limit end that, and control-C)"
"""What is shown while nothing that they print is."""
TAKE_AWAY = b"\r\x1b[K\x1b[?25h"
"""Clear the line, and show the cursor again."""

_lock = threading.RLock()
_timer: threading.Timer | None = None
_status: "Status | None" = None
_last = ""
_done = 0
_is_building = False
_doing = ""
_is_silent = False


@contextmanager
def shown_progress() -> Iterator[None]:
    """Show meanwhile what is being built."""
    if not sys.stderr.isatty():
        yield
        return
    with listening(_told):
        try:
            yield
        finally:
            take_away()


def take_away() -> None:
    """Take the line away, if it is there; it comes again when another build takes long."""
    global _timer, _status
    with _lock:
        if _timer is not None:
            _timer.cancel()
        if _status is not None:
            _status.stop()
        _timer = _status = None
    if _doing:
        _show_soon()


@contextmanager
def silent() -> Iterator[None]:
    """Show no line meanwhile, for who has the terminal's last line."""
    global _is_silent
    _is_silent = True
    take_away()
    try:
        yield
    finally:
        _is_silent = False


def restore_terminal() -> None:
    """Take the line away by the system's own call, for a process that ends at once."""
    if _status is not None:
        with suppress(OSError):
            os.write(2, TAKE_AWAY)


@contextmanager
def shown(what: str) -> Iterator[None]:
    """Show meanwhile what is being done, where that takes long; `doing` changes what is shown."""
    doing(what)
    try:
        yield
    finally:
        global _doing
        _doing = ""
        take_away()


def doing(what: str) -> None:
    """Say what is being done now, on a terminal, until something is built."""
    global _doing
    _doing = what
    if sys.stderr.isatty():
        _show_soon()


def _told(what: str, begins: bool) -> None:
    global _last, _done, _is_building
    with _lock:
        _last, _done, _is_building = (what, _done, True) if begins else (_last, _done + 1, False)
    _show_soon()


def _show_soon() -> None:
    global _timer
    with _lock:
        if _is_silent:
            return
        if _status is not None:
            _status.update(_text())
        elif _timer is None:
            _timer = threading.Timer(PATIENCE, _show)
            _timer.daemon = True
            _timer.start()


def _show() -> None:
    global _status
    # Imported here: hardly anybody waits that long, and rich takes as long to import as many a build.
    from rich.console import Console

    with _lock:
        if _timer is threading.current_thread():  # nobody has taken it away
            _status = Console(stderr=True, highlight=False).status(_text())
            _status.start()


def _text() -> str:
    if _doing and not _is_building:
        return _doing
    return f"building {_last} ({_done} done)" if _done else f"building {_last}"
