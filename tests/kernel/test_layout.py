"""A layout is refused, in a sentence, when no kernel could work with it."""

from dataclasses import fields, replace

import pytest

from keelback.abi.parts import Part
from keelback.kernel.layout import LAYOUTS, MICROKERNEL, OTHER_PAGING, USERMODE, WrongLayout, with_paging
from keelback.kernel.x86.paging import PAE, X86_64
from kernel.course import COURSE
from support import MIB

PAGE = 4096
REFUSED = {
    "it is of the type ": [
        {"processes": 12.5}, {"processes": "many"}, {"name": None}, {"eager_fork": 1}, {"stack_pages": True},
    ],
    "is a multiple of the page size": [
        {"stack_top": 0xFFFF_F123}, {"globals_start": 0x0780_0010}, {"kernel_stack": 2048}, {"boot_stack": 100},
        {"entry_stack": 1024}, {"image_base": 0x0804_8010}, {"physical_limit": (1 << 32) - 1},
    ],
    "the name is a word": [{"name": "a\x1b[31mb"}, {"name": ""}, {"name": "ä"}],
    "the number fits the image header": [{"number": 1 << 40}, {"number": -1}],
    "header, places and records follow each other": [{"text_end": 0x0013_4000 - PAGE}, {"records_end": 0x0016_1000}],
    "none of them is without room": [{"places": 0x0018_0000}],
    "the kernel starts on stacks of a page or more": [{"boot_stack": 0}, {"entry_stack": 0}],
    "kernel region, global mappings and windows follow each other": [{"region_limit": PAGE}, {"windows": 0x06FF_F000}],
    "the kernel region has room for what it is at least": [{"region_least": 0x0780_1000}],
    "what the kernel owns starts behind page 0": [{"owned_start": 0}, {"owned_end": 0}],
    "page tables can name all memory that is used": [{"physical_limit": 1 << 33}],
    "the kernel region has room for the records of all memory": [{"region_limit": 0x0020_1000}],
    "what the kernel owns lies below KLIMIT": [{"owned_end": 0x0800_1000}],
    "a page is copied from one window to another": [{"window_count": 1}, {"window_count": 0}, {"window_count": 3}],
    "the windows lie below KLIMIT": [{"windows": 0x07FF_F000}],
    "no page table has kernel and user pages": [{"kernel_limit": 0x0800_1000, "image_start": 0x0800_1000}],
    "the windows have a page table of their own": [{"globals_end": 0x0880_0000}, {"globals_end": 0x07C0_1000}],
    "a kernel stack has a page or more": [{"kernel_stack": 0}],
    "kernel stacks without slots are a page each": [{"kernel_stack": 2 * PAGE, "kernel_stack_slots": 0}],
    "there is no negative number of slots": [{"kernel_stack_slots": -1}],
    "the last page is never mapped": [{"user_end": 1 << 32}],
    "images lie in user space": [{"image_base": 0x07FF_F000}, {"malloc_base": 0x0804_8000}],
    "anonymous memory lies below the malloc area": [{"anonymous_base": 0}, {"anonymous_base": 0x9000_0000}],
    "the malloc area lies in user space": [{"malloc_limit": 0x8000_0000}, {"user_end": 0x0900_0000}],
    "a stack has a page, and not more is promised": [
        {"stack_pages": 0}, {"stack_promised": 0}, {"stack_promised": -1}, {"stack_pages": 2},
    ],
    "the stack lies in user space": [{"stack_top": 0x0800_0000}],
    "the guard lies in memory": [{"guard_pages": -1}, {"guard_pages": 1 << 21}],
    "there is a process beside the kernel": [{"processes": 1}, {"processes": -5}, {"processes": 0x8000}],
    "a program has regions, and two over are listed in one node": [{"regions": 15}, {"regions": 65_535}],
    "a table has at most 1,025 slots": [{"threads": 1_026, "processes": 1_026}],
    "the kernel lies in memory that is used": [{"physical_limit": 0x0010_0000}],
    "frames that windows show hold no page tables": [{"one_pool": True}],
    "the one kernel stack is the entry stack, with two pages beside for double faults": [{"one_stack": True}],
    "the kernel zone is a part of memory": [{"zone_share": 0}, {"zone_share": (1 << 32) + 1}],
    "the kernel region has room for the boot stack and the least kernel zone": [
        {"zone_least": -PAGE}, {"zone_least": 1 << 27}, {"boot_stack": 1 << 31}, {"boot_stack": 0x0780_0000},
    ],
    "a boot loader loads below 4 GiB": [{"loaded_at": 0xFFFF_0000}],
}  # fmt: skip


