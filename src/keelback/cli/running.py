"""One run of a machine, of whatever kind: to its end, to a signal, or to a limit."""

import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from keelback.cli.progress import take_away
from keelback.cli.sizes import counted
from keelback.errors import Interrupted, LimitReached
from keelback.machine.breaking import interruptible
from keelback.machine.observed import Machine
from keelback.machine.simulated.pc import SimulatedPc


def stoppable(*machines: Machine) -> AbstractContextManager[None]:
    """End the run of a machine at control-C and SIGTERM, or that of several simulated PCs.  Raises: Interrupted."""
    take_away()
    pcs = [each for each in machines if isinstance(each, SimulatedPc)]
    if pcs:
        return interruptible(*pcs)
    # Imported here: hardly anybody runs QEMU.
    from keelback.machine.qemu.breaking import breakable
    from keelback.machine.qemu.running_qemu import RunningQemu

    [machine] = machines
    assert isinstance(machine, RunningQemu), "there are two kinds of machines"
    return breakable(machine, machine.layout)


def run_to_end(machine: Machine, *, instructions: int | None = None, seconds: float | None = None) -> None:
    """Run a machine from boot to its end, for so many instructions of a simulated PC's time or so long at most.

    It stops at the first trap at or after the limit; a tick of the timer is one.
    Raises: Panic; LimitReached; Interrupted; what an observer raises.
    """
    if instructions is not None:
        assert isinstance(machine, SimulatedPc), "only its time is counted in instructions"
        add_limit(machine, instructions)
    with within(seconds), stoppable(machine):
        machine.boot()
        machine.run()


def add_limit(machine: SimulatedPc, instructions: int) -> None:
    """End a run of a machine at the first trap at or after so many instructions of its time, by LimitReached."""

    def stop() -> None:
        if machine.time >= instructions:
            raise LimitReached(f"{instructions:,} instructions of virtual time")

    machine.after_trap.append(stop)


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Interrupt what runs in the main thread after a time, as control-C does.  Raises: LimitReached."""
    if seconds is None:
        yield
        return
    lock, state = threading.Lock(), {"over": False, "reached": False}

    def interrupt() -> None:
        with lock:
            if not state["over"]:
                state["reached"] = True
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Interrupted as stopped:
        if not state["reached"] or stopped.number != signal.SIGINT:
            raise
        raise LimitReached(counted(seconds, "second"), str(stopped)) from None
    finally:
        timer.cancel()
        with lock:
            state["over"] = True
