"""Page tables as the CPU defines them: entries, and the levels that a walk goes through, by paging scheme.

A table of any scheme is a frame: 1,024 words.  An entry is one word, or two, of which the low one has all flags but
no-execute, and the lowest 20 bits of the frame's number.

Source: Intel SDM volume 3, sections 4.3 to 4.5 (32-bit, PAE and 4-level paging) and 4.6 (access rights).
"""

from dataclasses import dataclass, replace

from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Array, Struct, bit, inline, u8, u32, word

PRESENT = 1 << 0
WRITABLE = 1 << 1
USER = 1 << 2
ACCESSED = 1 << 5
DIRTY = 1 << 6
GLOBAL = 1 << 8
# The CPU leaves this one to us: the frame is as an image's file has it, and could never be written since.
AS_LOADED = 1 << 9
# In the high word of an entry; a scheme without no-execute pages has no such word, and a CPU without them no such bit.
NO_EXECUTE = 1 << 31
# Of flags alone: what does not have it becomes NO_EXECUTE.  The bit that an entry has there is never set.
EXECUTE = 1 << 3

# The CPU would set these two in what the kernel uses; set beforehand, an entry never changes by itself.
KERNEL_READ = PRESENT | ACCESSED | DIRTY | GLOBAL
KERNEL_WRITE = KERNEL_READ | WRITABLE
KERNEL_EXECUTE = KERNEL_READ | EXECUTE
# What points to a lower table lets everything through: the last entry decides.
DIRECTORY = PRESENT | WRITABLE | USER | ACCESSED | EXECUTE
LOW_FLAGS = PAGE_SIZE - 1 - EXECUTE
HIGH_FRAME = 0xFFF
"""The bits of an entry's high word that belong to the frame's number, which has 32."""

WORDS = 1024


class Entry(Struct):
    """An entry's low word; all zero maps nothing."""

    low: u32
    present: bool = bit(0)
    writable: bool = bit(1)
    user: bool = bit(2)
    accessed: bool = bit(5)
    dirty: bool = bit(6)
    is_global: bool = bit(8)
    as_loaded: bool = bit(9)


class WideEntry(Struct):
    """An entry of two words."""

    words: Array[u32] = inline(2)  # low, high


class PageTable(Struct):
    """One table of any level, a frame long."""

    words: Array[u32] = inline(WORDS)


@dataclass(frozen=True)
class Level:
    """One level of tables, of `1 << bits` entries; each stands for `1 << shift` bytes."""

    name: str
    shift: int
    bits: int
    link: int = DIRECTORY
    """The flags of an entry that points to a lower table."""
    is_loaded: bool = False
    """Whether the CPU loads all entries with cr3, and looks at none of them again until the next time."""

    @property
    def reach(self) -> int:
        """Return the bytes that an entry stands for."""
        return 1 << self.shift

    def index(self, address: word) -> u32:
        """Return which entry of its table of this level stands for an address."""
        return address >> self.shift & (1 << self.bits) - 1


@dataclass(frozen=True)
class PagingScheme:
    """A CPU's page tables: the levels from the root down; the last one's entries map pages."""

    name: str
    levels: tuple[Level, ...]
    entry_size: int
    """Bytes: 4 or 8."""
    address_mask: int
    """The bits of an entry that are an address."""
    no_execute: bool
    """Whether an entry can forbid fetching: the highest bit of two words."""
    large_pages: bool
    """Whether an entry of the last level but one may map a page of its reach."""
    global_pages: bool
    """Whether a translation may outlive a change of spaces."""
    word_bits: int
    """Bits of a CPU's registers: 32 or 64."""
    user_limit: int
    """The end of what a program may address: of memory, or of its lower half."""

    @property
    def highest(self) -> int:
        """Return the highest number that a register holds."""
        return (1 << self.word_bits) - 1

    @property
    def directories(self) -> tuple[Level, ...]:
        """Return the levels whose entries point to lower tables."""
        return self.levels[:-1]

    @property
    def table(self) -> Level:
        """Return the level whose entries map pages."""
        return self.levels[-1]

    def levels_above(self, limit: int) -> int:
        """Return how many levels, from the root on, have an entry for what lies on both sides of an address."""
        return sum(limit % level.reach > 0 for level in self.directories)

    @property
    def physical_end(self) -> int:
        """Return the end of the memory that entries can name by frames' numbers of 32 bits."""
        return min(self.address_mask + PAGE_SIZE, 1 << 32 + PAGE_SHIFT)

    @property
    def reach(self) -> int:
        """Return the bytes that one table of the last level maps."""
        return self.levels[-2].reach

    def permissions(self, can_read: bool, can_write: bool, can_execute: bool) -> u8:
        """Return the flags of a user page with some rights; 0: none.

        Who may write or execute may read.  Where no page forbids fetching, whoever may read may execute.
        """
        execute: u8 = EXECUTE if can_execute and self.no_execute else 0
        if can_write:
            return USER | WRITABLE | execute
        return USER | execute if can_read or can_execute else 0


I386 = PagingScheme(
    "i386",
    (Level("page directory", 22, 10), Level("page table", 12, 10)),
    entry_size=4,
    address_mask=0xFFFF_F000,
    no_execute=False,
    large_pages=True,
    global_pages=True,
    word_bits=32,
    user_limit=1 << 32,
)

PAE = PagingScheme(
    "PAE",
    (
        # An entry has no rights: those bits are reserved.
        Level("page-directory pointers", 30, 2, link=PRESENT | EXECUTE, is_loaded=True),
        Level("page directory", 21, 9),
        Level("page table", 12, 9),
    ),
    entry_size=8,
    address_mask=0x000F_FFFF_FFFF_F000,
    no_execute=True,
    large_pages=True,
    global_pages=True,
    word_bits=32,
    user_limit=1 << 32,
)

X86_64 = replace(
    PAE,
    name="x86-64",
    levels=(
        Level("page map level 4", 39, 9),
        Level("page-directory pointers", 30, 9),
        Level("page directory", 21, 9),
        Level("page table", 12, 9),
    ),
    word_bits=64,
    user_limit=1 << 47,
)

SCHEMES = (I386, PAE, X86_64)


def page_of(address: word) -> word:
    """Return the start of the page that holds an address."""
    return address // PAGE_SIZE * PAGE_SIZE
