"""Page tables by every scheme, in both lives, and what the emulated CPU makes of them."""

import pytest
from unicorn import UC_HOOK_MEM_WRITE

from keelback.abi.errors import BadAddress, OutOfMemory
from keelback.kernel.layout import MICROKERNEL, with_paging
from keelback.kernel.memory.page_tables import PageTables
from keelback.kernel.memory.space_records import REMEMBERED, RegionKind
from keelback.kernel.x86.paging import (
    AS_LOADED,
    EXECUTE,
    I386,
    NO_EXECUTE,
    PAE,
    PRESENT,
    SCHEMES,
    USER,
    WRITABLE,
    X86_64,
)
from keelback.lang import PAGE_SIZE, Panic
from keelback.lang.strict import words_of
from kernel.driven import driven
from kernel.paging_oracle import FETCH, READ, WRITE, Oracle
from kernel.paging_world import FRAMES, OWNER, RECORDS, SHAPES, USER_FRAMES, Lives, entry, tables_of, walker
from support import sliced, some_of

ACCESSES = (READ, WRITE, FETCH)


@pytest.fixture(params=sliced(SHAPES, 2), ids=str)
def lives(request):
    return Lives(request.param)


def far_pages(lives):
    """Return user pages that share ever fewer tables with the lowest: one for each level, and the highest."""
    spans = [level.reach for level in reversed(lives.scheme.levels)]
    places = [lives.base + span for span in spans] + [lives.shape.user_end - PAGE_SIZE]
    return sorted({lives.base} | {page for page in places if page < lives.shape.user_end})


def oracle(lives, root):
    """Return the CPU's view of a space, whose lowest page gets code."""
    code = lives.call("map", root, lives.base, USER | EXECUTE, OWNER)
    made = Oracle(lives.scheme.name, lives.memory(), RECORDS, range(USER_FRAMES, FRAMES), root, lives.base)
    made.code_frame = code
    return made


def check_counts(lives, *roots):
    """Check that each table counts its present entries; the windows' table is the kernel's and counts nothing."""
    windows = lives.world.spaces.access.window_table._address >> 12
    for root in roots:
        for table, present in tables_of(lives, root).items():
            assert lives.count(table) == present or table == windows


# The schemes.


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda each: each.name)
def test_the_levels_of_a_scheme_divide_an_address_without_a_gap(scheme):
    ends = [level.shift + level.bits for level in scheme.levels]
    assert scheme.table.shift == 12 and [level.shift for level in scheme.levels[:-1]] == ends[1:]
    assert all((1 << level.bits) * scheme.entry_size <= PAGE_SIZE for level in scheme.levels)
    assert ends[0] == {"x86-64": 48}.get(scheme.name, 32)


def test_the_schemes_are_those_of_the_manual():
    assert [each.entry_size for each in SCHEMES] == [4, 8, 8]
    assert [len(each.levels) for each in SCHEMES] == [2, 3, 4]
    assert [each.no_execute for each in SCHEMES] == [False, True, True]
    assert [hex(each.address_mask) for each in (I386, PAE, X86_64)] == ["0xfffff000", *["0xffffffffff000"] * 2]


# Mapping, as the CPU sees it.


ALL_FLAGS = [USER, USER | WRITABLE, USER | EXECUTE, USER | WRITABLE | EXECUTE, 0, WRITABLE]


@pytest.mark.parametrize("flags", some_of(ALL_FLAGS, [USER | EXECUTE]))
def test_a_program_may_do_what_the_flags_of_a_page_say(lives, flags):
    root = lives.call("create")
    cpu_page = lives.base + PAGE_SIZE
    frame = lives.call("map", root, cpu_page, flags, OWNER)
    cpu = oracle(lives, root)
    fetches = flags & EXECUTE or not lives.scheme.no_execute
    allowed = {READ: flags & USER, WRITE: flags & USER and flags & WRITABLE, FETCH: flags & USER and fetches}
    assert {each: cpu.probe(cpu_page, each) for each in ACCESSES} == {
        each: frame if allowed[each] else None for each in ACCESSES
    }


