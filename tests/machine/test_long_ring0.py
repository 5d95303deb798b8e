"""A compiled 64-bit kernel lives on the simulated PC's processor, from its 32-bit entry on: `long_kernel.S`."""

import io
import mmap
import struct
from functools import cache
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from keelback.image.toolchain import X86_64, assemble, link_elf
from keelback.lang import Panic
from keelback.machine.simulated import scratch
from keelback.machine.simulated.boot_loader import BOOT_CODE, DESCRIPTORS
from keelback.machine.simulated.devices import PortBus
from keelback.machine.simulated.models import CORE_2_DUO, EFER
from keelback.machine.simulated.processor import Processor
from keelback.machine.simulated.ring0 import Ring0
from machine.bare import MISSING, STACK, TEXT, Kind
from machine.long_bare import GENERAL, KERNEL_CODE, KERNEL_DATA, TASK, USER_CODE, USER_DATA, write_segments

FRAME_BYTES = 22 * 8
FRAME_END, BOOT_STACK, OTHER_STACK = 0x15000, 0x16000, 0x17000
FRAME = FRAME_END - FRAME_BYTES
PARAMETERS, COUNTED, USER_STACK = 0x18000, 0x18008, 0x18010
NAMES = {
    "ROOT": scratch.ROOT, "KERNEL_CODE": KERNEL_CODE, "KERNEL_DATA": KERNEL_DATA, "USER_CODE": USER_CODE,
    "USER_DATA": USER_DATA, "TASK": TASK, "GDT": scratch.GDT, "IDT": scratch.IDT, "FRAME": FRAME,
    "FRAME_END": FRAME_END, "BOOT_STACK": BOOT_STACK, "PARAMETERS": PARAMETERS, "COUNTED": COUNTED,
    "USER_STACK": USER_STACK,
}  # fmt: skip
BY_CALL = 0x180


@cache
def program():
    """Return the kernel's bytes and its symbols."""
    source = Path(__file__).with_name("long_kernel.S")
    script = f"ENTRY(start) SECTIONS {{ . = {scratch.RING0_CODE:#x}; .text : {{ *(.text*) }} }}"
    linked = link_elf({"kernel.o": assemble(source, NAMES, target=X86_64)}, script, target=X86_64)
    file = ELFFile(io.BytesIO(linked))
    symbols = {each.name: each["st_value"] for each in file.get_section_by_name(".symtab").iter_symbols()}
    return file.get_section_by_name(".text").data(), symbols


class Machine:
    """A machine that is loaded with the kernel and a program, and not started."""

    def __init__(self, code: str, **registers: int) -> None:
        self.ram = mmap.mmap(-1, scratch.SIZE)
        scratch.write_page_tables(self.ram, "x86-64")
        write_segments(self.ram)
        text, self.at = program()
        self.write(scratch.RING0_CODE, text)
        flat = (scratch.descriptor(0, 0xF_FFFF, access, 0xC) for access in (0x9B, 0x93))
        self.pack("4Q", DESCRIPTORS, 0, 0, *flat)
        for vector, name, kind in ((0x80, "by_int", 0xEE00), (2, "by_nmi", 0x8E01), (14, "by_fault", 0x8E00)):
            self.pack("2Q", scratch.IDT + 16 * vector, self.at[name] | KERNEL_CODE << 16 | kind << 32, 0)
        self.pack("Q", scratch.TASK_STATE + 4, FRAME_END)
        self.pack("Q", scratch.TASK_STATE + 0x24, OTHER_STACK)
        self.write(TEXT, bytes.fromhex(code))
        frame = dict.fromkeys(GENERAL, 0) | registers
        self.pack("22Q", FRAME, *frame.values(), 0x80, 0, TEXT, USER_CODE, 0x202, STACK, USER_DATA)
        self.cpu = Processor(memoryview(self.ram), PortBus(), CORE_2_DUO)
        self.ring0 = Ring0(self.cpu, **{name: self.at[name] for name in ("listen", "booted", "leave")})

    def write(self, place, content):
        self.ram[place : place + len(content)] = content

    def pack(self, form, place, *values):
        struct.pack_into(f"<{form}", self.ram, place, *values)

    def frame(self):
        return struct.unpack_from("<22Q", self.ram, FRAME)

    def start(self):
        assert self.ring0.start(scratch.RING0_CODE, 0x1234_5678)
        return self.ring0.begin()

    def enter(self, count=1000):
        return self.cpu.enter(self.at["trap_return"], FRAME, count)

    def serve(self, stop):
        """Deliver what a run stopped at; return the frame that the kernel chooses."""
        if stop.kind is Kind.CALL:
            self.ring0.delivery.enter_by_call()
        else:
            self.ring0.delivery.deliver(stop.vector, stop.error)
        return self.ring0.run_kernel()


def test_the_processor_starts_with_32_bits_and_no_paging():
    machine = Machine("cd80")
    state = machine.cpu.clean
    assert (state.msr(EFER), state.cr0, state.cr4 & ~4) == (0, 0x11, 0)
    assert machine.cpu.walker.scheme.entry_size == 4


def test_a_kernel_switches_itself_from_its_32_bit_entry_into_long_mode():
    machine = Machine("cd80")
    assert machine.start() == FRAME
    assert machine.cpu.clean.msr(EFER) == 0xD01
    assert machine.cpu.clean.selector("cs") == KERNEL_CODE != BOOT_CODE
    assert struct.unpack_from("<I", machine.ram, PARAMETERS) == (0x1234_5678,)
    assert len(machine.cpu.walker.scheme.levels) == 4
    assert machine.ring0.instructions > 30


