"""What a page of a program's image is in its file: read from the payload, without the kernel's own loader."""

import struct

from keelback.kernel.kernel import Kernel
from keelback.lang import PAGE_SIZE

_LOAD = 1
_SEGMENTS, _COUNT = 28, 44  # where an ELF header says where its program headers are, and how many


def loaded_page(kernel: Kernel, file: int, page: int) -> bytes:
    """Return a page as the file at a place of the payload has it; zeros where it has nothing."""
    ram, start = kernel.spaces.ram.contents, kernel.payload.address(file)
    [first] = struct.unpack_from("<I", ram, start + _SEGMENTS)
    [count] = struct.unpack_from("<H", ram, start + _COUNT)
    content = bytearray(PAGE_SIZE)
    for kind, offset, address, _, size, *_ in struct.iter_unpack(
        "<8I", ram[start + first : start + first + 32 * count]
    ):
        low, high = max(address, page), min(address + size, page + PAGE_SIZE)
        if kind == _LOAD and low < high:
            content[low - page : high - page] = ram[start + offset + low - address : start + offset + high - address]
    return bytes(content)
