"""Shared libraries: mapped after the image, frames shared, data private, freed by the last, in both lives."""

import pytest

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    NoRoom,
    NoSuchLibrary,
    NotALibrary,
    NotExecutable,
    TooManyLibraries,
    TooManyRegions,
)
from keelback.inspect.snapshot import Snapshot
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.loading.libraries import MOST_MAPPED
from keelback.kernel.loading.loaded_libraries import MOST_LIBRARIES
from keelback.kernel.memory.frames import LIBRARY as OWNER
from keelback.kernel.memory.frames import Role
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.x86.paging import WRITABLE
from keelback.kernel.x86.segments import THREAD
from kernel.driven import (
    ANYWHERE,
    ARGUMENT,
    BSS,
    BSS_PAGES,
    CROWDED,
    DATA,
    EAGER,
    LIBRARY,
    LIBRARY_DATA,
    LIBRARY_END,
    LIBRARY_FILE,
    LIBRARY_ZEROS,
    LIMITED,
    MOST_REGIONS,
    NAME,
    NOBODY,
    PAGE,
    SMALL,
    TEXT,
    Call,
    Died,
    driven,
    in_both_lives,
    of_its_own,
)
from kernel.traces import assert_equal, range_of, state

AFTER_IMAGE = BSS + BSS_PAGES * PAGE
PRISTINE = ord("p")


@pytest.fixture
def machine(life):
    return driven("it", "it", "it", life=life)


def load(machine, pid, name=LIBRARY):
    """Let a process load a library; return where it is."""
    address = machine.call(Call.LOAD_LIBRARY, name, pid=pid)
    assert address > 0
    machine.check()
    return address


def entry_of(machine, number=0):
    return machine.lens.libraries.table[number]


def library_frames(machine, number=0):
    """Return the frames that the kernel's entry holds, by page."""
    return Snapshot(machine.lens).libraries[number].frames


def references(machine, number=0):
    return [machine.lens.memory.frames.table[frame].references for frame in library_frames(machine, number)]


def put_text(machine, address, text, pid):
    for offset, byte in enumerate(text):
        machine.write(address + offset, byte, pid)


def end(machine, pid):
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=pid)
    machine.check()


# Loading.


def test_a_library_lies_directly_after_the_image(machine):
    assert load(machine, 1) == AFTER_IMAGE
    regions = [each for each in machine.regions(1) if each.kind == RegionKind.LIBRARY]
    assert [(each.start, each.end) for each in regions] == [
        (AFTER_IMAGE, AFTER_IMAGE + LIBRARY_DATA),
        (AFTER_IMAGE + LIBRARY_DATA, AFTER_IMAGE + LIBRARY_END),
    ]
    assert machine.read(AFTER_IMAGE) == ord("a") and machine.read(AFTER_IMAGE + LIBRARY_DATA) == PRISTINE


def test_the_kernels_entry_says_what_is_loaded(machine):
    load(machine, 1)
    library = entry_of(machine)
    assert bytes(library.name).rstrip(b"\0") == b"libit"
    assert (library.size, library.users) == (3 * PAGE, 1)
    assert {machine.lens.memory.frames.table[frame].use for frame in library_frames(machine)} == {OWNER}
    assert machine.counts.used[Role.LIBRARY] == 3 and references(machine) == [2, 2, 2]


def test_the_process_lists_what_it_maps_and_where(machine):
    load(machine, 1)
    listed = machine.process(1).libraries
    assert (listed.count, listed.slots[0].address) == (1, AFTER_IMAGE)
    assert listed.slots[0].library is entry_of(machine)


def test_the_second_process_gets_the_same_frames_at_another_address(machine):
    load(machine, 1)
    used = machine.used()
    assert machine.call(Call.MAP, AFTER_IMAGE, PAGE, 2, pid=2) == AFTER_IMAGE
    assert load(machine, 2) == AFTER_IMAGE + PAGE
    assert machine.used() == used and references(machine) == [3, 3, 3]
    assert entry_of(machine).users == 2
    for offset in range(0, LIBRARY_ZEROS, PAGE):
        assert machine.frame(AFTER_IMAGE + offset, 1) == machine.frame(AFTER_IMAGE + PAGE + offset, 2)


