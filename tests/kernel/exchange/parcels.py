"""The model of what a message has beside its words: bytes, a handle, pages."""

import struct
from dataclasses import astuple, dataclass, replace

from keelback.abi.errors import BadAddress, BadArgument, BadHandle, NotPermitted, TooLarge
from keelback.abi.handles import ALL, CAME_SHIFT, GRANT, MOST_DATA, MOST_DEADLINE, MOST_PAGES, NO_WAIT, PAGES_CAME
from keelback.abi.rights import WRITE
from kernel.driven import PAGE
from kernel.exchange.handles import Endpoint, Errors, Handle
from kernel.exchange.objects import Objects
from kernel.exchange.space import overlap
from kernel.exchange.world import Process, Thread, Wait

CAME_AT = {4: 48, 8: 72}
"""Where a record is told which pages came, by the size of a word."""
CAME_FORM = {4: "<2I", 8: "<I4xQ"}
RECORD_FORM = {4: "<16x2I9I", 8: "<32x2Q7I4x2Q"}


@dataclass(frozen=True)
class Record:
    """What a message has beside its words, and the room for one that comes; where the record itself is."""

    data: int = 0
    buffer: int = 0
    length: int = 0
    room: int = 0
    handle: int = 0
    rights: int = 0
    deadline: int = 0
    most_pages: int = 0
    page_count: int = 0
    pages: int = 0
    place: int = 0
    address: int = 0

    def packed(self, word_size: int) -> bytes:
        """Return the record as it lies in memory."""
        return struct.pack(RECORD_FORM[word_size], *astuple(self)[:-1])


NO_RECORD = Record()


@dataclass(frozen=True)
class Message:
    """What a thread sends, and what it can take."""

    words: tuple[int, int, int] = (0, 0, 0)
    record: Record = NO_RECORD
    badge: int = 0
    is_call: bool = False
    endpoint: Endpoint | None = None
    replied_to: int = 0


def besides(record: Record, came: int) -> dict[str, int]:
    """Return the register that says what came beside words, for who has named a record."""
    return {} if record is NO_RECORD else {"dx": came}


