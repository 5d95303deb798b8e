"""Each gap between the emulator and a real 64-bit processor is closed, seen on a bare processor without a kernel."""

import random
import struct

import pytest
from unicorn import x86_const as x86

from keelback.inspect.walk import NO_EXECUTE
from keelback.lang import Panic
from keelback.machine.simulated import scratch
from keelback.machine.simulated.models import EFER, NO_EXECUTE_ENABLED
from machine.bare import MISSING, PRESENT, SUPERVISOR, USER, WRITABLE, trap, word
from machine.long_bare import DATA, MASKED, STACK, TEXT, Kind, LongBare

PROTECTED, WRITE, FROM_USER, RESERVED, FETCH = 1, 2, 4, 8, 16
OTHER = 0x13000  # a page that tests map themselves
BEYOND = 0x8000_0000_0000  # the first address that is none
LAST_PAGE, HIGH = BEYOND - 0x1000, (1 << 64) - BEYOND
ARITHMETIC_FLAGS = 0x8D5  # CF PF AF ZF SF OF


@pytest.fixture(scope="module")
def bare():
    return LongBare()


def wide(value):
    return struct.pack("<Q", value).hex()


# Registers and system calls.


def test_an_int_keeps_all_sixteen_registers_at_their_width(bare):
    names = [name for name in bare.state() if name[1:].isdigit() or name in ("rax", "rbx", "rcx", "rdx", "rsi", "rdi")]
    start = {name: 0x0123_4567_89AB_CD00 + number << 3 for number, name in enumerate(names)}
    assert trap(bare, "cd80", rbp=0xFFFF_FFFF_FFFF_FFFF, rsp=BEYOND - 16, **start) == (0x80, 0, 2)
    seen = bare.state()
    assert {name: seen[name] for name in start} == start
    assert (seen["rbp"], seen["rsp"], seen["rip"]) == (0xFFFF_FFFF_FFFF_FFFF, BEYOND - 16, TEXT + 2)
    assert (seen["cs"], seen["ss"], seen["rflags"]) == (0x2B, 0x23, 0x202)


def test_32_bit_results_clear_the_upper_half(bare):
    trap(bare, "83c001 cd80", rax=0xFFFF_FFFF_FFFF_FFFE)
    assert bare.read("rax") == 0xFFFF_FFFF


@pytest.mark.parametrize(("code", "length"), [("0f05", 2), ("480f05", 3), ("66400f05", 4), ("f30f05", 3)])
@pytest.mark.parametrize("rflags", [0x202, 0xAD7, 0x302, 0x202 | MASKED])
def test_a_call_by_syscall_stops_behind_it_and_has_changed_nothing(bare, code, length, rflags):
    before = {"rax": 7, "rcx": 0x1234, "r11": 0x5678, "rbx": 9}
    stop = bare.run(code + "cd80", rflags=rflags & ~0x4000, **before)  # nested task would make `iretq` fault
    assert (stop.kind, stop.begun, bare.cpu.state.ip) == (Kind.CALL, 1, TEXT + length)
    assert {name: bare.read(name) for name in before} == before
    assert (bare.cpu.state.flags, bare.cpu.state.cs) == (rflags & ~0x4000, 0x2B)


@pytest.mark.parametrize(("count", "kind"), [(3, Kind.CALL), (2, Kind.SLICE_END)])
def test_a_call_at_the_very_end_of_a_slice_is_a_call(bare, count, kind):
    assert bare.run("90900f05", count=count)[:2] == (kind, 3)


@pytest.mark.parametrize(("code", "start"), [("0f05", 0), ("480f05", 0), ("900f05", 1)])
def test_without_sce_a_syscall_is_an_invalid_instruction(code, start):
    assert trap(LongBare(NO_EXECUTE_ENABLED), code) == (6, 0, start)


def test_code_after_a_syscall_that_was_only_jumped_over_is_no_call(bare):
    assert bare.run("eb02 0f05 ebfe", count=5)[:2] == (Kind.SLICE_END, 6)


# Page faults.


