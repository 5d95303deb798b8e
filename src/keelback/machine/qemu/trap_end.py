"""Running a machine of somebody else's on to where no trap is being served.

Most machines are in user mode or asleep when they are stopped, or a moment later.  One whose programs do little but
system calls is stopped by a breakpoint at `leave`, where the kernel has served a trap: QEMU's gdb server sets it, and
is closed again.  Where somebody debugs the machine by that server, it is theirs.
"""

import socket
import time
from pathlib import Path
from typing import Final

from keelback.inspect.moment import Stands
from keelback.machine.qemu.answers import Answers
from keelback.machine.qemu.cpu_place import USER_RING, CpuPlace, place_in
from keelback.machine.qemu.gdb_remote import GdbRemote
from keelback.machine.qemu.qmp import QemuError, Qmp

MOMENTS: Final = (0.001, 0.002, 0.004, 0.008, 0.016)
"""Seconds that a machine runs on, one after the other, where it was stopped within the kernel."""
PATIENCE: Final = 3.0
"""Seconds that its kernel may then take to come to the end of a trap."""
MOST_SAID: Final = 1 << 16
"""Bytes that a gdb server may have to say before it lets go."""
IDLE_CODE: Final = 16
"""Bytes of the idle thread's code, at most."""


def place_of(qmp: Qmp) -> CpuPlace:
    """Return where the CPU of a machine is."""
    return place_in(qmp.monitor("info registers"))


def stands(place: CpuPlace, idle: int) -> Stands:
    """Return what a CPU's place means; `idle` is the address of the idle thread's code."""
    sleeps = place.is_halted and place.takes_interrupts and idle <= place.address < idle + IDLE_CODE
    return Stands.TRAP_END if place.ring == USER_RING or sleeps else Stands.IN_KERNEL


def run_to_trap_end(qmp: Qmp, *, idle: int, leave: int, gdb: Path) -> Stands:
    """Have a machine that is stopped run on until it stands where the kernel's state is whole, for some seconds.

    `gdb` is a free path for the gdb server's socket.  Raises: QemuError.
    """
    for moment in MOMENTS:
        place = place_of(qmp)
        if stands(place, idle) is Stands.TRAP_END:
            return Stands.TRAP_END
        if place.is_halted and not place.takes_interrupts:  # for ever
            return Stands.IN_KERNEL
        qmp.command("cont")
        time.sleep(moment)
        qmp.command("stop")
    if stands(place_of(qmp), idle) is Stands.TRAP_END:
        return Stands.TRAP_END
    if any(each["label"] == "gdb" for each in qmp.command("query-chardev")):
        return Stands.IN_KERNEL
    return _run_to_leave(qmp, leave, gdb)


def _run_to_leave(qmp: Qmp, leave: int, gdb: Path) -> Stands:
    """Run to a breakpoint; the guard takes it away where an exception ends this."""
    qmp.monitor(f"gdbserver unix:{gdb},server=on,wait=off")
    comes = _comes_to(leave, gdb)
    if not comes:
        _drop_breakpoints(gdb)
        qmp.command("stop")
    qmp.monitor("gdbserver none")
    return Stands.TRAP_END if comes else Stands.IN_KERNEL


def _comes_to(address: int, gdb: Path) -> bool:
    remote = GdbRemote(_connection(gdb))
    try:
        remote.set_breakpoint(address)
        if not remote.go_on():
            return False
        remote.remove_breakpoint(address)
        return True
    except QemuError:  # not within PATIENCE
        return False
    finally:
        remote.close()


def _drop_breakpoints(gdb: Path) -> None:
    """Have a gdb server forget all breakpoints; the machine runs on."""
    with _connection(gdb) as server:
        answers = Answers(server)
        try:
            with answers.limited():
                server.sendall(b"$D#44")
                answers.until(b"OK", MOST_SAID)  # behind what it had to say to who was there before
        except TimeoutError as late:
            raise QemuError(f"QEMU's gdb server lets nobody go {late}") from None


def _connection(gdb: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(PATIENCE)
    made.connect(str(gdb))
    return made
