"""Copying between the kernel and a process: the only way in which the kernel touches user memory.

1. A range is checked once, as a whole: it lies in user space and does not wrap.
2. Then every page of it is checked where it is reached: mapped, for user mode, writable when written.
3. When any of it fails, the caller gets `BadAddress` and nothing has been taken for true.
"""

from keelback.kernel.errors import BadAddress
from keelback.kernel.paging import USER, WRITABLE, frame_of
from keelback.kernel.spaces import AddressSpaces
from keelback.lang import PAGE_SIZE, Array, Component, u8, u32, word


class UserMemory(Component):
    """Copy-in and copy-out, a block a page."""

    def __init__(self, spaces: AddressSpaces) -> None:
        self.spaces = spaces
        self.layout = spaces.layout
        self.window = spaces.windows[0]

    def copy_in(self, space: u32, address: word, count: u32, destination: Array[u8]) -> None:
        """Copy `count` bytes from a user address to the start of an array that has room for them.

        Raises: BadAddress; the array may hold a part.
        """
        self._check_range(address, count)
        done: u32 = 0
        while done < count:
            offset: u32 = (address + done) % PAGE_SIZE
            block: u32 = min(count - done, PAGE_SIZE - offset)
            page = self.window.open(self._frame(space, address + done, USER))
            destination.copy_from(done, page.bytes, offset, block)
            done += block

    def copy_out(self, space: u32, address: word, count: u32, source: Array[u8]) -> None:
        """Copy the first `count` bytes of an array to a user address.

        Raises: BadAddress; a part may have been copied.
        """
        self._check_range(address, count)
        done: u32 = 0
        while done < count:
            offset: u32 = (address + done) % PAGE_SIZE
            block: u32 = min(count - done, PAGE_SIZE - offset)
            page = self.window.open(self._frame(space, address + done, USER | WRITABLE))
            page.bytes.copy_from(offset, source, done, block)
            done += block

    def _check_range(self, address: word, count: u32) -> None:
        if address < self.layout.user_base or address > self.layout.user_end:
            raise BadAddress
        if count > self.layout.user_end - address:
            raise BadAddress

    def _frame(self, space: u32, address: word, needed: u32) -> u32:
        entry = self.spaces.lookup(space, address)
        if entry & needed != needed:
            raise BadAddress
        return frame_of(entry)
