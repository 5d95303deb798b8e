"""Page tables as the CPU defines them: entries, and the levels that a walk goes through.

Source: Intel SDM volume 3, sections 4.3 (32-bit paging) and 4.6 (access rights).
"""

from dataclasses import dataclass

from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Array, Struct, inline, u32, word

PRESENT = 1 << 0
WRITABLE = 1 << 1
USER = 1 << 2
ACCESSED = 1 << 5
DIRTY = 1 << 6
GLOBAL = 1 << 8
# The CPU leaves this one to us: the frame is as an image's file has it, and could never be written since.
AS_LOADED = 1 << 9

# The CPU would set these two in what the kernel uses; set beforehand, an entry never changes by itself.
KERNEL_READ = PRESENT | ACCESSED | DIRTY | GLOBAL
KERNEL_WRITE = KERNEL_READ | WRITABLE
# What points to a lower table lets everything through: the last entry decides.
DIRECTORY = PRESENT | WRITABLE | USER | ACCESSED

ENTRIES = 1024


class PageTable(Struct):
    """One table of any level, a frame long; an all-zero entry maps nothing."""

    entries: Array[u32] = inline(ENTRIES)


@dataclass(frozen=True)
class Level:
    """One level of tables; an entry stands for `1 << shift` bytes."""

    name: str
    shift: int

    def index(self, address: word) -> u32:
        """Return which entry of its table of this level stands for an address."""
        return address >> self.shift & ENTRIES - 1


@dataclass(frozen=True)
class PagingScheme:
    """A CPU's page tables: the levels from the root down; the last one's entries map pages."""

    name: str
    directories: tuple[Level, ...]
    table: Level


I386 = PagingScheme(
    "i386, two levels",
    directories=(Level("page directory", 22),),
    table=Level("page table", PAGE_SHIFT),
)


def frame_of(entry: u32) -> u32:
    """Return the frame that an entry points to."""
    return entry >> PAGE_SHIFT


def make_entry(frame: u32, flags: u32) -> u32:
    """Return the entry that points to a frame."""
    return frame << PAGE_SHIFT | flags


def page_of(address: word) -> word:
    """Return the start of the page that holds an address."""
    return address // PAGE_SIZE * PAGE_SIZE
