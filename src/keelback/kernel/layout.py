"""Every address and limit of the system, in one value a published layout.

    microkernel, physical = virtual              microkernel, virtual only
    0x00000000  not mapped (page 0 never is)     0x08000000  user_base = KLIMIT
    0x00100000  header, entry code, text         0x08048000  image of the process
    0x00130000  places of source lines               ...
    0x00160000  static records, entry stack          ...
    0x001c0000  payload                          0x80000000  malloc pages
    kernel_top  BIOS memory map, kernel memory   0xffeef000  guard, guard_pages pages: never mapped
                map, boot heap, boot stack,      0xffeff000  stack, stack_pages pages
                kernel zone                      0xfffff000  user_end: the last page is never mapped
    kernel_region_top
        ...     free for global mappings
    0x07800000  kernel stacks, each in its slot above a guard
        ...
    0x07ffe000  two window pages
    0x08000000  KLIMIT

    usermode, physical = virtual                 usermode, virtual only
    0x00000000  not mapped                       0x00800000  stack: one page, never more
    0x00001000  the kernel's, unused             0x00801000  image of the process
    0x00100000  as above, but the kernel zone                libraries, each directly after what was there
                reaches to 0x007fd000                ...
    0x007fd000  two window pages                 0x40000000  anonymous memory
    0x007ff000  not mapped: the stack's guard        ...
    0x00800000  KLIMIT, and the first user frame 0xfffff000  user_end: the last page is never mapped

    teaching, physical = virtual                 teaching, virtual only
    0x00000000  not mapped                       0x00100000  image of the process
    0x00001000  frames of the pool                   ...
    0x00040000  as above, without a kernel zone  0x002ff000  stack: one page
    0x0009f000  adapters, the screen             0x00300000  user_end
    0x00100000  KLIMIT; physical: the pool again, to 2 MiB

Nothing else in the kernel knows an address.
"""

from dataclasses import dataclass, fields, replace

from keelback.abi.parts import Part
from keelback.kernel.x86.paging import I386, PAE, SCHEMES, X86_64, PagingScheme
from keelback.lang import PAGE_SHIFT, PAGE_SIZE

MOST_SLOTS = 1_024
"""How many slots a table of processes or threads may have: what one word of bits tells of 32 others."""
KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
RECORDS_OF_A_FRAME = 6
"""Bytes that the kernel keeps of each frame, at most."""
_ADDRESSES = (
    "physical_limit", "owned_start", "owned_end", "loaded_at", "kernel_start", "places", "text_end", "records_end",
    "entry_stack", "region_least", "region_limit", "globals_start", "globals_end", "kernel_stack", "windows",
    "kernel_limit", "image_start", "image_base", "stack_top", "anonymous_base", "malloc_base", "malloc_limit",
    "user_end", "boot_stack",
)  # fmt: skip
"""What starts or ends a page, or is so many whole ones."""


ENTRY_TABLES = 6
"""Frames of page tables with which entry code leads into long mode, at the start of the room for the entry stack."""


class WrongLayout(ValueError):
    """No kernel could work with a layout; the message has the fields, their values, and the rule."""


def _shown(name: str, value: object) -> str:
    if isinstance(value, PagingScheme):
        return value.name
    if isinstance(value, tuple):
        return f"({', '.join(map(str, value))})"
    return f"{value:#x}" if name in _ADDRESSES and isinstance(value, int) else repr(value)