@pytest.mark.parametrize(
    ("address", "write", "error"),
    [
        (MISSING, 0, 0),
        (SUPERVISOR, 0, PROTECTED),
        (MISSING, 1, WRITE),
        (SUPERVISOR, 1, WRITE | PROTECTED),
        (TEXT + 0x800, 1, WRITE | PROTECTED),
        (0x20_0000, 0, 0),  # no table
        (0x4000_0000, 1, WRITE),  # no directory
        (0x80_0000_0000, 0, 0),  # no pointers
        (LAST_PAGE, 0, 0),
        (BEYOND - 8, 1, WRITE),
        (HIGH, 0, 0),
        ((1 << 64) - 8, 1, WRITE),
    ],
)
def test_a_page_fault_tells_address_access_and_cause(bare, address, write, error):
    assert trap(bare, "9090" + ("488903" if write else "488b03"), rbx=address) == (14, error | FROM_USER, 2)
    assert bare.cpu.state.cr2 == address


@pytest.mark.parametrize("fault", ["488b03", "488903"])
@pytest.mark.parametrize(
    ("code", "flags"),
    [
        ("483d00ffffff", 0x001),  # cmp
        ("4883f805", 0x091),
        ("4805feffffff", 0x055),  # add
        ("48f7d8", 0x091),  # neg
        ("f9481d00ffffff", 0x001),  # stc; sbb
        ("f948ffc0", 0x005),  # stc; inc
        ("482500000080", 0x044),  # and
        ("3d00ffffff90", 0x001),
        ("3d00ffffffeb00", 0x001),
    ],
)
def test_a_page_fault_keeps_the_flags_of_the_instruction_before(bare, code, flags, fault):
    trap(bare, code + fault, rax=2, rbx=MISSING)
    assert bare.cpu.state.flags & ARITHMETIC_FLAGS == flags


@pytest.mark.parametrize(
    ("target", "error"), [(MISSING, 0), (SUPERVISOR, PROTECTED), (DATA, PROTECTED), (0, 0), (LAST_PAGE, 0), (HIGH, 0)]
)
def test_a_fetch_faults_at_the_address_that_was_jumped_to_and_says_that_it_is_one(bare, target, error):
    bare.map(DATA, DATA | PRESENT | USER | WRITABLE | NO_EXECUTE)
    assert trap(bare, "ffe0", rax=target) == (14, error | FETCH | FROM_USER, target - TEXT)
    assert bare.cpu.state.cr2 == target
    bare.map(DATA, DATA | PRESENT | USER | WRITABLE)


def test_what_must_not_be_fetched_is_read_and_written(bare):
    bare.map(OTHER, OTHER | PRESENT | USER | WRITABLE | NO_EXECUTE)
    assert trap(bare, "48ff03 488b0b cd80", rbx=OTHER)[0] == 0x80
    assert bare.read("rcx") == int.from_bytes(bare.ram[OTHER : OTHER + 8], "little")
    bare.map(OTHER + 0x1000, 0)
    bare.map(TEXT + 0x1000, DATA | PRESENT | USER | NO_EXECUTE)
    assert trap(bare, "48b8", rip=TEXT + 0xFFE) == (14, PROTECTED | FETCH | FROM_USER, 0)
    assert bare.cpu.state.cr2 == TEXT + 0x1000
    bare.map(DATA, DATA | PRESENT | USER | WRITABLE)


def test_without_nxe_the_bit_is_reserved_and_a_fetch_says_nothing():
    machine = LongBare(efer=1)
    machine.map(OTHER, OTHER | PRESENT | USER | NO_EXECUTE)
    assert trap(machine, "488b03", rbx=OTHER) == (14, RESERVED | PROTECTED | FROM_USER, 0)
    assert trap(machine, "ffe0", rax=MISSING) == (14, FROM_USER, MISSING - TEXT)