@pytest.mark.parametrize(("why", "change"), [(why, each) for why, changes in REFUSED.items() for each in changes])
def test_a_layout_that_no_kernel_works_with_is_refused(why, change):
    with pytest.raises(WrongLayout, match=why):
        replace(MICROKERNEL, **change)


@pytest.mark.parametrize("layout", [*LAYOUTS, *OTHER_PAGING], ids=lambda each: f"{each.name}-{each.paging.name}")
def test_every_number_is_bounded_and_named(layout):
    numbers = [each.name for each in fields(layout) if type(getattr(layout, each.name)) is int]
    assert len(numbers) > 30
    for name in numbers:
        for value in (-PAGE, 1 << 64, 1 << 100):
            with pytest.raises(WrongLayout, match=rf"\b{name}="):
                replace(layout, **{name: value})


REFUSED_OF_COURSE = {
    "a kernel that is not loaded where it lies is loaded behind that": [{"loaded_at": 0x9_0000}, {"loaded_at": 0}],
    "a kernel with a space of its own needs no windows": [{"window_count": 2}, {"globals_end": 0x40_0000}],
    "a page table with kernel and user pages is made with its space": [{"eager_tables": False}],
    "a page table with kernel and user pages is for all memory": [{"physical_limit": 0x80_0000}],
    "a kernel stack lies in the kernel zone, or is the only one": [{"one_stack": False}],
    "the one kernel stack is the entry stack": [{"entry_stack": 3 * PAGE}],
    "the malloc area lies in user space": [{"parts": (Part.MALLOC,)}],
    "page tables in frames of the one pool are all made with their space": [
        {
            "eager_tables": False, "kernel_limit": 4 * MIB, "image_start": 4 * MIB, "image_base": 4 * MIB,
            "anonymous_base": 5 * MIB, "malloc_base": 5 * MIB, "malloc_limit": 5 * MIB,
            "stack_top": 6 * MIB, "user_end": 6 * MIB,
        },
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("why", "change"), [(why, each) for why, changes in REFUSED_OF_COURSE.items() for each in changes]
)
def test_so_is_one_whose_policies_do_not_go_together(why, change):
    with pytest.raises(WrongLayout, match=why):
        replace(COURSE, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"anonymous_base": 64 * MIB + 0x0800_0000},
        {"kernel_limit": 0x0840_0000, "image_start": 0x0840_0000, "image_base": 0x0840_0000},
        {"globals_end": 0x0700_0000, "kernel_stack_slots": 0},
        {"guard_pages": 100_000},
    ],
)
def test_others_are_for_who_wants_them(change):
    assert replace(MICROKERNEL, **change) not in LAYOUTS


def test_a_stack_in_kernel_space_is_refused():
    with pytest.raises(WrongLayout, match="the stack lies in user space"):
        replace(USERMODE, stack_pages=2)


def test_page_tables_are_changed_where_the_addresses_suit_them():
    assert with_paging(MICROKERNEL, "i386") is MICROKERNEL
    own = replace(
        MICROKERNEL, name="own", kernel_limit=0x0820_0000, image_start=0x0820_0000, paging=PAE, image_base=0x0820_0000
    )
    with pytest.raises(WrongLayout, match="no page table has kernel and user pages"):
        with_paging(own, "i386")
    with pytest.raises(WrongLayout, match="the page tables that lead into long mode"):
        with_paging(own, "x86-64")
    assert with_paging(replace(own, entry_stack=28 * 1024), "x86-64").paging is X86_64
    for layout, name in ((own, "none"), (MICROKERNEL, "none")):
        with pytest.raises(KeyError):
            with_paging(layout, name)
