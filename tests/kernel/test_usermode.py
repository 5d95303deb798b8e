"""The usermode layout: 8 MiB for the kernel, one page of stack, frames at spawn, libraries after the image; both lives.

Page tables are read here word by word, as the CPU does, and compared with the rows that the layout was drawn up for.
"""

import struct
from contextlib import contextmanager

import pytest
from unicorn.x86_const import UC_X86_REG_CR3

from keelback.abi.errors import BadAddress, OutOfMemory
from keelback.kernel.layout import USERMODE
from keelback.kernel.memory.frames import LIBRARY as LIBRARY_OWNER
from keelback.kernel.memory.frames import NOBODY as NOBODYS
from keelback.kernel.memory.frames import TABLE, Role
from keelback.kernel.processes.processes import Reason
from keelback.machine.observed import Outcome
from keelback.machine.simulated.boot_loader import BiosEntry
from kernel.driven import (
    CODE,
    DATA,
    LIBRARY,
    MALLOC,
    NAME,
    NOBODY,
    PAGE,
    TEXT,
    Call,
    Died,
    driven,
    make_machine,
    program_of,
)
from kernel.traces import assert_equal, range_of, state
from support import EXECUTE, MIB, READ, WRITE, console, elf, make_pc, payload_programs

BASE, IMAGE, GUARD, WINDOWS = 0x80_0000, 0x80_1000, 0x7F_F000, (0x7F_D000, 0x7F_E000)
PRESENT, WRITABLE, USER = 1, 2, 4
MOVED = IMAGE - TEXT  # from an address of a driven program to where it is in this layout

# The story's two programs, of which almost all is zeros that no file has, and its library.
FIRST, SECOND = program_of(5_673, IMAGE), program_of(12_420, IMAGE)
GFX = elf(
    [
        (0, READ, b"a link page".ljust(PAGE, b"\0"), PAGE),
        (PAGE, READ | EXECUTE, CODE, PAGE),
        (2 * PAGE, READ | WRITE, b"pristine", 6_563 - PAGE),
    ],
    entry=0,
    type=3,
)
STORY = {"it": FIRST, "nobody": SECOND, "libit": GFX}


def entries(ram, frame):
    return struct.unpack_from("<1024I", ram, frame * PAGE)


def walk(ram, directory):
    """Return every page that a page directory maps, with its entry."""
    return {
        high << 22 | low << 12: entry
        for high, upper in enumerate(entries(ram, directory))
        if upper & PRESENT
        for low, entry in enumerate(entries(ram, upper >> 12))
        if entry & PRESENT
    }


def tables(ram, directory):
    """Return the frames of a page directory and of its page tables."""
    return {directory} | {upper >> 12 for upper in entries(ram, directory) if upper & PRESENT}


def cr3(pc):
    return pc.processor.system.read_control(UC_X86_REG_CR3)


def booted(memory=16 * MIB, memory_map=None):
    """Return a machine whose kernel is up and has started nothing."""
    pc = make_pc(programs={}, memory=memory, memory_map=memory_map, layout=USERMODE)
    pc.boot()
    return pc


def story(life, *init, memory=9 * MIB):
    """Return a machine that runs the story's programs: `it` is the first, `nobody` the second, `libit` the library."""
    return driven(*init, life=life, layout=USERMODE, memory=memory, programs=STORY)


def mapped(machine, pid):
    """Return the user pages of a process, with the addresses of their frames."""
    found = walk(machine.pc.ram.bytes, machine.process(pid).space.directory)
    return {page: entry & -PAGE for page, entry in found.items() if page >= BASE}


def pages(start, end, frames=None):
    """Return the pages of [start, end) with the addresses of frames in a row: their own, or others."""
    return {page: page - start + (start if frames is None else frames) for page in range(start, end, PAGE)}


def start_second(machine):
    assert machine.call(Call.SPAWN, NOBODY + MOVED, NAME + MOVED) == 2
    machine.check()


def load(machine, pid):
    address = machine.call(Call.LOAD_LIBRARY, LIBRARY + MOVED, pid=pid)
    machine.check()
    return address


# A1: the kernel owns [0, 8 MiB), physical and virtual.

HOLES = (
    BiosEntry(0, 0x9FC00, 1),
    BiosEntry(0x10_0000, 15 * MIB, 1),
    BiosEntry(0x90_0000, 0x5800, 2),
    BiosEntry(0xA0_0000, PAGE, 2),
)
MEMORIES = {"16M": (16 * MIB, None), "64M": (64 * MIB, None), "holes": (16 * MIB, HOLES)}


@pytest.fixture(params=MEMORIES)
def kernel_alone(request):
    return booted(*MEMORIES[request.param])