def test_pages_at_every_distance_are_found_by_cpu_and_kernel(lives):
    root = lives.call("create")
    pages = far_pages(lives)[1:]
    frames = {page: lives.call("map", root, page, USER | WRITABLE | EXECUTE, OWNER) for page in pages}
    cpu = oracle(lives, root)
    for page, frame in frames.items():
        assert [cpu.probe(page, each) for each in ACCESSES] == [frame] * 3
        assert lives.call("frame", root, page + 0xFFF) == frame
        assert lives.call("frame", root, page + PAGE_SIZE) == 0 or page + PAGE_SIZE in frames
        assert cpu.probe(page + PAGE_SIZE, READ) is None or page + PAGE_SIZE in frames
    check_counts(lives, root)


def test_the_kernel_part_is_in_every_space_and_no_programs(lives):
    first, second = lives.call("create"), lives.call("create")
    for root in (first, second):
        cpu = oracle(lives, root)
        assert [cpu.probe(address, each) for address in (RECORDS, 0, lives.base - 16) for each in ACCESSES] == [
            None
        ] * 9
        assert lives.call("frame", root, RECORDS) == RECORDS >> 12
        check_counts(lives, root)
    shared = set(tables_of(lives, first)) & set(tables_of(lives, second))
    kernel = set(tables_of(lives, lives.world.spaces.kernel.directory))
    assert shared <= kernel
    private = len(tables_of(lives, first).keys() - kernel) - 1  # the lowest user page has a table of its own
    aligned = [lives.base % level.reach == 0 for level in lives.scheme.levels]
    assert private >= 1 + aligned.index(True)


def test_a_frame_above_four_gigabytes_is_in_both_halves_of_an_entry(lives):
    root = lives.call("create")
    frame = 0xF_1234 if lives.scheme.entry_size == 4 else 0x8F_1234
    lives.call("enter", root, lives.base, frame, USER | AS_LOADED | EXECUTE)
    assert lives.call("frame", root, lives.base) == frame
    assert entry(lives, root, lives.base) == frame << 12 | AS_LOADED | USER | 1
    lives.call("change", root, lives.base, 0x400, USER | WRITABLE)
    assert entry(lives, root, lives.base) == 0x400 << 12 | 7 | (1 << 63 if lives.scheme.no_execute else 0)


def test_a_page_is_mapped_once_and_only_in_user_space(lives):
    root = lives.call("create")
    lives.call("map", root, lives.base, USER, OWNER)
    with pytest.raises(Panic, match="an entry is made once"):
        lives.call("enter", root, lives.base, 0x400, USER)
    for page in (lives.base - PAGE_SIZE, lives.shape.user_end):
        with pytest.raises(Panic, match="a user page"):
            lives.call("enter", root, page, 0x400, USER)


# Giving back.


def test_unmapping_gives_every_empty_table_back_and_no_other(lives):
    root = lives.call("create")
    free, pages = [lives.free()], far_pages(lives)
    for page in pages:
        lives.call("map", root, page, USER, OWNER)
        free.append(lives.free())
    for page in reversed(pages):
        assert lives.free() == free.pop()
        lives.call("unmap", root, page, page + PAGE_SIZE, OWNER)
        check_counts(lives, root)
    assert lives.free() == free[0]
    assert lives.world.frames.counts.user_free == FRAMES - USER_FRAMES


def test_one_unmap_of_all_is_as_many_of_each(lives):
    before = lives.state()
    root = lives.call("create")
    for page in far_pages(lives):
        lives.call("map", root, page, USER, OWNER)
        lives.call("map", root, page ^ 2 * PAGE_SIZE, 0, OWNER)
    assert lives.call("unmap", root, lives.base, lives.shape.user_end, OWNER)
    assert not lives.call("unmap", root, lives.base, lives.shape.user_end, OWNER)
    lives.call("destroy", root)
    assert lives.state() == before


def test_a_space_that_maps_something_is_not_destroyed(lives):
    for page in far_pages(lives):
        root = lives.call("create")
        lives.call("map", root, page, USER, OWNER)
        with pytest.raises(Panic, match="a space that is destroyed maps nothing"):
            lives.call("destroy", root)


# Running out of frames, at each level.


def test_a_way_that_can_not_be_made_leaves_nothing(lives):
    for page in far_pages(lives):
        root = lives.call("create")
        before, free, failed = lives.state(), lives.free(), 0
        while True:
            lives.call("fail", failed + 1)
            try:
                lives.call("reserve", root, page)
            except OutOfMemory:
                assert lives.state() == before
                failed += 1
            else:
                break
        assert lives.world.frames.injection.countdown == 1
        lives.call("fail", 0)
        assert failed == free - lives.free() >= 1
        lives.call("prune", root, page)
        assert lives.state() == before
        lives.call("destroy", root)