@pytest.mark.parametrize("split", range(1, 8))
@pytest.mark.parametrize(("code", "error"), [("488b03", 0), ("488903", WRITE)])
def test_data_across_a_page_end_faults_on_the_second_page_and_changes_nothing(bare, code, error, split):
    bare.map(OTHER, OTHER | PRESENT | USER | WRITABLE)
    bare.map(OTHER + 0x1000, 0)
    before = bytes(bare.ram[OTHER : OTHER + 0x1000])
    assert trap(bare, code, rbx=OTHER + 0x1000 - split, rax=0x0102030405060708) == (14, error | FROM_USER, 0)
    assert bare.cpu.state.cr2 == OTHER + 0x1000
    assert bare.ram[OTHER : OTHER + 0x1000] == before and bare.read("rax") == 0x0102030405060708


def test_a_repeated_instruction_faults_with_its_registers_at_the_faulting_element(bare):
    assert trap(bare, "f348ab", rdi=DATA + 0xFF0, rcx=100) == (14, WRITE | PROTECTED | FROM_USER, 0)
    assert (bare.read("rdi"), bare.read("rcx"), bare.cpu.state.cr2) == (SUPERVISOR, 98, SUPERVISOR)


# Addresses that are none.

WILD = (BEYOND, HIGH - 0x100, 0x8000_0000_0000_0000, 0x1234_5678_9ABC_DEF0)


@pytest.mark.parametrize("address", [*WILD, BEYOND - 4])
@pytest.mark.parametrize(
    "code", ["488b03", "488903", "ff23", "ff13", "48 0fc70b", "48a1", "aa", "48a5", "d7", "ff33", "8f03", "0f0113"]
)
def test_no_address_is_a_general_protection_fault(bare, code, address):
    if code == "48a1":
        code += wide(address)
    elif (code in ("aa", "d7") and address == BEYOND - 4) or code == "0f0113":
        address = BEYOND
    start = {"rbx": address, "rdi": address, "rsi": DATA, "rax": 0}
    assert trap(bare, "90" + code, **start) == (13, 0, 1)
    assert {name: bare.read(name) for name in start} == start


@pytest.mark.parametrize("address", WILD)
@pytest.mark.parametrize(
    ("code", "register"),
    [
        ("50", "rsp"), ("58", "rsp"), ("9c", "rsp"), ("9d", "rsp"), ("c3", "rsp"), ("e800000000", "rsp"),
        ("ffd0", "rsp"), ("c9", "rbp"), ("488b0424", "rsp"), ("488b4500", "rbp"), ("48894508", "rbp"),
        ("ff3424", "rsp"), ("48cf", "rsp"), ("c8000000", "rsp"), ("8f0424", "rsp"), ("0fa0", "rsp"), ("6a00", "rsp"),
        ("488b04dd00000000", None),
    ],
)  # fmt: skip
def test_no_address_on_the_stack_is_a_stack_fault(bare, code, register, address):
    start = {register: address + 8 if register == "rsp" else address} if register else {"rbx": address >> 3}
    assert trap(bare, code, **start) == (12 if register else 13, 0, 0)


def test_the_stack_may_end_where_addresses_do(bare):
    assert trap(bare, "50", rsp=BEYOND) == (14, WRITE | FROM_USER, 0)
    assert bare.cpu.state.cr2 == BEYOND - 8
    assert trap(bare, "50", rsp=0) == (14, WRITE | FROM_USER, 0)
    assert bare.cpu.state.cr2 == (1 << 64) - 8


@pytest.mark.parametrize("address", WILD)
@pytest.mark.parametrize("code", ["ffe0", "ffd0", "50c3"])
def test_a_jump_to_no_address_is_a_general_protection_fault(bare, code, address):
    vector, error, rip = trap(bare, code, rax=address)
    assert (vector, error, rip + TEXT & (1 << 64) - 1) == (13, 0, address)


@pytest.mark.parametrize("code", ["9090", "cd80", "0f05", "eb00"])
def test_the_last_page_of_the_lower_half_is_left_at_its_end_alone(bare, code):
    """A kernel never maps it, for `sysret` to what is behind it faults in ring 0."""
    bare.map_far(LAST_PAGE, OTHER | PRESENT | USER)
    bare.write(OTHER + 0xFFE, bytes.fromhex(code))
    stop = bare.resume(rip=BEYOND - 2)
    assert (stop.vector, stop.kind) == {"cd80": (0x80, Kind.TRAP), "0f05": (0, Kind.CALL)}.get(code, (13, Kind.TRAP))
    assert bare.cpu.state.ip == (BEYOND - 2 if code == "9090" else BEYOND)