@dataclass(frozen=True)
class Layout:
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
    lowest_number: bool
    """Whether a process gets the lowest free slot, instead of the next after the last that was given."""
    regions: int
    """How many regions of memory a process may have."""
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

    def __post_init__(self) -> None:
        """Refuse what no kernel could work with; who makes a layout of their own reads the sentences.

        Raises: WrongLayout.
        """
        for each in fields(self):
            kind = getattr(each.type, "__origin__", each.type)
            is_of_kind = type(getattr(self, each.name)) is kind
            self._need(is_of_kind, f"it is of the type {getattr(kind, '__name__', kind)}", each.name)
        for name in _ADDRESSES:
            self._need(getattr(self, name) % PAGE_SIZE == 0, "it is a multiple of the page size", name)
        self._need(self.name.isidentifier() and self.name.isascii(), "the name is a word", "name")
        self._need(0 <= self.number < 1 << 32, "the number fits the image header", "number")
        is_each_once = all(type(each) is Part for each in self.parts) and len({*self.parts}) == len(self.parts)
        self._need(is_each_once, f"each is a part, named once: {', '.join(Part)}", "parts")
        self._check_image()
        self._check_region()
        self._check_windows_and_stacks()
        self._check_user()
        self._check_counts()

    def _need(self, holds: object, sentence: str, names: str) -> None:
        """Refuse the layout where a rule does not hold, with the fields that it is about.  Raises: WrongLayout."""
        if not holds:
            values = ", ".join(f"{name}={_shown(name, getattr(self, name))}" for name in names.split())
            raise WrongLayout(f"{values}: against the rule that {sentence}")

    def _check_image(self) -> None:
        self._need(
            PAGE_SIZE <= self.owned_start <= self.owned_end,
            "what the kernel owns starts behind page 0",
            "owned_start owned_end",
        )
        image = (self.owned_start, self.kernel_start, self.places, self.text_end, self.records_limit)
        self._need(
            list(image) == sorted(image),
            "header, places and records follow each other",
            "owned_start kernel_start places text_end records_end entry_stack",
        )
        self._need(
            self.kernel_start < self.places < self.text_end < self.records_limit,
            "none of them is without room",
            "kernel_start places text_end records_end entry_stack",
        )
        self._need(
            self.entry_stack >= PAGE_SIZE <= self.boot_stack,
            "the kernel starts on stacks of a page or more",
            "entry_stack boot_stack",
        )
        self._need(
            self.paging.word_bits == 32 or self.entry_stack > ENTRY_TABLES * PAGE_SIZE,
            "the page tables that lead into long mode lie below the stack that the kernel starts on",
            "entry_stack paging",
        )
        self._need(
            self.loaded_at == self.kernel_start or self.loaded_at >= max(self.region_limit, 1 * MIB),
            "a kernel that is not loaded where it lies is loaded behind that, from 1 MiB on",
            "loaded_at kernel_start region_limit",
        )
        self._need(
            self.loaded_at + (self.records_end - self.kernel_start) <= 4 * GIB,
            "a boot loader loads below 4 GiB",
            "loaded_at kernel_start records_end",
        )
        self._need(
            self.records_end <= self.physical_limit,
            "the kernel lies in memory that is used",
            "records_end physical_limit",
        )

    def _check_region(self) -> None:
        ends = (self.records_end, self.region_limit, self.globals_start or self.region_limit, self.windows_start)
        self._need(
            list(ends) == sorted(ends),
            "kernel region, global mappings and windows follow each other",
            "records_end region_limit globals_start windows kernel_limit",
        )
        self._need(
            0 <= self.region_least <= self.region_limit,
            "the kernel region has room for what it is at least",
            "region_least region_limit",
        )
        self._need(
            self.physical_limit <= self.paging.physical_end,
            "page tables can name all memory that is used",
            "physical_limit paging",
        )
        self._need(
            (self.physical_limit >> PAGE_SHIFT) * RECORDS_OF_A_FRAME <= self.region_limit - self.records_end,
            "the kernel region has room for the records of all memory",
            "physical_limit records_end region_limit",
        )
        self._need(
            0 <= self.zone_least <= self.region_limit - self.records_end - self.boot_stack,
            "the kernel region has room for the boot stack and the least kernel zone",
            "boot_stack zone_least records_end region_limit",
        )
        self._need(
            self.owned_end <= self.kernel_limit, "what the kernel owns lies below KLIMIT", "owned_end kernel_limit"
        )

    def _check_windows_and_stacks(self) -> None:
        if self.identity:
            self._check_identity()
        else:
            self._check_windows()
        self._need(self.kernel_stack >= PAGE_SIZE, "a kernel stack has a page or more", "kernel_stack")
        self._need(
            self.kernel_stack_slots or self.kernel_stack == PAGE_SIZE,
            "kernel stacks without slots are a page each",
            "kernel_stack kernel_stack_slots",
        )
        slots_end = self.globals_start + self.kernel_stack_slots * self.kernel_stack_slot
        self._need(self.kernel_stack_slots >= 0, "there is no negative number of slots", "kernel_stack_slots")
        self._need(
            slots_end <= self.globals_end,
            "the slots lie in the area for global mappings",
            "globals_start globals_end kernel_stack kernel_stack_slots",
        )
        self._need(
            not self.one_stack or (self.kernel_stack_slots == 0 and self.entry_stack >= 4 * PAGE_SIZE),
            "the one kernel stack is the entry stack, with two pages beside for double faults",
            "one_stack kernel_stack_slots entry_stack",
        )

    def _check_identity(self) -> None:
        self._need(self.physical_limit <= 4 * GIB, "page tables lie below 4 GiB", "identity physical_limit")
        self._need(
            self.windows == self.window_count == self.globals_start == self.globals_end == 0,
            "a kernel with a space of its own needs no windows, and has no area for global mappings",
            "identity windows window_count globals_start globals_end",
        )
        self._need(
            self.eager_tables or self.kernel_limit % self.paging.reach == 0,
            "a page table with kernel and user pages is made with its space",
            "kernel_limit paging eager_tables",
        )
        self._need(
            self.kernel_limit % self.paging.reach == 0 or self.physical_limit <= self.paging.reach,
            "a page table with kernel and user pages is for all memory",
            "kernel_limit paging physical_limit",
        )

    def _check_windows(self) -> None:
        self._need(not self.one_pool, "frames that windows show hold no page tables", "one_pool identity")
        self._need(self.window_count == 2, "a page is copied from one window to another", "window_count")
        self._need(
            self.windows + self.window_count * PAGE_SIZE <= self.kernel_limit,
            "the windows lie below KLIMIT",
            "windows window_count kernel_limit",
        )
        reach = self.paging.reach
        self._need(self.kernel_limit % reach == 0, "no page table has kernel and user pages", "kernel_limit paging")
        tables = self.windows // reach * reach
        self._need(
            self.globals_start <= self.globals_end <= tables,
            "the windows have a page table of their own",
            "globals_start globals_end windows",
        )

    def _check_user(self) -> None:
        self._need(self.user_end < self.paging.user_limit, "the last page is never mapped", "user_end paging")
        self._need(
            self.user_base <= self.image_start <= self.image_base < self.image_limit,
            "images lie in user space",
            "kernel_limit image_start image_base malloc_base",
        )
        self._need(
            self.user_base <= self.anonymous_base <= self.malloc_base,
            "anonymous memory lies below the malloc area",
            "kernel_limit anonymous_base malloc_base",
        )
        has_malloc = Part.MALLOC in self.parts
        self._need(
            self.malloc_base + has_malloc * PAGE_SIZE <= self.malloc_limit <= self.user_end,
            "the malloc area lies in user space",
            "malloc_base malloc_limit user_end",
        )
        self._need(
            1 <= self.stack_promised <= self.stack_pages,
            "a stack has a page, and not more is promised",
            "stack_pages stack_promised",
        )
        self._need(
            self.user_base <= self.stack_bottom < self.stack_top <= self.user_end,
            "the stack lies in user space",
            "kernel_limit stack_top stack_pages user_end",
        )
        self._need(
            self.guard_pages >= 0 and self.stack_guard >= 0,
            "the guard lies in memory",
            "stack_top stack_pages guard_pages",
        )
        free_of_stacks = self.stack_top <= self.image_start or self.stack_guard >= self.malloc_limit
        self._need(
            free_of_stacks,
            "nothing that the kernel places lies on a stack, or in its guard",
            "image_start stack_top stack_pages guard_pages malloc_limit",
        )

    def _check_counts(self) -> None:
        self._need(
            2 <= self.most_references <= 0xFFFE,
            "a frame may be shared, and its record counts its holders",
            "most_references",
        )
        self._need(
            2 <= self.processes <= 0x7FFF,
            "there is a process beside the kernel, and its id is a number of 16 bits",
            "processes",
        )
        self._need(self.processes <= self.threads, "every process has a thread", "processes threads")
        self._need(self.threads <= MOST_SLOTS, f"a table has at most {MOST_SLOTS:,} slots", "threads")
        self._need(
            self.threads <= (self.kernel_stack_slots or self.threads),
            "each thread's stack has a slot",
            "kernel_stack_slots threads",
        )
        self._need(
            16 <= self.regions <= (65_534 if self.paging.word_bits == 32 else 32_766),
            "a program has regions, and two over are listed in one node",
            "regions",
        )
        self._need(
            0 < self.zone_share <= self.physical_limit,
            "the kernel zone is a part of memory",
            "zone_share physical_limit",
        )
        self._need(
            self.one_stack or not self.one_pool,
            "a kernel stack lies in the kernel zone, or is the only one",
            "one_stack one_pool",
        )
        self._need(
            self.eager_tables or not self.one_pool,
            "page tables in frames of the one pool are all made with their space, so none is promised",
            "eager_tables one_pool",
        )

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


