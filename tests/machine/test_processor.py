"""Each gap between the emulator and a real processor is closed, seen on a bare processor without a kernel."""

import random
import signal
import struct

import pytest
from unicorn import x86_const as x86

from keelback.lang import Panic
from keelback.machine.simulated import scratch
from keelback.machine.simulated.deliveries import delivery_of
from keelback.machine.simulated.models import SYSENTER_CS
from machine.bare import DATA, MISSING, PRESENT, STACK, SUPERVISOR, TEXT, USER, WRITABLE, Bare, Kind, trap, word

READ, WRITE, PROTECTED, FROM_USER = 0, 2, 1, 4
LAST_DATA = 0x13000  # a page that tests map themselves
ARITHMETIC_FLAGS = 0x8D5  # CF PF AF ZF SF OF
PRESENT_GATE, USER_GATE = 0x8E00, 0xEE00


@pytest.fixture(scope="module")
def bare():
    return Bare()


# Page faults.


@pytest.mark.parametrize(
    ("code", "address", "error"),
    [
        ("a1" + word(MISSING), MISSING, READ),
        ("a1" + word(SUPERVISOR), SUPERVISOR, READ | PROTECTED),
        ("a3" + word(MISSING), MISSING, WRITE),
        ("a3" + word(SUPERVISOR), SUPERVISOR, WRITE | PROTECTED),
        ("a3" + word(TEXT + 0x800), TEXT + 0x800, WRITE | PROTECTED),
        ("ff05" + word(TEXT + 0x800), TEXT + 0x800, WRITE | PROTECTED),  # inc: read and write in one
        ("a1" + word(0), 0, READ),
        ("a1" + word(0xFFFF_F000), 0xFFFF_F000, READ),
        ("a3" + word(0x8000_0004), 0x8000_0004, WRITE),
    ],
)
def test_a_page_fault_tells_address_access_and_cause(bare, code, address, error):
    assert trap(bare, "9090" + code) == (14, error | FROM_USER, 2)
    assert bare.cpu.state.cr2 == address


@pytest.mark.parametrize("fault", ["a1" + word(MISSING), "a3" + word(TEXT + 0x800)])
@pytest.mark.parametrize(
    ("code", "flags"),
    [
        ("3d00ffffff", 0x001),  # cmp
        ("83f805", 0x091),
        ("05feffffff", 0x055),  # add
        ("f7d8", 0x091),  # neg
        ("f91d00ffffff", 0x001),  # stc; sbb
        ("f940", 0x005),  # stc; inc
        ("2500000080", 0x044),  # and
        ("b800000080 48", 0x814),  # mov; dec
        ("3d00ffffff 90", 0x001),
        ("3d00ffffff eb00", 0x001),
    ],
)
def test_a_page_fault_keeps_the_flags_of_the_instruction_before(bare, code, flags, fault):
    trap(bare, code.replace(" ", "") + fault, eax=2)
    assert bare.cpu.state.flags & ARITHMETIC_FLAGS == flags


@pytest.mark.parametrize(("target", "error"), [(MISSING, 0), (SUPERVISOR, PROTECTED), (0, 0), (0xFFFF_FFF0, 0)])
def test_a_fetch_faults_at_the_address_that_was_jumped_to(bare, target, error):
    assert trap(bare, "ffe0", eax=target) == (14, error | FROM_USER, target - TEXT)
    assert bare.cpu.state.cr2 == target


@pytest.mark.parametrize("split", range(1, 5))
def test_an_instruction_that_continues_on_a_missing_page_faults_there(bare, split):
    bare.map(LAST_DATA, LAST_DATA | PRESENT | USER)
    bare.map(LAST_DATA + 0x1000, 0)
    start = LAST_DATA + 0x1000 - split
    assert trap(bare, bytes.fromhex("b878563412")[:split], eip=start) == (14, FROM_USER, 0)
    assert bare.cpu.state.cr2 == LAST_DATA + 0x1000