@pytest.mark.parametrize(("call", "vector", "flags"), [("cd80", 0x80, 0x202), ("0f05", BY_CALL, 0x202)])
def test_a_system_call_is_served_and_its_frame_is_restored(call, vector, flags):
    machine = Machine(f"{call} 4889c3 {call}", rax=7, r15=0xFFFF_0000_1234_5678, rbp=9)
    machine.start()
    stop = machine.enter()
    assert machine.serve(stop) == FRAME
    frame = machine.frame()
    r11, rcx = (flags, TEXT + 2) if vector == BY_CALL else (0, 0)
    assert frame[:11] == (0xFFFF_0000_1234_5678, 0, 0, 0, r11, 0, 0, 0, 0, 0, 9)
    assert frame[11:] == (0, 0, rcx, 1, vector, 0, TEXT + 2, USER_CODE, 0x202, STACK, USER_DATA)
    stop = machine.enter()
    assert (machine.serve(stop), machine.cpu.clean.selector("ss")) == (FRAME, KERNEL_DATA)
    assert machine.frame()[11] == 1, "rbx has what the first call returned"
    assert machine.frame()[17] == TEXT + 7


def test_both_ways_back_keep_the_users_registers_and_flags():
    code = "f9 0f05 4889e3 9c 59 cd80"  # stc; syscall; mov rbx, rsp; pushf; pop rcx
    machine = Machine(code, rax=7)
    machine.start()
    for _ in range(2):
        assert machine.serve(machine.enter()) == FRAME
    frame = machine.frame()
    assert (frame[11], frame[13] & 0xFFF, frame[20]) == (STACK, 0x203, STACK)


def test_a_fault_of_the_program_has_its_error_code_and_address():
    machine = Machine(f"488b0425{struct.pack('<I', MISSING).hex()}", rax=7)
    machine.start()
    assert machine.serve(machine.enter()) == 0
    assert machine.frame()[15:18] == (14, 4, TEXT)
    assert machine.cpu.clean.cr2 == MISSING


def test_a_non_maskable_interrupt_is_counted_on_its_own_stack_and_nobody_notices():
    machine = Machine("90" * 20 + "0f05", rax=7)
    machine.start()
    stop = machine.enter(count=25)
    assert stop.kind is Kind.SLICE_END
    before = machine.cpu.state.general(), machine.cpu.state.ip
    machine.ring0.take_non_maskable()
    assert (machine.cpu.state.general(), machine.cpu.state.ip) == before and machine.cpu.state.in_user_mode
    assert struct.unpack_from("<I", machine.ram, COUNTED) == (1,)
    assert struct.unpack_from("<2Q", machine.ram, OTHER_STACK - 40) == (before[1], USER_CODE)
    assert machine.cpu.go_on(1000).kind is Kind.CALL


def test_time_stamps_and_slices_go_on_as_in_32_bits():
    machine = Machine("0f31 ebfe")
    machine.start()
    assert machine.enter().kind is Kind.TIME_STAMP
    machine.cpu.finish_time_stamp(0x5_0000_0006)
    stop = machine.cpu.go_on(100)
    assert (stop.kind, stop.begun, machine.cpu.state.ax, machine.cpu.state.dx) == (Kind.SLICE_END, 101, 6, 5)


def test_an_exception_of_the_kernel_before_it_has_tables_is_a_reset():
    machine = Machine("cd80")
    machine.write(machine.at["wide"], b"\x0f\x0b")
    with pytest.raises(Panic, match="vector 6 in ring 0 at 0x[0-9a-f]+, error 0x0.*; the processor resets"):
        machine.start()


def test_an_exception_of_the_kernel_goes_to_its_own_gate():
    machine = Machine("cd80")
    machine.write(machine.at["serve"], bytes.fromhex("488b042500004000"))  # a load from 4 MiB
    machine.start()
    with pytest.raises(Panic, match="vector 14 in ring 0"):
        machine.serve(machine.enter())


@pytest.mark.parametrize("rip", [1 << 47, (1 << 64) - (1 << 47) - 1])
@pytest.mark.parametrize("vector", [0x80, BY_CALL])
def test_a_way_back_to_what_is_no_address_is_a_fault_of_ring_0(vector, rip):
    machine = Machine("48b8" + struct.pack("<Q", rip).hex() + "ffe0")
    machine.start()
    machine.pack("Q", FRAME + 13 * 8, TEXT)
    machine.pack("Q", FRAME + 4 * 8, 0x202)
    machine.pack("Q", FRAME + 15 * 8, vector)
    length = next(count for count in range(1, 99) if machine.enter(count) and machine.cpu.state.in_user_mode)
    stop = machine.enter()
    machine.cpu.check_return(stop, length)
    assert (stop.vector, stop.begun, machine.cpu.state.ip) == (13, length + 2, rip), "a jump of the program's"
    machine.pack("3Q", FRAME + 15 * 8, vector, 0, rip)
    machine.pack("Q", FRAME + 13 * 8, rip)
    with pytest.raises(Panic, match="vector 13 in ring 0: it returns to 0x[0-9a-f]+, which is no address"):
        machine.cpu.check_return(machine.enter(), length)
