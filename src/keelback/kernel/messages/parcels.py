"""Parcels: what a message has besides its words: bytes, a handle and pages, and the room for those that come.

    data, length bytes ──copied space to space, once──> buffer, room bytes
    handle, some of its rights ───────────────────────> the lowest free number of the receiver
    pages, page_count of them ──────moved─────────────> place, or where there is room

1. A record is read when its call is made; what it names is looked at when the thread is to wait, and again when the
   parcel changes hands, since others of its process may have unmapped or dropped it.
2. What is wrong with what the sender names is the sender's error, and what the receiver has no room for the receiver's.
3. Bytes, handle and pages come all, or none.
4. Where pages come, the receiver's record says where, and how many: that alone the kernel writes there.
"""

from keelback.abi.errors import BadAddress, BadArgument, BadHandle, TooLarge
from keelback.abi.handles import (
    ALL,
    CAME_SHIFT,
    MOST_DATA,
    MOST_DEADLINE,
    MOST_HANDLES,
    MOST_PAGES,
    NO_WAIT,
    PAGES_CAME,
    WITH_RECORD,
)
from keelback.abi.records import CamePages, Message
from keelback.kernel.memory.moving import Moving
from keelback.kernel.memory.space_records import Space
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.messages.handles import HandleTables
from keelback.kernel.processes.processes import Processes
from keelback.kernel.processes.threads import Thread
from keelback.kernel.processes.word_waits import WordWaits
from keelback.lang import (
    PAGE_SIZE,
    Component,
    KernelError,
    Page,
    Region,
    address_of,
    layout_of,
    native,
    part_of,
    rare,
    size_of,
    u16,
    u32,
    word,
)


