"""A QEMU that somebody else has started, looked at by its monitor: stopped, copied, and let go on.

    running ── guard ── stop ── find the kernel ── run on to the end of its trap ── copy RAM ── go on

1. A machine that ran runs on, whatever happens to this process, but for a moment of the guard's; one that was paused
   by its user is not moved at all.
2. RAM is copied, so that nobody holds the machine while they look.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import unpack_from
from typing import Final

from keelback.errors import UserError
from keelback.inspect.lens import look
from keelback.inspect.moment import Moment, Stands, logged
from keelback.kernel.boot.header import MAGIC, VERSION, ImageHeader
from keelback.kernel.devices.timer import TICKS_PER_SECOND
from keelback.kernel.layout import PUBLISHED, Layout
from keelback.lang import layout_of
from keelback.machine.clock import INSTRUCTIONS_PER_SECOND
from keelback.machine.qemu.guard import Guard
from keelback.machine.qemu.guest_memory import GuestMemory, copy_of, memory_of
from keelback.machine.qemu.qmp import QemuError, Qmp
from keelback.machine.qemu.trap_end import place_of, run_to_trap_end, stands

WAIT: Final = 20.0
"""Seconds in which a monitor answers."""
GREETING: Final = 3.0
"""Seconds in which it says something at first; one that has another client says nothing."""
_HEADER = layout_of(ImageHeader)


class NotAttached(UserError):
    """A QEMU can't be looked at; the message says why, behind the name of its socket."""

    def __init__(self, monitor: Path, why: str) -> None:
        super().__init__(f"{monitor}: {why}")


def moment_of_qemu(monitor: Path, own: Sequence[Layout] = ()) -> Moment:
    """Return a QEMU machine as it is now, by the socket of its QMP monitor; `own` are layouts of the user's.

    Raises: NotAttached.
    """
    try:
        with _connected(monitor) as qmp, memory_of(qmp) as memory:
            return _moment(monitor, qmp, memory, own)
    except QemuError as error:
        raise NotAttached(monitor, error.said) from None
    except ConnectionError:
        raise NotAttached(monitor, "QEMU has ended meanwhile") from None


@contextmanager
def _connected(monitor: Path) -> Iterator[Qmp]:
    """Connect to a monitor.  Raises: NotAttached."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(GREETING)
        try:
            connection.connect(str(monitor))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotAttached(monitor, "there is no QEMU whose QMP monitor it is") from None
        except (OSError, ValueError) as error:
            raise NotAttached(monitor, str(getattr(error, "strerror", None) or error)) from None
        try:
            qmp = Qmp(connection)
        except ConnectionError:
            raise NotAttached(monitor, "it is no QMP monitor: it ends the connection") from None
        except QemuError as error:
            raise NotAttached(monitor, f"it is no QMP monitor, or has another client: {error.said}") from None
        connection.settimeout(WAIT)
        try:
            yield qmp
        finally:
            qmp.close()


def _moment(monitor: Path, qmp: Qmp, memory: GuestMemory, own: Sequence[Layout]) -> Moment:
    status = qmp.command("query-status")
    if status["status"] in ("prelaunch", "inmigrate"):
        raise NotAttached(monitor, f"its machine has not started: QEMU says {status['status']}")
    if not status["running"]:
        layout, header = _kernel_in(monitor, memory, own)
        return _copied(monitor, memory, layout, stands(place_of(qmp), _field(header, "idle")))
    with _stopped(monitor, qmp) as guard:
        layout, header = _kernel_in(monitor, memory, own)
        idle, leave = _field(header, "idle"), _field(header, "leave")
        return _copied(monitor, memory, layout, run_to_trap_end(qmp, idle=idle, leave=leave, gdb=guard.gdb))


@contextmanager
def _stopped(monitor: Path, qmp: Qmp) -> Iterator[Guard]:
    """Stop a machine that runs, and let it go on at the end, however that comes."""
    guard = Guard(monitor)
    try:
        qmp.command("stop")
        yield guard
        qmp.command("cont")
    except BaseException:  # an order may lack its answer
        qmp.close()
        guard.let_go_on()
        raise
    guard.dismiss()


def _kernel_in(monitor: Path, memory: GuestMemory, own: Sequence[Layout]) -> tuple[Layout, bytes]:
    """Return the layout of the kernel in a machine's RAM, and its header.  Raises: NotAttached."""
    found = None
    for layout in (*PUBLISHED, *own):
        header = memory.read(layout.kernel_start, _HEADER.size)
        if len(header) < _HEADER.size or _field(header, "magic") != MAGIC:
            continue
        found = _field(header, "version"), _field(header, "layout"), _field(header, "levels")
        if found == (VERSION, layout.number, len(layout.paging.levels)):
            return layout, header
    if found is None:
        why = "no kernel of Keelback's is in its memory: it has not booted yet, or runs something else"
    elif found[0] != VERSION:
        why = f"its kernel is another build's: its header has version {found[0]}, ours {VERSION}"
    else:
        why = f"its kernel is of layout {found[1]} with {found[2]} levels of tables, which we do not know"
    raise NotAttached(monitor, why + "; one of yours is named by --layout" * (found is not None))


def _field(header: bytes, name: str) -> int:
    value: int = unpack_from("<I", header, _HEADER.field(name).offset)[0]
    return value


def _copied(monitor: Path, memory: GuestMemory, layout: Layout, stands: Stands) -> Moment:
    """Return a copy of a machine that stands still.  Raises: NotAttached when its kernel is not up."""
    contents = copy_of(memory, layout)
    if len(contents) < layout.records_end:
        raise NotAttached(monitor, f"its {len(contents):,} bytes of memory are less than its kernel's records take")
    kernel = look(layout, contents)
    if not kernel.spaces.kernel.directory or not kernel.memory.frames.table.record.count:
        raise NotAttached(monitor, "its kernel has not booted yet, or could not start; its console says why")
    ticks = kernel.timer.clock.ticks
    time = ticks * INSTRUCTIONS_PER_SECOND // TICKS_PER_SECOND
    return Moment(layout, contents, "QEMU", stands, time=time, console=logged(kernel))