def test_only_the_kernels_8_mib_are_mapped_each_page_at_its_own_address(kernel_alone):
    ram, directory = kernel_alone.ram.bytes, kernel_alone.kernel.spaces.kernel.directory
    found = walk(ram, directory)
    shown = {page: found.pop(page) for page in WINDOWS if page in found}
    assert {page: entry & -PAGE for page, entry in found.items()} == pages(PAGE, WINDOWS[0])
    assert not any(entry & USER for entry in (found | shown).values())
    assert cr3(kernel_alone) == directory * PAGE


def test_all_physical_memory_below_8_mib_is_the_kernels(kernel_alone):
    frames = kernel_alone.kernel.memory.frames
    zone = {frame for frame in range(BASE // PAGE) if frames.kernel_zone.has(frame)}
    assert min(zone) * PAGE > 0x10_0000
    for frame in range(BASE // PAGE):
        assert frames.table[frame].use != NOBODYS or frame in zone, hex(frame)
        assert not frames.user_zone.has(frame), hex(frame)


def is_usable(bios, frame):
    """Say whether a frame is whole in memory that the BIOS calls usable, and in none that it calls otherwise."""
    start, end = frame * PAGE, (frame + 1) * PAGE
    ranges = [(each.base_low, each.base_low + each.size_low, each.type) for each in bios]
    reserved = any(first < end and start < last for first, last, type in ranges if type != 1)
    return not reserved and any(first <= start and end <= last for first, last, type in ranges if type == 1)


def test_all_usable_memory_above_is_free(kernel_alone):
    frames = kernel_alone.kernel.memory.frames
    end = len(frames.table)
    usable = {
        frame for frame in range(BASE // PAGE, end) if is_usable(kernel_alone.kernel.memory.bios_map.table, frame)
    }
    assert len(usable) == end - BASE // PAGE - (7 if 0x900 not in usable else 0)
    assert {frame for frame in range(len(frames.table)) if frames.user_zone.has(frame)} == usable
    assert frames.counts.user_free == frames.counts.user_total == len(usable)


def refused(memory, memory_map=None):
    pc = booted(memory, memory_map)
    assert pc.outcome is Outcome.REFUSED
    return pc.console.decode()


NEEDED = "keelback: can't start. There is not enough memory: from 0x100000 on it ends at {}, and 0x800000 is needed\n"


@pytest.mark.parametrize("memory", [4 * MIB, 8 * MIB - PAGE])
def test_less_than_8_mib_is_refused_in_one_line(memory):
    assert refused(memory) == NEEDED.format(hex(memory))


@pytest.mark.parametrize("hole", [0x20_0000, 0x7F_D000, 0x7F_F000])
def test_a_hole_in_the_kernels_8_mib_is_refused_in_one_line(hole):
    assert refused(16 * MIB, (BiosEntry(0x10_0000, 15 * MIB, 1), BiosEntry(hole, 1, 2))) == NEEDED.format(hex(hole))


def test_8_mib_are_enough_for_the_kernel_and_no_process():
    pc = make_machine("it", layout=USERMODE, memory=8 * MIB, check=False)
    pc.boot()
    assert console(pc) == ["keelback: can't start it. There is not enough memory."]


# A2: one page of stack, then the image; all frames at spawn, the lowest first; tables from the kernel's zone.


def test_a_process_has_one_page_of_stack_and_its_image_behind(life):
    machine = story(life, "nobody")
    regions = [(each.start, each.end, each.kind.name) for each in machine.regions(1)]
    assert regions == [
        (BASE, IMAGE, "STACK"),
        (IMAGE, IMAGE + PAGE, "IMAGE"),
        (IMAGE + PAGE, IMAGE + 4 * PAGE, "IMAGE"),
    ]
    assert machine.thread(1).frame.esp in range(IMAGE - 512, IMAGE)


def test_all_frames_are_taken_at_spawn_those_of_zeros_too(life):
    machine = story(life, "nobody")
    taken = machine.used()
    assert taken[0] == 5
    for offset in range(0, 3 * PAGE, PAGE):
        machine.write(DATA + MOVED + offset + 1_000, 1)
    assert machine.used() == taken


def test_the_lowest_free_frames_are_taken_and_the_stack_comes_first(life):
    """Process 2 ends in between, so the frames of the last process are not in a row; its text is process 3's."""
    machine = story(life, "it", "it", "nobody")
    assert machine.call(Call.KILL, 2) == 0
    assert machine.call(Call.SPAWN, NOBODY + MOVED, NAME + MOVED) == 4
    frames = [0x80_3000, 0x80_6000, 0x80_4000, 0x80_A000, 0x80_B000]
    assert mapped(machine, 4) == dict(zip(range(BASE, IMAGE + 4 * PAGE, PAGE), frames, strict=True))
    assert machine.process(4).space.image.frame == 0x806
    machine.check()


def test_tables_and_stacks_of_processes_are_the_kernels_memory(life):
    machine = story(life)
    user, _ = machine.used()
    start_second(machine)
    load(machine, 2)
    frames = machine.lens.memory.frames
    spaces = [machine.process(1).space, machine.process(2).space, machine.lens.libraries.table[0].space]
    for space in spaces:
        for frame in tables(machine.pc.ram.bytes, space.directory):
            assert frame * PAGE < BASE
    assert {frame for frame in range(0x800, len(frames.table)) if frames.table[frame].role == Role.TABLE} == set()
    assert all(machine.thread(pid).kernel_stack < BASE for pid in (1, 2))
    assert machine.used()[0] == user + 5 + 3


@contextmanager
def zone_left(machine, count):
    """Let the kernel zone have only so many free frames."""
    frames, taken = machine.lens.memory.frames, []
    while machine.counts.kernel_free > count:
        taken.append(frames.allocate_kernel(TABLE))
    yield
    for frame in reversed(taken):
        frames.release_kernel(frame)


@pytest.mark.parametrize(
    ("call", "text", "needed"),
    [(Call.SPAWN, NOBODY, 2), (Call.LOAD_LIBRARY, LIBRARY, 2)],
    ids=lambda each: getattr(each, "name", None),
)
def test_an_exhausted_zone_is_the_callers_error_and_changes_nothing(life, call, text, needed):
    """No user frame is taken in its place, although there are enough."""
    machine = story(life)
    machine.call(Call.GETPID)  # the CPU notes in the tables that text has been accessed
    for count in range(needed):
        with zone_left(machine, count):
            frame = range_of(machine.thread(1).frame)
            before = state(machine.pc, frame)
            assert machine.call(call, text + MOVED, NAME + MOVED) == OutOfMemory.number
            assert_equal(machine.pc, state(machine.pc, frame), before)
        machine.check()
    with zone_left(machine, needed):
        assert machine.call(call, text + MOVED, NAME + MOVED) > 0
        assert machine.counts.kernel_free == 0
    machine.check()


@pytest.mark.parametrize(
    ("call", "text", "needed"),
    [(Call.SPAWN, NOBODY, 5), (Call.LOAD_LIBRARY, LIBRARY, 4)],
    ids=lambda each: getattr(each, "name", None),
)
def test_one_user_frame_too_few_is_the_callers_error_and_changes_nothing(life, call, text, needed):
    enough = 8 * MIB + (3 + needed) * PAGE
    machine = story(life, memory=enough - PAGE)
    machine.call(Call.GETPID)
    frame = range_of(machine.thread(1).frame)
    before = state(machine.pc, frame)
    assert machine.call(call, text + MOVED, NAME + MOVED) == OutOfMemory.number
    assert_equal(machine.pc, state(machine.pc, frame), before)
    machine.check()
    machine = story(life, memory=enough)
    assert machine.call(call, text + MOVED, NAME + MOVED) > 0 and machine.spare()[0] == 0
    machine.check()


@pytest.mark.parametrize("address", [BASE - 1, GUARD, GUARD + 2_000])
def test_the_stack_never_grows(life, address):
    machine = story(life, "it", "it")
    machine.write(BASE, 1)
    with pytest.raises(Died):
        machine.write(address, 1, pid=2)
    fault = machine.process(2).fault
    assert (fault.reason, fault.address) == (Reason.STACK_OVERFLOW, address)
    assert f"(it) killed: page fault: write to {address:#010x}, the stack is at its limit" in console(machine.pc)[-1]
    assert machine.is_alive(1)
    machine.check()


def test_the_kernel_reads_nothing_below_the_stack(life):
    machine = story(life)
    for address in (GUARD, GUARD + PAGE - 1, WINDOWS[0], PAGE):
        assert machine.call(Call.PUTS, address, 1) == BadAddress.number


# A3 to A6: the first process, the second, and a library in both.


def test_an_image_of_5673_bytes_takes_3_frames_at_their_own_addresses(life):
    machine = story(life)
    assert mapped(machine, 1) == pages(0x80_0000, 0x80_3000)
    assert machine.used()[0] == 3


def test_an_image_of_12420_bytes_is_the_first_that_lies_elsewhere(life):
    machine = story(life)
    start_second(machine)
    assert mapped(machine, 2) == pages(0x80_0000, 0x80_5000, 0x80_3000)
    assert mapped(machine, 1) == pages(0x80_0000, 0x80_3000)
    assert machine.used()[0] == 8


def test_the_first_process_gets_a_library_of_6563_bytes_directly_after_its_image(life):
    machine = story(life)
    start_second(machine)
    machine.begin(1, TEXT, Call.LOAD_LIBRARY, LIBRARY + MOVED)
    assert cr3(machine.pc) == machine.process(1).space.directory * PAGE, "its mapping is the one in use"
    assert machine.finish(1) == 0x80_3000
    assert mapped(machine, 1) == pages(0x80_0000, 0x80_3000) | pages(0x80_3000, 0x80_6000, 0x80_8000)
    assert mapped(machine, 2) == pages(0x80_0000, 0x80_5000, 0x80_3000)
    assert machine.used()[0] == 11
    machine.check()


@pytest.fixture
def told(life):
    """Return a machine at the story's end, where both processes have the library."""
    machine = story(life)
    start_second(machine)
    assert load(machine, 1) == 0x80_3000
    before = machine.used()
    assert load(machine, 2) == 0x80_5000
    assert machine.used() == before, "no frame is allocated"
    return machine


def test_the_second_process_gets_the_same_frames_after_its_own_image(told):
    assert mapped(told, 2) == pages(0x80_0000, 0x80_5000, 0x80_3000) | pages(0x80_5000, 0x80_8000, 0x80_8000)
    assert mapped(told, 1) == pages(0x80_0000, 0x80_3000) | pages(0x80_3000, 0x80_6000, 0x80_8000)


def test_a_librarys_data_are_copied_at_the_first_write(told):
    told.write(0x80_5000, ord("q"), pid=1)  # the last of its three pages, as the first has it
    told.check()
    assert [told.read(address, pid) for pid, address in ((1, 0x80_5000), (2, 0x80_7000))] == [ord("q"), ord("p")]
    assert mapped(told, 1)[0x80_5000] == 0x80_B000 and mapped(told, 2)[0x80_7000] == 0x80_A000


# A7: what a process records.


def test_a_process_records_its_image_libraries_and_malloc_pages(told):
    first, second = told.process(1), told.process(2)
    images = [(each.space.image.frame, each.space.image.base, each.space.image.size) for each in (first, second)]
    assert images == [(0x801, IMAGE, 5_673), (0x804, IMAGE, 12_420)]
    entry = told.lens.libraries.table[0]
    for process, address in ((first, 0x80_3000), (second, 0x80_5000)):
        assert (process.libraries.count, process.libraries.slots[0].address) == (1, address)
        assert process.libraries.slots[0].library is entry
    assert told.call(Call.MALLOC_PAGES, 2, pid=2) & 0xFFFF_FFFF == MALLOC
    assert (first.space.malloc.count, second.space.malloc.count) == (0, 2)
    assert mapped(told, 2).items() >= pages(MALLOC, MALLOC + 2 * PAGE, 0x80_B000).items()


# A8: the kernel's list of libraries.


def test_the_kernel_lists_a_library_with_its_frames_size_and_users(told):
    listed = [each for each in told.lens.libraries.table if each.users]
    assert [(bytes(each.name).rstrip(b"\0"), each.size, each.users) for each in listed] == [(b"libit", 6_563, 2)]
    own = walk(told.pc.ram.bytes, listed[0].space.directory)
    assert {entry & -PAGE for page, entry in own.items() if page >= BASE} == {0x80_8000, 0x80_9000, 0x80_A000}
    assert all(told.lens.memory.frames.table[frame].use == LIBRARY_OWNER for frame in (0x808, 0x809, 0x80A))


def test_the_last_unmap_frees_a_library(told):
    library = told.lens.libraries.table[0]
    assert told.call(Call.UNLOAD_LIBRARY, 0x80_3000, pid=1) == 0
    told.check()
    assert (library.users, told.used()[0]) == (1, 11)
    assert mapped(told, 1) == pages(0x80_0000, 0x80_3000)
    with pytest.raises(Died):
        told.call(Call.EXIT, 0, pid=2)
    told.check()
    assert (library.users, library.size, bytes(library.name).strip(b"\0"), told.used()[0]) == (0, 0, b"", 3)


# A9: pages for malloc, on demand.


def test_malloc_pages_come_on_demand_and_go_back(life):
    machine = story(life)
    user, zone = machine.used()
    assert machine.call(Call.MALLOC_PAGES, 3) & 0xFFFF_FFFF == MALLOC
    assert machine.used() == (user + 3, zone + 1)
    assert machine.call(Call.FREE_PAGES, MALLOC, 3) == 0
    assert machine.used() == (user, zone)
    machine.check()


def test_a_programs_malloc_has_pages_of_the_kernels_and_gives_all_back(life):
    pc = make_machine("mallocs 200", life=life, layout=USERMODE, memory=9 * MIB, programs=payload_programs(IMAGE))
    pc.boot()
    taken = set()
    pc.after_trap.append(lambda: taken.add(pc.kernel.processes.table[1].space.malloc.count))
    assert pc.run() is Outcome.POWERED_OFF
    assert f"mallocs: pages at most: {max(taken)}" in console(pc) and max(taken) > 8
    assert "mallocs: pages left: 0" in console(pc)
    assert pc.kernel.memory.frames.counts.user_free == pc.kernel.memory.frames.counts.user_total
