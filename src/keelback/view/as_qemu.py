"""Page tables as QEMU's monitor prints them: `info mem`, ranges of pages with the same rights, and `info tlb`, pages.

0000000008048000-000000000804a000 0000000000002000 ur-
0000000008048000: 0000000000002000 ----A--U-
"""

from collections.abc import Iterator

from keelback.inspect.walk import (
    ACCESSED,
    ALL,
    DIRTY,
    GLOBAL,
    LARGE,
    NO_EXECUTE,
    PAGE_SHIFT,
    USER,
    WRITABLE,
    Walker,
)

FOUR_LEVELS = 0x3_FFFF_FFFF_FFFF
"""What QEMU prints of an entry as its address, with four levels; with fewer it prints no-execute there too."""
CACHE_DISABLED, WRITE_THROUGH = 1 << 4, 1 << 3
LETTERS = (
    *((NO_EXECUTE, "X"), (GLOBAL, "G"), (LARGE, "P"), (DIRTY, "D"), (ACCESSED, "A")),
    *((CACHE_DISABLED, "C"), (WRITE_THROUGH, "T"), (USER, "U"), (WRITABLE, "W")),
)


def info_mem(walker: Walker, root: int) -> Iterator[str]:
    """Yield the ranges that a root maps, lowest first.  Raises: Panic when a table is not in RAM."""
    start = end = rights = 0
    for each in walker.pages(root):
        may = each.flags & (USER | WRITABLE)
        if start < end and (each.page, may) != (end, rights):
            yield _range(start, end, rights)
            start = each.page
        start, end, rights = start if start < end else each.page, each.page + each.size, may
    if start < end:
        yield _range(start, end, rights)


def _range(start: int, end: int, flags: int) -> str:
    rights = f"{'u' if flags & USER else '-'}r{'w' if flags & WRITABLE else '-'}"
    return f"{start:016x}-{end:016x} {end - start:016x} {rights}"


def info_tlb(walker: Walker, root: int) -> Iterator[str]:
    """Yield every page that a root maps, with the flags of its own entry.  Raises: Panic when a table is not in RAM."""
    levels = walker.scheme.levels
    found = [
        (walker.base_of(table, index), entry, levels[table.depth].shift)
        for table in walker.tables(root)
        for index, entry in walker.present(table)
        if entry & levels[table.depth].is_page
    ]
    shown = FOUR_LEVELS if walker.scheme.sign else ALL
    for base, entry, shift in sorted(found):
        letters = "".join(letter if entry & bit and not _is_attribute(bit, shift) else "-" for bit, letter in LETTERS)
        yield f"{base:016x}: {entry & shown & -(1 << shift):016x} {letters}"


def _is_attribute(bit: int, shift: int) -> bool:
    """Say whether a bit of a page's entry is of its memory type: of 4 KiB pages, that which says large elsewhere."""
    return bit == LARGE and shift == PAGE_SHIFT
