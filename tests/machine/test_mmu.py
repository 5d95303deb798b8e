"""The TLB model finds every missing invalidation, and says nothing where there is none."""

import struct

import pytest

from keelback.inspect.walk import Walker, reader
from keelback.lang import Panic
from keelback.machine.simulated.mmu import TlbModel

PRESENT, WRITABLE, USER, ACCESSED, GLOBAL = 1, 2, 4, 0x20, 0x100
DIRECTORY, OTHER, TABLE = 0x1000, 0x2000, 0x3000
PAGE = 0x0804_8000
NOT_THERE = 0x0900_0000


class Tables:
    """Two page directories that share one table; `set` changes an entry behind everyone's back."""

    def __init__(self) -> None:
        self.ram = bytearray(0x8000)
        for directory in (DIRECTORY, OTHER):
            struct.pack_into("<I", self.ram, directory + 4 * (PAGE >> 22), TABLE | 7 | ACCESSED)
        self.walker = Walker("i386", reader(memoryview(self.ram)))
        self.tlb = TlbModel(self.walker)
        self.tlb.load_directory(DIRECTORY)

    def set(self, entry: int, page: int = PAGE) -> None:
        struct.pack_into("<I", self.ram, TABLE + 4 * (page >> 12 & 0x3FF), entry)


@pytest.fixture
def tables():
    return Tables()


# The model.

CHANGES = {
    "removed": (0x5007, 0, "frame 0x5 user writable, the table nothing"),
    "moved": (0x5007, 0x6007, "frame 0x5 user writable, the table frame 0x6 user writable"),
    "protected": (0x5007, 0x5005, "frame 0x5 user writable, the table frame 0x5 user read-only"),
    "made writable": (0x5005, 0x5007, "frame 0x5 user read-only, the table frame 0x5 user writable"),
    "hidden from users": (0x5007, 0x5003, "frame 0x5 user writable, the table frame 0x5 writable"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_used_entry_that_changes_without_invalidation_is_a_panic(tables, change):
    before, after, words = CHANGES[change]
    message = f"page 0x08048000 was changed without invalidation: the TLB has {words}"
    tables.set(before)
    tables.tlb.use(PAGE)
    tables.set(after)
    for check in (lambda: tables.tlb.use(PAGE + 8), tables.tlb.before_user_mode):
        with pytest.raises(Panic) as caught:
            check()
        assert caught.value.message == message


@pytest.mark.parametrize("change", CHANGES)
def test_after_invalidation_any_change_is_well(tables, change):
    before, after, _ = CHANGES[change]
    for invalidate in (lambda: tables.tlb.invalidate_page(PAGE + 0x10), lambda: tables.tlb.load_directory(DIRECTORY)):
        tables.set(before)
        tables.tlb.use(PAGE)
        tables.set(after)
        invalidate()
        tables.tlb.before_user_mode()
        if after & PRESENT:
            assert tables.tlb.use(PAGE).frame == after >> 12
        tables.tlb.load_directory(DIRECTORY)


def test_a_removed_table_is_found_like_a_removed_entry(tables):
    tables.set(0x5007)
    tables.tlb.use(PAGE)
    struct.pack_into("<I", tables.ram, DIRECTORY + 4 * (PAGE >> 22), 0)
    with pytest.raises(Panic, match="changed without invalidation"):
        tables.tlb.before_user_mode()


def test_an_entry_that_was_never_used_may_change(tables):
    tables.set(0x5007)
    tables.set(0x6007)
    tables.tlb.before_user_mode()
    assert tables.tlb.use(PAGE).frame == 6


def test_what_was_not_present_is_not_cached(tables):
    with pytest.raises(Panic) as caught:
        tables.tlb.use(NOT_THERE + 4)
    assert caught.value.message == "the kernel used 0x09000004, which is mapped nowhere"
    tables.set(0x5007)
    assert tables.tlb.use(PAGE).frame == 5


def test_accessed_dirty_and_other_bits_are_no_change(tables):
    tables.set(0x5007)
    tables.tlb.use(PAGE)
    tables.set(0x5007 | ACCESSED | 0x40 | 0xE00)
    tables.tlb.before_user_mode()


def test_invalidating_another_page_does_not_help(tables):
    tables.set(0x5007)
    tables.tlb.use(PAGE)
    tables.set(0)
    tables.tlb.invalidate_page(PAGE + 0x1000)
    with pytest.raises(Panic, match="without invalidation"):
        tables.tlb.before_user_mode()


def test_a_global_entry_survives_a_load_of_cr3_and_not_invlpg(tables):
    tables.set(0x5003 | GLOBAL)
    tables.tlb.use(PAGE)
    tables.tlb.load_directory(OTHER)
    tables.set(0x6003 | GLOBAL)
    with pytest.raises(Panic, match="the TLB has frame 0x5 writable, the table frame 0x6 writable"):
        tables.tlb.before_user_mode()
    tables.tlb.invalidate_page(PAGE)
    assert tables.tlb.use(PAGE).frame == 6


def test_an_entry_that_stops_being_global_must_be_invalidated(tables):
    tables.set(0x5003 | GLOBAL)
    tables.tlb.use(PAGE)
    tables.set(0x5003)
    tables.tlb.load_directory(DIRECTORY)
    with pytest.raises(Panic, match="without invalidation"):
        tables.tlb.use(PAGE)


def test_user_mode_caches_what_it_accessed_and_nothing_else(tables):
    tables.set(0x5007 | ACCESSED)
    tables.set(0x6007, PAGE + 0x1000)
    tables.tlb.after_user_mode()
    tables.set(0, PAGE + 0x1000)
    tables.tlb.before_user_mode()
    tables.set(0)
    with pytest.raises(Panic, match="page 0x08048000 was changed"):
        tables.tlb.before_user_mode()


def test_user_mode_does_not_replace_an_older_entry(tables):
    tables.set(0x5007 | ACCESSED)
    tables.tlb.after_user_mode()
    tables.set(0x6007 | ACCESSED)
    tables.tlb.after_user_mode()
    with pytest.raises(Panic, match="the TLB has frame 0x5"):
        tables.tlb.before_user_mode()
