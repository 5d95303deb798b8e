"""The compiled life: the machine delivers traps by the tables in RAM; time is the interpreted life's."""

import struct
from itertools import product

import pytest

from keelback.image.images import make_image
from keelback.image.kernel_image import CompiledKernel
from keelback.image.toolchain import ToolchainError, compile_c
from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.devices.timer import DIVISOR
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import Panic, layout_of
from keelback.machine.clock import INSTRUCTIONS_PER_SECOND
from keelback.machine.observed import Outcome
from keelback.machine.simulated.boot_loader import BOOT_CODE, BOOT_DATA, PARAMETERS
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.pc import TRAP_TIME
from machine.stand_in import SECTIONS, USER, frame, make_stand_in, stand_in, stand_in_image
from support import sliced

PERIOD = DIVISOR * INSTRUCTIONS_PER_SECOND // 1_193_182
SYSTEM_CALL, TIMER = 0x80, 32
NOTHING, PUT, SLEEP, END, GO_WRONG, STORE, READ_CR4 = range(1, 8)


def call(number: int, ebx: int = 0, ecx: int = 0) -> str:
    """Return the machine code of a call of the stand-in."""
    return f"b8{struct.pack('<I', number).hex()} bb{struct.pack('<I', ebx).hex()} b9{struct.pack('<I', ecx).hex()} cd80"


def booted(code: str) -> CompiledPc:
    pc = make_stand_in(code)
    pc.boot()
    return pc


def ended(code: str) -> CompiledPc:
    pc = booted(code)
    pc.run()
    return pc


# Boot.


def test_the_kernel_starts_in_the_state_of_the_32_bit_entry():
    pc = booted(call(END))
    boot = MICROKERNEL.text_end + SECTIONS["records.boot"]
    parameters, cs, ds, cr0, eflags = struct.unpack_from("<5I", pc.ram.bytes, boot)
    assert (parameters, cs, ds) == (PARAMETERS, BOOT_CODE, BOOT_DATA)
    assert cr0 & 0x8000_0001 == 1
    assert not eflags & 0x200
    assert (pc.time, pc.traps, pc.outcome) == (0, 0, Outcome.RUNNING)


@pytest.mark.parametrize("stage", ["00", "01", "02"])
def test_a_kernel_that_has_refused_at_any_stage_starts_nothing(stage):
    assert booted(stage).outcome is Outcome.REFUSED


def test_strict_ram_is_for_interpreted_kernels():
    with pytest.raises(ValueError, match="strict RAM watches a kernel that is interpreted"):
        make_stand_in(call(END), check=True)


def test_entry_code_is_the_same_in_both_lives_but_for_its_calls():
    one, other = make_image(MICROKERNEL, b""), make_image(MICROKERNEL, b"", stand_in())
    header = layout_of(ImageHeader)
    id_start, end = header.field("build_id").offset, header.size
    different = [place for place in range(0x2000) if one[place] != other[place] and not id_start <= place < end]
    leave = struct.unpack_from("<I", one, header.field("leave").offset)[0] - MICROKERNEL.kernel_start
    calls = {place for place in range(end, 0x1000) if one[place] == 0xE8}
    assert leave - 5 in calls
    assert all(any(place - 4 <= start < place for start in calls) for place in different)
    assert not any(one[0x2000 : MICROKERNEL.text_end - MICROKERNEL.kernel_start])


@pytest.mark.parametrize(("stage", "seen"), [("00", 0), ("01", 0), ("02", 1), ("f4", 1)])
def test_a_kernel_that_is_up_is_told_about_once_before_it_starts_anything(stage, seen):
    pc, told = make_stand_in(stage), []
    pc.at_booted.append(lambda: told.append((pc.frame, pc.traps, pc.ring0.instructions > 0)))
    pc.boot()
    assert told == [(0, 0, True)] * seen


def test_the_stop_of_a_kernel_that_is_up_adds_no_instruction():
    straight = make_stand_in("f4")
    straight.ring0.booted = straight.ring0.leave
    straight.bring_up()
    assert straight.ring0.instructions == booted("f4").ring0.instructions


# Traps.


def test_a_system_call_pushes_the_whole_frame_and_comes_back():
    pc = booted("be11000000 bf22000000 bd33000000 " + call(NOTHING, 0x44, 0x55) + "ebfe")
    pc.step()
    at = frame(pc)
    assert (at.esi, at.edi, at.ebp, at.ebx, at.ecx, at.eax) == (0x11, 0x22, 0x33, 0x44, 0x55, NOTHING)
    assert (at.vector, at.error, at.eip, at.cs, at.ss, at.esp) == (SYSTEM_CALL, 0, USER + 32, 0x1B, 0x23, USER + 4096)
    assert at.eflags & 0x202 == 0x202
    assert (pc.time, pc.instructions) == (7 + TRAP_TIME, 7)