# Exceptions after exceptions.

FAULTS = {
    "488b0425" + word(MISSING): (14, FROM_USER, 0),
    "48890425" + word(TEXT): (14, WRITE | PROTECTED | FROM_USER, 0),
    "48b8" + wide(BEYOND) + "ff30": (13, 0, 10),
    "48bc" + wide(BEYOND) + "58": (12, 0, 10),
    "f4": (13, 0, 0),
    "31c948f7f1": (0, 0, 2),
    "0f0b": (6, 0, 0),
    "d9e8": (7, 0, 0),
    "b8770000008ed8": (13, 0x74, 5),
    "cd80": (0x80, 0, 2),
    "cd0e": (13, 0x72, 0),
}


def test_a_thousand_faults_in_any_order_are_each_what_they_are(bare):
    choose = random.Random(7)
    for _ in range(1000):
        code = choose.choice(list(FAULTS))
        assert trap(bare, code) == FAULTS[code]


# Software interrupts.


@pytest.mark.parametrize("prefixes", ["", "66", "f3", "48", "2e66", "65f2673e41"])
def test_every_int_without_a_gate_for_users_is_a_general_protection_fault_at_its_start(bare, prefixes):
    for vector in set(range(256)) - {0x80}:
        assert trap(bare, f"90{prefixes}cd{vector:02x}") == (13, vector * 8 + 2, 1), hex(vector)


@pytest.mark.parametrize(
    ("gate", "vector"),
    [(0x6E00, 11), (0x6F00, 11), (0, 13), (0x0E00, 13), (0x8E00, 13), (0xEC00, 13), (0xE500, 13), (0x6500, 13)],
)
@pytest.mark.parametrize("number", [0, 6, 0x80, 255])
def test_an_int_fails_by_kind_then_level_then_presence_of_its_gate(bare, number, gate, vector):
    """A task gate is no kind of gate any more."""
    bare.set_gate(number, gate)
    assert trap(bare, f"90cd{number:02x}") == (vector, number * 8 + 2, 1)
    bare.set_gate(number, 0xEE00 if number == 0x80 else 0x8E00)


def test_every_int_with_a_gate_for_users_traps_behind_itself_without_an_error_code(bare):
    for vector in range(256):
        bare.set_gate(vector, 0xEF00)
        assert trap(bare, f"90cd{vector:02x}") == (vector, 0, 3), hex(vector)
        assert trap(bare, f"9048cd{vector:02x}") == (vector, 0, 4), hex(vector)
        bare.set_gate(vector, 0xEE00 if vector == 0x80 else 0x8E00)


def test_an_int_whose_gate_lies_behind_the_table_is_a_general_protection_fault(bare):
    bare.cpu.system.load_idt(scratch.IDT, 0x80 * 16 + 14)
    assert trap(bare, "cd80") == (13, 0x80 * 8 + 2, 0)
    bare.cpu.system.load_idt(scratch.IDT, 256 * 16 - 1)
    assert trap(bare, "cd80") == (0x80, 0, 2)


def test_int3_needs_a_gate_for_users_and_int1_none(bare):
    assert trap(bare, "90cc") == (13, 3 * 8 + 2, 1)
    bare.set_gate(3, 0xEE00)
    assert trap(bare, "90cc") == (3, 0, 2)
    bare.set_gate(3, 0x8E00)
    assert trap(bare, "f1") == (1, 0, 1)
    assert trap(bare, "48f1") == (1, 0, 2)


# Instructions that user mode must not or can't use.