class Parcels(Component):
    """The parcels of all threads that send, call, receive or reply: their records, of use where their calls name one.

    The words of a record are of no use: registers have them.
    """

    def __init__(
        self,
        home: Region,
        processes: Processes,
        handles: HandleTables,
        user_memory: UserMemory,
        word_waits: WordWaits | None,
    ) -> None:
        self.processes = processes
        self.handles = handles
        self.user_memory = user_memory
        self.word_waits = word_waits
        self.moving = Moving(processes.virtual_memory)
        self.table = home.array(Message, processes.layout.threads)
        self.came = home.struct(CamePages)
        layout = layout_of(Message, processes.layout.paging.word_bits)
        self.came_at = layout.field("page_count").offset
        self.size, self.alignment = layout.size, layout.alignment

    def has_one(self, thread: Thread) -> bool:
        """Say whether the call that a thread makes names a record."""
        return thread.frame.argument(0) & WITH_RECORD != 0

    def say(self, thread: Thread, more: word) -> None:
        """Say what came besides words, where a thread's call names a record."""
        if self.has_one(thread):
            thread.frame.set_more(more)

    def _came_of(self, thread: Thread) -> word:
        """Return the address at which the record of a thread's call is told which pages came."""
        return thread.frame.argument(4) + self.came_at

    def of(self, thread: Thread) -> Message:
        """Return the parcel of a thread."""
        return self.table[thread.number]

    def _space(self, thread: Thread) -> Space:
        return self.processes.of(thread).space

    @rare
    def read(self, thread: Thread) -> None:
        """Read the record that a thread's call names.

        Raises: BadAddress, BadArgument, BadHandle; nothing has changed.
        """
        parcel = self.table[thread.number]
        address = thread.frame.argument(4)
        self.user_memory.copy_record_in(self._space(thread), address, address_of(parcel), size_of(parcel))
        if parcel.length > MOST_DATA or parcel.room > MOST_DATA or parcel.rights > ALL:
            raise BadArgument
        if parcel.deadline > MOST_DEADLINE and parcel.deadline != NO_WAIT:
            raise BadArgument
        if parcel.page_count > MOST_PAGES or parcel.most_pages > MOST_PAGES:
            raise BadArgument
        if parcel.handle > MOST_HANDLES:
            raise BadHandle

    def check_sent(self, sender: Thread) -> None:
        """Check that a sender may read its data, and give its handle and pages.

        Raises: BadAddress, BadHandle, NotPermitted, BadArgument, TooManyRegions, OutOfMemory; nothing has changed.
        """
        parcel = self.table[sender.number]
        if parcel.length > 0:
            self.user_memory.check_readable(self._space(sender), parcel.data, parcel.length)
        if parcel.handle != 0:
            self.handles.check_given(self.handles.of(sender), parcel.handle, parcel.rights)
        if parcel.page_count > 0:
            self.moving.check(self._space(sender), parcel.pages, parcel.page_count)

    def check_room(self, receiver: Thread) -> None:
        """Check that a receiver may write to its buffer, and that a page may come to the place that it names.

        Raises: BadAddress, BadArgument, NoRoom; nothing has changed.
        """
        parcel = self.table[receiver.number]
        if parcel.room > 0:
            self.user_memory.check_buffer(self._space(receiver), parcel.buffer, parcel.room)
        if parcel.most_pages > 0:
            self.user_memory.check_buffer(self._space(receiver), self._came_of(receiver), size_of(self.came))
            if parcel.place != 0:
                self.moving.virtual_memory.place(self._space(receiver), parcel.place, PAGE_SIZE)

    def move(self, sender: Thread, receiver: Thread) -> word:
        """Give a receiver the parcel of a sender, which was checked; return what says so: bytes, handle and pages.

        Raises: TooLarge, BadAddress, BadArgument, NoRoom, TooManyRegions, OutOfMemory or TooManyHandles, of the
        receiver; nothing has changed.
        """
        parcel = self.table[sender.number]
        self._check_size(parcel, receiver)
        target = self.handles.of(receiver)
        place: u32 = self.handles.reserve(target) if parcel.handle != 0 else 0
        try:
            if parcel.page_count > 0:
                self._bring(sender, receiver)
            elif parcel.length > 0:
                self._copy(sender, receiver)
        except KernelError:
            self.handles.settle(target)
            raise
        if place != 0:
            self.handles.give(self.handles.of(sender), parcel.handle, parcel.rights, target, place)
        return parcel.length | place << CAME_SHIFT | (PAGES_CAME if parcel.page_count > 0 else 0)

    def _copy(self, sender: Thread, receiver: Thread) -> None:
        """Copy the bytes of a sender to a receiver's buffer.  Raises: BadAddress, OutOfMemory; nothing has changed."""
        parcel = self.table[sender.number]
        self.user_memory.copy_across(
            self._space(sender), parcel.data, self._space(receiver), self.of(receiver).buffer, parcel.length
        )

    def _bring(self, sender: Thread, receiver: Thread) -> None:
        """Move the pages of a sender to a receiver, copy the bytes, and say in the receiver's record where they are.

        Raises: BadAddress, BadArgument, NoRoom, TooManyRegions, OutOfMemory; nothing has changed.
        """
        parcel, room = self.table[sender.number], self.table[receiver.number]
        source, target = self._space(sender), self._space(receiver)
        came = self._came_of(receiver)
        # Before there is room for pages, which is not to be taken for the receiver's own memory.
        self.user_memory.make_writable(target, came, size_of(self.came))
        if parcel.length > 0:
            self.user_memory.check_buffer(target, room.buffer, parcel.length)
        there: word = self.moving.prepare(source, parcel.pages, parcel.page_count, target, room.place)
        try:
            if parcel.length > 0:
                self._copy(sender, receiver)
            self.came.page_count = parcel.page_count
            self.came.pages = there
            self.user_memory.copy_record_out(target, came, address_of(self.came), size_of(self.came))
        except KernelError:
            self.moving.cancel(source, parcel.page_count, target, there)
            raise
        self.moving.move(source, parcel.pages, parcel.page_count, target, there)
        if self.word_waits is not None:
            self.word_waits.forget_unreadable(self.processes.of(sender))

    def pass_on(self, sender: Thread, most: u16, receiver: Thread) -> None:
        """Give a receiver the bytes of the record that a sender's call names, and say how many there are.

        Raises: BadAddress, whatever stands in the way, or OutOfMemory; nothing has changed.  A handle, pages, room for
        some and a deadline do, too, for they are not passed here.
        """
        source, address = self._space(sender), sender.frame.argument(4)
        if address % self.alignment != 0:
            raise BadAddress
        record = self._record_in(self.user_memory.page_with(source, address, self.size), address % PAGE_SIZE)
        if record.handle | record.rights | record.page_count | record.most_pages | record.deadline:
            raise BadAddress
        length, room, data, buffer = record.length, record.room, record.data, record.buffer
        if length > most:
            raise BadAddress
        if room > 0:
            if room > MOST_DATA:
                raise BadAddress
            self.user_memory.check_buffer(source, buffer, room)
        if length > 0:
            taken = self.of(receiver)
            if not self.has_one(receiver):
                raise BadAddress
            if length > taken.room:
                raise BadAddress
            target = self._space(receiver)
            self.user_memory.copy_unchecked_across(source, data, target, taken.buffer, length)
        parcel = self.table[sender.number]
        parcel.buffer = buffer
        parcel.room = room
        parcel.most_pages = 0
        self.say(receiver, length)

    @native("return (void *)(page->bytes + offset);")
    def _record_in(self, page: Page, offset: u32) -> Message:
        """Return the record that begins so many bytes behind the start of a page."""
        return part_of(page, Message, offset)

    def _check_size(self, parcel: Message, receiver: Thread) -> None:
        """Check that a receiver has room for a parcel.  Raises: TooLarge."""
        if self.has_one(receiver):
            room = self.table[receiver.number]
            if parcel.length > room.room or parcel.page_count > room.most_pages:
                raise TooLarge
        elif parcel.length > 0 or parcel.handle != 0 or parcel.page_count > 0:
            raise TooLarge
