"""The simulated PC: exact time, runs that repeat byte for byte, and a host that survives whatever the kernel does."""

import gc
import struct
from collections.abc import Callable
from functools import partial
from itertools import product

import pytest

from keelback.image.images import make_image
from keelback.image.payload import make_payload
from keelback.inspect.memory_pair import MemoryPair
from keelback.kernel.devices.timer import DIVISOR
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64, with_paging
from keelback.kernel.processes.processes import Ending
from keelback.kernel.x86.paging import KERNEL_WRITE
from keelback.kernel.x86.vectors import SYSTEM_CALL, TIMER, Vector
from keelback.lang import Panic, Struct, inline, u8, u32, view
from keelback.lang.array import Array
from keelback.lang.strict import words_of
from keelback.machine.clock import INSTRUCTIONS_PER_SECOND
from keelback.machine.observed import Outcome
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.pc import TRAP_TIME, SimulatedPc
from support import (
    EXECUTE,
    MIB,
    READ,
    WRITE,
    code_program,
    console,
    elf,
    entry_at,
    entry_place,
    make_pc,
    payload_programs,
    run,
    sliced,
)

MICROKERNELS = (MICROKERNEL, with_paging(MICROKERNEL, "PAE"), MICROKERNEL_64)
PERIOD = DIVISOR * INSTRUCTIONS_PER_SECOND // 1_193_182
BASE = MICROKERNEL.image_base
EXIT = "89c3b803000000cd80"  # mov ebx, eax; mov eax, 3; int 0x80: exit with what is in eax
YIELD = "b802000000cd80"
PAGE_DIRECTORY_ENTRY = BASE >> 22


def statuses(pc: InterpretedPc) -> list[int]:
    """Return the exit statuses of all processes, which must have exited."""
    ended = [process for process in pc.kernel.processes.table if process.pid]
    assert all(process.ending is Ending.EXITED for process in ended)
    return [process.exit_status for process in ended]


def frame(pc: InterpretedPc):
    """Return the trap frame of the thread that was interrupted."""
    return pc.kernel.scheduler.current(pc.kernel.first_cpu).frame


def single(code: str, **options) -> InterpretedPc:
    """Return a booted machine with one process of bare code."""
    pc = make_pc("it", programs={"it": code_program(code)}, **options)
    pc.boot()
    return pc


def set_period(pc: InterpretedPc, period: int) -> None:
    """Let a tick come after so many instructions; traps take no time, which may be longer than that."""
    pc.trap_time = 0
    pc.timer.period = period
    pc.timer.due = pc.time + period


# Time.

# Each is a loop: its bytes, and where each of its instructions starts.  esi counts the rounds at the first.
LOOPS = {
    "computing": ("46 40 ebfc", (0, 1, 2)),
    "system calls": ("46 b801000000 cd80 ebf6", (0, 1, 6, 8)),
    "only traps": ("46 cd80 ebfb", (0, 1, 3)),
    "pauses": ("46 f390 ebfb", (0, 1, 3)),
    "memory": ("46 50 58 ebfb", (0, 1, 2, 3)),
}


@pytest.mark.parametrize(("name", "period"), sliced(product(LOOPS, [1, 2, 3, 4, 5, 7, 12, 100, 9999]), 2))
def test_the_tick_comes_after_exactly_its_period_whatever_the_program_does(name, period):
    code, places = LOOPS[name]
    pc = single(code, check=False)
    set_period(pc, period)
    ticks = []

    def observe() -> None:
        at = frame(pc)
        if at.vector == TIMER:
            place = places.index(at.eip - BASE)
            rounds = at.esi if place == 0 else at.esi - 1
            ticks.append(rounds * len(places) + place)
            assert ticks[-1] == pc.time

    pc.before_trap.append(observe)
    while len(ticks) < 25:
        pc.step()
    assert ticks == [period * (n + 1) for n in range(25)]


def test_the_kernels_timer_ticks_a_hundred_times_a_second():
    pc = single("ebfe", check=False)
    assert pc.timer.due == pc.timer.period == PERIOD
    times = []
    pc.before_trap.append(lambda: times.append(pc.time))
    for _ in range(100):
        pc.step()
    assert times == [PERIOD * (n + 1) for n in range(100)]
    assert pc.kernel.timer.clock.ticks == 100
    assert abs(pc.time - INSTRUCTIONS_PER_SECOND) < INSTRUCTIONS_PER_SECOND // 10_000


