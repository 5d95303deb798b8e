"""The rules of a layout: what no kernel could work with is refused, in a sentence that names the fields."""

from dataclasses import fields

from keelback.abi.parts import Part
from keelback.kernel.layout_fields import GIB, MIB, LayoutFields
from keelback.kernel.x86.paging import PagingScheme
from keelback.lang import PAGE_SHIFT, PAGE_SIZE

MOST_SLOTS = 1_025
"""How many slots a table of processes or threads may have: the first, and what a word of bits tells of 32 others."""
MOST_OBJECTS = 4_096
"""How long the table of memory objects may be: a frame's record has 12 bits for an object's number."""
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


def check(layout: LayoutFields) -> None:
    """Check every rule.  Raises: WrongLayout."""
    for each in fields(layout):
        kind = getattr(each.type, "__origin__", each.type)
        is_of_kind = type(getattr(layout, each.name)) is kind
        _need(layout, is_of_kind, f"it is of the type {getattr(kind, '__name__', kind)}", each.name)
    for name in _ADDRESSES:
        _need(layout, getattr(layout, name) % PAGE_SIZE == 0, "it is a multiple of the page size", name)
    _need(layout, layout.name.isidentifier() and layout.name.isascii(), "the name is a word", "name")
    _need(layout, 0 <= layout.number < 1 << 32, "the number fits the image header", "number")
    is_each_once = all(type(each) is Part for each in layout.parts) and len({*layout.parts}) == len(layout.parts)
    _need(layout, is_each_once, f"each is a part, named once: {', '.join(Part)}", "parts")
    _check_image(layout)
    _check_region(layout)
    _check_windows_and_stacks(layout)
    _check_user(layout)
    _check_counts(layout)


def _need(layout: LayoutFields, holds: object, sentence: str, names: str) -> None:
    """Refuse the layout where a rule does not hold, with the fields that it is about.  Raises: WrongLayout."""
    if not holds:
        values = ", ".join(f"{name}={_shown(name, getattr(layout, name))}" for name in names.split())
        raise WrongLayout(f"{values}: against the rule that {sentence}")


def _check_image(layout: LayoutFields) -> None:
    _need(
        layout,
        PAGE_SIZE <= layout.owned_start <= layout.owned_end,
        "what the kernel owns starts behind page 0",
        "owned_start owned_end",
    )
    image = (layout.owned_start, layout.kernel_start, layout.places, layout.text_end, layout.records_limit)
    _need(
        layout,
        list(image) == sorted(image),
        "header, places and records follow each other",
        "owned_start kernel_start places text_end records_end entry_stack",
    )
    _need(
        layout,
        layout.kernel_start < layout.places < layout.text_end < layout.records_limit,
        "none of them is without room",
        "kernel_start places text_end records_end entry_stack",
    )
    _need(
        layout,
        layout.entry_stack >= PAGE_SIZE <= layout.boot_stack,
        "the kernel starts on stacks of a page or more",
        "entry_stack boot_stack",
    )
    _need(
        layout,
        layout.paging.word_bits == 32 or layout.entry_stack > ENTRY_TABLES * PAGE_SIZE,
        "the page tables that lead into long mode lie below the stack that the kernel starts on",
        "entry_stack paging",
    )
    _need(
        layout,
        layout.loaded_at == layout.kernel_start or layout.loaded_at >= max(layout.region_limit, 1 * MIB),
        "a kernel that is not loaded where it lies is loaded behind that, from 1 MiB on",
        "loaded_at kernel_start region_limit",
    )
    _need(
        layout,
        layout.loaded_at + (layout.records_end - layout.kernel_start) <= 4 * GIB,
        "a boot loader loads below 4 GiB",
        "loaded_at kernel_start records_end",
    )
    _need(
        layout,
        layout.records_end <= layout.physical_limit,
        "the kernel lies in memory that is used",
        "records_end physical_limit",
    )


