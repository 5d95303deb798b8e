"""Sizes of memory, as a command says them."""

import re

from keelback.errors import UserError

SIZE = re.compile("([0-9]{1,18})([KMG]?)")
SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def memory_size(text: str) -> int:
    """Return the bytes of a simulated PC's memory, such as `64M`.  Raises: UserError."""
    return _size(text, "4K", "4G")


def qemu_memory_size(text: str) -> int:
    """Return the bytes of a QEMU machine's memory, such as `6G`.  Raises: UserError."""
    return _size(text, "1M", "1024G")


def _size(text: str, unit: str, end: str) -> int:
    """Return the bytes of a size that is a multiple of another and below a third."""
    found = SIZE.fullmatch(text.upper())
    if found is None:
        raise UserError(f"--memory {text}: not a size such as 512K, 64M or 1G")
    size = int(found[1]) * SIZES[found[2]]
    if not 0 < size < _bytes(end) or size % _bytes(unit):
        raise UserError(f"--memory {text}: not a multiple of {unit} below {end}")
    return size


def _bytes(size: str) -> int:
    return int(size[:-1]) * SIZES[size[-1]]