def test_a_second_library_lies_directly_after_the_first(life):
    machine = driven("it", life=life, programs={"other": LIBRARY_FILE})
    put_text(machine, BSS, b"other", 1)
    assert (load(machine, 1), load(machine, 1, BSS)) == (AFTER_IMAGE, AFTER_IMAGE + LIBRARY_END)
    assert machine.process(1).libraries.count == 2


def test_loading_what_is_mapped_already_changes_nothing(machine):
    load(machine, 1)
    before = state(machine.pc, range_of(machine.thread(1).frame))
    assert load(machine, 1) == AFTER_IMAGE
    assert_equal(machine.pc, state(machine.pc, range_of(machine.thread(1).frame)), before)


def test_no_library_page_can_be_written_without_a_fault(machine):
    load(machine, 1)
    assert not any(machine.entry(AFTER_IMAGE + offset) & WRITABLE for offset in range(0, LIBRARY_END, PAGE))
    with pytest.raises(Died):
        machine.write(AFTER_IMAGE + PAGE, 1)


def test_a_name_of_31_characters_is_a_name_and_one_of_32_is_none(life):
    machine = driven("it", life=life, programs={"l" * 31: LIBRARY_FILE, "l" * 32: LIBRARY_FILE, "l" * 30: b""})
    put_text(machine, BSS, b"l" * 31, 1)
    assert load(machine, 1, BSS) == AFTER_IMAGE
    assert bytes(entry_of(machine).name) == b"l" * 31 + b"\0"
    assert machine.call(Call.LOAD_LIBRARY, BSS + 1) == NotALibrary.number
    machine.write(BSS + 31, ord("l"))
    assert machine.call(Call.LOAD_LIBRARY, BSS) == BadArgument.number
    assert machine.call(Call.LOAD_LIBRARY, BSS + 1) == AFTER_IMAGE


def test_a_library_may_name_the_next_in_its_own_data(machine):
    name = load(machine, 1) + LIBRARY_ZEROS
    assert machine.call(Call.LOAD_LIBRARY, name) == NoSuchLibrary.number
    put_text(machine, name, b"libit", 1)
    assert machine.call(Call.LOAD_LIBRARY, name) == AFTER_IMAGE


# Data of one's own.


def test_data_are_private_and_what_was_loaded_stays(machine):
    addresses = {pid: load(machine, pid) + LIBRARY_DATA for pid in (1, 2)}
    for pid, address in addresses.items():
        machine.write(address, pid, pid)
        machine.write(address + PAGE, 10 + pid, pid)
    assert [machine.read(addresses[pid], pid) for pid in (1, 2)] == [1, 2]
    assert [machine.read(addresses[pid] + PAGE, pid) for pid in (1, 2)] == [11, 12]
    assert references(machine) == [3, 3, 1]
    third = load(machine, 3) + LIBRARY_DATA
    assert machine.read(third, 3) == PRISTINE and machine.read(third + PAGE, 3) == 0


def test_the_kernel_writes_to_a_copy_too(machine):
    data = load(machine, 1) + LIBRARY_DATA
    assert machine.call(Call.FRAME_COUNTS, data) == 0
    assert machine.frame(data) not in library_frames(machine)
    assert machine.read(load(machine, 2) + LIBRARY_DATA, 2) == PRISTINE


def test_the_kernel_writes_over_the_end_of_a_librarys_page_to_copies_of_both(machine):
    zeros = load(machine, 1) + LIBRARY_ZEROS
    load(machine, 2)
    assert machine.call(Call.FRAME_COUNTS, zeros - 24) == 0
    machine.check()
    assert machine.read(zeros - 24) != 0 and machine.frame(zeros - 24) not in library_frames(machine)
    assert machine.read(AFTER_IMAGE + LIBRARY_ZEROS - 24, 2) == machine.read(AFTER_IMAGE + LIBRARY_ZEROS, 2) == 0