def _check_region(layout: LayoutFields) -> None:
    ends = (layout.records_end, layout.region_limit, layout.globals_start or layout.region_limit, layout.windows_start)
    _need(
        layout,
        list(ends) == sorted(ends),
        "kernel region, global mappings and windows follow each other",
        "records_end region_limit globals_start windows kernel_limit",
    )
    _need(
        layout,
        0 <= layout.region_least <= layout.region_limit,
        "the kernel region has room for what it is at least",
        "region_least region_limit",
    )
    _need(
        layout,
        layout.physical_limit <= layout.paging.physical_end,
        "page tables can name all memory that is used",
        "physical_limit paging",
    )
    _need(
        layout,
        (layout.physical_limit >> PAGE_SHIFT) * RECORDS_OF_A_FRAME <= layout.region_limit - layout.records_end,
        "the kernel region has room for the records of all memory",
        "physical_limit records_end region_limit",
    )
    _need(
        layout,
        0 <= layout.zone_least <= layout.region_limit - layout.records_end - layout.boot_stack,
        "the kernel region has room for the boot stack and the least kernel zone",
        "boot_stack zone_least records_end region_limit",
    )
    _need(
        layout,
        layout.owned_end <= layout.kernel_limit,
        "what the kernel owns lies below KLIMIT",
        "owned_end kernel_limit",
    )


def _check_windows_and_stacks(layout: LayoutFields) -> None:
    if layout.identity:
        _check_identity(layout)
    else:
        _check_windows(layout)
    _need(layout, layout.kernel_stack >= PAGE_SIZE, "a kernel stack has a page or more", "kernel_stack")
    _need(
        layout,
        layout.kernel_stack_slots or layout.kernel_stack == PAGE_SIZE,
        "kernel stacks without slots are a page each",
        "kernel_stack kernel_stack_slots",
    )
    slots_end = layout.globals_start + layout.kernel_stack_slots * layout.kernel_stack_slot
    _need(layout, layout.kernel_stack_slots >= 0, "there is no negative number of slots", "kernel_stack_slots")
    _need(
        layout,
        slots_end <= layout.globals_end,
        "the slots lie in the area for global mappings",
        "globals_start globals_end kernel_stack kernel_stack_slots",
    )
    _need(
        layout,
        not layout.one_stack or (layout.kernel_stack_slots == 0 and layout.entry_stack >= 4 * PAGE_SIZE),
        "the one kernel stack is the entry stack, with two pages beside for double faults",
        "one_stack kernel_stack_slots entry_stack",
    )


def _check_identity(layout: LayoutFields) -> None:
    _need(layout, layout.physical_limit <= 4 * GIB, "page tables lie below 4 GiB", "identity physical_limit")
    _need(
        layout,
        layout.windows == layout.window_count == layout.globals_start == layout.globals_end == 0,
        "a kernel with a space of its own needs no windows, and has no area for global mappings",
        "identity windows window_count globals_start globals_end",
    )
    _need(
        layout,
        layout.eager_tables or layout.kernel_limit % layout.paging.reach == 0,
        "a page table with kernel and user pages is made with its space",
        "kernel_limit paging eager_tables",
    )
    _need(
        layout,
        layout.kernel_limit % layout.paging.reach == 0 or layout.physical_limit <= layout.paging.reach,
        "a page table with kernel and user pages is for all memory",
        "kernel_limit paging physical_limit",
    )


def _check_windows(layout: LayoutFields) -> None:
    _need(layout, not layout.one_pool, "frames that windows show hold no page tables", "one_pool identity")
    _need(layout, layout.window_count == 2, "a page is copied from one window to another", "window_count")
    _need(
        layout,
        layout.windows + layout.window_count * PAGE_SIZE <= layout.kernel_limit,
        "the windows lie below KLIMIT",
        "windows window_count kernel_limit",
    )
    reach = layout.paging.reach
    _need(layout, layout.kernel_limit % reach == 0, "no page table has kernel and user pages", "kernel_limit paging")
    tables = layout.windows // reach * reach
    _need(
        layout,
        layout.globals_start <= layout.globals_end <= tables,
        "the windows have a page table of their own",
        "globals_start globals_end windows",
    )


