"""Copying between the kernel and a process: the only way in which the kernel touches user memory.

1. A range is checked once, as a whole: it lies in user space and does not wrap.
2. Then every page of it is checked.  To read one changes nothing: where it was never touched, it reads as zeros.
3. What is read is taken for true when all of it has come.
4. Pages are made writable as a page fault would have, when all are the caller's to write; nothing is written before
   all of them can be.
"""

from keelback.abi.errors import BadAddress, BadArgument
from keelback.kernel.memory.regions import Space
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.lang import PAGE_SIZE, Array, Component, Page, u8, u32, view, word


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
        self._check_range(address, count)
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
        self._check_range(address, count)
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
            self._check_range(address + done, 1)  # at first at `address`, so that no sum wraps
            page = self.access.page(self.virtual_memory.readable(space, address + done))
            for index in range(block):
                byte = page.bytes[offset + index]
                if byte == 0:
                    return
                destination[done + index] = byte
            done += block
        raise BadArgument

    def _check_range(self, address: word, count: word) -> None:
        if address < self.layout.user_base or address > self.layout.user_end:
            raise BadAddress
        if count > self.layout.user_end - address:
            raise BadAddress