@pytest.mark.parametrize(
    "code",
    [
        "f4", "fa", "fb", "0f06", "0f08", "0f09", "0f30", "0f32", "0f33", "0f34", "480f34", "0f35", "0f0113", "0f011b",
        "0f013b", "0f01f0", "0f00d0", "0f00d8", "0f22c0", "0f20c0", "0f22d8", "0f20d8", "0f22e0", "0f20e0", "0f23f8",
        "0f21f8", "440f20c0", "440f22c0", "0f01f8", "0f07", "480f07",
    ],
)  # fmt: skip
def test_a_privileged_instruction_is_a_general_protection_fault(bare, code):
    """Among them `swapgs`, `sysret` and the task priority; `sysenter` has no code segment to enter."""
    assert trap(bare, "909090" + code, rax=DATA, rbx=DATA) == (13, 0, 3)


@pytest.mark.parametrize(
    "code",
    [
        "0f0b", "0fb9c0", "0fff", "ffff", "0faa", "8ec8", "f090", "f001c0", "0f01c1", "0f01d0", "0fc7f0", "0fc7f8",
        "0f01f9", "0f24c0", "c4c0", "62c0", "0f01c8", "0f01c9", "8dc0", "f3480faec3", "f3480faecb", "f3480faed3",
        "f3480faedb", "f30faed3",  # `wrfsbase` and its like
        "06", "0e", "16", "1e", "07", "17", "1f", "27", "2f", "37", "3f", "60", "61", "62c0", "82c000", "9a0000000000",
        "ce", "d400", "d500", "ea000001002b00", "c5f857c0", "c4e17857c0",  # not in 64-bit mode
    ],
)  # fmt: skip
def test_an_invalid_instruction_is_an_invalid_instruction_fault(bare, code):
    assert trap(bare, "90" + code, rbx=0x1234) == (6, 0, 1)


def test_an_instruction_of_more_than_15_bytes_is_a_general_protection_fault(bare):
    assert trap(bare, "66" * 15 + "90") == (13, 0, 0)
    assert trap(bare, "66" * 14 + "90cd80") == (0x80, 0, 17)


@pytest.mark.parametrize("code", ["d9e8", "9b", "dbe3", "0fefc0", "0f77", "0fae03", "480fae03"])
def test_floating_point_and_vectors_are_no_device_faults(bare, code):
    assert trap(bare, "90" + code, rbx=DATA) == (7, 0, 1)


@pytest.mark.parametrize("code", ["0f57c0", "66480f6ec0", "0f1003", "f2480f2ac0", "660f3800c0", "450f57c0", "0fae13"])
def test_sse_that_the_kernel_has_not_allowed_is_an_invalid_instruction(bare, code):
    assert trap(bare, "90" + code, rbx=DATA) == (6, 0, 1)


def test_division_faults_at_itself(bare):
    assert trap(bare, "48f7f9", rdx=1) == (0, 0, 0)
    assert trap(bare, "48f7f9", rdx=(1 << 64) - 1, rax=1 << 63, rcx=(1 << 64) - 1) == (0, 0, 0)


# Segments.


@pytest.mark.parametrize("segment", ["8ed8", "8ec0", "8ee0", "8ee8"])  # ds, es, fs, gs
@pytest.mark.parametrize(
    ("selector", "error"),
    [(0, None), (3, None), (0x23, None), (0x2B, None), (0x10, 0x10), (0x08, 8), (0x18, 0x18), (0x30, 0x30),
     (0x47, 0x44), (0x0C, 0x0C), (7, 4), (0xFFFF, 0xFFFC)],
)  # fmt: skip
def test_a_segment_takes_null_and_the_users_selectors_alone(bare, segment, selector, error):
    expected = (0x80, 0, 4) if error is None else (13, error, 0)
    assert trap(bare, segment + "cd80", rax=selector) == expected
    assert trap(bare, segment + "64488b03 65488b03 cd80", rax=selector, rbx=DATA)[0] == expected[0], "no base"


@pytest.mark.parametrize(("selector", "error"), [(0, 0), (3, 0), (0x10, 0x10), (0x20, 0x20), (0x2B, 0x28)])
def test_the_stack_segment_is_the_users_data_and_nothing_else(bare, selector, error):
    assert trap(bare, "8ed0", rax=selector) == (13, error, 0)
    assert trap(bare, "8ed0cd80", rax=0x23) == (0x80, 0, 4)


