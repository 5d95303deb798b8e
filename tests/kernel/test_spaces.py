"""Address spaces: mapping, the shared kernel part, and that nothing is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unicorn.x86_const import UC_X86_REG_CR0

from keelback.abi.errors import OutOfMemory
from keelback.kernel.memory.frames import KERNEL, NOBODY
from keelback.kernel.x86.paging import GLOBAL, PRESENT, USER, WRITABLE
from keelback.lang import Panic
from support import make_pc

BASE = 0x0800_0000
TOP = 0xFFFF_F000


def state(kernel):
    """Return all of the kernel's memory but the frames of tables that are free."""
    return bytes(kernel.spaces.ram.bytes[kernel.layout.text_end : kernel.memory.bounds.zone])


def make_space(kernel, owner):
    """Return an address space without regions, in the record that exec uses."""
    space = kernel.programs.next
    space.directory, space.owner = kernel.spaces.create(7), owner
    return space


def map_new(kernel, space, page, permissions, owner):
    """Map a page to a new frame and return that."""
    entry = kernel.spaces.tables.reserve(space, page)
    frame = kernel.memory.frames.allocate_user(owner)
    kernel.spaces.enter(entry, page, frame, permissions)
    return frame


def destroy(kernel, space, holder):
    """Free a space and all that it maps."""
    unmap(kernel, space, BASE, TOP, holder)
    kernel.spaces.destroy(space)


def unmap(kernel, space, start, end, holder):
    """Unmap pages of a space that has no record of its own."""
    record = kernel.programs.next
    record.directory, record.owner = space, holder
    kernel.spaces.unmap(record, start, end)
    record.clear()


def test_a_new_space_has_the_kernel_part_and_nothing_else(kernel):
    space = kernel.spaces.create(7)
    table = kernel.spaces.access.table
    entries = list(table(space).words)
    assert entries[:32] == list(table(kernel.spaces.kernel.directory).words)[:32]
    assert not any(entries[32:])


def test_a_page_is_found_where_it_was_mapped(kernel):
    spaces = kernel.spaces
    space = spaces.create(7)
    frame = map_new(kernel, space, BASE + 0x5000, USER | WRITABLE, 7)
    entry = spaces.tables.find(space, BASE + 0x5FFF).low
    assert (entry >> 12, entry & 0xFFF) == (spaces.frame(space, BASE + 0x5FFF), PRESENT | USER | WRITABLE)
    assert spaces.frame(space, BASE + 0x5FFF) == frame
    assert spaces.frame(space, BASE + 0x6000) == spaces.frame(space, BASE + 0x4FFF) == 0
    assert kernel.memory.frames.table[frame].use == 7


def test_the_processors_own_walk_agrees(pc):
    space = pc.kernel.spaces.create(7)
    frame = map_new(pc.kernel, space, BASE, USER, 7)
    translation = pc.processor.walker.walk(space << 12, BASE)
    assert (translation.frame, translation.flags & (USER | WRITABLE)) == (frame, USER)


pages = st.lists(
    st.sampled_from([BASE, BASE + 0x1000, BASE + 0x3FF000, BASE + 0x400000, 0x80000000, TOP - 0x1000]), unique=True
)


@settings(max_examples=25)
@given(pages)
def test_destroying_a_space_restores_every_byte(mapped):
    kernel = booted().kernel
    before = state(kernel)
    space = kernel.spaces.create(7)
    for page in mapped:
        map_new(kernel, space, page, USER, 9)
    assert [page for page, _ in kernel.spaces.mappings(space, BASE, TOP)] == sorted(mapped)
    destroy(kernel, space, 9)
    assert state(kernel) == before


_machines = []


def booted():
    if not _machines:
        _machines.append(make_pc())
        _machines[0].boot()
    return _machines[0]


def test_pages_keeps_to_its_bounds(kernel):
    spaces = kernel.spaces
    space = spaces.create(7)
    for page in (BASE, BASE + 0x1000, BASE + 0x400000):
        map_new(kernel, space, page, USER, 1)
    assert [page for page, _ in spaces.mappings(space, BASE + 0x1000, BASE + 0x400000)] == [BASE + 0x1000]
    assert not list(spaces.mappings(space, BASE, BASE))


@pytest.mark.parametrize("page", [0, 0x1000, BASE - 0x1000, TOP])
def test_only_user_pages_are_mapped(kernel, page):
    space = kernel.spaces.create(7)
    with pytest.raises(Panic, match="a user page"):
        kernel.spaces.enter(kernel.spaces.tables.reserve(space, BASE), page, 5, USER)


def test_a_page_is_mapped_once(kernel):
    space = kernel.spaces.create(7)
    map_new(kernel, space, BASE, USER, 1)
    with pytest.raises(Panic, match="an entry is made once"):
        kernel.spaces.enter(kernel.spaces.tables.find(space, BASE), BASE, 5, USER)