def test_an_instruction_across_two_pages_runs(bare):
    for page in (LAST_DATA, LAST_DATA + 0x1000):
        bare.map(page, page | PRESENT | USER)
    assert trap(bare, "b878563412cd80", eip=LAST_DATA + 0xFFD) == (0x80, 0, 7)
    assert bare.read("eax") == 0x12345678
    bare.map(LAST_DATA + 0x1000, 0)


@pytest.mark.parametrize(("code", "error"), [("a1", READ), ("a3", WRITE)])
@pytest.mark.parametrize("split", [1, 2, 3])
def test_data_across_a_page_end_faults_on_the_second_page_and_changes_nothing(bare, code, error, split):
    bare.map(LAST_DATA, LAST_DATA | PRESENT | USER | WRITABLE)
    bare.map(LAST_DATA + 0x1000, 0)
    before = bytes(bare.ram[LAST_DATA : LAST_DATA + 0x1000])
    address = LAST_DATA + 0x1000 - split
    assert trap(bare, code + word(address), eax=0x01020304) == (14, error | FROM_USER, 0)
    assert bare.cpu.state.cr2 == LAST_DATA + 0x1000
    assert bare.ram[LAST_DATA : LAST_DATA + 0x1000] == before
    assert bare.read("eax") == 0x01020304


@pytest.mark.parametrize("stack", [0, 2, MISSING + 4, SUPERVISOR + 8, TEXT + 16, 0x8000_0000])
def test_a_wild_stack_pointer_faults_where_it_points(bare, stack):
    vector, error, eip = trap(bare, "50", esp=stack)
    assert (vector, error & ~PROTECTED, eip) == (14, WRITE | FROM_USER, 0)
    assert bare.cpu.state.cr2 == stack - 4 & 0xFFFF_FFFF
    assert bare.read("esp") == stack


def test_a_repeated_instruction_faults_with_its_registers_at_the_faulting_element(bare):
    assert trap(bare, "f3aa", edi=DATA + 0xFF0, ecx=100, eax=7) == (14, WRITE | PROTECTED | FROM_USER, 0)
    assert (bare.read("edi"), bare.read("ecx"), bare.cpu.state.cr2) == (SUPERVISOR, 84, SUPERVISOR)


# Exceptions after exceptions.

FAULTS = {
    "a1" + word(MISSING): (14, READ | FROM_USER, 0),
    "a3" + word(TEXT): (14, WRITE | PROTECTED | FROM_USER, 0),
    "f4": (13, 0, 0),
    "31c9f7f1": (0, 0, 2),
    "0f0b": (6, 0, 0),
    "d9e8": (7, 0, 0),
    "b8770000008ed8": (13, 0x74, 5),
    "cd80": (0x80, 0, 2),
    "cd0e": (13, 0x72, 0),
}


@pytest.mark.parametrize("first", FAULTS)
@pytest.mark.parametrize("second", FAULTS)
def test_no_fault_after_a_fault_is_a_double_fault(bare, first, second):
    for code in (first, second, second, first):
        assert trap(bare, code) == FAULTS[code]


def test_a_thousand_faults_in_any_order_are_each_what_they_are(bare):
    choose = random.Random(7)
    for _ in range(1000):
        code = choose.choice(list(FAULTS))
        assert trap(bare, code) == FAULTS[code]


# Software interrupts.


@pytest.mark.parametrize("prefixes", ["", "66", "f3", "2e66", "65f2673e"])
def test_every_int_without_a_gate_for_users_is_a_general_protection_fault_at_its_start(bare, prefixes):
    for vector in set(range(256)) - {0x80}:
        assert trap(bare, f"90{prefixes}cd{vector:02x}") == (13, vector * 8 + 2, 1), hex(vector)


def test_every_int_without_a_present_gate_is_a_not_present_fault(bare):
    for vector in range(256):
        bare.set_gate(vector, 0x6E00)
        assert trap(bare, f"90cd{vector:02x}") == (11, vector * 8 + 2, 1), hex(vector)
        bare.set_gate(vector, USER_GATE if vector == 0x80 else PRESENT_GATE)