def test_a_way_beside_another_leaves_that_when_it_can_not_be_made(lives):
    pages = far_pages(lives)
    for near in pages:
        root = lives.call("create")
        lives.call("map", root, near, USER, OWNER)
        before = lives.state()
        for page in pages:
            lives.call("fail", 1)
            try:
                lives.call("reserve", root, page)
            except OutOfMemory:
                assert lives.state() == before
            else:
                lives.call("fail", 0)
                assert lives.state() == before
        lives.call("fail", 0)


def test_a_space_that_can_not_be_made_leaves_nothing(lives):
    before, failed = lives.state(), 0
    while True:
        lives.call("fail", failed + 1)
        try:
            root = lives.call("create")
        except OutOfMemory:
            assert lives.state() == before
            failed += 1
        else:
            break
    lives.call("fail", 0)
    assert failed == 1 + [lives.base % level.reach == 0 for level in lives.scheme.levels].index(True)
    lives.call("destroy", root)
    assert lives.state() == before


# Ranges of pages.


def test_ranges_keep_to_their_bounds(lives):
    root, other = lives.call("create"), lives.call("create")
    pages = far_pages(lives)
    frames = {page: lives.call("map", root, page, USER | WRITABLE, OWNER) for page in pages}
    inner = (pages[1], pages[-1])
    lives.call("reserve_like", other, root, *inner)
    lives.call("share", other, root, *inner)
    check_counts(lives, root, other)
    for page, frame in frames.items():
        inside = inner[0] <= page < inner[1]
        assert lives.call("frame", other, page) == (frame if inside else 0)
        assert lives.world.frames.table[frame].references == 1 + inside
    cpu = oracle(lives, other)
    assert [cpu.probe(page, WRITE) for page in pages[1:-1]] == [None] * (len(pages) - 2)
    assert [cpu.probe(page, READ) for page in pages[1:-1]] == [frames[page] for page in pages[1:-1]]
    lives.call("limit", root, pages[-1], lives.shape.user_end, USER, OWNER)
    assert lives.world.frames.table[frames[pages[-1]]].references == 1
    for space in (other, root):
        lives.call("unmap", space, lives.base, lives.shape.user_end, OWNER)
        lives.call("destroy", space)
    assert lives.world.frames.counts.user_free == FRAMES - USER_FRAMES


def test_pages_are_yielded_lowest_first(lives):
    root = lives.call("create")
    pages = far_pages(lives)
    for page in reversed(pages):
        lives.call("map", root, page, USER, OWNER)
    wanted = sum((page >> 12) * place for place, page in enumerate(pages, 1)) & 0xFFFF_FFFF
    assert lives.call("pages", root, lives.base, lives.shape.user_end) == wanted
    assert lives.call("pages", root, lives.base, lives.base) == 0


# The order of two stores.


def test_no_cpu_sees_a_half_of_an_entry_of_two_words(lives):
    """Watch machine code: while the high word changes, the low one says that the entry is absent."""
    if lives.scheme.entry_size == 4:
        return
    root = lives.call("create")
    own = lives.call("map", root, lives.base, USER, OWNER)
    *_, table = walker(lives).tables(root * PAGE_SIZE, lives.base, lives.base + 1)
    place = table.place + (lives.base - table.base) // PAGE_SIZE * lives.scheme.entry_size

    def stores(name, *arguments):
        """Return which words of the entry a call stores, each with what."""
        stored, uc = [], lives.native.uc

        def note(_uc, _access, address, size, value, _data):
            assert size == 4
            stored.append((address - place, value & 0xFFFF_FFFF))

        hook = uc.hook_add(UC_HOOK_MEM_WRITE, note, begin=place, end=place + 7)
        lives.call(name, root, lives.base, *arguments)
        uc.hook_del(hook)
        return stored

    frame = 0x65_4321  # above 4 GiB
    low = 0x5_4321 << 12 | PRESENT | USER
    assert stores("change", frame, USER) == [(0, 0), (4, NO_EXECUTE | 6), (0, low)]
    assert stores("change", own, USER | EXECUTE) == [(0, 0), (4, 0), (0, own << 12 | PRESENT | USER)]
    assert stores("unmap", lives.base + PAGE_SIZE, OWNER) == [(0, 0), (4, 0)]
    assert stores("reserve") == []
    assert stores("enter", frame, USER) == [(4, NO_EXECUTE | 6), (0, low)]


