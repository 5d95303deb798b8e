"""The payload: a `tar` archive of programs behind the kernel, read where it lies.

    header 512 bytes │ content, padded to 512 │ header │ content │ … │ two zero blocks

Source: POSIX.1-1988 section 10.1.1 (ustar interchange format).
"""

from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.errors import NoSuchProgram
from keelback.lang import Array, Component, Region, Struct, Table, inline, u8, u32, view, word

BLOCK = 512
LARGEST = 0xFFFF_FFFF


class MemberHeader(Struct):
    """The header block of one member."""

    name: Array[u8] = inline(100)  # zero-padded
    size: Array[u8] = inline(12, at=124)  # octal digits
    magic: Array[u8] = inline(5, at=257)


class Member(Struct):
    """Where the content of the member found last lies in the payload, in bytes."""

    start: u32
    size: u32


class Payload(Component):
    """The archive, as bytes in RAM."""

    def __init__(self, records: Region) -> None:
        self.ram = records.ram
        self.content: Table[u8] = records.table(u8)
        self.found = records.struct(Member)

    def start(self, header: ImageHeader) -> None:
        """Use the payload that the image header names."""
        self.content.adopt(header.payload, header.payload_size)

    def address(self, position: u32) -> word:
        """Return the kernel address of a byte of the payload."""
        return self.content.record.base + position

    def find(self, name: Array[u8]) -> None:
        """Find the member of a zero-terminated name; `found` then says where its content lies.

        An archive that is damaged ends where the damage starts.  Raises: NoSuchProgram.
        """
        position: u32 = 0
        end: u32 = len(self.content)
        while position + BLOCK <= end:
            header = view(self.ram, MemberHeader, self.address(position))
            size: u32 = self._size(header)
            if header.magic != "ustar" or size > end - position - BLOCK:
                raise NoSuchProgram
            if self._is_called(header, name):
                self.found.start = position + BLOCK
                self.found.size = size
                return
            position += BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK
        raise NoSuchProgram

    def _size(self, header: MemberHeader) -> u32:
        """Return the size in the header, octal digits; one that is too large for any archive is the largest number."""
        size: u32 = 0
        for index in range(len(header.size)):
            digit = header.size[index]
            if not ord("0") <= digit <= ord("7"):
                break
            size = min(size << 3 | digit - ord("0"), LARGEST)
        return size

    def _is_called(self, header: MemberHeader, name: Array[u8]) -> bool:
        for index in range(min(len(name), len(header.name))):
            if header.name[index] != name[index]:
                return False
            if name[index] == 0:
                return True
        return False