def test_no_frame_for_a_table_leaves_no_trace(kernel):
    space, frames = kernel.spaces.create(7), kernel.memory.frames
    while frames.counts.kernel_free:
        frames.allocate_kernel(KERNEL)
    before = state(kernel)
    with pytest.raises(OutOfMemory):
        map_new(kernel, space, BASE, USER, 1)
    with pytest.raises(OutOfMemory):
        kernel.spaces.create(7)
    assert state(kernel) == before


def test_no_user_frame_for_a_page_leaves_no_trace(kernel):
    space, frames = make_space(kernel, 1), kernel.memory.frames
    while frames.counts.user_free:
        frames.allocate_user(KERNEL)
    before = state(kernel)
    with pytest.raises(OutOfMemory):
        kernel.virtual_memory.map_zeros(space, BASE, USER)
    assert state(kernel) == before
    free = frames.counts.kernel_free
    kernel.spaces.destroy(space.directory)
    assert frames.counts.kernel_free == free + 1


def test_unmapping_gives_back_frames_and_the_tables_that_map_nothing_then(kernel):
    spaces, counts = kernel.spaces, kernel.memory.frames.counts
    space = spaces.create(7)
    free = (counts.user_free, counts.kernel_free)
    for page in (BASE, BASE + 0x1000, BASE + 0x3FF000, BASE + 0x400000):
        map_new(kernel, space, page, USER, 9)
    assert (counts.user_free, counts.kernel_free) == (free[0] - 4, free[1] - 2)
    unmap(kernel, space, BASE + 0x1000, BASE + 0x402000, 9)
    assert [page for page, _ in spaces.mappings(space, BASE, TOP)] == [BASE]
    assert (counts.user_free, counts.kernel_free) == (free[0] - 1, free[1] - 1)
    unmap(kernel, space, BASE, BASE + 0x1000, 9)
    assert (counts.user_free, counts.kernel_free) == free


def test_page_zero_guard_text_and_windows_are_mapped_as_they_should_be(pc):
    walk, directory = pc.processor.walker.walk, pc.kernel.spaces.kernel.directory << 12
    assert walk(directory, 0) is None
    assert walk(directory, pc.layout.kernel_start - 1) is None
    assert walk(directory, pc.kernel.memory.bounds.region_top) is None
    text, records = walk(directory, pc.layout.kernel_start), walk(directory, pc.layout.text_end)
    assert text.flags & (WRITABLE | USER | GLOBAL) == GLOBAL
    assert records.flags & (WRITABLE | USER | GLOBAL) == WRITABLE | GLOBAL
    assert not any(entry.flags & USER for page in range(0x100, 0x7C00) if (entry := walk(directory, page << 12)))


def test_the_kernel_cannot_write_its_own_text(pc):
    header = pc.kernel.memory.header
    assert pc.processor.walker.walk(pc.kernel.spaces.kernel.directory << 12, header._address).flags & WRITABLE == 0
    assert pc.processor.system.read_control(UC_X86_REG_CR0) & 1 << 16


def test_a_frame_that_is_free_has_no_owner_after_destroy(kernel):
    space = kernel.spaces.create(7)
    frame = map_new(kernel, space, BASE, USER, 4)
    destroy(kernel, space, 4)
    assert kernel.memory.frames.table[frame].use == NOBODY


def test_a_free_frame_is_cleared_unless_its_first_word_is_zero(kernel):
    access, frame = kernel.spaces.access, kernel.memory.frames.kernel_zone.lowest()
    words = access.table(frame).words
    assert words[0] != 0, "never used"
    words[5] = 7
    access.clear(frame)
    assert not any(words)
    words[5] = 7
    access.clear(frame)
    assert words[5] == 7, "taken for zero"
    access.spoil(frame)
    access.clear(frame)
    assert not any(words)


def test_a_space_that_is_destroyed_leaves_the_kernel_part_for_the_next_one(kernel):
    access, tables, zone = kernel.spaces.access, kernel.spaces.tables, kernel.memory.frames.kernel_zone
    own = tables.follow(tables.own[-1][1], kernel.spaces.kernel.directory, kernel.layout.kernel_limit)
    space = kernel.spaces.create(7)
    kept = tables.follow(tables.own[-1][1], space, kernel.layout.kernel_limit)
    kernel.spaces.destroy(space)
    assert zone.has(kept) and list(access.table(kept).words) == list(access.table(own).words)
    again = kernel.spaces.create(7)
    assert tables.follow(tables.own[-1][1], again, kernel.layout.kernel_limit) == kept
    assert list(access.table(kept).words) == list(access.table(own).words)


def test_a_table_that_had_the_kernel_part_is_cleared_for_anything_else(kernel):
    access, zone = kernel.spaces.access, kernel.memory.frames.kernel_zone
    kernel.spaces.destroy(kernel.spaces.create(7))
    kept = next(each for each in range(1, len(kernel.memory.frames.table)) if zone.has(each) and begins(access, each))
    access.clear(kept)
    assert not any(access.table(kept).words)


def begins(access, frame):
    """Say whether a frame begins as a table with the kernel part."""
    return access.table(frame).words[0] == access.part.first
