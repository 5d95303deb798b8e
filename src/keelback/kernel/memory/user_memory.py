"""Copying between the kernel and a process: the only way in which the kernel touches user memory.

1. A range is checked once, as a whole: it lies in user space and does not wrap.
2. Then every page of it is checked.  To read one changes nothing: where it was never touched, it reads as zeros.
3. What is read is taken for true when all of it has come.
4. Pages are made writable as a page fault would have, when all are the caller's to write; nothing is written before
   all of them can be.
"""

from keelback.abi.errors import BadAddress, BadArgument
from keelback.kernel.memory.space_records import Space
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.lang import (
    PAGE_SIZE,
    Array,
    Component,
    Page,
    Struct,
    native,
    part_of,
    rare,
    u8,
    u16,
    u32,
    view,
    word,
)


class Word(Struct):
    """The bytes of a word of user memory."""

    value: u32


class UserMemory(Component):
    """Copy-in and copy-out, a block a page."""

    def __init__(self, virtual_memory: VirtualMemory) -> None:
        self.virtual_memory = virtual_memory
        self.layout = virtual_memory.layout
        self.access = virtual_memory.access

    def copy_in(self, space: Space, address: word, count: word, destination: Array[u8]) -> None:
        """Copy `count` bytes from a user address to the start of an array that has room for them.

        Raises: BadAddress; the array may hold a part.
        """
        self.check_range(address, count)
        done: word = 0
        while done < count:
            offset: u32 = (address + done) % PAGE_SIZE
            block: word = min(count - done, PAGE_SIZE - offset)
            page = self.access.page(self.virtual_memory.readable(space, address + done))
            destination.copy_from(done, page.bytes, offset, block)
            done += block

    def copy_out(self, space: Space, address: word, count: u32, source: Array[u8]) -> None:
        """Copy the first `count` bytes of an array, a page of them at most, to a user address.

        Raises: BadAddress; OutOfMemory when a page of it finds no memory; not a byte has been copied.
        """
        self.check_range(address, count)
        assert 0 < count <= PAGE_SIZE, "an answer lies in one page or two"
        offset: u32 = address % PAGE_SIZE
        block: u32 = min(count, PAGE_SIZE - offset)
        if block < count:
            self.virtual_memory.check_writable(space, address + block)
        first: u32 = self.virtual_memory.make_writable(space, address)
        second: u32 = self.virtual_memory.make_writable(space, address + block) if block < count else 0
        # From here on nothing can fail.
        self.access.page(first).bytes.copy_from(offset, source, 0, block)
        if block < count:
            self.access.page(second).bytes.copy_from(0, source, block, count - block)

    def copy_record_in(self, space: Space, address: word, record: word, count: word) -> None:
        """Copy `count` bytes from a user address to a record of the kernel's at an address.

        Raises: BadAddress; the record may hold a part.
        """
        self.copy_in(space, address, count, view(self.access.ram, Page, record).bytes)

    def page_with(self, space: Space, address: word, count: u16) -> Page:
        """Return the page that has the `count` bytes at a user address; it is good until another frame is reached.

        Raises: BadAddress, also where they don't lie in one page that is mapped.
        """
        if not self._lies_in_page(address, count):
            raise BadAddress
        return self.access.page_of(self.virtual_memory.shown(space, address))

    def copy_record_out(self, space: Space, address: word, record: word, count: u32) -> None:
        """Copy a record of the kernel's at an address, `count` bytes, to a user address.

        Raises: BadAddress or OutOfMemory; not a byte has been copied.
        """
        self.copy_out(space, address, count, view(self.access.ram, Page, record).bytes)

    def copy_text_in(self, space: Space, address: word, destination: Array[u8]) -> None:
        """Copy a zero-terminated text from a user address to an array, zero-padded.

        Raises: BadArgument (it does not fit) or BadAddress; the array may hold a part.
        """
        destination.clear()
        done: u32 = 0
        while done < len(destination):
            offset: u32 = (address + done) % PAGE_SIZE
            block: u32 = min(len(destination) - done, PAGE_SIZE - offset)
            self.check_range(address + done, 1)  # at first at `address`, so that no sum wraps
            page = self.access.page(self.virtual_memory.readable(space, address + done))
            for index in range(block):
                byte = page.bytes[offset + index]
                if byte == 0:
                    return
                destination[done + index] = byte
            done += block
        raise BadArgument

    def check_readable(self, space: Space, address: word, count: word) -> None:
        """Check that a process may read a range.  Raises: BadAddress."""
        self.check_range(address, count)
        done: word = 0
        while done < count:
            self.virtual_memory.readable(space, address + done)
            done += PAGE_SIZE - (address + done) % PAGE_SIZE

    def check_buffer(self, space: Space, address: word, count: word) -> None:
        """Check that a process may write to a range, if there is memory.  Raises: BadAddress."""
        if not self.virtual_memory.takes(space, address, count):
            self._check_pages(space, address, count)

    @rare
    def _check_pages(self, space: Space, address: word, count: word) -> None:
        """Do the same where pages differ, or are there or not.  Raises: BadAddress."""
        self.check_range(address, count)
        done: word = 0
        while done < count:
            self.virtual_memory.check_writable(space, address + done)
            done += PAGE_SIZE - (address + done) % PAGE_SIZE

    def make_writable(self, space: Space, address: word, count: word) -> None:
        """Make the pages of a range writable, so that nothing that is written there fails.

        Raises: BadAddress, OutOfMemory; not a byte has changed.
        """
        self.check_buffer(space, address, count)
        done: word = 0
        while done < count:
            self.virtual_memory.make_writable(space, address + done)
            done += PAGE_SIZE - (address + done) % PAGE_SIZE

    def copy_across(self, source: Space, address: word, target: Space, place: word, count: u32) -> None:
        """Copy `count` bytes, a page of them at most, from an address that was checked to a place in another space.

        Raises: BadAddress, OutOfMemory, of the target; not a byte has been copied.
        """
        self.check_range(place, count)
        offset: u32 = place % PAGE_SIZE
        block: u32 = min(count, PAGE_SIZE - offset)
        if block < count:
            self.virtual_memory.check_writable(target, place + block)
        first: u32 = self.virtual_memory.make_writable(target, place)
        second: u32 = self.virtual_memory.make_writable(target, place + block) if block < count else 0
        # From here on nothing can fail.
        self._fill(first, offset, source, address, block)
        if block < count:
            self._fill(second, 0, source, address + block, count - block)

    def copy_unchecked_across(self, source: Space, address: word, target: Space, place: word, count: u16) -> None:
        """Copy `count` bytes, a page of them at most, from one space to another.

        Raises: BadAddress, of either; OutOfMemory, of the target; not a byte has been copied.
        """
        if self._lies_in_page(address, count) and self._lies_in_page(place, count):
            try:  # a page each, which is walked to once, unless there is something to do before
                shown = self.virtual_memory.shown(source, address)
                page = self.access.page_of(self.virtual_memory.writable(target, place))
                page.bytes.copy_from(place % PAGE_SIZE, self.access.source_of(shown).bytes, address % PAGE_SIZE, count)
                return
            except BadAddress:
                pass
        self.check_readable(source, address, count)
        self.copy_across(source, address, target, place, count)

    def _fill(self, frame: u32, offset: u32, source: Space, address: word, count: u32) -> None:
        """Copy `count` bytes of a space, which were checked, to a place in a frame."""
        done: u32 = 0
        while done < count:
            start: u32 = (address + done) % PAGE_SIZE
            block: u32 = min(count - done, PAGE_SIZE - start)
            target = self.access.page(frame)
            page = self.access.source(self.virtual_memory.readable(source, address + done))
            target.bytes.copy_from(offset + done, page.bytes, start, block)
            done += block

    def is_place_of_word(self, address: word) -> bool:
        """Say whether an address is a multiple of 4, and the 4 bytes from there on lie in user space."""
        return address % 4 == 0 and self.layout.user_base <= address <= self.layout.user_end - 4

    def read_word(self, space: Space, address: word) -> u32:
        """Return the 4 bytes at an address, `is_place_of_word`, as a number.  Raises: BadAddress."""
        try:
            page = self.access.page_of(self.virtual_memory.shown(space, address))
        except BadAddress:
            return self._zeros_word(space, address)
        return self._word_in(page, address % PAGE_SIZE)

    @rare
    def _zeros_word(self, space: Space, address: word) -> u32:
        """Return the same where its page was never touched."""
        self.virtual_memory.readable(space, address)
        return 0

    @native("return *(u32 *)(page->bytes + offset);")
    def _word_in(self, page: Page, offset: u32) -> u32:
        """Return the word that begins so many bytes, a multiple of 4, behind the start of a page."""
        return part_of(page, Word, offset).value

    def check_range(self, address: word, count: word) -> None:
        """Check that a range is in user space.  Raises: BadAddress."""
        if address < self.layout.user_base or address > self.layout.user_end:
            raise BadAddress
        if count > self.layout.user_end - address:
            raise BadAddress

    def _lies_in_page(self, address: word, count: u16) -> bool:
        """Say whether a range lies in one page of user space."""
        return self.layout.user_base <= address < self.layout.user_end and address % PAGE_SIZE + count <= PAGE_SIZE
