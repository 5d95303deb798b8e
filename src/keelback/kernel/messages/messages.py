"""Messages: what goes from one thread to another, at once or when both are there.

    send            ──> senders ────────────────────────────────────────────> goes on
    call            ──> senders ── received: a handle to reply ──> callers ──> goes on
    receive         ──> receivers ──────────────────────────────────────────> goes on

1. Who is first in its queue is first served.
2. Whoever finds its partner waiting finishes the partner's call, too.
3. A message is received, or both sides are as before.  Where the sender is to blame, its call fails, and where the
   receiver is, that does: then the sender stays where it was, and the next receiver is tried.
4. The receiver of a call runs at once, and who waits for a reply does when the replier waits for the next message.
5. Bits that were signalled come before messages.
"""

from keelback.abi.errors import BadArgument, BadHandle, Closed, TimedOut, TooLarge
from keelback.abi.handles import FOR_EVER, NO_WAIT, NOTIFIED, RECEIVE, REPLY_SHIFT, SEND, UNHEARD, WITH_RECORD
from keelback.kernel.messages.handle_table import HandleKind
from keelback.kernel.messages.handles import HandleTables
from keelback.kernel.messages.parcels import Parcels
from keelback.kernel.processes.threads import Thread, ThreadState
from keelback.lang import Component, KernelError, Ref, u16, u32, word


