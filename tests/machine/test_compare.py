"""Comparison finds the one byte that differs, calls it by its name, and lets nothing but a short list differ."""

import struct
from functools import partial

import pytest

from keelback.image.payload import make_payload
from keelback.kernel.boot.memory import MAPS_SIZE
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.frames import STACK, TABLE, Role
from keelback.lang import PAGE_SIZE, address_of, round_up
from keelback.machine.compare import IGNORED, compare
from keelback.machine.observed import Outcome
from support import MIB, make_pc, stack_frame


def machines(*lines, **options):
    return [make_pc(*(lines or ("hello", "ping", "pong")), check=False, **options) for _ in range(2)]


def compared(change, trap=3, *lines):
    """Return the report for two machines of which one is changed after a trap."""
    first, second = machines(*lines)
    second.after_trap.append(lambda: change(second) if second.traps == trap else None)
    return compare(first, second)


def poke(pc, address, bit=1):
    pc.ram.bytes[address] ^= bit


def test_equal_machines_are_equal_to_the_end():
    first, second = machines("cow", "forkexit", "libraries", "ports", "ring", "wild")
    report = compare(first, second)
    assert (report.difference, report.traps) == (None, first.traps)
    assert first.outcome is second.outcome
    assert report.bytes > 6 * MIB * report.traps


def test_nothing_is_compared_behind_the_end_of_memory():
    """A kernel that can't start may have laid out more than there is."""
    many = {f"file{number}": b"" for number in range(300)}
    payload = make_payload({"etc/init": b"file1\n", **many})
    end = MICROKERNEL.records_end + round_up(len(payload), PAGE_SIZE) + MAPS_SIZE
    first, second = machines("file1", programs=many, memory=round_up(end, PAGE_SIZE))
    report = compare(first, second)
    assert first.outcome is Outcome.REFUSED and first.kernel.memory.bounds.stack > first.ram.size
    assert report.difference is None and 0 < report.bytes <= 2 * first.ram.size


