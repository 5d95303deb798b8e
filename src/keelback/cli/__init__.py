"""The `keelback` command, from its first moment: signals and streams are in order before anything else is imported.

1. SIGINT, SIGTERM and SIGHUP end the process at once, at any moment, with nothing left behind and 128 and their number
   as its status; a run of a machine takes the first two in its own way (`machine/breaking.py`).
2. What is written always reaches its stream, whatever the stream's encoding has no characters for.
3. At the end Python takes no object apart, which takes longer than many a command.
4. Python looks for garbage in cycles when there are tens of thousands of objects more, as many as a machine has, and
   not after each 700.
"""

import atexit
import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from keelback.image.leftovers import postpone, remove_all

MISTAKE, CAN_NOT_START = 2, 4
MORE_OBJECTS = 50_000
"""Objects more, after which Python looks for garbage."""


def end_at_once(number: int, _frame: FrameType | None = None) -> None:
    """End this process, from whichever thread and place, as a signal asks it to; nothing stays behind.

    Where it interrupts the making of something, this returns, and is called again when that is made.
    """
    if postpone(lambda: end_at_once(number)):
        return
    if progress := sys.modules.get("keelback.cli.progress"):
        progress.restore_terminal()
    remove_all()
    if number == signal.SIGINT:
        _say("interrupted")
    os._exit(128 + number)


def main() -> NoReturn:
    """Run the command of this process's arguments, and end this process with its status."""
    leave(start())


def start() -> int:
    """Run the command of this process's arguments, and return its status."""
    gc.set_threshold(MORE_OBJECTS)
    signal.signal(signal.SIGINT, end_at_once)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under `nohup`
            signal.signal(number, end_at_once)
    if sys.flags.optimize:
        _say("can't start: Python would leave out the kernel's asserts; unset PYTHONOPTIMIZE, or run it without -O")
        return MISTAKE
    try:
        from keelback.cli.ending import run_command
        from keelback.cli.streams import open_streams

        open_streams()
    except (ImportError, MemoryError, OSError, SyntaxError) as error:
        _say(f"can't start: {type(error).__name__}: {error}".splitlines()[0])
        return CAN_NOT_START
    return run_command()


def leave(status: int) -> NoReturn:
    """End this process, at once where no other thread is left and nobody watches this one."""
    if threading.active_count() > 1 or sys.gettrace() or sys.getprofile():
        sys.exit(status)
    atexit._run_exitfuncs()
    os._exit(status)


def _say(line: str) -> None:
    """Say a line on standard error by the system's own call; nobody may hear it."""
    with suppress(OSError):
        os.write(2, f"keelback: {line}\n".encode(errors="backslashreplace"))