@pytest.mark.parametrize("gate", [0, 0x0E00, 0x8E00, 0xEC00, 0x6000, 0xE000])
@pytest.mark.parametrize("vector", [0, 6, 0x80, 0x90, 255])
def test_an_int_whose_gate_is_none_or_not_for_users_is_a_general_protection_fault_present_or_not(bare, vector, gate):
    bare.set_gate(vector, gate)
    assert trap(bare, f"90cd{vector:02x}") == (13, vector * 8 + 2, 1)
    bare.set_gate(vector, USER_GATE if vector == 0x80 else PRESENT_GATE)


@pytest.mark.parametrize("prefix", ["", "66"])
def test_every_int_with_a_gate_for_users_traps_behind_itself_without_an_error_code(bare, prefix):
    for vector in range(256):
        bare.set_gate(vector, USER_GATE)
        length = 2 + len(prefix) // 2
        assert trap(bare, f"90{prefix}cd{vector:02x}0f31") == (vector, 0, 1 + length), hex(vector)
        bare.set_gate(vector, USER_GATE if vector == 0x80 else PRESENT_GATE)


@pytest.mark.parametrize(("code", "vector"), [("cc", 3), ("ce", 4)])
def test_int3_and_into_need_a_gate_for_users(bare, code, vector):
    assert trap(bare, "90" + code, eflags=0xA02) == (13, vector * 8 + 2, 1)
    bare.set_gate(vector, USER_GATE)
    assert trap(bare, "90" + code, eflags=0xA02) == (vector, 0, 2)
    bare.set_gate(vector, PRESENT_GATE)


def test_into_without_overflow_does_nothing(bare):
    assert trap(bare, "cecd80") == (0x80, 0, 3)


@pytest.mark.parametrize(("code", "eip"), [("f1", 1), ("66f1", 2)])
def test_int1_is_a_debug_trap_that_needs_no_gate(bare, code, eip):
    assert trap(bare, code) == (1, 0, eip)


def test_an_int_whose_gate_lies_behind_the_table_is_a_general_protection_fault(bare):
    bare.cpu.system.load_idt(scratch.IDT, 0x80 * 8 + 6)
    assert trap(bare, "cd80") == (13, 0x80 * 8 + 2, 0)
    bare.cpu.system.load_idt(scratch.IDT, 0x80 * 8 + 7)
    assert trap(bare, "cd80") == (0x80, 0, 2)
    bare.cpu.system.load_idt(scratch.IDT, 256 * 8 - 1)


def test_an_interrupt_table_outside_ram_is_a_clean_panic():
    machine = Bare()
    with pytest.raises(Panic, match="the interrupt descriptor table lies at 0x80000000, where there is no RAM"):
        machine.cpu.system.load_idt(0x8000_0000, 2047)
    assert trap(machine, "cd80") == (0x80, 0, 2)


# Instructions that user mode must not or can't use.


@pytest.mark.parametrize(
    "code",
    [
        "f4", "fa", "fb", "0f06", "0f08", "0f09", "0f30", "0f32", "0f33", "0f34", "0f35", "0f0110", "0f0118", "0f0138",
        "0f01f0", "0f00d0", "0f00d8", "0f22c0", "0f20c0", "0f22d8", "0f20d8", "0f22e0", "0f20e0", "0f23f8", "0f21f8",
    ],
)  # fmt: skip
def test_a_privileged_instruction_is_a_general_protection_fault(bare, code):
    before = "90" * 3
    assert trap(bare, before + code, eax=DATA) == (13, 0, 3)


@pytest.mark.parametrize(
    ("code", "error", "eip"),
    [
        ("ea00000100" + "0800", 0x08, 0),  # jump to the kernel's code segment
        ("ea00000100" + "2800", 0x28, 0),  # ... to the task
        ("ea00000100" + "7700", 0x74, 0),  # ... beyond the table
        ("9a00000100" + "0800", 0x08, 0),
        ("b8100000008ed8", 0x10, 5),
        ("b8770000008ee8", 0x74, 5),
        ("31c08ed0", 0x00, 2),
        ("6a0868" + word(TEXT) + "cb", 0x08, 7),
        ("68020200006a0868" + word(TEXT) + "cf", 0x08, 12),
    ],
)
def test_a_selector_that_is_not_the_users_is_a_general_protection_fault(bare, code, error, eip):
    assert trap(bare, code) == (13, error, eip)


