"""`keelback gdb`: gdb on the compiled kernel, at its first instruction on QEMU."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from keelback.cli.images import build_image, check_memory
from keelback.cli.options import KernelChoice
from keelback.cli.own_parts import chosen_layout
from keelback.cli.programs import choose
from keelback.cli.progress import take_away
from keelback.cli.run import TOUR
from keelback.debug.debugger import find_gdb, prepare
from keelback.image.kernels import compiled
from keelback.image.leftovers import end, scratch_folder, start_tool
from keelback.machine.qemu.gdb_relay import GdbRelay
from keelback.machine.qemu.offered import offered_monitor
from keelback.machine.qemu.qemu import Qemu, find_qemu

SERVER, MONITOR = "gdb", "monitor"
"""Sockets of the machine, in a folder of this command's: gdb's, and that of whoever looks while gdb has it stopped."""
QEMUS = {32: "qemu-system-i386", 64: "qemu-system-x86_64"}
"""By the bits of a word: to gdb, the 64-bit QEMU is a 64-bit CPU whatever it executes, which walks no 32-bit stack."""


def debug_programs(
    words: Sequence[str],
    *,
    choice: KernelChoice,
    memory: int,
    interpreter: str | None = None,
    arguments: Sequence[str] = (),
) -> int:
    """Boot the programs that the words name, or the tour, under gdb; return gdb's exit status.

    `interpreter` is how gdb speaks to an editor, None to a person; `arguments` are more of gdb's own.
    Raises: UserError.
    """
    find_gdb()
    where = chosen_layout(choice)
    find_qemu(QEMUS[where.paging.word_bits])
    image = build_image(choose(words or TOUR, where))
    check_memory(image, where, memory)
    with scratch_folder() as folder:
        looking = [sys.executable, "-m", "keelback"], f"qemu:{folder / MONITOR}", _options(choice)
        command = prepare(folder, where, compiled(where), folder / SERVER, looking, interpreter)
        take_away()
        show = _write if interpreter is None else _write_records
        with _interrupts_left_to_gdb(), _stopped_machine(image, memory, folder, QEMUS[where.paging.word_bits], show):
            gdb = start_tool([*command, *arguments], foreground=True)
            try:
                return gdb.wait()
            finally:
                end(gdb)


def _options(choice: KernelChoice) -> list[str]:
    """Return the options by which a command has the same kernel."""
    paging = ["--paging", choice.paging] if choice.paging is not None else []
    parts = [word for file in choice.parts for word in ("--with", file)]
    return ["--layout", choice.layout, *paging, *parts]


@contextmanager
def _stopped_machine(
    image: bytes, memory: int, folder: Path, program: str, show: Callable[[bytes], None]
) -> Iterator[None]:
    """Start QEMU, stopped, a gdb server and a monitor for it in a folder; show what it prints, by lines."""
    lines = _Lines(show)
    with (
        offered_monitor(folder / MONITOR) as offered,
        Qemu(image, memory=memory, program=program, arguments=("-S", *offered), output=lines.show) as machine,
    ):
        relay = Thread(target=GdbRelay(machine, folder / SERVER).run)
        relay.start()
        try:
            yield
        finally:
            machine.process.kill()
            relay.join()
            lines.end()


@contextmanager
def _interrupts_left_to_gdb() -> Iterator[None]:
    """Leave control-C to gdb, to stop the machine; with `SIG_IGN` gdb would start deaf to it too."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Lines:
    """Shows what the machine prints by whole lines, since gdb writes to the same terminal meanwhile."""

    def __init__(self, show: Callable[[bytes], None]) -> None:
        self._show = show
        self._begun = b""

    def show(self, data: bytes) -> None:
        """Show the lines that end in some bytes, and keep what is begun."""
        whole, end, begun = (self._begun + data).rpartition(b"\n")
        self._begun = begun
        self._show(whole + end)

    def end(self) -> None:
        """Show what no line's end has followed."""
        self._show(self._begun)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _write_records(data: bytes) -> None:
    """Write lines as an editor's gdb says what its target prints: as target stream records of gdb's MI."""
    for line in data.splitlines(keepends=True):
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:03o}" for byte in line)
        _write(f'@"{text}"\n'.encode())