MICROKERNEL = Layout(
    name="microkernel",
    number=1,
    paging=I386,
    parts=tuple(Part),
    physical_limit=4 * GIB,
    owned_start=0x0010_0000,
    owned_end=0x0010_0000,
    loaded_at=0x0010_0000,
    kernel_start=0x0010_0000,
    places=0x0013_0000,
    text_end=0x0016_0000,
    for_size=False,
    records_end=0x001C_0000,
    entry_stack=16 * KIB,
    region_least=0x0010_0000,
    region_limit=0x0780_0000,
    globals_start=0x0780_0000,
    globals_end=0x07C0_0000,  # the windows have a page table of their own
    kernel_stack=4 * KIB,
    kernel_stack_slots=512,
    one_stack=False,
    identity=False,
    windows=0x07FF_E000,
    window_count=2,
    kernel_limit=0x0800_0000,
    image_start=0x0800_0000,
    image_base=0x0804_8000,
    stack_top=0xFFFF_F000,
    stack_pages=256,
    stack_promised=4,
    guard_pages=16,
    anonymous_base=0x4000_0000,
    malloc_base=0x8000_0000,
    malloc_limit=0xC000_0000,
    user_end=0xFFFF_F000,
    processes=512,
    threads=512,
    lowest_number=False,
    regions=32_000,
    most_references=0xFFFE,
    eager_fork=False,
    eager_image=False,
    overcommit=False,
    eager_tables=False,
    one_pool=False,
    user_screen=False,
    zone_share=8,
    zone_least=1 * MIB,
    boot_stack=16 * KIB,
)

