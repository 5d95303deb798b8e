"""Endpoints: where messages are sent and received.

    handles with rights ──> endpoint ── senders, in the order in which they came
                                     ── receivers, likewise
                                     ── callers, whose messages have been received: they wait for replies

1. An endpoint is there as long as a handle names it; the callers of one that is gone are those of endpoint 0, which
   is none.
2. An endpoint is open as long as a handle has the right to receive, unless it is closed for all; nothing opens it
   again.
3. Senders and receivers never wait at the same time, and at a closed endpoint nobody does.
"""

from keelback.abi.errors import Closed, NoEndpointSlot
from keelback.abi.handles import RECEIVE, SEND
from keelback.kernel.devices.lines import Lines
from keelback.kernel.layout import Layout
from keelback.kernel.processes.queues import Queue
from keelback.kernel.processes.scheduler import Scheduler
from keelback.kernel.processes.slots import FreeSlots
from keelback.lang import Component, Region, Struct, u8, u16, u32, word


class Endpoint(Struct):
    """One endpoint; all zero means free."""

    handles: u32  # that name it
    receivers: u32  # of those, that have the right to receive …
    senders: u32  # … and to send, and lines that are bound to it
    bits: word  # signalled, and not taken yet
    most: u16  # the most bytes that a message may have; 0: it has words alone
    is_open: bool


class Endpoints(Component):
    """The table of endpoints; the first is none."""

    def __init__(self, records: Region, layout: Layout, scheduler: Scheduler, lines: Lines) -> None:
        self.lines = lines
        self.scheduler = scheduler
        self.threads = scheduler.threads
        self.wait_queues = scheduler.wait_queues
        self.table = records.array(Endpoint, layout.endpoints)
        self.free_slots = FreeSlots(records, layout.endpoints)

    def free_one(self) -> u32:
        """Return the lowest number that is free.  Raises: NoEndpointSlot."""
        number: u32 = self.free_slots.after(0)
        if number == 0:
            raise NoEndpointSlot
        return number

    def open(self, number: u32, most: u16) -> None:
        """Make the endpoint of a free number, for messages of so many bytes, to which there is a handle at once."""
        self.free_slots.remove(number)
        self.table[number].most = most
        self.table[number].is_open = True

    def add_handle(self, number: u32, rights: u8) -> None:
        """Note that one more handle names an endpoint."""
        endpoint = self.table[number]
        endpoint.handles += 1
        if rights & RECEIVE:
            endpoint.receivers += 1
        if rights & SEND:
            endpoint.senders += 1

    def drop_handle(self, number: u32, rights: u8) -> None:
        """Note that one handle less names an endpoint; it is closed with the last right to receive.

        With the last right to send, those who wait to receive are told so: nobody will ever send.
        """
        endpoint = self.table[number]
        endpoint.handles -= 1
        if rights & SEND:
            self._drop_sender(number)
        if rights & RECEIVE:
            endpoint.receivers -= 1
            if endpoint.receivers == 0 and endpoint.is_open:
                self.close(number)
        if endpoint.handles == 0:
            self._free(number)

    def _drop_sender(self, number: u32) -> None:
        """Note that a handle less may send to an endpoint, or a line less is bound to it."""
        self.table[number].senders -= 1
        if self.table[number].senders == 0:
            self.scheduler.refuse_all(self.wait_queues.of_receivers(number), Closed.number)

    def unbind(self, line: u32) -> None:
        """Close a line that is bound to an endpoint; where nobody else may send, who waits to receive is told so."""
        number: u16 = self.lines.driver_of(line)
        self.lines.close(line)
        self._drop_sender(number)

    def drop_interrupt(self, line: u32) -> None:
        """Note that one handle less names a line's interrupt; with the last of them the line is bound no more."""
        if self.lines.drop_handle(line) and self.lines.driver_of(line) != 0:
            self.unbind(line)

    def _free(self, number: u32) -> None:
        """Free an endpoint that no handle names."""
        queue = self.callers(number)
        while queue.first != 0:
            caller = self.threads.table[queue.first]
            self.scheduler.move(caller, self.wait_queues.of_callers(0))
        self.table[number].most = 0
        self.free_slots.add(number)

    def close(self, number: u32) -> None:
        """Close an endpoint to all who send and receive; who waits to do so is told."""
        self.table[number].is_open = False
        self.table[number].bits = 0
        self.table[number].senders -= self.lines.leave(number)
        self.scheduler.refuse_all(self.wait_queues.of_senders(number), Closed.number)
        self.scheduler.refuse_all(self.wait_queues.of_receivers(number), Closed.number)

    def destroy(self, number: u32) -> None:
        """Close an endpoint, and let no caller of it wait for a reply any more."""
        self.close(number)
        self.scheduler.refuse_all(self.wait_queues.of_callers(number), Closed.number)

    def senders(self, number: u32) -> Queue:
        """Return the queue of the threads whose messages are not received yet."""
        return self.scheduler.queues[self.wait_queues.of_senders(number)]

    def receivers(self, number: u32) -> Queue:
        """Return the queue of the threads that wait for a message."""
        return self.scheduler.queues[self.wait_queues.of_receivers(number)]

    def callers(self, number: u32) -> Queue:
        """Return the queue of the threads that wait for a reply."""
        return self.scheduler.queues[self.wait_queues.of_callers(number)]