@pytest.mark.parametrize(
    "code",
    [
        "0f0b", "0fb9c0", "0fff", "ffff", "0f05", "0f07", "0faa", "8ec8", "f090", "f001c0", "0f01c1", "0f01d0",
        "0fc7f0", "0fc7f8", "0f01f9", "62c0", "8dc0", "c4c0", "0f24c0",
    ],
)  # fmt: skip
def test_an_invalid_instruction_is_an_invalid_instruction_fault(bare, code):
    assert trap(bare, "90" + code) == (6, 0, 1)


def test_an_instruction_of_more_than_15_bytes_is_a_general_protection_fault(bare):
    assert trap(bare, "66" * 15 + "90") == (13, 0, 0)
    assert trap(bare, "66" * 14 + "90cd80") == (0x80, 0, 17)


@pytest.mark.parametrize("code", ["d9e8", "9b", "dbe3", "0fefc0", "0f77", "0fae05" + word(DATA)])
def test_floating_point_and_vectors_are_no_device_faults(bare, code):
    assert trap(bare, "90" + code) == (7, 0, 1)


@pytest.mark.parametrize("code", ["0f57c0", "66660f6fc0", "0f1005" + word(DATA)])
def test_sse_that_the_kernel_has_not_allowed_is_an_invalid_instruction(bare, code):
    assert trap(bare, "90" + code) == (6, 0, 1)


def test_bound_and_division_fault_at_themselves(bare):
    bounds = struct.pack("<ii", 0, 4)
    bare.ram[DATA : DATA + 8] = bounds
    assert trap(bare, "6205" + word(DATA), eax=5) == (5, 0, 0)
    assert trap(bare, "6205" + word(DATA) + "cd80", eax=4) == (0x80, 0, 8)
    assert trap(bare, "f7f9", edx=0xFFFF_FFFF, eax=0, ecx=0) == (0, 0, 0)
    assert trap(bare, "f7f9", edx=0xFFFF_FFFF, eax=0x8000_0000, ecx=0xFFFF_FFFF) == (0, 0, 0)


def test_iret_to_a_nested_task_is_an_invalid_task_state(bare):
    assert trap(bare, "90cf", eflags=0x4202)[::2] == (10, 1)


# Ports.

PORTS = (
    "e460", "66e560", "e560", "ec", "66ed", "ed", "e660", "66e760", "e760", "ee", "66ef", "ef",
    "6c", "666d", "6d", "6e", "666f", "6f", "f36c", "f26d", "f36e", "f3666f", "2e6e", "676c",
)  # fmt: skip


@pytest.mark.parametrize("memory", [DATA, TEXT, SUPERVISOR, MISSING, DATA + 0xFFF])
@pytest.mark.parametrize("code", PORTS)
def test_a_port_instruction_is_a_general_protection_fault_and_changes_no_register(bare, code, memory):
    start = {"eax": 0x11223344, "ebx": 1, "ecx": 5, "edx": 0x3F8, "esi": memory, "edi": memory, "ebp": 2}
    before = bytearray(bare.ram[DATA : SUPERVISOR + 0x1000])
    assert trap(bare, "9090" + code, **start) == (13, 0, 2)
    assert {name: bare.read(name) for name in start} == start
    after = bare.ram[DATA : SUPERVISOR + 0x1000]
    if DATA <= memory < SUPERVISOR:
        first = slice(memory - DATA, memory - DATA + 4)  # what `ins` may change
        before[first] = after[first]
    assert after == before


def test_a_port_string_instruction_on_a_page_that_is_read_only_does_not_write(bare):
    bare.write(TEXT + 0x800, b"text")
    trap(bare, "6d", edi=TEXT + 0x800, edx=0x40)
    assert bare.ram[TEXT + 0x800 : TEXT + 0x804] == b"text"


