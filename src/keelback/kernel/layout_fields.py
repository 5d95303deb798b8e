"""What a layout says: every address and limit, as the fields of one frozen value, and what follows from them."""

from dataclasses import dataclass

from keelback.abi.parts import Part
from keelback.kernel.x86.paging import PagingScheme
from keelback.lang import PAGE_SIZE

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True)
class LayoutFields:
    """The addresses (bytes) and limits of one published layout; every address is page-aligned."""

    name: str
    number: int
    """Stands for the layout in the image header, whatever its paging."""
    paging: PagingScheme
    """The page tables, and with them the width of the CPU."""
    parts: tuple[Part, ...]
    """The parts of the kernel that are built; of the others nothing is there, and their calls are unknown."""

    physical_limit: int
    """Memory from here on is not used; the kernel region has room for the records of what is before."""
    owned_start: int
    """All physical memory from here …"""
    owned_end: int
    """… to here is the kernel's, whether it uses it or not, and so is the kernel region if that reaches further."""
    loaded_at: int
    """Where a boot loader loads the kernel image; where that is not kernel_start, it moves itself down."""
    kernel_start: int
    """Where the kernel image lies; the kernel region starts here."""
    places: int
    """Where the room for entry code, text and read-only data ends and the table of source places starts."""
    text_end: int
    """Where the room for that ends, and all that is read-only, and the static records start."""
    for_size: bool
    """Whether the kernel is compiled to be small, instead of fast."""
    records_end: int
    """Where the room for static records ends and the payload starts."""
    entry_stack: int
    """Bytes of the stack that the kernel starts on: the end of that room."""
    region_least: int
    """The kernel region ends here at the earliest …"""
    region_limit: int
    """… and here at the latest."""
    globals_start: int
    """The area for mappings that the kernel makes at run time, in every address space at once: from here …"""
    globals_end: int
    """… to here."""
    kernel_stack: int
    """Bytes of a thread's kernel stack."""
    one_stack: bool
    """Whether the kernel serves all traps on its entry stack, instead of on one a thread."""
    kernel_stack_slots: int
    """How many of them have a slot in that area, from its start, each with a guard page; 0: they lie in the zone."""
    identity: bool
    """Whether the kernel serves traps in a space of its own, which maps all memory at its own addresses …"""
    windows: int
    """… or reaches frames through window pages, of which this is the first."""
    window_count: int
    kernel_limit: int
    """KLIMIT: kernel below, the running process above."""

    image_start: int
    """The lowest address that an image may have: above the stack where that lies below the images."""
    image_base: int
    """Where the images of our own programs start."""
    stack_top: int
    """The first address after a process's stack."""
    stack_pages: int
    """How far a process's stack may grow …"""
    stack_promised: int
    """… and how many of its pages, from its top, are sure to find memory."""
    guard_pages: int
    """How many pages below that no process may have; with 0, a stack overflows into what is mapped there."""
    anonymous_base: int
    """Where the kernel looks first for room for anonymous memory."""
    malloc_base: int
    """Where the malloc area starts, in which the kernel alone places pages …"""
    malloc_limit: int
    """… and where it ends."""
    user_end: int

    processes: int
    """The process table's length; slot 0 is the kernel's, so one less can exist."""
    threads: int
    """The thread table's length: the idle thread, and at least one for each process."""
    endpoints: int
    """The table of endpoints' length; the first is none."""
    lowest_number: bool
    """Whether a process gets the lowest free slot, instead of the next after the last that was given."""
    regions: int
    """How many regions of memory a process may have."""
    objects: int
    """The length of the table of memory objects; one less can exist."""
    most_references: int
    """How many references a frame may have: two or more, at most what its record can count."""
    eager_fork: bool
    """Whether fork copies every writable page at once, instead of at the first write."""
    eager_image: bool
    """Whether a program gets all frames of its image when it starts, those of zeros too, instead of on demand."""
    overcommit: bool
    """Whether more memory may be promised than there is, so that any first write may end a process."""
    eager_tables: bool
    """Whether a process gets all its page tables when it starts, and keeps them, instead of as they are needed."""
    one_pool: bool
    """Whether page tables are in frames as pages are, the lowest free one first, instead of in the kernel zone."""
    user_screen: bool
    """Whether every process may read and write the screen's page."""
    zone_share: int
    """The kernel zone gets one frame of this many …"""
    zone_least: int
    """… and at least this many bytes."""
    boot_stack: int
    """Bytes of the stack that only initialisation uses."""

    @property
    def records_limit(self) -> int:
        """Return the address that the static records end at or below: the entry stack's lowest."""
        return self.records_end - self.entry_stack

    @property
    def windows_start(self) -> int:
        """Return the address that the kernel region ends at or below: the first window's; without windows, KLIMIT."""
        return self.kernel_limit if self.identity else self.windows

    @property
    def double_fault_stack(self) -> int:
        """Return the end of the stack for double faults: that of the entry stack, which nobody needs after the start.

        Where the kernel serves traps there, it is two pages at its lowest end.
        """
        return self.records_limit + 2 * PAGE_SIZE if self.one_stack else self.records_end

    @property
    def kernel_stack_slot(self) -> int:
        """Return the bytes of a kernel stack and the guard below it."""
        return PAGE_SIZE + self.kernel_stack

    @property
    def user_base(self) -> int:
        """Return the lowest user address."""
        return self.kernel_limit

    @property
    def stack_bottom(self) -> int:
        """Return the lowest address of a process's stack."""
        return self.stack_top - self.stack_pages * PAGE_SIZE

    @property
    def stack_growth(self) -> int:
        """Return the address that the stack's pages without a promise end at."""
        return self.stack_top - self.stack_promised * PAGE_SIZE

    @property
    def stack_guard(self) -> int:
        """Return where the pages under the stack start that no process may have; `stack_bottom` when there are none."""
        return self.stack_bottom - self.guard_pages * PAGE_SIZE

    @property
    def image_limit(self) -> int:
        """Return the address that an image ends at or below."""
        return self.malloc_base