FAULTS = {
    "31c9 f7f1": (0, 0, 2),
    "0f0b": (6, 0, 0),
    "f4": (13, 0, 0),
    "cd81": (13, 0x81 * 8 + 2, 0),
    "e421": (13, 0, 0),
    "a144332211": (14, 4, 0),
    "a344332211": (14, 6, 0),
    "a100001000": (14, 5, 0),
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_has_its_vector_error_code_and_place(code):
    pc = ended(code)
    vector, error, place = FAULTS[code]
    at = frame(pc)
    assert (at.vector, at.error, at.eip) == (vector, error, USER + place)
    assert pc.outcome is Outcome.HALTED


def test_observers_see_the_frame_before_the_kernel_and_after_it():
    pc = make_stand_in(call(READ_CR4) + call(END))
    seen = []
    pc.before_trap.append(lambda: seen.append((frame(pc).vector, frame(pc).eax, pc.traps)))
    pc.after_trap.append(lambda: seen.append((frame(pc).vector, frame(pc).eax, pc.traps)))
    pc.boot()
    assert pc.run() is Outcome.POWERED_OFF
    assert seen == [(0x80, READ_CR4, 1), (0x80, 0x80, 1), (0x80, END, 2), (0x80, END, 2)]


def test_observers_change_neither_ram_nor_time_nor_the_count_of_instructions():
    code = call(NOTHING) + call(SLEEP) + call(PUT, 65) + call(END)
    plain, watched = make_stand_in(code), make_stand_in(code)
    watched.before_trap.append(lambda: None)
    for pc in (plain, watched):
        pc.boot()
        pc.run()
    assert plain.ram.bytes.cast("Q") == watched.ram.bytes.cast("Q")
    assert (plain.time, plain.traps, plain.console) == (watched.time, watched.traps, watched.console)
    assert plain.kernel_instructions == watched.kernel_instructions


def test_kernel_instructions_are_counted_without_those_of_users():
    pc = booted(call(NOTHING) + "ebed")
    counts = []
    for _ in range(6):
        before = pc.kernel_instructions
        pc.step()
        counts.append(pc.kernel_instructions - before)
    assert len(set(counts[1:])) == 1
    assert 20 < counts[1] < 60


# The kernel's hardware.


def test_ports_are_the_devices_in_ring_0():
    pc = ended(call(PUT, ord("o")) + call(PUT, ord("k")) + call(END))
    assert (bytes(pc.console), pc.outcome) == (b"ok", Outcome.POWERED_OFF)


def test_user_mode_has_no_time_stamps_of_its_own_and_the_kernel_does_not_see_why():
    pc = ended(call(READ_CR4) + "89c6 0f31 89c7" + call(END))
    assert frame(pc).esi == 0x80
    assert frame(pc).edi == 6 + TRAP_TIME


def test_code_that_the_kernel_writes_is_executed_as_written():
    pc = ended(call(STORE, 0x2A, USER + 18) + "be07000000" + call(END))
    assert frame(pc).esi == 0x2A


def test_code_that_ran_and_is_written_then_is_executed_anew():
    """The program runs an instruction, has the kernel change its operand, and runs it again."""
    loop = "be07000000 83fe2a 7413" + call(STORE, 0x2A, USER + 1) + "ebe3"  # mov esi, 7; cmp esi, 42; je end
    pc = ended(loop + call(END))
    assert (frame(pc).esi, frame(pc).eax, pc.traps) == (0x2A, END, 2)


# A kernel that is wrong.


@pytest.mark.parametrize(
    ("how", "facts"),
    [
        (0, (14, 2)),
        (1, (6, 0)),
    ],
)
def test_an_exception_in_ring_0_goes_to_the_kernel_itself(how, facts):
    pc = booted(call(GO_WRONG, how))
    with pytest.raises(Panic):
        pc.run()
    assert pc.exit.status == 1
    at = frame(pc)
    assert (at.vector, at.error, at.cs) == (*facts, 8)
    assert 0 <= at.eip - MICROKERNEL.kernel_start - 0x2000 < 0x1000


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (0, r"vector 14 in ring 0 at 0x00102[0-9a-f]{3}, error 0x2, cr2 0x0badf00c"),
        (1, r"vector 6 in ring 0 at 0x00102[0-9a-f]{3}, error 0x0"),
    ],
)
def test_an_exception_in_ring_0_without_a_gate_is_the_machines_to_tell(how, message):
    pc = booted(call(GO_WRONG, how))
    gates = MICROKERNEL.text_end + SECTIONS["records.idt"]
    pc.ram.bytes[gates : gates + 32 * 8] = bytes(32 * 8)
    with pytest.raises(Panic, match=message):
        pc.run()


