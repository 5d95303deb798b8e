"""The payload: a `tar` archive of programs behind the kernel, read where it lies.

    header 512 bytes │ content, padded to 512 │ header │ content │ … │ two zero blocks

Source: POSIX.1-1988 section 10.1.1 (ustar interchange format).
"""

from collections.abc import Iterator

from keelback.abi.errors import NoSuchProgram
from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.memory.heap import BootHeap
from keelback.lang import (
    PAGE_SHIFT,
    PAGE_SIZE,
    Array,
    Component,
    Page,
    Region,
    Struct,
    Table,
    inline,
    size_of,
    u8,
    u32,
    view,
    word,
)

BLOCK = 512
LARGEST = 0xFFFF_FFFF
SPREAD = 0x9E37_79B1
LONGEST_NAME = 32
"""No name that is asked for is longer, the zero at its end included."""


class MemberHeader(Struct):
    """The header block of one member."""

    name: Array[u8] = inline(100)  # zero-padded
    size: Array[u8] = inline(12, at=124)  # octal digits
    magic: Array[u8] = inline(5, at=257)


class Member(Struct):
    """Where the content of a member lies in the payload, in bytes, behind its header; all zero means a free slot."""

    start: u32
    size: u32


class Payload(Component):
    """The archive, as bytes in RAM, and an index of its members by their names, made once."""

    def __init__(self, records: Region) -> None:
        self.ram = records.ram
        self.content: Table[u8] = records.table(u8)
        self.members: Table[Member] = records.table(Member)

    def start(self, header: ImageHeader, end: word) -> None:
        """Use the payload that the image header names, as far as there is memory for it, which ends at an address."""
        self.content.adopt(header.payload, min(header.payload_size, max(end - header.payload, 0)))

    def show(self) -> u32:
        """Return how many frames the payload lies in, none of which has anything else; the last may end with zeros."""
        end: word = self.address(len(self.content))
        rest: u32 = (PAGE_SIZE - end % PAGE_SIZE) % PAGE_SIZE
        if rest > 0:
            view(self.ram, Page, end - end % PAGE_SIZE).bytes.fill(PAGE_SIZE - rest, rest, 0)
        return (len(self.content) + rest) >> PAGE_SHIFT

    def address(self, position: u32) -> word:
        """Return the kernel address of a byte of the payload."""
        return self.content.record.base + position

    # The index: a member is in the slot that its name says, or in the next free one.

    def slots_needed(self) -> u32:
        """Return how many slots the index has, a power of two: twice the members, so that a free one is near."""
        slots: u32 = 4
        count: u32 = 0
        for _ in self._headers():
            count += 2
            if count > slots:
                slots *= 2
        return slots

    def make_index(self, heap: BootHeap, slots: u32) -> None:
        """Index the members in memory from the heap; of several with one name, the first.  Raises: OutOfMemory."""
        self.members.place(heap.allocate(slots * size_of(Member)), slots)
        for position in self._headers():
            header = view(self.ram, MemberHeader, self.address(position))
            member = self.members[self._slot_of(header.name)]
            if member.start == 0:
                member.start = position + BLOCK
                member.size = self._size(header)

    def find(self, name: Array[u8]) -> u32:
        """Return the slot of the member of a zero-terminated name.  Raises: NoSuchProgram."""
        slot: u32 = self._slot_of(name)
        if self.members[slot].start == 0:
            raise NoSuchProgram
        return slot

    def _slot_of(self, name: Array[u8]) -> u32:
        """Return the slot of the member of a name, or the free one where it would be."""
        sum: u32 = 0
        for index in range(min(len(name), LONGEST_NAME)):
            if name[index] == 0:
                break
            sum = (sum * 31 + name[index]) & 0xFFFF_FFFF
        # Of the product's low 32 bits the higher ones: names that differ little are not in a row.
        slot: u32 = (sum * SPREAD >> 12 & 0xF_FFFF) % len(self.members)
        while self.members[slot].start != 0 and not self._is_called(self.members[slot], name):
            slot = (slot + 1) % len(self.members)
        return slot

    def _is_called(self, member: Member, name: Array[u8]) -> bool:
        """Say whether a member has a name; one that is too long to be asked for is never found."""
        header = view(self.ram, MemberHeader, self.address(member.start - BLOCK))
        for index in range(min(len(name), LONGEST_NAME)):
            if header.name[index] != name[index]:
                return False
            if name[index] == 0:
                return True
        return False

    # The archive.

    def _headers(self) -> Iterator[u32]:
        """Yield where each member's header lies; an archive that is damaged ends where the damage starts."""
        position: u32 = 0
        end: u32 = len(self.content)
        while position + BLOCK <= end:
            header = view(self.ram, MemberHeader, self.address(position))
            size: u32 = self._size(header)
            if header.magic != "ustar" or size > end - position - BLOCK:
                break
            yield position
            position += BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK

    def _size(self, header: MemberHeader) -> u32:
        """Return the size in the header, octal digits; one that is too large for any archive is the largest number."""
        size: u32 = 0
        for index in range(len(header.size)):
            digit = header.size[index]
            if not ord("0") <= digit <= ord("7"):
                break
            size = min(size << 3 | digit - ord("0"), LARGEST)
        return size
