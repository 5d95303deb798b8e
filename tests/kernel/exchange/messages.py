"""The model of messages: docs/messages.md in Python."""

from dataclasses import replace

from keelback.abi.errors import BadArgument, Closed, OutOfMemory, TimedOut
from keelback.abi.handles import NO_WAIT, NOTIFIED, RECEIVE, SEND, UNHEARD
from kernel.exchange.handles import Endpoint, Handle
from kernel.exchange.parcels import NO_RECORD, Message, Parcels, Record, besides
from kernel.exchange.watches import Watches
from kernel.exchange.world import Thread, Wait, error


class Exchange(Parcels, Watches):
    """Processes that send each other messages."""

    # Sending.

    def send(self, number: int, words: tuple[int, int, int], record: Record = NO_RECORD) -> None:
        self.send_as(False, number, words, record)

    def call(self, number: int, words: tuple[int, int, int], record: Record = NO_RECORD) -> None:
        self.send_as(True, number, words, record)

    def send_as(self, is_call: bool, number: int, words: tuple[int, int, int], record: Record) -> None:
        me = self.me
        wrong, endpoint = self.endpoint_at(number, SEND)
        message = Message(words, record, 0, is_call, endpoint)
        wrong += self.sending_errors(me, message) + self.record_errors(record)
        if is_call:
            wrong += self.room_errors(me, record) + ([BadArgument] if record.deadline == NO_WAIT else [])
        if wrong or endpoint is None:
            return self.answer(me, error(*wrong))
        message = replace(message, badge=me.process.handles[number].badge)
        wait = Wait(until=self.until(record.deadline), asked=message)
        if not any(self.is_taken(me, receiver, wait) for receiver in list(endpoint.receivers)):
            if record.deadline == NO_WAIT:
                return self.answer(me, TimedOut.number)
            wait.queue = endpoint.senders
            self.block(wait)
        return None

    def is_taken(self, sender: Thread, receiver: Thread, wait: Wait) -> bool:
        """Give the caller's message to who waits for one; say whether it could be taken."""
        message, room = wait.asked, receiver.wait.asked.record
        wrong = self.taking_errors(receiver, room, message)
        if wrong:
            self.answer(receiver, error(*wrong))
            return False
        if message.is_call:
            wait.queue = message.endpoint.callers
            self.block(wait)
        reply = self.add(receiver.process, Handle(wait)) if message.is_call else 0
        came, words = self.pass_on(sender, receiver, message, room)
        self.answer(receiver, reply, bx=message.badge, **words, **besides(room, came))
        if message.is_call:
            self.run_at_once(receiver)
        else:
            self.answer(sender, 0)
        return True

    def run_at_once(self, thread: Thread) -> None:
        self.ready.remove(thread)
        self.ready.insert(0, thread)

    # Receiving.

    def receive(self, number: int, record: Record = NO_RECORD) -> None:
        wrong, endpoint = self.endpoint_at(number, RECEIVE)
        wrong += self.record_errors(record) + self.room_errors(self.me, record)
        if wrong or endpoint is None:
            self.answer(self.me, error(*wrong))
        else:
            self.receive_at(endpoint, record)

    def receive_at(self, endpoint: Endpoint, record: Record) -> None:
        """Take bits or a message, or wait."""
        me = self.me
        if endpoint.bits:
            self.notify(me, endpoint, record)
        elif not any(self.is_received(me, sender, record) for sender in list(endpoint.senders)):
            if not self.can_be_sent_to(endpoint):
                self.answer(me, Closed.number)
            elif record.deadline == NO_WAIT:
                self.answer(me, TimedOut.number)
            else:
                self.block(
                    Wait(
                        endpoint.receivers, self.until(record.deadline), asked=Message(record=record, endpoint=endpoint)
                    )
                )

    def notify(self, thread: Thread, endpoint: Endpoint, record: Record) -> None:
        self.answer(thread, NOTIFIED, bx=0, si=endpoint.bits, di=0, bp=0, **besides(record, 0))
        endpoint.bits = 0

    def is_received(self, me: Thread, sender: Thread, record: Record) -> bool:
        """Take the message of who waits to send; say whether the call has ended so, well or not."""
        wait = sender.wait
        assert wait
        message = wait.asked
        wrong = self.sending_errors(sender, message)
        if wrong:
            self.answer(sender, error(*wrong))
            return False
        wrong = self.taking_errors(me, record, message)
        if wrong:
            self.answer(me, error(*wrong))
            return True
        reply = self.add(me.process, Handle(wait)) if message.is_call else 0
        came, words = self.pass_on(sender, me, message, record)
        if message.is_call:
            message.endpoint.senders.remove(sender)
            wait.queue = message.endpoint.callers
            wait.queue.append(sender)
        else:
            self.answer(sender, 0)
        self.answer(me, reply, bx=message.badge, **words, **besides(record, came))
        return True

    # Replying.

    def reply(self, number: int, words: tuple[int, int, int], record: Record = NO_RECORD) -> None:
        me, message = self.me, Message(words, record, replied_to=number)
        wrong = self.wrong_with(number, Wait, 0) + self.sending_errors(me, message) + self.record_errors(record)
        self.answer(me, error(*wrong) if wrong else self.reply_now(number, message))

    def reply_now(self, number: int, message: Message) -> int:
        """Use a handle to reply up; return 0 when the reply was taken."""
        me = self.me
        wait = me.process.handles.pop(number).thing
        caller = self.caller(wait)
        if caller is None:
            return UNHEARD
        wrong = self.taking_errors(caller, wait.asked.record, message)
        if wrong:
            self.answer(caller, error(*wrong))
            return UNHEARD
        came, sent = self.pass_on(me, caller, message, wait.asked.record)
        self.answer(caller, 0, bx=0, **sent, **besides(wait.asked.record, came))
        return 0

    def reply_receive(self, number: int, reply: int, words: tuple[int, int, int], record: Record = NO_RECORD) -> None:
        me, message = self.me, Message(words, record, replied_to=reply)
        wrong, endpoint = self.endpoint_at(number, RECEIVE)
        wrong += self.record_errors(record) + self.room_errors(me, record)
        if reply:
            wrong += self.wrong_with(reply, Wait, 0) + self.sending_errors(me, message)
            wrong = [each for each in wrong if each is not OutOfMemory or not self.has_replied]
        if wrong or endpoint is None:
            return self.answer(me, error(*wrong))
        caller = self.caller(me.process.handles[reply].thing) if reply else None
        is_heard = bool(reply) and self.reply_now(reply, message) != UNHEARD
        self.receive_at(endpoint, record)
        if caller and is_heard and me.wait:
            self.run_at_once(caller)
        elif is_heard:
            self.free_order = True  # whether the caller or a sender is the first to be ready
        return None

    # Bits.

    def signal(self, number: int, bits: int) -> None:
        me = self.me
        wrong, endpoint = self.endpoint_at(number, SEND)
        wrong += [] if bits else [BadArgument]
        if wrong or endpoint is None:
            return self.answer(me, error(*wrong))
        self.answer(me, 0)
        return self.tell(endpoint, bits)

    def tell(self, endpoint: Endpoint, bits: int) -> None:
        """Set bits; who waits to receive gets them."""
        endpoint.bits |= bits
        for first in endpoint.receivers[:1]:
            assert first.wait
            self.notify(first, endpoint, first.wait.asked.record)
