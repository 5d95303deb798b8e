"""Every address and limit of the system, in one value a published layout.

    microkernel, physical = virtual              microkernel, virtual only
    0x00000000  not mapped (page 0 never is)     0x08000000  user_base = KLIMIT
    0x00100000  header, entry code, text         0x08048000  image of the process
    0x00134000  places of source lines               ...
    0x00180000  static records, entry stack          ...
    0x00200000  payload                          0x80000000  malloc pages
    kernel_top  BIOS memory map, kernel memory   0xffeef000  guard, guard_pages pages: never mapped
                map, boot heap, boot stack,      0xffeff000  stack, stack_pages pages
                kernel zone                      0xfffff000  user_end: the last page is never mapped
    kernel_region_top
        ...     free for global mappings
    0x07000000  kernel stacks, each in its slot above a guard
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

from dataclasses import dataclass, replace

from keelback.abi.parts import Part
from keelback.kernel.layout_fields import GIB, KIB, MIB, LayoutFields
from keelback.kernel.layout_rules import ENTRY_TABLES, MOST_SLOTS, WrongLayout, check
from keelback.kernel.x86.paging import I386, PAE, SCHEMES, X86_64
from keelback.lang import PAGE_SIZE

__all__ = [
    "ENTRY_TABLES",
    "GIB",
    "KIB",
    "LAYOUTS",
    "MIB",
    "MICROKERNEL",
    "MICROKERNEL_64",
    "MOST_SLOTS",
    "OTHER_PAGING",
    "PUBLISHED",
    "TEACHING",
    "USERMODE",
    "Layout",
    "WrongLayout",
    "with_paging",
]


@dataclass(frozen=True)
class Layout(LayoutFields):
    """A layout that a kernel can work with."""

    def __post_init__(self) -> None:
        """Refuse what no kernel could work with; who makes a layout of their own reads the sentences.

        Raises: WrongLayout.
        """
        check(self)


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
    places=0x0013_4000,
    text_end=0x0018_0000,
    for_size=False,
    records_end=0x0020_0000,
    entry_stack=16 * KIB,
    region_least=0x0010_0000,
    region_limit=0x0700_0000,
    globals_start=0x0700_0000,
    globals_end=0x07C0_0000,  # the windows have a page table of their own
    kernel_stack=4 * KIB,
    kernel_stack_slots=1_025,
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
    threads=1_025,
    endpoints=512,
    lowest_number=False,
    regions=32_000,
    objects=256,
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
    one_stack=True,
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
        records_end=0x0026_0000,
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
    endpoints=0,
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
PUBLISHED = LAYOUTS + OTHER_PAGING


def with_paging(layout: Layout, name: str) -> Layout:
    """Return a layout with the page tables of a name: for a published one, as it is published with them.

    Raises: KeyError where it can't have them; WrongLayout where its addresses don't suit them.
    """
    if layout.paging.name == name:
        return layout
    if layout in PUBLISHED:
        return {(each.name, each.paging.name): each for each in PUBLISHED}[layout.name, name]
    return replace(layout, paging={each.name: each for each in SCHEMES}[name])
