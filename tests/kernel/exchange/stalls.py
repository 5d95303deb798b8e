"""The model of a machine's end when all threads wait, and of what it says then, as docs/threads.md has it."""

from collections.abc import Iterator

from kernel.exchange.lines import Lines
from kernel.exchange.parcels import Message
from kernel.exchange.words import Word
from kernel.exchange.world import Thread, Wait

STALLED = "keelback: all threads wait, and nothing can wake one"


class Stalls(Lines):
    """Processes of which it is known when none of them will ever run again."""

    def is_stalled(self) -> bool:
        """Say whether nothing can wake a thread: none is ready, none has a deadline, and no device may interrupt."""
        has_deadline = any(each.wait.until is not None for each in self.threads.values() if each.wait)
        return not (self.ready or has_deadline or self.open_lines())

    def told(self, numbers: dict[object, int]) -> list[str]:
        """Return what a machine says that has stalled; it has numbers for endpoints."""
        waits = [(each, each.wait) for _, each in sorted(self.threads.items()) if each.wait]
        return [
            STALLED,
            *(
                f"keelback: process {each.process.pid} (it), thread {each.number}, waits {self.reason(wait, numbers)}"
                for each, wait in waits
            ),
        ]

    def reason(self, wait: Wait, numbers: dict[object, int]) -> str:
        """Return what one waits for."""
        if isinstance(wait.asked, Word):
            return f"on the word at {wait.asked.address:#010x}"
        if isinstance(wait.asked, Message):
            return self.reason_of_message(wait, wait.asked, numbers)
        return next(self.reasons(wait.queue))

    def reason_of_message(self, wait: Wait, message: Message, numbers: dict[object, int]) -> str:
        """Return what one waits for who sends, calls or receives."""
        endpoint = message.endpoint
        if endpoint is None:
            raise AssertionError("who receives names an endpoint")
        if wait.queue is endpoint.callers:
            return f"for a reply of process {self.holder(wait)}"
        if wait.queue is endpoint.senders:
            return f"to send to endpoint {numbers[endpoint]}"
        return f"to receive from endpoint {numbers[endpoint]}"

    def holder(self, wait: Wait) -> int:
        """Return who has the handle to reply to a call."""
        [pid] = [
            pid for pid, each in self.processes.items() if any(handle.thing is wait for handle in each.handles.values())
        ]
        return pid

    def reasons(self, queue: list[Thread]) -> Iterator[str]:
        """Yield what those in a queue wait for who wait for an end."""
        for pid, process in self.processes.items():
            if process.waiters is queue:
                yield "for a child"
            if process.watchers is queue:
                yield f"for the end of process {pid}"
        for number, thread in self.threads.items():
            if thread.joiners is queue:
                yield f"for the end of thread {number}"
