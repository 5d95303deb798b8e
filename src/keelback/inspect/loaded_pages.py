"""What a page of a program's image is in its file: read from the payload, without the kernel's own loader."""

import struct
from typing import NamedTuple

from keelback.kernel.kernel import Kernel
from keelback.lang import PAGE_SIZE

_LOAD = 1


class _Form(NamedTuple):
    """Where an ELF header has place and number of its program headers, how one is packed, and its fields' places."""

    segments: tuple[str, int]
    number: int
    header: str
    offset: int
    address: int
    size: int


# By the class, the byte behind the magic: of 32 bits, of 64.
_FORMS = {1: _Form(("<I", 28), 44, "<8I", 1, 2, 4), 2: _Form(("<Q", 32), 56, "<2I6Q", 2, 3, 5)}


def loaded_page(kernel: Kernel, file: int, page: int) -> bytes:
    """Return a page as the file at a place of the payload has it; zeros where it has nothing."""
    ram, start = kernel.spaces.ram.contents, kernel.payload.address(file)
    form = _FORMS[ram[start + 4]]
    [first] = struct.unpack_from(form.segments[0], ram, start + form.segments[1])
    [count] = struct.unpack_from("<H", ram, start + form.number)
    content = bytearray(PAGE_SIZE)
    headers = ram[start + first : start + first + struct.calcsize(form.header) * count]
    for fields in struct.iter_unpack(form.header, headers):
        offset, address, size = fields[form.offset], fields[form.address], fields[form.size]
        low, high = max(address, page), min(address + size, page + PAGE_SIZE)
        if fields[0] == _LOAD and low < high:
            content[low - page : high - page] = ram[start + offset + low - address : start + offset + high - address]
    return bytes(content)