@pytest.mark.parametrize("period", [1, 2, 3, 4, 5, 6, 1000])
def test_rdtsc_reads_the_instructions_run_so_far_wherever_the_slices_end(period):
    pc = single("0f31 46 ebfb", check=False)
    set_period(pc, period)
    seen = 0

    def observe() -> None:
        nonlocal seen
        at = frame(pc)
        stamps = (pc.time + 2) // 3
        assert at.eax == (3 * stamps - 2 if stamps else 0)
        assert at.edx == 0
        seen += 1

    pc.before_trap.append(observe)
    while seen < 30:
        pc.step()


def test_two_adjacent_time_stamps_differ_by_one():
    pc = run("it", programs={"it": code_program("0f31 89c1 0f31 29c8" + EXIT)})
    assert statuses(pc) == [2]
    pc = run("it", programs={"it": code_program("0f31 0f31 0f31" + EXIT)})
    assert statuses(pc) == [3]


def test_a_trap_takes_the_same_time_whatever_the_kernel_does():
    for calls in (1, 2, 10):
        pc = run("it", programs={"it": code_program("b801000000cd80" * calls + "0f31" + EXIT)})
        assert statuses(pc) == [(2 + TRAP_TIME) * calls + 1]
        assert pc.time == pc.instructions + TRAP_TIME * pc.traps


def test_time_goes_on_over_32_bits():
    pc = single("0f31 89d0" + EXIT)
    pc.time = (5 << 32) - 1
    pc.timer.due = None
    pc.run()
    assert statuses(pc) == [5]


def test_without_a_timer_a_program_runs_slice_after_slice():
    pc = single("b9e8030000 49 75fd" + EXIT, check=False)
    pc.timer.due = None
    pc._budget = lambda: 100
    assert pc.run() is Outcome.POWERED_OFF


def test_an_idle_machine_jumps_to_the_tick_that_wakes_somebody():
    pc = run("it", programs={"it": code_program("b805000000 bb32000000 cd80 0f31" + EXIT)})
    assert statuses(pc) == [50 * PERIOD + TRAP_TIME + 1]
    assert pc.traps < 60


def test_sleepers_and_computing_programs_share_exact_time():
    sleeper = code_program("b805000000 bb03000000 cd80 0f31" + EXIT)
    busy = code_program("b9a0860100 49 75fd 31c0" + EXIT)
    pc = run("sleeper", "busy", programs={"sleeper": sleeper, "busy": busy})
    wake, status = statuses(pc)
    assert (wake > 3 * PERIOD, status) == (True, 0)


def test_an_idle_machine_that_nothing_can_wake_has_halted():
    sleep = "b805000000 bb05000000 cd80"
    for stop in (
        lambda pc: setattr(pc.timer, "due", None),
        lambda pc: setattr(pc.controller, "mask", 0xFF),
        lambda pc: setattr(pc.controller, "in_service", 1),
    ):
        pc = single(sleep + EXIT)
        pc.step()
        stop(pc)
        assert pc.run() is Outcome.HALTED


def test_an_idle_processor_with_interrupts_off_has_halted():
    pc = single("b805000000 bb05000000 cd80" + EXIT)
    pc.step()
    idle = pc.kernel.memory.header.idle
    pc.ram.bytes[idle : idle + 1] = b"\x90"  # instead of sti
    pc.processor.forget_code(idle, 16)
    assert pc.run() is Outcome.HALTED


# Determinism.


def test_the_same_run_twice_has_equal_ram_at_every_trap():
    lines = [name + (" 300" if name == "primes" else "") for name in payload_programs()][::4]
    pcs = [make_pc(*lines, check=False) for _ in range(2)]
    rams = MemoryPair(*(pc.ram.contents for pc in pcs))
    for pc in pcs:
        pc.boot()
    while pcs[0].outcome is Outcome.RUNNING:
        assert not rams.differs(0, pcs[0].ram.size)
        for pc in pcs:
            pc.step()
        assert pcs[0].processor.state.general() == pcs[1].processor.state.general()
        assert (pcs[0].time, pcs[0].traps, pcs[0].frame) == (pcs[1].time, pcs[1].traps, pcs[1].frame)
    assert not rams.differs(0, pcs[0].ram.size)
    assert pcs[0].console == pcs[1].console
    assert [pc.outcome for pc in pcs] == [Outcome.POWERED_OFF] * 2


