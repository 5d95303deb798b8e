"""The model of handles, and of the endpoints that they name, as docs/messages.md has them."""

from dataclasses import dataclass, field, replace
from typing import Any

from keelback.abi.errors import BadArgument, BadHandle, Closed, NoReply, NotPermitted
from keelback.abi.handles import ALL, DESTROY, MOST_DATA, RECEIVE, SEND
from kernel.exchange.processes import Processes
from kernel.exchange.world import Answer, Process, Thread, Wait, error

Errors = list[Any]


@dataclass(eq=False, repr=False)
class Endpoint:
    """Where messages are sent and received."""

    most: int
    is_open: bool = True
    bits: int = 0
    senders: list[Thread] = field(default_factory=list)
    receivers: list[Thread] = field(default_factory=list)
    callers: list[Thread] = field(default_factory=list)
    """Those whose messages were received, and who wait for replies."""


@dataclass(eq=False, repr=False)
class Interrupt:
    """The interrupt of a device: what it is bound to, and whether it waits until who was told there is done."""

    line: int
    endpoint: Any = None
    is_asking: bool = False


@dataclass(frozen=True)
class Handle:
    """A handle; one to reply names the wait of who made the call."""

    thing: Any
    rights: int = 0
    badge: int = 0


class Handles(Processes):
    """Processes that have handles."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.interrupts: dict[int, Interrupt] = {}
        """Those that there have been handles to, by their lines."""

    def lowest_free(self, process: Process) -> int:
        return next(number for number in range(1, 2000) if number not in process.handles)

    def add(self, process: Process, handle: Handle) -> int:
        number = self.lowest_free(process)
        process.handles[number] = handle
        return number

    def inherited(self, process: Process) -> dict[int, Any]:
        return {number: each for number, each in process.handles.items() if not isinstance(each.thing, Wait)}

    def drop_all(self, process: Process) -> None:
        for number in sorted(process.handles):
            self.give_back(process, number)

    def give_back(self, process: Process, number: int) -> None:
        """Drop a handle; tell those who wait for what nobody can do any more."""
        thing = process.handles.pop(number).thing
        if isinstance(thing, Endpoint):
            if not self.has_right(thing, RECEIVE):
                self.close(thing)
            else:
                self.refuse_unless_sent_to(thing)
        elif isinstance(thing, Interrupt) and not any(each.thing is thing for each in self.all_handles()):
            self.unbind(thing)
        elif isinstance(thing, Wait):
            self.answer_caller(thing, NoReply.number)

    def all_handles(self) -> list[Handle]:
        return [each for process in self.processes.values() for each in process.handles.values()]

    def has_right(self, endpoint: Endpoint, right: int) -> bool:
        """Say whether anybody has a handle to an endpoint with a right."""
        return any(each.thing is endpoint and each.rights & right for each in self.all_handles())

    def can_be_sent_to(self, endpoint: Endpoint) -> bool:
        """Say whether anybody, or a device, can send to an endpoint."""
        return self.has_right(endpoint, SEND) or any(each.endpoint is endpoint for each in self.interrupts.values())

    def refuse_unless_sent_to(self, endpoint: Endpoint) -> None:
        """Tell those who wait to receive where nobody will ever send."""
        if not self.can_be_sent_to(endpoint):
            self.refuse_all(endpoint.receivers, Closed)

    def unbind(self, interrupt: Interrupt) -> None:
        """Take an interrupt from the endpoint that it is bound to, if it is."""
        endpoint, interrupt.endpoint, interrupt.is_asking = interrupt.endpoint, None, False
        if endpoint:
            self.refuse_unless_sent_to(endpoint)

    def close(self, endpoint: Endpoint) -> None:
        endpoint.is_open = False
        for each in self.interrupts.values():
            if each.endpoint is endpoint:
                each.endpoint, each.is_asking = None, False
        self.refuse_all([*endpoint.senders, *endpoint.receivers], Closed)

    def caller(self, wait: Wait) -> Thread | None:
        """Return who waits for a reply, None when nobody does any more."""
        return next((each for each in self.threads.values() if each.wait is wait), None)

    def answer_caller(self, wait: Wait, result: Answer) -> None:
        thread = self.caller(wait)
        if thread:
            self.answer(thread, result)

    # Requests.

    def endpoint_create(self, most: int) -> None:
        if most > MOST_DATA:
            self.answer(self.me, BadArgument.number)
        else:
            self.answer(self.me, self.add(self.me.process, Handle(Endpoint(most), ALL)))

    def wrong_with(self, number: int, kind: type, right: int) -> Errors:
        """Return what is wrong with a handle that has to name a kind of thing and to have a right."""
        handle = self.me.process.handles.get(number)
        if handle is None or not isinstance(handle.thing, kind):
            return [BadHandle]
        return [] if handle.rights & right == right else [NotPermitted]

    def endpoint_at(self, number: int, right: int) -> tuple[Errors, Endpoint | None]:
        wrong = self.wrong_with(number, Endpoint, right)
        handle = self.me.process.handles.get(number)
        if wrong == [BadHandle] or handle is None:
            return wrong, None
        return wrong + ([] if handle.thing.is_open else [Closed]), handle.thing

    def endpoint_destroy(self, number: int) -> None:
        me = self.me
        wrong, endpoint = self.endpoint_at(number, DESTROY)
        if wrong or endpoint is None:
            return self.answer(me, error(*wrong))
        self.free_order = True
        self.answer(me, 0)
        self.close(endpoint)
        return self.refuse_all(endpoint.callers, Closed)

    def mint(self, number: int, rights: int, badge: int) -> None:
        handle = self.me.process.handles.get(number)
        wrong: Errors = [BadArgument] if rights & ~ALL else []
        if handle is None or isinstance(handle.thing, Wait):
            wrong.append(BadHandle)
        elif rights & ALL & ~handle.rights or (badge not in (0, handle.badge) and not may_choose_badge(handle)):
            wrong.append(NotPermitted)
        if wrong or handle is None:
            self.answer(self.me, error(*wrong))
        else:
            made = replace(handle, rights=rights, badge=badge or handle.badge)
            self.answer(self.me, self.add(self.me.process, made))

    def drop(self, number: int) -> None:
        me = self.me
        if number not in me.process.handles:
            self.answer(me, BadHandle.number)
        else:
            self.free_order = True
            self.answer(me, 0)
            self.give_back(me.process, number)


def may_choose_badge(handle: Handle) -> bool:
    return isinstance(handle.thing, Endpoint) and bool(handle.rights & RECEIVE)