FIELDS = {
    "processes.table[2].parent": (lambda pc: setattr(pc.kernel.processes.table[2], "parent", 5), 0, 5),
    "timer.clock.ticks": (lambda pc: setattr(pc.kernel.timer.clock, "ticks", 1 << 40), 0, 1 << 40),
    "memory.frames.table[700].references": (
        lambda pc: setattr(pc.kernel.memory.frames.table[700], "references", 9), 0, 9,
    ),
    "threads.table[3].frame.edi": (lambda pc: setattr(pc.kernel.threads.table[3].frame, "edi", 7), 0, 7),
    "processes.table[9].name[31]": (lambda pc: pc.kernel.processes.table[9].name.fill(31, 1, 65), 0, 65),
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_a_difference_is_called_by_its_name_with_both_values(name):
    change, one, other = FIELDS[name]
    difference = compared(change).difference
    assert (difference.name, difference.values, difference.trap) == (name, (one, other), 3)
    assert difference.during.startswith("SystemCalls.") and ", vector 0x80, number 0x" in difference.during
    assert str(difference).startswith(f"{name} is {one:#x} in the one and {other:#x} in the other after trap 3 (")


def test_a_word_of_a_page_table_is_named_by_its_frame():
    spaces = []

    def change(pc):
        spaces.append(pc.kernel.processes.table[1].space.directory)
        poke(pc, (spaces[0] << 12) + 77)

    difference = compared(change, 2).difference
    assert difference.name == f"frame {spaces[0]:#x} (a page table) at 0x4c"
    assert difference.values == (0, 0x100)


@pytest.mark.parametrize("address", [0, 0x10000, 0x9F000, 8 * MIB - 1])
def test_every_frame_counts_whoever_owns_it(address):
    difference = compared(lambda pc: poke(pc, address, 0x80)).difference
    assert difference.address == address & ~3


def test_the_first_traps_differences_are_found_at_that_trap():
    for trap in (1, 2, 5):
        assert compared(lambda pc: poke(pc, 0), trap).difference.trap == trap


def test_a_difference_at_boot_is_found_before_any_trap():
    first, second = machines()
    poke(second, 0x9F000)
    difference = compare(first, second).difference
    assert (difference.trap, difference.during) == (0, "boot")


def test_both_machines_are_compared_where_the_kernel_is_up():
    first, second = machines()
    second.at_booted.append(lambda: setattr(second.kernel.timer.clock, "ticks", 1))
    difference = compare(first, second).difference
    assert (difference.name, difference.trap, difference.during) == ("timer.clock.ticks", 0, "boot")


def test_a_difference_that_starting_programs_makes_is_told_apart_from_one_of_boot():
    first, second = machines("hello")
    begin = second._begin_programs
    second._begin_programs = lambda: poke(second, 0x9F000) or begin()
    difference = compare(first, second).difference
    assert (difference.trap, difference.during) == (0, "the start of programs")


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_ignored_may_differ_and_its_neighbours_may_not(name):
    def ends(pc):
        return IGNORED[name](pc.kernel)

    if name != "text":  # whose bytes run
        for place in (0, -1):
            report = compared(lambda pc, place=place: poke(pc, ends(pc)[0] if place == 0 else ends(pc)[1] - 1))
            assert report.difference is None
    if name not in ("text", "console log"):
        assert compared(lambda pc: poke(pc, ends(pc)[0] - 1)).difference is not None


def test_kernel_stacks_may_differ_and_other_frames_of_the_zone_may_not():
    def stack(pc):
        poke(pc, stack_frame(pc.kernel, 0) << 12 | 0xFF8)

    def free(pc):
        poke(pc, pc.kernel.memory.bounds.region_top - 1)

    def table(pc):
        frames = pc.kernel.memory.frames.table
        first = pc.kernel.memory.bounds.zone >> 12
        poke(pc, next(frame for frame in range(first, len(frames)) if frames[frame].role == Role.TABLE) << 12 | 0xFF8)

    assert compared(stack).difference is None
    assert compared(free).difference is not None
    assert compared(table).difference is not None


def test_a_free_frame_may_differ_as_long_as_it_was_last_a_kernel_stack():
    """The second machine's stack of the first program differs while it has it, when it is free, and as a page table."""
    stacks, states = [], []

    def change(pc, bit):
        frames = pc.kernel.memory.frames
        if pc.traps == 1:
            stacks.append(stack_frame(pc.kernel, 1))
        owner = frames.table[stacks[0]].use
        if bit and owner not in states:
            states.append(owner)
            poke(pc, stacks[0] << 12 | 0x10, bit)
        if owner == 0:
            while frames.allocate_kernel(TABLE) != stacks[0]:
                pass

    first, second = machines("hello", "ping", "pong")
    first.after_trap.append(lambda: change(first, 0))
    second.after_trap.append(lambda: change(second, 1))
    difference = compare(first, second).difference
    assert states == [STACK, 0, TABLE]
    assert difference.name == f"frame {stacks[0]:#x} (a page table) at 0x10"


def test_a_frame_that_the_kernel_takes_keeps_nothing_of_a_stack_that_was_there():
    """Nearly all frames of the zone were stacks, which differ, before they are what programs have the kernel make."""

    def prepare(pc, byte, made):
        frames = pc.kernel.memory.frames
        while pc.traps == 1 and frames.counts.kernel_free > 64:  # for what the first trap needs
            made.append(frames.allocate_kernel(STACK))
            pc.ram.bytes[made[-1] << 12 : made[-1] + 1 << 12] = bytes([byte]) * PAGE_SIZE
        while pc.traps == 2 and made:
            frames.release_kernel(made.pop())

    lives = machines("hello", "sharing 20", "ring 3", "regions", "libraries")
    for pc, byte in zip(lives, (0x00, 0xA5), strict=True):
        pc.before_trap.append(partial(prepare, pc, byte, []))
    assert compare(*lives).difference is None
    assert [pc.outcome for pc in lives] == [Outcome.POWERED_OFF] * 2


def test_time_and_console_count_too():
    def later(pc):
        pc.time += 1

    def louder(pc):
        pc.console.append(33)

    assert compared(later).difference.name == "the machine's time"
    assert compared(louder).difference.name == "the console"


def test_machines_that_are_not_alike_are_not_compared():
    with pytest.raises(ValueError, match="same layout and with as much memory"):
        compare(make_pc("hello"), make_pc("hello", memory=9 * MIB))


def test_another_program_is_a_difference():
    difference = compare(make_pc("hello", check=False), make_pc("null", check=False)).difference
    assert difference is not None


def test_the_saved_registers_of_a_thread_count():
    def change(pc):
        thread = pc.kernel.threads.table[1]
        struct.pack_into("<I", pc.ram.bytes, address_of(thread.frame), 99)

    assert compared(change, 1).difference.name == "threads.table[1].frame.edi"


def test_all_that_differs_is_told_in_the_kernels_terms():
    def change(pc):
        pc.kernel.processes.table[2].parent = 5
        pc.ram.bytes[8 * MIB - 1] = 7

    described = compared(change).described
    assert described == (
        "processes.table[2].parent (ping): 0 → 5",
        "frame 0x7ff (free): 1 byte from +0xfff on: 00 → 07",
    )
    first, second = machines()
    assert compare(first, second).described == ()