def test_checking_changes_no_byte_and_no_time():
    plain, checked = (run("hello", "null", "ping", "pong", "divide", check=check) for check in (False, True))
    assert plain.ram.bytes.cast("Q") == checked.ram.bytes.cast("Q")
    assert (plain.time, plain.traps, plain.console) == (checked.time, checked.traps, checked.console)


def test_machines_stepped_by_turns_run_as_they_do_alone():
    alone = [bytes(run(*lines).console) for lines in (("hello", "smash"), ("ping", "pong"))]
    pcs = [make_pc("hello", "smash"), make_pc("ping", "pong")]
    for pc in pcs:
        pc.boot()
    while any(pc.outcome is Outcome.RUNNING for pc in pcs):
        for pc in pcs:
            if pc.outcome is Outcome.RUNNING:
                pc.step()
    assert [bytes(pc.console) for pc in pcs] == alone


def machines():
    """Return how many machines there are, those of other tests' fixtures too."""
    gc.collect()
    return sum(isinstance(each, SimulatedPc) for each in gc.get_objects())


def test_many_machines_one_after_the_other_leave_nothing_behind():
    before = machines()
    for _ in range(10):
        assert console(run("it", programs={"it": code_program("31c0" + EXIT)})) == []
    assert machines() == before


# What travels between processes, and what does not.


def test_no_selector_travels_to_another_process():
    load = "".join(f"8e{register:02x}" for register in (0xE0, 0xE8, 0xD8, 0xC0))  # fs, gs, ds, es
    null = "31c0" + load + YIELD
    # The sum of all differences from the user's data selector.
    look = "31db" + "".join(f"8c{register:02x} 25ffff0000 83e823 09c3" for register in (0xE0, 0xE8, 0xD8, 0xC0))
    victim = look + 2 * (YIELD.replace("b802", "5331f6b802") + "5b" + look.replace("31db", "", 1)) + "89d8" + EXIT
    pc = run(
        "null", "look", "null", programs={"null": code_program(null * 4 + "31c0" + EXIT), "look": code_program(victim)}
    )
    assert statuses(pc) == [0, 0, 0]


def test_no_register_or_flag_is_lost_over_a_tick():
    # Computes a checksum that depends on every flag and register in each round.
    code = "31c0 31d2 bf11000000 b9e8030000 01f8 11c2 d1d0 19d7 4f 9c 5b 31d8 e2f2" + EXIT
    results = set()
    for period in (1, 2, 3, 17, 100_000):
        pc = single(code, check=False)
        set_period(pc, period)
        pc.run()
        results |= set(statuses(pc))
    assert len(results) == 1


@pytest.mark.parametrize("flags", [0x4D5, 0x801, 0x400])
def test_flags_come_back_from_a_system_call_as_they_went(flags):
    start = f"68{struct.pack('<I', flags | 2).hex()} 9d b801000000 cd80 9c 58"
    pc = run("it", programs={"it": code_program(start + EXIT)})
    assert statuses(pc) == [flags | 0x202]


def test_a_program_may_change_its_own_code_where_it_may_write():
    code = bytes.fromhex("c605" + struct.pack("<I", BASE + 8).hex() + "07 b805000000" + EXIT)
    pc = run("it", programs={"it": elf([(BASE, READ | WRITE | EXECUTE, code, len(code))], BASE)})
    assert statuses(pc) == [7]


@pytest.mark.parametrize("layout", MICROKERNELS, ids=lambda each: each.paging.name)
def test_frames_of_an_ended_program_run_the_code_of_the_next(layout):
    """A second program starts in the frames of the first: what was translated from them must be forgotten."""
    filler = "90" * 4095
    make = partial(code_program, word_bits=layout.paging.word_bits)
    programs = {
        name: make(filler + f"b8{value:02x}000000" + EXIT)  # its instruction crosses a page end
        for name, value in (("first", 1), ("second", 2), ("third", 3))
    }
    programs["stay"] = make("b805000000 bb01000000 cd80 ebf2")
    pc = make_pc("stay", "first", programs=programs, layout=layout)
    pc.boot()
    used = []
    for name in ("second", "third", None):
        process = pc.kernel.processes.table[2 + len(used)]
        entry = entry_at(pc.kernel, process.space.directory, BASE)
        used.append(entry >> 12)
        while process.ending is Ending.NOT_YET:
            pc.step()
        assert process.exit_status == len(used)
        if name:
            pc.kernel.programs.command.name.clear()
            pc.kernel.programs.command.name.set_text(name)
            with words_of(layout.paging.word_bits):
                pc.kernel.programs.spawn(0, pc.kernel.programs.command)
    assert len(set(used)) == 1


