"""The stream of events of a machine that runs: each trap, with what came of it, as `inspect.events` has them."""

from collections.abc import Callable, Iterator

from keelback.inspect.event_reader import EventReader
from keelback.inspect.events import Event, TrapBegun, TrapEnded
from keelback.inspect.lens import look
from keelback.kernel.kernel import Kernel
from keelback.machine.observed import Observed, Outcome


def listen(machine: Observed, kernel: Kernel, listener: Callable[[Event], None]) -> None:
    """Give every event of a machine's next traps to a listener; `kernel` is the lens over its RAM."""
    reader = EventReader(kernel, listener, clock=lambda: machine.time, fault_address=machine.fault_address)
    machine.before_trap.append(reader.begin)
    machine.after_trap.append(reader.end)


def listen_to_served(machine: Observed, kernel: Kernel, listener: Callable[[Event], None]) -> None:
    """Do as `listen`, but leave out what only says that a trap begins or ends."""

    def take(event: Event) -> None:
        if not isinstance(event, TrapBegun | TrapEnded):
            listener(event)

    listen(machine, kernel, take)


def events(machine: Observed) -> Iterator[Event]:
    """Run a machine from boot to its end, and yield its events as they come.

    At each, the machine stands still where the trap it belongs to was served.
    Raises: Panic when the kernel is wrong; QemuError.
    """
    waiting: list[Event] = []
    listen(machine, look(machine.layout, machine.contents), waiting.append)
    machine.boot()
    while machine.outcome is Outcome.RUNNING:
        machine.step()
        yield from waiting
        waiting.clear()