@pytest.mark.parametrize("selector", [0x08, 0x0B, 0x18, 0x1B, 0x23, 0x30, 0x33, 0x3B, 0x07, 0])
def test_no_far_jump_reaches_other_code_of_32_bits_least(bare, selector):
    """There is no code segment but the two of 64 bits, so no program leaves 64-bit mode."""
    bare.ram[DATA : DATA + 10] = struct.pack("<QH", TEXT, selector)
    error = selector & 0xFFFC
    for code in ("48ff2b", "48ff1b"):  # a jump and a call
        assert trap(bare, code, rbx=DATA) == (13, error, 0)
    assert trap(bare, f"6a{selector:02x} 68{word(TEXT)} 48cb") == (13, error, 7)
    frame = f"6a23 54 68{word(0x202)} 6a{selector:02x} 68{word(TEXT)} 48cf"
    assert trap(bare, frame) == (13, error, 15)


def test_iretq_inside_user_mode_goes_where_it_says_with_the_flags_that_are_allowed(bare):
    frame = f"6a23 68{word(DATA + 0x800)} 68{word(0x3_3AD7)} 6a2b 68{word(TEXT + 0x40)} 48cf"
    bare.write(TEXT + 0x40, bytes.fromhex("cd80"))
    assert trap(bare, frame) == (0x80, 0, 0x42)
    assert (bare.read("rsp"), bare.cpu.state.flags & 0x2_3AD7) == (DATA + 0x800, 0xAD7 & ~0x200 | 0x202)


# Ports.


@pytest.mark.parametrize("memory", [DATA, TEXT, SUPERVISOR, MISSING, DATA + 0xFFF])
@pytest.mark.parametrize("code", ["e460", "66e560", "ec", "ed", "e660", "ee", "ef", "6c", "666d", "6d", "6e", "f36c"])
def test_a_port_instruction_is_a_general_protection_fault_and_changes_no_register(bare, code, memory):
    start = {"rax": 0x1122334455667788, "rbx": 1, "rcx": 5, "rdx": 0x3F8, "rsi": memory, "rdi": memory, "r15": 2}
    assert trap(bare, "9090" + code, **start) == (13, 0, 2)
    assert {name: bare.read(name) for name in start} == start


# Time, flags, single steps.


@pytest.mark.parametrize("code", ["0f31", "480f31", "660f31"])
def test_a_processor_has_no_time_of_its_own(bare, code):
    stop = bare.run("90" + code + "90cd80", rax=(1 << 64) - 1, rdx=(1 << 64) - 1)
    assert (stop.kind, stop.begun, bare.cpu.state.ip) == (Kind.TIME_STAMP, 2, TEXT + 1)
    bare.cpu.finish_time_stamp(0x1_2345_6789_ABCD)
    stop = bare.cpu.go_on(100)
    assert (stop.kind, stop.vector, stop.begun) == (Kind.TRAP, 0x80, 2)
    assert (bare.read("rax"), bare.read("rdx")) == (0x6789_ABCD, 0x12345)


@pytest.mark.parametrize("flags", [0, ARITHMETIC_FLAGS, 0x400, 0x4_0400, 0x801, 0x44, 0x95, 0x20_0000])
def test_flags_are_kept_exactly_over_a_trap_and_a_call(bare, flags):
    for code in ("cd80", "0f05"):
        bare.run(code, rflags=0x202 | flags)
        assert bare.cpu.state.flags == 0x202 | flags


def test_user_mode_can_change_neither_the_interrupt_flag_nor_its_privilege(bare):
    trap(bare, "6802300000" + "9d" + "9c58cd80")
    assert bare.read("rax") == 0x202 and bare.cpu.state.takes_interrupts


