"""Random requests about handles, endpoints and messages."""

from dataclasses import replace
from itertools import count as count_from
from itertools import product
from typing import Any

from hypothesis import strategies as st

from keelback.abi.handles import ALL, DESTROY, GRANT, MAP, NO_WAIT, RECEIVE, SEND
from keelback.abi.rights import WRITE
from kernel.driven import PAGE, TEXT, Call
from kernel.exchange.machine import DATA
from kernel.exchange.parcels import NO_RECORD, Message, Record
from kernel.exchange.requests import BAD, BADGES, BUFFERS, RECORDS, ROOM, WORDS, Requests
from kernel.exchange.themes import SELDOM, asked
from kernel.exchange.world import Thread, Wait

WORDS_SENT = [*product([0, 1, 0x1234_5678, 0xFFFF_FFFF], repeat=3)]
LENGTHS = [1, 5, 16, 300, 4096]
ROOMS = [300, 300, 4096, 4096, 4096]
RIGHTS = [ALL, SEND, SEND | GRANT, RECEIVE, RECEIVE | GRANT, SEND | RECEIVE, MAP | GRANT, MAP, 0, 64]


def is_awaited(model: "MessageRequests") -> bool:
    """Say whether somebody waits to receive what the first could send."""
    return any(model.thing(number).receivers for number in model.endpoints(SEND))


def is_sent_to(model: "MessageRequests") -> bool:
    """Say whether somebody waits to send what the first could receive."""
    return any(model.thing(number).senders for number in model.endpoints(RECEIVE))