# A kernel that is wrong.


class Word(Struct):
    """One word."""

    value: u32


class Pages(Struct):
    """Four pages."""

    bytes: Array[u8] = inline(4 * 4096)


def running(check: bool = True) -> InterpretedPc:
    """Return a machine that has served a trap of a process that goes on for ever."""
    pc = single("b801000000cd80 a100800408 ebf2", check=check)
    for _ in range(3):
        pc.step()
    return pc


@pytest.mark.parametrize("address", [0, 4, 0xFFC, 0x9F000, 0x7FF_F000 - 0x40_0000])
def test_in_strict_ram_the_kernel_can_not_touch_what_it_has_not_mapped(address):
    pc = running()
    if address >= pc.ram.size:
        with pytest.raises(Panic, match="no RAM at"):
            view(pc.ram, Word, address)
        return
    word = view(pc.ram, Word, address)
    for use in (lambda: word.value, lambda: setattr(word, "value", 1)):
        with pytest.raises(Panic) as caught:
            use()
        assert caught.value.message == f"the kernel used {address:#010x}, which is mapped nowhere"


def test_without_strict_ram_nothing_is_checked():
    pc = running(check=False)
    assert view(pc.ram, Word, 0).value == 0
    view(pc.ram, Word, 0).value = 1
    process = pc.kernel.processes.table[1]
    entry = entry_at(pc.kernel, process.space.directory, BASE)
    place = entry_place(pc.kernel, process.space.directory, BASE)
    struct.pack_into("<I", pc.ram.bytes, place, entry & ~2)
    pc.step()
    assert pc.outcome is Outcome.RUNNING


def test_a_window_that_shows_another_frame_now_is_a_panic():
    pc = running()
    window = pc.kernel.spaces.access.first
    first = window.open(0x20)
    first.bytes[0] = 1
    window.open(0x21)
    with pytest.raises(Panic, match=r"the kernel used page 0x07ffe000, which is not mapped to 0x20000"):
        first.bytes[0] = 2
    assert (pc.ram.bytes[0x20000], pc.ram.bytes[0x21000]) == (1, pc.ram.bytes[0x21000])


def test_every_page_of_a_large_access_is_checked():
    pc = running()
    top = pc.kernel.memory.bounds.region_top
    directory = pc.kernel.spaces.kernel.directory
    pages = view(pc.ram, Pages, top - 0x4000)
    pages.bytes.fill(0, 0x4000, 7)
    hole = top - 0x2000
    struct.pack_into("<I", pc.ram.bytes, entry_place(pc.kernel, directory, hole), 0)
    pc.tlb.invalidate_page(hole)
    for use in (lambda: pages.bytes.fill(0, 0x4000, 7), lambda: pages.bytes.clear()):
        with pytest.raises(Panic, match=f"the kernel used {hole:#010x}, which is mapped nowhere"):
            use()


def test_a_window_opened_without_invalidation_is_a_panic():
    pc = running()
    window = pc.kernel.spaces.access.first
    window.open(0x20).bytes[0] = 1
    window.words[window.index] = 0x21 << 12 | KERNEL_WRITE
    with pytest.raises(Panic) as caught:
        pc.step()
    assert caught.value.message == (
        "page 0x07ffe000 was changed without invalidation: the TLB has frame 0x20 writable, "
        "the table frame 0x21 writable"
    )


CHANGES = {"removed": lambda entry: 0, "moved": lambda entry: entry + 0x1000, "writable": lambda entry: entry | 2}


