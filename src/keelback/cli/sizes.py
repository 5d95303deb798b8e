"""Sizes of memory, as a command says them."""

import re

from keelback.cli.errors import CommandError

SIZE = re.compile("([0-9]{1,18})([KMG]?)")
SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
MOST_MEMORY = 4 << 30


def memory_size(text: str) -> int:
    """Return the bytes of a size such as `64M`.  Raises: CommandError."""
    found = SIZE.fullmatch(text.upper())
    if found is None:
        raise CommandError(f"--memory {text}: not a size such as 512K, 64M or 1G")
    size = int(found[1]) * SIZES[found[2]]
    if not 0 < size < MOST_MEMORY or size % 4096:
        raise CommandError(f"--memory {text}: not a multiple of 4K below 4G")
    return size