class MessageRequests(Requests):
    """What processes say to each other, and by which handles."""

    def handle(self, data: st.DataObject, right: int) -> int:
        """Draw a handle of the first's, mostly one to an open endpoint with a right, rather where somebody waits."""
        good = self.endpoints(right)
        busy = [each for each in good if self.thing(each).receivers or self.thing(each).senders]
        choices = good[:1] * 4 + good[-1:] * 3 + good * 2 + busy * 6
        return self.mostly(data, choices, "handle", [*self.me.process.handles, 0, 9])

    def reply_handle(self, data: st.DataObject) -> int:
        return self.mostly(data, self.handles_to(Wait) or [0], "reply", [0, 9, *self.me.process.handles])

    # Handles and endpoints.

    @asked("handles", due=Requests.is_to_grow)
    def endpoint_create(self, data: st.DataObject) -> None:
        if self.has_room_for_handles():
            self.request(Call.ENDPOINT_CREATE, self.mostly(data, [0, 16, 4096, 4096], "most", [4097]))

    @asked("handles", SELDOM, due=lambda self: any(self.thing(each).callers for each in self.endpoints(DESTROY)))
    def endpoint_destroy(self, data: st.DataObject) -> None:
        self.request(Call.ENDPOINT_DESTROY, self.handle(data, DESTROY))

    @asked("handles", due=Requests.is_to_grow)
    def mint(self, data: st.DataObject) -> None:
        if self.has_room_for_handles():
            handles = [*self.me.process.handles, *self.endpoints(RECEIVE)]
            handle = self.mostly(data, handles, "handle")
            self.request(Call.MINT, handle, self.draw(data, RIGHTS, "rights"), self.draw(data, BADGES, "badge"))

    @asked("handles", 2)
    def drop(self, data: st.DataObject) -> None:
        self.request(Call.DROP, self.draw(data, [*self.me.process.handles, 0, 9], "handle"))

    @asked("messages", SELDOM)
    def signal(self, data: st.DataObject) -> None:
        self.request(Call.SIGNAL, self.handle(data, SEND), self.draw(data, [1, 2, 0x8000_0000, 0], "bits"))

    # What messages have beside words.

    def record(self, data: st.DataObject) -> Record:
        """Draw what a message has beside words, and the room for what comes; put it into the first's memory."""
        kinds = self.draw(data, self.theme.besides, "besides").split()
        if not kinds:
            return NO_RECORD
        slot = RECORDS + ROOM * self.me.number
        record = self.with_room(data, Record(address=slot))
        for kind in kinds:
            record = getattr(self, f"with_{kind}")(data, record)
        if self.me.process.space.can_use(record.address, ROOM, writes=True):
            self.poke(record.address, record.packed(self.width // 8))
            return record
        return NO_RECORD

    def some_place(self, data: st.DataObject, own: int, name: str) -> int:
        """Draw where bytes are: mostly where the thread has its own, else where pages come and go or nothing is."""
        areas = [*self.me.process.space.in_area(), *self.me.process.space.in_heap()]
        return self.mostly(data, [own, own, own, own, *areas], name, [BAD, TEXT, WORDS + PAGE - 4])

    def with_room(self, data: st.DataObject, record: Record) -> Record:
        """Say where bytes and pages may come, and where the record is itself."""
        buffer = self.some_place(data, BUFFERS + ROOM * self.me.number, "buffer")
        room = self.mostly(data, ROOMS, "room", [0, 5, 4097])
        most = self.mostly(data, [0, 1, 2, 2, 4], "most pages", [1025])
        record = replace(record, buffer=buffer, room=room, most_pages=most)
        if most and "pages" in " ".join(self.theme.besides):
            areas = [each + PAGE // 2 for each in self.me.process.space.in_area()]
            place = self.mostly(data, [0, 0, 0, self.area_page(data), *self.gaps()], "place", [BAD, record.address])
            record = replace(record, place=place, address=self.draw(data, [record.address] * 4 + areas, "record"))
        return record

    def with_bytes(self, data: st.DataObject, record: Record) -> Record:
        """Let bytes be sent, which tell who sends them: about as many as somebody has room for."""
        number = self.me.number
        takers = [*self.callers(), *(each for end in self.endpoints(SEND) for each in self.thing(end).receivers)]
        rooms = [each.wait.asked.record.room for each in takers if each.wait]
        near = [each + more for each in rooms for more in (-1, 0, 1) if each + more > 0]
        place = self.some_place(data, DATA + ROOM * number, "data")
        length = self.mostly(data, LENGTHS + near * 2, "length", [0, 4097])
        if length and self.me.process.space.can_use(place, 1, writes=True):
            self.poke(place, bytes([number]))
        return replace(record, data=place, length=length)

    def callers(self) -> list[Thread]:
        """Return those who wait for replies of the first."""
        found = [self.world.caller(self.thing(number)) for number in self.handles_to(Wait)]
        return [each for each in found if each and each.wait and isinstance(each.wait.asked, Message)]

    def with_handle(self, data: st.DataObject, record: Record) -> Record:
        handles = self.me.process.handles
        number = self.mostly(data, [each for each in handles if handles[each].rights & GRANT], "given", [9, *handles])
        given = handles[number].rights if number in handles else 0
        fewer = [given & each for each in (SEND, SEND | GRANT, MAP, MAP | GRANT) if given & each]
        return replace(record, handle=number, rights=self.mostly(data, [0, *fewer], "rights", [ALL, 64]))

    def with_pages(self, data: st.DataObject, record: Record) -> Record:
        """Let pages be sent, mostly some that can be."""
        area, good = self.me.process.space.in_area(), self.leaving()
        needed = [page for page in self.used_by_waiters() if page in good]
        locked = [page for page, each in area.items() if not each.allowed & WRITE and not each.object]
        start = self.mostly(data, good * 2 + needed * 2 + locked * 4 + [*area], "page", [0])
        in_a_row = next(count for count in count_from(1) if start + count * PAGE not in good)
        count = self.mostly(data, [1, in_a_row, in_a_row], "page count", [2, 3, 1025])
        return replace(record, pages=start + self.mostly(data, [0], "odd", [4]), page_count=count)

    def with_deadline(self, data: st.DataObject, record: Record) -> Record:
        return replace(record, deadline=self.mostly(data, [1, 2, 3, NO_WAIT], "deadline", [0x8000_0000]))

    # Messages.

    def carry(self, call: Call, number: int, record: Record, *given: Any, words: tuple[int, ...] = ()) -> None:
        """Make a call that carries a message."""
        self.request(call, number, record.address if record is not NO_RECORD else 0, *words, given=given)

    def with_record(self, **fields: int) -> Record:
        """Put a record into the first's memory, if it can; return it."""
        record = Record(address=RECORDS + ROOM * self.me.number, **fields)
        self.poke(record.address, record.packed(self.width // 8))
        return record

    def send_with(self, number: int, record: Record) -> None:
        """Send some words with a record."""
        self.carry(Call.SEND, number, record, number, (1, 2, 3), record, words=(1, 2, 3))

    def send_as(self, data: st.DataObject, call: Call) -> None:
        number, record, said = self.handle(data, SEND), self.record(data), self.draw(data, WORDS_SENT, "words")
        self.carry(call, number, record, number, said, record, words=said)

    @asked("messages", 2, due=is_awaited)
    def send(self, data: st.DataObject) -> None:
        self.send_as(data, Call.SEND)

    @asked("messages", 2, due=is_awaited)
    def call(self, data: st.DataObject) -> None:
        self.send_as(data, Call.CALL)

    @asked("messages", 3, due=is_sent_to)
    def receive(self, data: st.DataObject) -> None:
        number, record = self.handle(data, RECEIVE), self.record(data)
        self.carry(Call.RECEIVE, number, record, number, record)

    @asked("messages", 2, due=lambda self: self.handles_to(Wait))
    def reply(self, data: st.DataObject) -> None:
        number, record, said = self.reply_handle(data), self.record(data), self.draw(data, WORDS_SENT, "words")
        self.carry(Call.REPLY, number, record, number, said, record, words=said)

    @asked("messages", due=lambda self: self.handles_to(Wait))
    def reply_receive(self, data: st.DataObject) -> None:
        number, reply, record = self.handle(data, RECEIVE), self.reply_handle(data), self.record(data)
        said = self.draw(data, WORDS_SENT, "words")
        self.carry(Call.REPLY_RECEIVE, number | reply << 16, record, number, reply, said, record, words=said)