@pytest.mark.parametrize("change", CHANGES)
def test_a_user_page_changed_behind_the_processors_back_is_a_panic(change):
    pc = running()
    process = pc.kernel.processes.table[1]
    entry = entry_at(pc.kernel, process.space.directory, BASE)
    place = entry_place(pc.kernel, process.space.directory, BASE)
    struct.pack_into("<I", pc.ram.bytes, place, CHANGES[change](entry))
    with pytest.raises(Panic, match="page 0x08048000 was changed without invalidation: the TLB has frame"):
        pc.step()
    pc.invalidate_page(BASE)
    struct.pack_into("<I", pc.ram.bytes, place, entry)
    pc.step()


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("broken", ["text", "table"])
@pytest.mark.parametrize("frame_number", [0x8000, 0xF_FFFF])
def test_tables_that_lead_outside_ram_are_a_clean_panic_and_the_host_goes_on(check, broken, frame_number):
    pc = single("b801000000cd80 a100800408 ebf2", check=check)
    process = pc.kernel.processes.table[1]
    if broken == "text":
        place = entry_place(pc.kernel, process.space.directory, BASE)
    else:
        place = (process.space.directory << 12) + 4 * PAGE_DIRECTORY_ENTRY
    struct.pack_into("<I", pc.ram.bytes, place, frame_number << 12 | 0x27)
    pc.write_cr3(process.space.directory << 12)
    with pytest.raises(Panic, match=r"UNMAPPED|where there is no RAM"):
        for _ in range(3):
            pc.step()
    del pc
    gc.collect()
    assert console(run("it", programs={"it": code_program("31c0" + EXIT)})) == []


def test_a_directory_outside_ram_is_a_clean_panic():
    pc = single("ebfe", check=False)
    pc.write_cr3(0x7000_0000)
    with pytest.raises(Panic):
        pc.step()


@pytest.mark.parametrize(("field", "value"), [("cs", 0x08 | 3), ("cs", 0x77), ("ss", 0x10), ("ss", 0)])
def test_a_trap_frame_that_iret_refuses_is_a_panic_not_a_fault_of_the_process(field, value):
    pc = running()
    setattr(pc.kernel.scheduler.current(pc.kernel.first_cpu).frame, field, value)
    with pytest.raises(Panic):
        for _ in range(3):
            pc.step()


def test_a_trap_return_that_never_reaches_user_mode_is_a_panic():
    pc = single("ebfe", check=False)
    pc.ram.bytes[pc.header.trap_return : pc.header.trap_return + 2] = b"\xeb\xfe"
    with pytest.raises(Panic, match="the return path does not lead to user mode"):
        pc.step()


def test_an_error_of_pythons_in_the_kernel_is_a_panic_with_its_place(monkeypatch):
    pc = single("b801000000cd80")

    def divide() -> int:
        return 1 // 0

    monkeypatch.setattr(type(pc.kernel), "trap", lambda self: divide())
    with pytest.raises(Panic, match=r"ZeroDivisionError: .*\(test_pc.py:\d+\)"):
        pc.step()


def test_ctrl_c_in_the_kernel_is_not_taken_for_a_panic(monkeypatch):
    pc = single("b801000000cd80")

    def interrupted(self: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(pc.kernel), "trap", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pc.step()


# Small things.


def test_output_and_observers_see_everything_in_order():
    seen = bytearray()
    image = make_image(MICROKERNEL, make_payload({"etc/init": b"hello\n", "hello": payload_programs()["hello"]}))
    pc = InterpretedPc(MICROKERNEL, image, memory=8 * MIB, output=seen.append)
    order = []
    pc.before_trap.append(lambda: order.append(("before", frame(pc).vector)))
    pc.after_trap.append(lambda: order.append(("after", pc.traps)))
    pc.boot()
    pc.run()
    assert seen == pc.console
    assert [kind for kind, _ in order] == ["before", "after"] * pc.traps
    assert order[0] == ("before", Vector.PAGE_FAULT)  # the buffer that print collects a line in
    assert ("before", SYSTEM_CALL) in order


def test_memory_of_broken_pages_is_refused():
    with pytest.raises(ValueError, match="whole pages of memory, not 0x800001 bytes"):
        make_pc(memory=8 * MIB + 1)


def test_a_machine_that_ended_stays_ended():
    pc = run("hello")
    traps, text = pc.traps, bytes(pc.console)
    assert pc.run() is Outcome.POWERED_OFF
    pc.step()
    assert (pc.traps, bytes(pc.console)) == (traps, text)


def leave(observers: list[Callable[[], None]]) -> None:
    observers.pop(0)


def test_an_observer_that_leaves_takes_no_others_turn():
    pc, seen = make_pc("hello"), []
    for kind in (pc.before_trap, pc.after_trap):
        kind += [partial(leave, kind), lambda: seen.append(pc.traps)]
    pc.boot()
    pc.step()
    pc.step()
    assert seen == [1, 1, 2, 2]