class Parcels(Objects):
    """Processes that can give each other what messages have beside words."""

    unsaid: tuple[Process, int, int] | None = None
    """The bytes of a process of which the last request leaves open what they are, by address and number."""

    # What is wrong with a record, whatever is to be done with it.

    def record_errors(self, record: Record) -> Errors:
        """Return whether a field is out of range, which it may be in no call."""
        has_deadline = record.deadline <= MOST_DEADLINE or record.deadline == NO_WAIT
        has_sizes = max(record.length, record.room) <= MOST_DATA
        has_counts = max(record.page_count, record.most_pages) <= MOST_PAGES
        return [] if has_deadline and has_sizes and has_counts and not record.rights & ~ALL else [BadArgument]

    # What is wrong with what a thread sends, which is its own error.

    def sending_errors(self, thread: Thread, message: Message) -> Errors:
        record, endpoint, space = message.record, message.endpoint, thread.process.space
        wrong: Errors = []
        if record.length and not space.can_use(record.data, min(record.length, 1 << 16)):
            wrong.append(BadAddress)
        if endpoint and record.length > endpoint.most:
            wrong.append(TooLarge)
        if endpoint and not endpoint.most and (record.handle or record.page_count):
            wrong.append(TooLarge)
        wrong += self.giving_errors(thread.process, message) + self.leaving_errors(thread.process, record)
        return wrong + self.lacks(thread, record.page_count)

    def giving_errors(self, process: Process, message: Message) -> Errors:
        record = message.record
        handle = process.handles.get(record.handle)
        if not record.handle:
            return []
        if handle is None or record.handle == message.replied_to:
            return [BadHandle]
        if isinstance(handle.thing, Wait):
            return []
        lacks = record.rights & ALL & ~handle.rights or not handle.rights & GRANT
        return [NotPermitted] if lacks else []

    def leaving_errors(self, process: Process, record: Record) -> Errors:
        """Return why pages can't leave: they have to be memory of the process's own that it may write to."""
        if not record.page_count:
            return []
        if record.pages % PAGE:
            return [BadArgument]
        area = process.space.in_area()
        leaving = [area.get(each) for each in self.pages_of(record)]
        return [] if all(each and each.allowed & WRITE and not each.object for each in leaving) else [BadAddress]

    def pages_of(self, record: Record) -> range:
        """Return the addresses of the pages that a record sends, as many as there may be."""
        return range(record.pages, record.pages + min(record.page_count, MOST_PAGES) * PAGE, PAGE)

    # What is wrong with the room for what comes, which is the taker's error.

    def room_errors(self, thread: Thread, record: Record) -> Errors:
        """Return why a thread can't wait for what may come."""
        wrong = self.buffer_errors(thread, record, min(record.room, 1 << 16))
        if record.most_pages:
            wrong += self.came_errors(thread, record)
            wrong += self.placed(thread.process, record.place, PAGE)[0] if record.place else []
        return wrong

    def buffer_errors(self, thread: Thread, record: Record, length: int) -> Errors:
        is_good = not length or thread.process.space.can_use(record.buffer, length, writes=True)
        return [] if is_good else [BadAddress]

    def came_errors(self, thread: Thread, record: Record) -> Errors:
        place, size = record.address + CAME_AT[self.word_size], struct.calcsize(CAME_FORM[self.word_size])
        return [] if thread.process.space.can_use(place, size, writes=True) else [BadAddress]

    def taking_errors(self, thread: Thread, room: Record, message: Message) -> Errors:
        """Return why a thread can't take what is sent: handles and pages may need memory there."""
        sent = message.record
        wrong = self.lacks(thread, message.is_call or sent.handle or sent.page_count)
        return wrong + self.fitting_errors(thread, room, sent)

    def fitting_errors(self, thread: Thread, room: Record, sent: Record) -> Errors:
        """Return why what is sent doesn't fit into the room for it."""
        if room is NO_RECORD:
            return [TooLarge] if sent.length or sent.handle or sent.page_count else []
        if sent.length > room.room or sent.page_count > room.most_pages:
            return [TooLarge]
        wrong = self.buffer_errors(thread, room, sent.length)
        if sent.page_count:
            wrong += self.came_errors(thread, room)
            wrong += self.placed(thread.process, room.place, sent.page_count * PAGE)[0]
        return wrong

    # What goes over.

    def pass_on(self, source: Thread, target: Thread, message: Message, room: Record) -> tuple[int, dict[str, int]]:
        """Give all that a message has; return what came, and its words by register."""
        sent = message.record
        number = self.give(source.process, target.process, sent) if sent.handle else 0
        if sent.length:
            self.copy(source.process, target.process, sent, room)
        if sent.page_count:
            self.move(source.process, target.process, sent, room)
        words = dict(zip(("si", "di", "bp"), message.words, strict=True))
        return sent.length | (PAGES_CAME if sent.page_count else 0) | number << CAME_SHIFT, words

    def copy(self, source: Process, target: Process, sent: Record, room: Record) -> None:
        """Copy bytes; where they overlap with the room for them, it is not said what comes."""
        target.space.write(room.buffer, source.space.read(sent.data, sent.length))
        data, buffer = (
            s.bytes_of(at, sent.length) for s, at in ((source.space, sent.data), (target.space, room.buffer))
        )
        if overlap(data, buffer):
            self.unsaid = (target, room.buffer, sent.length)

    def give(self, giver: Process, taker: Process, record: Record) -> int:
        """Give a copy of a handle, or the one to reply itself; return its number there."""
        handle: Handle = giver.handles[record.handle]
        if not isinstance(handle.thing, Wait):
            return self.add(taker, replace(handle, rights=record.rights or handle.rights))
        number = self.add(taker, handle)
        del giver.handles[record.handle]
        return number

    def move(self, source: Process, target: Process, sent: Record, room: Record) -> None:
        """Let pages leave a space for another; who takes them is told where they are."""
        _, there = self.placed(target, room.place, sent.page_count * PAGE)
        came = struct.pack(CAME_FORM[self.word_size], sent.page_count, there)
        target.space.write(room.address + CAME_AT[self.word_size], came)
        moved = [source.space.pages.pop(each) for each in self.pages_of(sent)]
        for number, page in enumerate(moved):
            target.space.pages[there + number * PAGE] = page
        self.forget_unreadable(source)