def _check_user(layout: LayoutFields) -> None:
    _need(layout, layout.user_end < layout.paging.user_limit, "the last page is never mapped", "user_end paging")
    _need(
        layout,
        layout.user_base <= layout.image_start <= layout.image_base < layout.image_limit,
        "images lie in user space",
        "kernel_limit image_start image_base malloc_base",
    )
    _need(
        layout,
        layout.user_base <= layout.anonymous_base <= layout.malloc_base,
        "anonymous memory lies below the malloc area",
        "kernel_limit anonymous_base malloc_base",
    )
    has_malloc = Part.MALLOC in layout.parts
    _need(
        layout,
        layout.malloc_base + has_malloc * PAGE_SIZE <= layout.malloc_limit <= layout.user_end,
        "the malloc area lies in user space",
        "malloc_base malloc_limit user_end",
    )
    _need(
        layout,
        1 <= layout.stack_promised <= layout.stack_pages,
        "a stack has a page, and not more is promised",
        "stack_pages stack_promised",
    )
    _need(
        layout,
        layout.user_base <= layout.stack_bottom < layout.stack_top <= layout.user_end,
        "the stack lies in user space",
        "kernel_limit stack_top stack_pages user_end",
    )
    _need(
        layout,
        layout.guard_pages >= 0 and layout.stack_guard >= 0,
        "the guard lies in memory",
        "stack_top stack_pages guard_pages",
    )
    free_of_stacks = layout.stack_top <= layout.image_start or layout.stack_guard >= layout.malloc_limit
    _need(
        layout,
        free_of_stacks,
        "nothing that the kernel places lies on a stack, or in its guard",
        "image_start stack_top stack_pages guard_pages malloc_limit",
    )


def _check_counts(layout: LayoutFields) -> None:
    _need(
        layout,
        2 <= layout.most_references <= 0xFFFE,
        "a frame may be shared, and its record counts its holders",
        "most_references",
    )
    _need(
        layout,
        2 <= layout.processes <= 0x7FFF,
        "there is a process beside the kernel, and its id is a number of 16 bits",
        "processes",
    )
    _need(layout, layout.processes <= layout.threads, "every process has a thread", "processes threads")
    _need(layout, layout.threads <= MOST_SLOTS, f"a table has at most {MOST_SLOTS:,} slots", "threads")
    _need(
        layout,
        2 * (Part.MESSAGES in layout.parts) <= layout.endpoints <= MOST_SLOTS,
        f"there is an endpoint, and a table has at most {MOST_SLOTS:,} slots",
        "endpoints",
    )
    _need(
        layout,
        layout.threads <= (layout.kernel_stack_slots or layout.threads),
        "each thread's stack has a slot",
        "kernel_stack_slots threads",
    )
    _need(
        layout,
        16 <= layout.regions <= (65_534 if layout.paging.word_bits == 32 else 32_766),
        "a program has regions, and two over are listed in one node",
        "regions",
    )
    _need(
        layout,
        2 <= layout.objects <= MOST_OBJECTS,
        "there is a memory object, and a frame's record has room for its number",
        "objects",
    )
    _need(
        layout,
        0 < layout.zone_share <= layout.physical_limit,
        "the kernel zone is a part of memory",
        "zone_share physical_limit",
    )
    _need(
        layout,
        layout.one_stack or not layout.one_pool,
        "a kernel stack lies in the kernel zone, or is the only one",
        "one_stack one_pool",
    )
    _need(
        layout,
        layout.eager_tables or not layout.one_pool,
        "page tables in frames of the one pool are all made with their space, so none is promised",
        "eager_tables one_pool",
    )
