"""Stalls: the end of a machine on which all threads wait, and nothing can wake one.

No thread is ready, none has a deadline, and no device but the timer may interrupt; so nothing will ever run again.
"""

from keelback.kernel.devices.console import Console
from keelback.kernel.devices.power import DONE, Power
from keelback.kernel.processes.processes import Processes
from keelback.kernel.processes.threads import Thread, ThreadState
from keelback.kernel.x86.interrupts import Interrupts
from keelback.lang import Component, Region, Struct, u32

MOST_TOLD = 16
"""Of how many threads it is told what they wait for."""


class StallState(Struct):
    """Whether a machine has stalled; all zero: it has not."""

    told: bool  # so that one without a port to end it says so once


class Stalls(Component):
    """Ends a machine on which nothing can ever run again."""

    def __init__(
        self, home: Region, processes: Processes, interrupts: Interrupts, console: Console, power: Power
    ) -> None:
        self.state = home.struct(StallState)
        self.processes = processes
        self.scheduler = processes.scheduler
        self.wait_queues = processes.scheduler.wait_queues
        self.threads = processes.threads
        self.interrupts = interrupts
        self.console = console
        self.power = power

    def end_if_stalled(self) -> None:
        """End the machine, which is idle, if nothing can wake a thread: neither a deadline nor a device."""
        if self.scheduler.deadlines.count == 0 and not self.state.told and not self.interrupts.lets_devices_in():
            self.state.told = True
            self._tell()
            self.power.off(DONE)

    def _tell(self) -> None:
        self.console.write("keelback: all threads wait, and nothing can wake one\n")
        told: u32 = 0
        for thread in self.threads.table:
            if thread.state == ThreadState.WAITING:
                told += 1
                if told <= MOST_TOLD:
                    self._tell_of(thread)
        if told > MOST_TOLD:
            self.console.write(f"keelback: {told - MOST_TOLD} threads more wait\n")

    def _tell_of(self, thread: Thread) -> None:
        self.console.write(f"keelback: process {thread.pid} (")
        self.console.write_name(self.processes.of(thread).name)
        self.console.write(f"), thread {thread.number}, waits ")
        queues, queue = self.wait_queues, thread.queue
        if queues.is_of_children(queue):
            self.console.write("for a child\n")
        elif queues.is_of_watchers(queue):
            self.console.write(f"for the end of process {queue - queues.watched}\n")
        elif queues.is_of_joiners(queue):
            self.console.write(f"for the end of thread {queue - queues.threads}\n")
        elif queues.is_of_words(queue):
            self.console.write(f"on the word at {thread.frame.argument(0):#010x}\n")
        elif queues.is_of_callers(queue):
            self.console.write(f"for a reply of process {thread.exchange.holder}\n")
        elif queue < queues.receivers:
            self.console.write(f"to send to endpoint {queue - queues.senders}\n")
        else:
            self.console.write(f"to receive from endpoint {queue - queues.receivers}\n")