# Time.


@pytest.mark.parametrize("code", ["0f31", "660f31", "2e0f31"])
def test_a_fresh_processor_has_no_time_of_its_own(code):
    machine = Bare()
    stop = machine.run("90" + code + "90cd80")
    assert (stop.kind, stop.begun, machine.cpu.state.ip) == (Kind.TIME_STAMP, 2, TEXT + 1)
    machine.cpu.finish_time_stamp(0x1_2345_6789_ABCD)
    stop = machine.cpu.go_on(100)
    assert (stop.kind, stop.vector, stop.begun) == (Kind.TRAP, 0x80, 2)
    assert (machine.read("eax"), machine.read("edx")) == (0x6789_ABCD, 0x12345)


def test_control_register_4_does_not_show_how_time_is_caught(bare):
    assert bare.cpu.system.read_control(x86.UC_X86_REG_CR4) == 0


# Flags and single steps.


@pytest.mark.parametrize("flags", [0, ARITHMETIC_FLAGS, 0x400, 0x4_0400, 0x801, 0x44, 0x95, 0x20_0000])
def test_flags_are_kept_exactly_over_a_trap(bare, flags):
    assert trap(bare, "cd80", eflags=0x202 | flags)[0] == 0x80
    assert bare.cpu.state.flags == 0x202 | flags


@pytest.mark.parametrize("code", ["83f801", "83c0ff", "0fafc0", "d1e0", "f7d8", "99"])
def test_flags_of_an_instruction_just_run_are_what_pushf_says(bare, code):
    for value in (0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
        trap(bare, code + "cd80", eax=value)
        at_trap = bare.cpu.state.flags
        bare.run(code + "ebfe", count=1, eax=value)
        at_slice_end = bare.cpu.state.flags
        trap(bare, code + "9c5bcd80", eax=value)
        assert at_trap == at_slice_end == bare.read("ebx")


def test_user_mode_can_change_neither_the_interrupt_flag_nor_its_privilege(bare):
    trap(bare, "6802300000" + "9d" + "9c58cd80")
    assert bare.read("eax") == 0x202
    assert bare.cpu.state.takes_interrupts


def test_the_trap_flag_steps_one_instruction_at_a_time(bare):
    assert trap(bare, "40404040", eflags=0x302) == (1, 0, 1)
    for step in (2, 3):
        stop = bare.cpu.go_on(100)
        assert (stop.vector, bare.cpu.state.ip, bare.read("eax")) == (1, TEXT + step, step)
    assert trap(bare, "9c810c2400010000" + "9d4040") == (1, 0, 10)


# Counting.


@pytest.mark.parametrize("code", ["ebfe", "40ebfd", "50585ebfc", "f390ebfc", "0fa2ebfc"])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 1000, 54321])
def test_a_slice_runs_exactly_its_count_of_instructions(bare, code, count):
    code = code if len(code) % 2 == 0 else "5058ebfc"
    stop = bare.run(code, count=count)
    assert (stop.kind, stop.begun) == (Kind.SLICE_END, count + 1)