class Messages(Component):
    """Sends, receives and replies."""

    def __init__(self, handles: HandleTables, parcels: Parcels) -> None:
        self.handles = handles
        self.parcels = parcels
        self.endpoints = handles.endpoints
        self.scheduler = handles.scheduler
        self.wait_queues = self.scheduler.wait_queues
        self.threads = handles.threads

    def _begin(self, thread: Thread) -> None:
        """Read the record that a thread's call names, if it does.  Raises: BadAddress, BadArgument, BadHandle."""
        if self.parcels.has_one(thread):
            self.parcels.read(thread)

    def _handle(self, thread: Thread) -> word:
        """Return the number, or the two, that a thread's call has for a handle."""
        return thread.frame.argument(0) & ~WITH_RECORD

    def _wait(self, thread: Thread, queue: u16) -> None:
        """Suspend a thread in a queue, until its deadline if it has one.  Raises: TimedOut; nothing has changed."""
        deadline: u32 = self.parcels.of(thread).deadline if self.parcels.has_one(thread) else FOR_EVER
        if deadline == NO_WAIT:
            raise TimedOut
        self.scheduler.wait_until(thread, queue, deadline)

    # Sending.

    def send(self, sender: Thread) -> None:
        """Send the message of a thread's call, or let the thread wait until it is received.

        Raises: BadAddress, BadArgument, BadHandle, NotPermitted, Closed, TooLarge, TimedOut, TooManyRegions,
        OutOfMemory; nothing has changed.
        """
        number: u16 = self._endpoint_to_send(sender)
        sender.exchange.awaits_reply = False
        receiver = self._offer(sender, number)
        if receiver is None:
            self._wait(sender, self.wait_queues.of_senders(number))
        else:
            self.scheduler.wake(receiver)

    def call(self, caller: Thread) -> None:
        """Send the message of a thread's call, and let the thread wait for the reply.

        Raises: as `send`.
        """
        number: u16 = self._endpoint_to_send(caller)
        caller.exchange.awaits_reply = True
        if self.parcels.has_one(caller):
            if self.parcels.of(caller).deadline == NO_WAIT:
                raise BadArgument
            self.parcels.check_room(caller)
        receiver = self._offer(caller, number)
        if receiver is None:
            self._wait(caller, self.wait_queues.of_senders(number))
        else:
            self.scheduler.run_next(receiver)
            self._wait(caller, self.wait_queues.of_callers(number))

    def _endpoint_to_send(self, sender: Thread) -> u16:
        """Return the endpoint that a thread's call is to send through, and note by which badge.

        Raises: as `send`; nothing that anyone notices has changed.
        """
        self._begin(sender)
        handle = self.handles.find_endpoint(self.handles.of(sender), self._handle(sender), SEND)
        endpoint = self.endpoints.table[handle.object]
        if not endpoint.is_open:
            raise Closed
        if self.parcels.has_one(sender):
            parcel = self.parcels.of(sender)
            has_more = parcel.handle != 0 or parcel.page_count != 0
            if parcel.length > endpoint.most or (has_more and endpoint.most == 0):
                raise TooLarge
            self.parcels.check_sent(sender)
        sender.exchange.badge = handle.badge
        return handle.object

    def _offer(self, sender: Thread, number: u16) -> Ref[Thread]:
        """Give a message to the first who waits for one and can take it, and return that; None: there is nobody.

        Who can't is told so, and waits no longer.
        """
        queue = self.endpoints.receivers(number)
        while queue.first != 0:
            receiver = self.threads.table[queue.first]
            try:
                receiver.frame.set_result(self._hand_over(sender, receiver))
                return receiver
            except KernelError as error:
                self.scheduler.refuse(receiver, error.number)
        return None

    def _hand_over(self, sender: Thread, receiver: Thread) -> word:
        """Give a receiver a message, which was checked; return the number of the handle to reply, or 0.

        Raises: TooManyHandles, OutOfMemory, TooLarge, BadAddress, BadArgument, NoRoom, TooManyRegions, of the receiver;
        nothing has changed.
        """
        table = self.handles.of(receiver)
        right: u32 = self.handles.add_reply(table, sender) if sender.exchange.awaits_reply else 0
        more: word = 0
        if self.parcels.has_one(sender):
            try:
                more = self.parcels.move(sender, receiver)
            except KernelError:
                if right != 0:
                    self.handles.remove(table, right)
                raise
        if right != 0:
            self.handles.note_reply(table, right, sender)
        self.parcels.say(receiver, more)
        receiver.frame.set_message(sender.exchange.badge, sender.frame)
        return right

    def signal(self, thread: Thread) -> None:
        """Set bits of an endpoint, which its first receiver takes at once, or the next when it comes.

        Raises: BadArgument (no bit), BadHandle, NotPermitted, Closed; nothing has changed.
        """
        handle = self.handles.find_endpoint(self.handles.of(thread), thread.frame.argument(0), SEND)
        bits = thread.frame.argument(1)
        endpoint = self.endpoints.table[handle.object]
        if not endpoint.is_open:
            raise Closed
        if bits == 0:
            raise BadArgument
        self.notify(handle.object, bits)

    def notify(self, number: u16, bits: word) -> None:
        """Set bits of an endpoint that is open."""
        endpoint = self.endpoints.table[number]
        endpoint.bits |= bits
        queue = self.endpoints.receivers(number)
        if queue.first != 0:
            receiver = self.threads.table[queue.first]
            receiver.frame.set_result(self._take_bits(receiver, number))
            self.scheduler.wake(receiver)

    def _take_bits(self, receiver: Thread, number: u16) -> word:
        """Give a receiver the bits of an endpoint; return what its call does."""
        endpoint = self.endpoints.table[number]
        self.parcels.say(receiver, 0)
        receiver.frame.set_words(endpoint.bits, 0, 0)
        endpoint.bits = 0
        return NOTIFIED

    # Receiving.

    def receive(self, receiver: Thread) -> word:
        """Return what came for a thread's call, or let the thread wait: a handle to reply, 0 or NOTIFIED.

        Raises: BadAddress, BadArgument, BadHandle, NotPermitted, Closed, TooManyHandles, TooLarge, TimedOut, NoRoom,
        TooManyRegions, OutOfMemory; nothing has changed.
        """
        self._begin(receiver)
        return self._receive(receiver, self._endpoint_to_receive(receiver, self._handle(receiver)))

    def _endpoint_to_receive(self, receiver: Thread, handle_number: word) -> u16:
        """Return the endpoint that a thread is to receive from.

        Raises: BadAddress, BadArgument, BadHandle, NotPermitted, Closed, NoRoom; nothing has changed.
        """
        handle = self.handles.find_endpoint(self.handles.of(receiver), handle_number, RECEIVE)
        if not self.endpoints.table[handle.object].is_open:
            raise Closed
        if self.parcels.has_one(receiver):
            self.parcels.check_room(receiver)
        return handle.object

    def _receive(self, receiver: Thread, number: u16) -> word:
        """Return as `receive`, from an endpoint.  Raises: likewise."""
        if self.endpoints.table[number].bits != 0:
            return self._take_bits(receiver, number)
        queue = self.endpoints.senders(number)
        while queue.first != 0:
            sender = self.threads.table[queue.first]
            if self._can_be_sent(sender):
                what: word = self._hand_over(sender, receiver)
                self._go_on(sender, number)
                return what
        if self.endpoints.table[number].senders == 0:
            raise Closed
        self._wait(receiver, self.wait_queues.of_receivers(number))
        return 0

    def _can_be_sent(self, sender: Thread) -> bool:
        """Say whether what waits to be sent is still there; if not, its sender is told so, and waits no longer."""
        if self.parcels.has_one(sender):
            try:
                self.parcels.check_sent(sender)
            except KernelError as error:
                self.scheduler.refuse(sender, error.number)
                return False
        return True

    def _go_on(self, sender: Thread, number: u16) -> None:
        """Wake a sender whose message was received, or move it to those that wait for replies."""
        if sender.exchange.awaits_reply:
            self.scheduler.move(sender, self.wait_queues.of_callers(number))
        else:
            sender.frame.set_result(0)
            self.scheduler.wake(sender)

    # Replying.

    def reply(self, replier: Thread) -> word:
        """Reply with the message of a thread's call; return 0, UNHEARD when nobody has it.

        Raises: BadAddress, BadArgument, BadHandle, NotPermitted, TooManyRegions, OutOfMemory; nothing has changed.
        """
        self._begin(replier)
        caller = self._answer(replier, self._handle(replier))
        if caller is None:
            return UNHEARD
        self.scheduler.wake(caller)
        return 0

    def _answer(self, replier: Thread, number: word) -> Ref[Thread]:
        """Use up a handle to reply; return the caller, who has the reply and still waits, or None.

        Who can't take the reply is told so, and waits no longer.
        Raises: BadAddress, BadArgument, BadHandle, NotPermitted, TooManyRegions, OutOfMemory; nothing has changed.
        """
        table = self.handles.of(replier)
        self.handles.find_of(HandleKind.REPLY, table, number)
        if self.parcels.has_one(replier):
            if self.parcels.of(replier).handle == number:
                raise BadHandle
            self.parcels.check_sent(replier)
        caller = self.handles.caller(table, number)
        self.handles.remove(table, number)
        if caller is not None:
            try:
                more: word = self.parcels.move(replier, caller) if self.parcels.has_one(replier) else 0
            except KernelError as error:
                self.scheduler.refuse(caller, error.number)
                return None
            self.parcels.say(caller, more)
            caller.frame.set_message(0, replier.frame)
            caller.frame.set_result(0)
        return caller

    def reply_receive(self, server: Thread) -> word:
        """Reply to a call, unless its handle is 0, and receive.

        A caller who has the reply runs at once if the server waits, and else when it is its turn.
        Raises: as `reply`; nothing has changed.  As `receive`; the reply has gone out.
        """
        both = self._handle(server)
        self._begin(server)
        number: u16 = self._endpoint_to_receive(server, both & (1 << REPLY_SHIFT) - 1)
        reply: word = both >> REPLY_SHIFT
        if reply == 0:
            return self._receive(server, number)
        caller = self._answer(server, reply)
        try:
            return self._receive(server, number)
        finally:
            if caller is not None:
                self._resume(caller, server)

    def _resume(self, caller: Thread, server: Thread) -> None:
        """Wake a caller who has its reply: at once, if the server waits."""
        if server.state == ThreadState.WAITING:
            self.scheduler.run_next(caller)
        else:
            self.scheduler.wake(caller)
