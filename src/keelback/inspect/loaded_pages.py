"""What a page of a program's image is in its file: read from the payload, without the kernel's own loader."""

from keelback.inspect.symbols import LOAD, form_of, segments_of
from keelback.kernel.kernel import Kernel
from keelback.lang import PAGE_SIZE


def loaded_page(kernel: Kernel, file: int, page: int) -> bytes:
    """Return a page as the file at a place of the payload has it; zeros where it has nothing."""
    elf = memoryview(kernel.spaces.ram.contents)[kernel.payload.address(file) :]
    form, content = form_of(elf), bytearray(PAGE_SIZE)
    for kind, offset, address, size in segments_of(elf, form) if form else ():
        low, high = max(address, page), min(address + size, page + PAGE_SIZE)
        if kind == LOAD and low < high:
            content[low - page : high - page] = elf[offset + low - address : offset + high - address]
    return bytes(content)