@pytest.mark.parametrize("before", [LIBRARY_DATA, LIBRARY_END])
def test_the_kernel_writes_all_or_nothing_at_a_librarys_edges(machine, before):
    """From the text into the data, and from the last page to where there is none."""
    address = load(machine, 1) + before - 24
    assert machine.call(Call.FRAME_COUNTS, address) == BadAddress.number
    machine.check()
    assert references(machine) == [2, 2, 2]


def test_the_last_user_but_the_kernel_still_gets_a_copy(machine):
    data = load(machine, 1) + LIBRARY_DATA
    machine.write(data, 7)
    machine.write(data + 1, 8)
    assert machine.read(load(machine, 2) + LIBRARY_DATA + 1, 2) == ord("r")


# Unloading.


def test_the_last_that_unmaps_frees_it(machine):
    threads = machine.lens.threads.table
    ignored = [
        (range_of(threads[0])[0], range_of(threads[len(machine.table) - 1])[1]),
        range_of(machine.lens.first_cpu),
        range_of(machine.lens.timer.clock),
        range_of(machine.lens.scheduler.queues[0]),
        range_of(machine.lens.segments.table.entries[THREAD // 8]),  # says which thread runs
    ]
    for pid in (1, 2, 3):  # which marks their pages as accessed
        assert machine.read(LIBRARY, pid) == ord("l") and machine.call(Call.YIELD, pid=pid) == 0
    machine.write(BSS, 1)
    before = state(machine.pc, *ignored)
    addresses = {pid: load(machine, pid) for pid in (1, 2)}
    machine.write(addresses[1] + LIBRARY_DATA, 1)
    for pid, address in addresses.items():
        assert machine.call(Call.UNLOAD_LIBRARY, address, pid=pid) == 0
        machine.check()
        assert machine.entry(address, pid) == 0 and machine.process(pid).libraries.count == 0
        assert entry_of(machine).users == 2 - pid
    assert_equal(machine.pc, state(machine.pc, *ignored), before)


def test_pages_of_an_unloaded_library_are_gone_at_once(machine):
    address = load(machine, 1)
    assert machine.read(address) == ord("a")
    assert machine.call(Call.UNLOAD_LIBRARY, address) == 0
    with pytest.raises(Died):
        machine.read(address)


def test_a_hole_is_filled_by_the_next(life):
    machine = driven("it", life=life, programs={"other": LIBRARY_FILE})
    put_text(machine, BSS, b"other", 1)
    first, second = load(machine, 1), load(machine, 1, BSS)
    assert machine.call(Call.UNLOAD_LIBRARY, first) == 0
    assert machine.process(1).libraries.slots[0].address == second
    assert load(machine, 1) == first


@pytest.mark.parametrize("address", [0, PAGE, AFTER_IMAGE + PAGE, AFTER_IMAGE + 1, TEXT, 0xFFFF_FFFF])
def test_only_a_link_page_is_unloaded(machine, address):
    load(machine, 1)
    assert machine.call(Call.UNLOAD_LIBRARY, address) == BadArgument.number
    assert machine.process(1).libraries.count == 1


# Fork, exec, exit, kill.


def test_parent_and_child_unload_each_for_itself(machine):
    used = machine.used()
    address = load(machine, 1)
    machine.write(address + LIBRARY_DATA, 7)
    child = machine.fork(1)
    assert machine.call(Call.UNLOAD_LIBRARY, address) == 0
    machine.check()
    assert (machine.entry(address), entry_of(machine).users) == (0, 1)
    assert machine.read(address + LIBRARY_DATA, child) == 7 and machine.read(address, child) == ord("a")
    assert machine.call(Call.UNLOAD_LIBRARY, address, pid=child) == 0
    machine.check()
    assert machine.counts.used[Role.LIBRARY] == 0 and entry_of(machine).users == 0
    end(machine, child)
    assert machine.call(Call.WAIT, child, 0) == child and machine.used() == used


@in_both_lives(SMALL, EAGER, CROWDED)
def test_fork_inherits_libraries_and_data(life, layout):
    machine = driven("it", life=life, layout=layout)
    address = load(machine, 1)
    machine.write(address + LIBRARY_DATA, 7)
    child = machine.fork(1)
    machine.check()
    assert entry_of(machine).users == 2 and machine.process(child).libraries.slots[0].address == address
    machine.write(address + LIBRARY_DATA, 8, child)
    assert (machine.read(address + LIBRARY_DATA), machine.read(address + LIBRARY_DATA, child)) == (7, 8)
    end(machine, child)
    assert entry_of(machine).users == 1 and machine.read(address) == ord("a")


def test_exec_drops_libraries(machine):
    load(machine, 2)
    assert machine.call(Call.EXEC, NAME, ARGUMENT, pid=2) == 0
    machine.check()
    assert machine.process(2).libraries.count == 0 and entry_of(machine).users == 0


def test_an_exec_that_fails_keeps_them(machine):
    address = load(machine, 2)
    assert machine.call(Call.EXEC, LIBRARY, ARGUMENT, pid=2) == NotExecutable.number
    assert machine.read(address, 2) == ord("a") and entry_of(machine).users == 1


def test_exit_fault_and_kill_free_it(machine):
    used = machine.used()
    for request in (lambda pid: machine.call(Call.EXIT, 0, pid=pid), lambda pid: machine.write(0, 0, pid)):
        child = machine.fork(1)
        load(machine, child)
        with pytest.raises(Died):
            request(child)
        machine.check()
        assert machine.call(Call.WAIT, -1, 0, pid=1) == child and machine.used() == used
    child = machine.fork(1)
    load(machine, child)
    assert machine.call(Call.KILL, child, pid=1) == 0
    machine.check()
    assert machine.call(Call.WAIT, -1, 0, pid=1) == child and machine.used() == used


# What is refused.


def test_what_is_no_library_is_not_loaded(life):
    short = LIBRARY_FILE[:100]
    programs = {"short": short, "l" * 31: LIBRARY_FILE}
    machine = driven("it", life=life, programs=programs)
    put_text(machine, BSS, b"etc/init\0short\0" + b"l" * 40, 1)
    before = state(machine.pc, range_of(machine.thread(1).frame))
    wrong = [
        (NOBODY, NoSuchLibrary),
        (NAME, NotALibrary),
        (BSS, NotALibrary),
        (BSS + 9, NotALibrary),
        (BSS + 15, BadArgument),
        (0, BadAddress),
        (ANYWHERE, BadAddress),
        (0x10_0000, BadAddress),
        (0xFFFF_FFFF, BadAddress),
    ]
    for name, error in wrong:
        assert machine.call(Call.LOAD_LIBRARY, name) == error.number, hex(name)
        assert_equal(machine.pc, state(machine.pc, range_of(machine.thread(1).frame)), before)


def test_where_there_is_no_room_nothing_is_loaded(machine):
    room = MICROKERNEL.image_limit - AFTER_IMAGE
    assert machine.call(Call.MAP, AFTER_IMAGE + 3 * PAGE, room - 3 * PAGE, 6) == AFTER_IMAGE + 3 * PAGE
    before = machine.used()
    assert machine.call(Call.LOAD_LIBRARY, LIBRARY) == NoRoom.number
    machine.check()
    assert machine.used() == before and entry_of(machine).users == 0
    assert machine.call(Call.UNMAP, AFTER_IMAGE + 3 * PAGE, PAGE) == 0
    assert load(machine, 1) == AFTER_IMAGE


def test_a_process_maps_so_many_libraries_and_no_more(life):
    """The link page and text of one join the text of none: each takes two regions."""
    small = elf_of_text()
    names = [f"lib{number:02}" for number in range(MOST_MAPPED + 1)]
    machine = driven("it", life=life, programs=dict.fromkeys(names, small))
    for number, name in enumerate(names):
        put_text(machine, BSS + 16 * number, name.encode(), 1)
    places = [machine.call(Call.LOAD_LIBRARY, BSS + 16 * number) for number in range(MOST_MAPPED + 1)]
    assert places == [AFTER_IMAGE + 2 * PAGE * number for number in range(MOST_MAPPED)] + [TooManyLibraries.number]
    machine.check()
    assert machine.call(Call.UNLOAD_LIBRARY, places[3]) == 0
    machine.check()
    assert load(machine, 1, BSS + 16 * MOST_MAPPED) == places[3]


def elf_of_text():
    """Return a library without data, whose regions join those of its neighbours."""
    from support import EXECUTE, READ, elf

    return elf([(0, READ, b"link", PAGE), (PAGE, READ | EXECUTE, b"text", 4)], entry=0, type=3)


def test_the_kernel_loads_so_many_libraries_and_no_more(life):
    names = [f"lib{number:02}" for number in range(MOST_LIBRARIES + 1)]
    machine = driven("it", "it", "it", life=life, programs=dict.fromkeys(names, elf_of_text()))
    results = []
    for number, name in enumerate(names):
        pid = 1 + number // MOST_MAPPED
        put_text(machine, BSS, name.encode() + b"\0", pid)
        results.append(machine.call(Call.LOAD_LIBRARY, BSS, pid=pid))
    assert all(result > 0 for result in results[:-1]) and results[-1] == TooManyLibraries.number
    machine.check()


@of_its_own
def test_a_library_needs_regions(life):
    machine = driven("it", life=life, layout=LIMITED)
    for number in range(MOST_REGIONS - machine.process(1).space.count - 2):
        assert machine.call(Call.MAP, ANYWHERE + 2 * number * PAGE, PAGE, 2) > 0
    load(machine, 1)
    assert machine.call(Call.UNLOAD_LIBRARY, AFTER_IMAGE) == 0
    assert machine.call(Call.MAP, ANYWHERE + 0x10_0000, PAGE, 2) > 0
    assert machine.call(Call.LOAD_LIBRARY, LIBRARY) == TooManyRegions.number
    machine.check()
    assert entry_of(machine).users == 0


def test_to_unload_from_the_middle_of_a_region_needs_another(life):
    """Libraries of text alone are one region; with as many as can be none may be split."""
    names = ["liba", "libb", "libc"]
    machine = driven("it", life=life, layout=LIMITED, programs=dict.fromkeys(names, elf_of_text()))
    places = []
    for name in names:
        put_text(machine, BSS, name.encode(), 1)
        places.append(load(machine, 1, BSS))
    for number in range(MOST_REGIONS - machine.process(1).space.count):
        assert machine.call(Call.MAP, ANYWHERE + 2 * number * PAGE, PAGE, 2) > 0
    assert machine.process(1).space.count == MOST_REGIONS
    assert machine.call(Call.UNLOAD_LIBRARY, places[1]) == TooManyRegions.number
    machine.check()
    assert machine.read(places[1]) == ord("l") and machine.process(1).libraries.count == 3
    assert machine.call(Call.UNLOAD_LIBRARY, places[2]) == 0
    assert machine.call(Call.UNLOAD_LIBRARY, places[1]) == 0
    machine.check()


@pytest.mark.parametrize("page", [0, PAGE, LIBRARY_DATA, LIBRARY_ZEROS])
def test_a_librarys_pages_are_not_changed_by_calls_for_memory(machine, page):
    address = load(machine, 1) + page
    assert machine.call(Call.UNMAP, address, PAGE) == BadAddress.number
    assert machine.call(Call.PROTECT, address, PAGE, 2) == BadAddress.number
    assert machine.call(Call.PAGE_ALLOC, address) == BadAddress.number
    assert machine.call(Call.MAP, address, PAGE, 2) == NoRoom.number
    assert machine.call(Call.UNMAP, DATA, 0x100_0000) == BadAddress.number
    machine.check()