@pytest.mark.parametrize("count", range(1, 12))
def test_slices_of_any_length_leave_the_same_registers_at_the_same_instruction(bare, count):
    bare.run("40ebfd", count=count)
    executed, slices = count, 1
    while slices < 20:
        stop = bare.cpu.go_on(count)
        assert stop == (Kind.SLICE_END, count + 1, 0, 0)
        executed, slices = executed + count, slices + 1
        assert (bare.read("eax"), bare.cpu.state.ip) == ((executed + 1) // 2, TEXT + executed % 2)


def test_a_slice_of_nothing_runs_nothing(bare):
    bare.run("40ebfd", count=10)
    before = bare.state()
    assert bare.cpu.go_on(0) == (Kind.SLICE_END, 1, 0, 0)
    assert bare.state() == before


def test_a_trap_at_the_very_end_of_a_slice_is_a_trap(bare):
    assert bare.run("9090cd80", count=3)[:3] == (Kind.TRAP, 3, 0x80)
    assert bare.run("9090cd80", count=2)[:2] == (Kind.SLICE_END, 3)
    assert bare.cpu.state.ip == TEXT + 2


@pytest.mark.parametrize("count", [1, 5, 37, 511, 512, 513])
def test_a_repeated_instruction_is_cut_into_slices_and_goes_on(bare, count):
    source, target = bytes(range(256)) * 2, DATA + 0x400
    bare.ram[DATA : DATA + 512] = source
    bare.ram[target : target + 512] = bytes(512)
    stop = bare.run("f3a4cd80", count=count, esi=DATA, edi=target, ecx=512)
    executed = 0
    while stop.kind is Kind.SLICE_END:
        executed += stop.begun - 1
        stop = bare.cpu.go_on(count)
    assert (stop.vector, bare.read("ecx"), executed + stop.begun) == (0x80, 0, 514)  # 512, their end, int
    assert bare.ram[target : target + 512] == source


# Code that changes.


def test_a_program_runs_the_code_it_wrote(bare):
    bare.map(LAST_DATA, LAST_DATA | PRESENT | USER | WRITABLE)
    change = "c605" + word(LAST_DATA + 8) + "07" + "b805000000" + "cd80"  # mov byte [5], 7; mov eax, 5; int 0x80
    assert trap(bare, change, eip=LAST_DATA)[0] == 0x80
    assert bare.read("eax") == 7
    loop = "b105" + "b000" + "fe05" + word(LAST_DATA + 3) + "fec975f4" + "cd80"
    assert trap(bare, loop, eip=LAST_DATA)[0] == 0x80
    assert bare.read("eax") == 4


def test_a_frame_with_new_code_runs_the_new_code(bare):
    for value in range(20):
        assert trap(bare, f"b8{value:02x}000000cd80")[0] == 0x80
        assert bare.read("eax") == value


def test_new_code_behind_a_page_end_is_seen_by_the_instruction_that_crosses_it(bare):
    for page in (LAST_DATA, LAST_DATA + 0x1000):
        bare.map(page, page | PRESENT | USER)
    for value in range(5):
        trap(bare, "b800000000cd80", eip=LAST_DATA + 0xFFE)
        bare.ram[LAST_DATA + 0x1002] = value
        bare.cpu.forget_code(LAST_DATA + 0x1000, 0x1000)
        bare.resume(eip=LAST_DATA + 0xFFE)
        assert bare.read("eax") == value << 24
    bare.map(LAST_DATA + 0x1000, 0)


# Tables that lead nowhere, and life after a panic.


@pytest.mark.parametrize(
    "code", ["a1" + word(LAST_DATA), "a3" + word(LAST_DATA), "b8" + word(LAST_DATA) + "ffe0", "c8000100"]
)
def test_a_frame_outside_ram_is_a_clean_panic_and_the_processor_goes_on(code):
    machine = Bare()
    machine.map(LAST_DATA, 0x4000_0000 | PRESENT | USER | WRITABLE)
    with pytest.raises(Panic, match="UNMAPPED"):
        machine.run(code, esp=LAST_DATA + 0x800)
    assert trap(machine, "90cd80") == (0x80, 0, 3)
    assert trap(machine, "a1" + word(MISSING)) == (14, FROM_USER, 0)


@pytest.mark.parametrize("code", ["a1" + word(0x40_0000), "a3" + word(0x40_0000), "b8" + word(0x40_0000) + "ffe0"])
def test_a_page_table_outside_ram_is_a_clean_panic(code):
    machine = Bare()
    struct.pack_into("<I", machine.ram, scratch.ROOT + 4, 0x5000_0000 | PRESENT | USER | WRITABLE)
    with pytest.raises(Panic, match=r"a page table lies at 0x50000.*, where there is no RAM"):
        machine.run(code)
    assert trap(machine, "90cd80") == (0x80, 0, 3)


def test_a_page_directory_outside_ram_is_a_clean_panic():
    machine = Bare()
    machine.cpu.system.write_control(x86.UC_X86_REG_CR3, 0x6000_0000)
    with pytest.raises(Panic, match="where there is no RAM"):
        machine.resume()
    machine.cpu.system.write_control(x86.UC_X86_REG_CR3, scratch.ROOT)
    assert trap(machine, "90cd80") == (0x80, 0, 3)


def test_processors_side_by_side_do_not_see_each_other():
    machines = [Bare() for _ in range(4)]
    for number, machine in enumerate(machines):
        machine.run(f"b8{number:02x}000000" + "40ebfd", count=1)
    for _ in range(10):
        for machine in machines:
            machine.cpu.go_on(2)
    assert [machine.read("eax") for machine in machines] == [10, 11, 12, 13]
    assert trap(machines[0], "a1" + word(MISSING)) == (14, FROM_USER, 0)
    assert trap(machines[1], "f4") == (13, 0, 0)


# Signals.


@pytest.mark.parametrize("code", ["cd80", "a1" + word(MISSING), "0f0b"])
def test_ctrl_c_during_a_run_is_raised_and_no_trap_is_lost_in_a_callback(code, capfd):
    """The signal comes while the emulator runs; were Python called back, it would be raised and lost there."""
    machine = Bare()
    machine.write(TEXT, bytes.fromhex("b900004000" + "49" + "75fd" + code))
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            machine.resume(count=1 << 32)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert capfd.readouterr().err == ""
    assert trap(machine, "90cd80") == (0x80, 0, 3)


def test_what_a_port_hook_raises_is_not_swallowed(bare, monkeypatch):
    def broken(vector: int) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(bare.cpu.hooks, "_refuse", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        bare.run("e660cd80")
    monkeypatch.undo()
    assert trap(bare, "e660") == (13, 0, 0)
    assert bare.read("esp") == STACK


# Fast calls.


@pytest.fixture(scope="module")
def calling():
    made = Bare()
    made.cpu.system.write_msr(SYSENTER_CS, scratch.KERNEL_CODE)
    return made


@pytest.mark.parametrize(("code", "length"), [("0f34", 2), ("660f34", 3), ("f2660f34", 4)])
@pytest.mark.parametrize("eflags", [0x202, 0xAD7, 0x302, 0x24_4702])
def test_a_sysenter_stops_behind_it_and_has_changed_nothing(calling, code, length, eflags):
    before = {"eax": 7, "ecx": 0x1234, "edx": 0x5678, "ebx": 9, "esp": 0x12345}
    stop = calling.run(code + "cd80", eflags=eflags, **before)
    assert (stop.kind, stop.begun, calling.cpu.state.ip) == (Kind.CALL, 1, TEXT + length)
    assert {name: calling.read(name) for name in before} == before
    assert (calling.cpu.state.flags, calling.cpu.state.in_user_mode) == (eflags, True)


def test_a_sysenter_behind_another_instruction_that_is_stepped_is_not_reached(calling):
    assert trap(calling, "90 0f34", eflags=0x302) == (1, 0, 1)


@pytest.mark.parametrize(("count", "kind"), [(3, Kind.CALL), (2, Kind.SLICE_END)])
def test_a_sysenter_at_the_very_end_of_a_slice_is_a_call(calling, count, kind):
    assert calling.run("90900f34", count=count)[:2] == (kind, 3)


@pytest.mark.parametrize(("code", "start"), [("0f34", 0), ("660f34", 0), ("900f34", 1)])
@pytest.mark.parametrize("segment", [0, 3])
def test_without_a_code_segment_a_sysenter_is_a_general_protection_fault(code, start, segment):
    bare = Bare()
    bare.cpu.system.write_msr(SYSENTER_CS, segment)
    assert trap(bare, code) == (13, 0, start)


def test_a_sysenter_into_a_segment_that_is_not_the_kernels_is_a_panic():
    bare = Bare()
    bare.cpu.system.write_msr(SYSENTER_CS, 0x18)
    assert bare.run("0f34").kind is Kind.CALL
    with pytest.raises(Panic, match="the code segment for `sysenter` is 0x18, which is not the kernel's"):
        delivery_of(bare.cpu).enter_by_call()
