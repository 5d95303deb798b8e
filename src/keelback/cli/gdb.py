"""`keelback gdb`: gdb on the compiled kernel, at its first instruction on QEMU."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from types import FrameType

from keelback.cli.errors import CommandError
from keelback.cli.images import build_image, check_memory
from keelback.cli.run import TOUR
from keelback.kernel.layout import Layout, layout_named
from keelback.machine.debugger import DebuggerError, find_gdb, prepare
from keelback.machine.kernels import compiled
from keelback.machine.qemu import Qemu, QemuError

QEMU = "qemu-system-i386"
"""To gdb, the 64-bit QEMU is a 64-bit CPU whatever it executes, and then gdb can't walk our stacks."""


def debug_programs(words: Sequence[str], *, layout: str, memory: int, arguments: Sequence[str] = ()) -> int:
    """Boot the programs that the words name, or the tour, under gdb; return gdb's exit status.

    `arguments` are more of gdb's own.  Raises: CommandError.
    """
    try:
        find_gdb()
        where = layout_named(layout)
        _, image = build_image(words or TOUR, where)
        check_memory(image, where, memory)
        with tempfile.TemporaryDirectory(prefix="keelback-") as folder:
            return _debug(where, image, memory, Path(folder), arguments)
    except (DebuggerError, QemuError) as error:
        raise CommandError(str(error)) from error


def _debug(layout: Layout, image: bytes, memory: int, folder: Path, arguments: Sequence[str]) -> int:
    socket = folder / "gdb"
    command = prepare(folder, layout, compiled(layout), socket)
    with ExitStack() as stack:
        stack.enter_context(_handler(signal.SIGINT, lambda _number, _frame: None))  # it is gdb's, to stop the machine
        for number in (signal.SIGTERM, signal.SIGHUP):
            stack.enter_context(_handler(number, _end))
        stack.enter_context(_stopped_machine(image, memory, socket))
        return subprocess.call([*command, *arguments])


@contextmanager
def _stopped_machine(image: bytes, memory: int, socket: Path) -> Iterator[None]:
    """Start QEMU, stopped, its gdb server at a socket; what it prints goes to this terminal."""
    waiting = ("-S", "-gdb", f"unix:{socket},server=on,wait=off")
    with Qemu(image, memory=memory, program=QEMU, arguments=waiting, output=_show) as machine:
        machine.command("query-status")  # once it answers, its gdb server listens
        reader = Thread(target=_read, args=(machine,))
        reader.start()
        try:
            yield
        finally:
            machine.process.kill()
            reader.join()


def _read(machine: Qemu) -> None:
    """Pass on what the machine prints, to its end, which is gdb's affair."""
    with suppress(QemuError):
        machine.wait()


@contextmanager
def _handler(number: signal.Signals, handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle a signal; a program started meanwhile has what was before, which it would not with `SIG_IGN`."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _end(number: int, _frame: FrameType | None) -> None:
    """End this process by its clean-up, so that no machine stays behind."""
    sys.exit(128 + number)


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