USERMODE = replace(
    MICROKERNEL,
    name="usermode",
    number=2,
    physical_limit=3 * GIB,
    owned_start=PAGE_SIZE,
    owned_end=0x0080_0000,
    region_least=0x007F_D000,
    region_limit=0x007F_D000,
    globals_start=0,
    globals_end=0,
    kernel_stack_slots=0,
    windows=0x007F_D000,
    kernel_limit=0x0080_0000,
    image_start=0x0080_1000,
    image_base=0x0080_1000,
    stack_top=0x0080_1000,
    stack_pages=1,
    stack_promised=1,
    guard_pages=1,
    eager_image=True,
)


def _in_long_mode(layout: Layout, *, physical_limit: int, stack_top: int) -> Layout:
    """Return a layout for 64-bit words: its records are larger, and user space ends with the lower half."""
    return replace(
        layout,
        physical_limit=physical_limit,
        stack_top=stack_top,
        paging=X86_64,
        records_end=0x0020_0000,
        entry_stack=40 * KIB,  # below it lie the page tables that lead into long mode
        anonymous_base=0x1_0000_0000,
        malloc_base=0x40_0000_0000,
        malloc_limit=0x80_0000_0000,
        user_end=0x7FFF_FFFF_F000,
    )


MICROKERNEL_64 = _in_long_mode(MICROKERNEL, physical_limit=64 * GIB, stack_top=0x7FFF_FFFF_F000)

TEACHING = replace(
    MICROKERNEL_64,
    name="teaching",
    number=3,
    parts=(),
    physical_limit=2 * MIB,
    owned_start=0x0004_0000,
    owned_end=0x0004_0000,
    kernel_start=0x0004_0000,
    places=0x0005_4000,
    text_end=0x0006_C000,
    for_size=True,
    records_end=0x0008_0000,
    entry_stack=32 * KIB,
    region_least=0,
    region_limit=0x0009_F000,
    globals_start=0,
    globals_end=0,
    kernel_stack_slots=0,
    one_stack=True,
    identity=True,
    windows=0,
    window_count=0,
    kernel_limit=0x0010_0000,
    image_start=0x0010_0000,
    image_base=0x0010_0000,
    stack_top=0x0030_0000,
    stack_pages=1,
    stack_promised=1,
    guard_pages=0,
    anonymous_base=0x002F_F000,
    malloc_base=0x002F_F000,
    malloc_limit=0x002F_F000,
    user_end=0x0030_0000,
    processes=16,
    threads=16,
    lowest_number=True,
    regions=512,
    eager_fork=True,
    eager_image=True,
    eager_tables=True,
    one_pool=True,
    user_screen=True,
    zone_share=1,
    zone_least=0,
)

LAYOUTS = (MICROKERNEL, USERMODE, TEACHING)
"""The published layouts, each with the paging that it has unless told."""
OTHER_PAGING = (
    replace(MICROKERNEL, paging=PAE, physical_limit=64 * GIB),
    replace(USERMODE, paging=PAE),
    MICROKERNEL_64,
    _in_long_mode(USERMODE, physical_limit=3 * GIB, stack_top=USERMODE.stack_top),
)
"""The same, with the other page tables that they can have."""


def with_paging(layout: Layout, name: str) -> Layout:
    """Return a layout with the page tables of a name: for a published one, as it is published with them.

    Raises: KeyError where it can't have them; WrongLayout where its addresses don't suit them.
    """
    if layout.paging.name == name:
        return layout
    if layout in (published := LAYOUTS + OTHER_PAGING):
        return {(each.name, each.paging.name): each for each in published}[layout.name, name]
    return replace(layout, paging={each.name: each for each in SCHEMES}[name])