# One walk a page.


@pytest.fixture
def walks(monkeypatch):
    """Count walks: each way from a root down to a table, made or only followed."""
    counted = []
    for name in ("_walk", "follow", "missing", "_make", "_absent"):
        before = getattr(PageTables, name)

        def counting(*arguments, before=before):
            counted.append(arguments[2])
            return before(*arguments)

        monkeypatch.setattr(PageTables, name, counting)
    return counted


BSS = 0x0804_A000


@pytest.mark.parametrize("paging", ["i386", "PAE", "x86-64"])
def test_the_walk_to_a_table_is_remembered_until_the_table_goes(walks, paging):
    machine = driven("it", layout=with_paging(MICROKERNEL, paging))
    with words_of(machine.pc.layout.paging.word_bits):
        check_what_is_remembered(machine, walks)


def check_what_is_remembered(machine, walks):
    """Write to pages of three tables, and count the walks when they are reached again."""
    memory, space = machine.kernel.virtual_memory, machine.process(1).space
    reach = memory.tables.reach
    even = memory.map(space, 0, 3 * reach, RegionKind.SPARSE, USER | WRITABLE)
    odd, next_even = even + reach, even + 2 * reach

    def steps(address):
        walks.clear()
        memory.writable(space, address)
        return len(walks)

    for page in (even, even + PAGE_SIZE, odd, next_even):
        memory.make_writable(space, page)
    again = 0 if len(machine.pc.layout.paging.levels) > 2 else 1  # as long as remembering is
    assert [steps(odd), steps(odd), steps(even), steps(even + PAGE_SIZE)] == [1, again, again, again]
    assert [steps(next_even), steps(even), steps(even), steps(odd)] == [1, 1, again, again]
    memory.unmap(space, even, PAGE_SIZE)  # its table has a page left
    assert [steps(even + PAGE_SIZE), steps(odd)] == [again, again]
    memory.unmap(space, even, PAGE_SIZE * 2)
    assert [walk.number for walk in space.walks] == [0, (1 - again) * (odd // reach | REMEMBERED)]
    with pytest.raises(BadAddress):
        memory.writable(space, even)
    memory.map(space, even, PAGE_SIZE, RegionKind.SPARSE, USER | WRITABLE)
    memory.make_writable(space, even)
    assert [steps(odd), steps(even), steps(even)] == [again, 1, again]


def test_a_page_is_walked_to_once(walks):
    machine = driven("it", "it")
    machine.run(1)
    memory, space = machine.kernel.virtual_memory, machine.process(1).space
    user, source = machine.kernel.user_memory, machine.kernel.calls.buffer.bytes

    def count(action, *arguments):
        walks.clear()
        action(*arguments)
        return len(walks)

    assert count(memory.make_readable, space, BSS) == 1
    assert count(memory.make_writable, space, BSS) == 1
    assert count(memory.make_writable, space, BSS + PAGE_SIZE) == 1
    assert count(user.copy_in, space, BSS + 2 * PAGE_SIZE, 8, source) == 1
    assert count(user.copy_out, space, BSS + 3 * PAGE_SIZE, 8, source) == 1
    assert count(user.copy_out, space, BSS + 5 * PAGE_SIZE - 4, 8, source) == 2
    image = list(machine.kernel.spaces.mappings(space.directory, space.image.base, space.image.base + space.image.size))
    assert count(memory.share_loaded, space, machine.process(2).space) <= 1 + len(image)
    area = memory.map(space, 0, 32 * PAGE_SIZE, RegionKind.ANONYMOUS, USER | WRITABLE)
    for page in range(area, area + 32 * PAGE_SIZE, PAGE_SIZE):
        memory.make_writable(space, page)
    assert count(machine.kernel.spaces.restrict, space.directory, area, area + 32 * PAGE_SIZE, USER, 1) == 1
    assert count(machine.kernel.spaces.unmap, space, area, area + 32 * PAGE_SIZE) <= 2
