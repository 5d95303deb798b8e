"""The short path: a call to a server that waits, and its reply when nobody else calls.

It does what `messages.py` does, in fewer steps, where all is as it mostly is: the message has words, and perhaps bytes,
the handles are among the first few, the other thread waits already, nobody has a deadline, one thread alone is in each
queue that changes, and the handle to reply comes last in its table.  Whatever is otherwise, and every error, leaves
everything as it was, and takes the long way.
"""

from keelback.abi.handles import MOST_DATA, RECEIVE, REPLY_SHIFT, SEND, WITH_RECORD
from keelback.kernel.messages.handle_table import FEW, HandleKind
from keelback.kernel.messages.messages import Messages
from keelback.kernel.processes.threads import Thread
from keelback.lang import Component, KernelError, rare, u32, word

ENDPOINT_BITS = (1 << REPLY_SHIFT) - 1


class ShortPath(Component):
    """Passes messages from a caller to a server and back."""

    def __init__(self, messages: Messages) -> None:
        handles, self.parcels = messages.handles, messages.parcels
        self.messages = messages
        self.tables = handles.tables
        self.endpoints = handles.endpoints.table
        self.scheduler = handles.scheduler
        self.queues = self.scheduler.queues
        self.wait_queues = self.scheduler.wait_queues
        self.threads = handles.threads.table

    def call(self, caller: Thread) -> word:
        """Send the message of a thread's call, and let the thread wait for the reply.  Raises: as `Messages.call`."""
        if not self._call(caller):
            self._call_long(caller)
        return 0

    @rare
    def _call_long(self, caller: Thread) -> None:
        """Do the same by the long way.  Raises: likewise."""
        self.messages.call(caller)

    def reply_receive(self, server: Thread) -> word:
        """Reply to a call, unless its handle is 0, and receive.  Raises: as `Messages.reply_receive`."""
        return 0 if self._reply_receive(server) else self._reply_receive_long(server)

    @rare
    def _reply_receive_long(self, server: Thread) -> word:
        """Return the same by the long way.  Raises: likewise."""
        return self.messages.reply_receive(server)

    def _call(self, caller: Thread) -> bool:
        """Send a thread's message to a server that waits, which runs next; say whether that was possible."""
        number = caller.frame.argument(0) & ~WITH_RECORD
        table = self.tables[caller.pid]
        if not 0 < number <= FEW:
            return False
        handle = table.few[number - 1]
        if handle.kind != HandleKind.ENDPOINT or handle.rights & SEND == 0:
            return False
        endpoint = self.endpoints[handle.object]
        callers = self.wait_queues.of_callers(handle.object)
        receivers = self.queues[self.wait_queues.of_receivers(handle.object)]
        server = self.threads[receivers.first]
        if receivers.first == 0 or server.waits.next != 0 or server.timed or self.queues[callers].first != 0:
            return False
        rights = self.tables[server.pid]
        place: u32 = rights.last + 1
        if place > FEW or rights.full != rights.last:
            return False
        if self.parcels.has_one(caller):
            try:
                self.parcels.pass_on(caller, endpoint.most, server)
            except KernelError:
                return False
        else:
            self.parcels.say(server, 0)
        right = rights.few[place - 1]
        right.kind = HandleKind.REPLY
        right.object = caller.number
        rights.full = place
        rights.last = place
        caller.exchange.holder = server.pid
        caller.exchange.right = place
        server.frame.set_message(handle.badge, caller.frame)
        server.frame.set_result(place)
        self.scheduler.wait_alone(caller, callers, self.queues[callers])
        self.scheduler.run_alone(server, receivers)
        return True

    def _reply_receive(self, server: Thread) -> bool:
        """Reply with a thread's message to a caller, who runs next, and wait; say whether that was possible."""
        number = server.frame.argument(0) & ENDPOINT_BITS
        place = (server.frame.argument(0) & ~WITH_RECORD) >> REPLY_SHIFT
        table = self.tables[server.pid]
        if not 0 < number <= FEW or not 0 < place <= FEW or place != table.last or place != table.full:
            return False
        handle, right = table.few[number - 1], table.few[place - 1]
        if handle.kind != HandleKind.ENDPOINT or handle.rights & RECEIVE == 0 or right.kind != HandleKind.REPLY:
            return False
        endpoint = self.endpoints[handle.object]
        if endpoint.bits != 0 or endpoint.senders == 0:
            return False
        queues = self.wait_queues
        callers, receivers = self.queues[queues.of_callers(handle.object)], queues.of_receivers(handle.object)
        if self.queues[queues.of_senders(handle.object)].first != 0 or self.queues[receivers].first != 0:
            return False
        # Who waits there alone, for the reply of this handle: so the endpoint is open.
        caller = self.threads[right.object]
        if callers.first != right.object or callers.last != right.object or caller.timed:
            return False
        if caller.exchange.right != place or caller.exchange.holder != server.pid:
            return False
        if self.parcels.has_one(server):
            try:
                self.parcels.pass_on(server, MOST_DATA, caller)
            except KernelError:
                return False
        else:
            self.parcels.say(caller, 0)
        caller.frame.set_message(0, server.frame)
        caller.frame.set_result(0)
        right.clear()
        table.full = place - 1
        table.last = place - 1
        self.scheduler.wait_alone(server, receivers, self.queues[receivers])
        self.scheduler.run_alone(caller, callers)
        return True