def test_a_kernel_that_halts_with_interrupts_off_has_halted():
    assert ended(call(GO_WRONG, 2)).outcome is Outcome.HALTED


def test_a_gate_that_is_gone_is_a_fault_of_the_program():
    pc = ended(call(GO_WRONG, 3) + "cd80")
    assert (frame(pc).vector, frame(pc).error, frame(pc).eip) == (13, 0x80 * 8 + 2, USER + 17)


def test_a_stack_segment_of_another_ring_is_a_panic():
    pc = booted(call(GO_WRONG, 4) + "cd80")
    pc.step()
    with pytest.raises(Panic, match="stack segment for ring 0 is 0x23"):
        pc.step()


def test_state_of_a_compiled_kernel_outside_its_records_is_refused(tmp_path):
    source = tmp_path / "state.c"
    source.write_text(
        "int state; int kernel_start(void) { return state++; } int kernel_boot(void) { return 0; } "
        "int kernel_begin(void) { return 0; } int kernel_trap(void) { return 0; } void kernel_panic(void) {}"
    )
    with pytest.raises(ToolchainError, match="state of the kernel lies in records only"):
        make_image(MICROKERNEL, b"", CompiledKernel({"state.o": compile_c(source)}))


# Time.

# Each is a loop: its bytes, and where each of its instructions starts.  esi counts the rounds at the first.
LOOPS = {
    "computing": ("46 40 ebfc", (0, 1, 2)),
    "system calls": ("46 b801000000 cd80 ebf6", (0, 1, 6, 8)),
    "pauses": ("46 f390 ebfb", (0, 1, 3)),
    "memory": ("46 50 58 ebfb", (0, 1, 2, 3)),
}


@pytest.mark.parametrize(("name", "period"), sliced(product(LOOPS, [1, 2, 3, 4, 5, 7, 12, 100, 9999]), 2))
def test_the_tick_comes_after_exactly_its_period_whatever_the_program_does(name, period):
    code, places = LOOPS[name]
    pc = booted(code)
    pc.trap_time = 0
    pc.timer.period = period
    pc.timer.due = pc.time + period
    ticks = []

    def observe() -> None:
        at = frame(pc)
        if at.vector == TIMER:
            place = places.index(at.eip - USER)
            rounds = at.esi if place == 0 else at.esi - 1
            ticks.append(rounds * len(places) + place)
            assert ticks[-1] == pc.time

    pc.before_trap.append(observe)
    while len(ticks) < 25:
        pc.step()
    assert ticks == [period * (n + 1) for n in range(25)]


@pytest.mark.parametrize("period", [1, 2, 3, 6, 1000])
def test_rdtsc_reads_the_instructions_run_so_far_wherever_the_slices_end(period):
    pc = booted("0f31 46 ebfb")
    pc.trap_time = 0
    pc.timer.period, pc.timer.due = period, period
    for _ in range(30):
        pc.step()
        stamps = (pc.time + 2) // 3
        assert frame(pc).eax == (3 * stamps - 2 if stamps else 0)


def test_an_idle_machine_jumps_to_the_tick():
    pc = booted(call(SLEEP) + call(END))
    pc.step()
    assert pc.time < PERIOD
    pc.step()
    assert (pc.time, pc.traps) == (PERIOD + TRAP_TIME, 2)
    assert pc.run() is Outcome.POWERED_OFF


def test_an_idle_machine_that_nothing_can_wake_has_halted():
    pc = booted(call(SLEEP))
    pc.timer.due = None
    assert pc.run() is Outcome.HALTED


def test_two_runs_are_equal():
    pcs = [ended(call(SLEEP) * 3 + call(PUT, 65) + call(END)) for _ in range(2)]
    assert pcs[0].ram.bytes.cast("Q") == pcs[1].ram.bytes.cast("Q")
    assert (pcs[0].time, pcs[0].traps) == (pcs[1].time, pcs[1].traps)


def test_output_is_given_every_byte():
    seen = bytearray()
    pc = CompiledPc(MICROKERNEL, stand_in_image(call(PUT, 65) + call(END)), memory=4 << 20, output=seen.append)
    pc.boot()
    pc.run()
    assert seen == b"A"