def test_the_trap_flag_steps_one_instruction_at_a_time(bare):
    code = "48ffc0" * 4
    assert trap(bare, code, rflags=0x302) == (1, 0, 3)
    for step in (2, 3):
        stop = bare.cpu.go_on(100)
        assert (stop.vector, bare.cpu.state.ip, bare.read("rax")) == (1, TEXT + 3 * step, step)


# Counting.


@pytest.mark.parametrize("code", ["ebfe", "90ebfd", "5058ebfc", "f390ebfc", "0fa2ebfc"])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 1000, 54321])
def test_a_slice_runs_exactly_its_count_of_instructions(bare, code, count):
    stop = bare.run(code, count=count)
    assert (stop.kind, stop.begun) == (Kind.SLICE_END, count + 1)


@pytest.mark.parametrize("count", range(1, 8))
def test_slices_of_any_length_leave_the_same_registers_at_the_same_instruction(bare, count):
    bare.run("48ffc0ebfb", count=count)
    executed = count
    for _ in range(20):
        assert bare.cpu.go_on(count) == (Kind.SLICE_END, count + 1, 0, 0)
        executed += count
        assert (bare.read("rax"), bare.cpu.state.ip) == ((executed + 1) // 2, TEXT + executed % 2 * 3)


@pytest.mark.parametrize("count", [1, 5, 37, 511, 512, 513])
def test_a_repeated_instruction_is_cut_into_slices_and_goes_on(bare, count):
    source, target = bytes(range(256)) * 2, DATA + 0x400
    bare.ram[DATA : DATA + 512] = source
    bare.ram[target : target + 512] = bytes(512)
    stop = bare.run("f3a4cd80", count=count, rsi=DATA, rdi=target, rcx=512)
    executed = 0
    while stop.kind is Kind.SLICE_END:
        executed += stop.begun - 1
        stop = bare.cpu.go_on(count)
    assert (stop.vector, bare.read("rcx"), executed + stop.begun) == (0x80, 0, 514)
    assert bare.ram[target : target + 512] == source


# Code that changes, tables that lead nowhere.


def test_a_program_runs_the_code_it_wrote(bare):
    bare.map(OTHER, OTHER | PRESENT | USER | WRITABLE)
    change = f"c60425{word(OTHER + 9)}07" + "b805000000cd80"  # mov byte [5], 7; mov eax, 5; int 0x80
    assert trap(bare, change, rip=OTHER)[0] == 0x80
    assert bare.read("rax") == 7


@pytest.mark.parametrize("code", ["488b03", "488903", "ffe3"])
def test_a_frame_outside_ram_is_a_clean_panic_and_the_processor_goes_on(code):
    machine = LongBare()
    for frame in (0x4000_0000, 1 << 32, 1 << 36):
        machine.map(OTHER, frame | PRESENT | USER | WRITABLE)
        with pytest.raises(Panic, match="UNMAPPED"):
            machine.run(code, rbx=OTHER)
        assert trap(machine, "90cd80") == (0x80, 0, 3)


@pytest.mark.parametrize("code", ["488b03", "488903", "ffe3"])
def test_a_page_table_outside_ram_is_a_clean_panic(code):
    machine = LongBare()
    struct.pack_into("<Q", machine.ram, scratch.ROOT + 8, 0x5000_0000 | PRESENT | USER | WRITABLE)
    with pytest.raises(Panic, match=r"a page table lies at 0x50000000, where there is no RAM"):
        machine.run(code, rbx=0x80_0000_0000)
    assert trap(machine, "90cd80") == (0x80, 0, 3)


def test_processors_of_both_widths_side_by_side_do_not_see_each_other():
    from machine.bare import Bare

    narrow, machine = Bare(), LongBare()
    narrow.run("40ebfd", count=1)
    machine.run("48ffc0ebfb", count=1)
    for _ in range(10):
        narrow.cpu.go_on(2)
        machine.cpu.go_on(2)
    assert (narrow.read("eax"), machine.read("rax")) == (11, 11)
    assert machine.cpu.engine.uc.reg_read(x86.UC_X86_REG_MSR, EFER) & NO_EXECUTE_ENABLED
    assert machine.read("rsp") == STACK
