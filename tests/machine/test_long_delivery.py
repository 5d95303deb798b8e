"""Traps and system calls reach ring 0 in long mode as the manual has it, and its own instructions lead back."""

import struct

import pytest

from keelback.lang import Panic
from keelback.machine.simulated import scratch
from keelback.machine.simulated.long_mode import LongModeDelivery
from keelback.machine.simulated.models import LSTAR, STAR
from machine.bare import PRESENT
from machine.long_bare import (
    CALL_ENTRY,
    KERNEL_CODE,
    KERNEL_DATA,
    MASKED,
    STACK,
    TEXT,
    TRAP_ENTRY,
    USER_CODE,
    USER_DATA,
    LongBare,
)

RSP0, OTHER_STACK, MISSING = 0x15000, 0x17000, 0x40_0000
BEYOND = 0x8000_0000_0000
FLAGS = 0x202
FAULT_ENTRY, DOUBLE_ENTRY = TRAP_ENTRY + 0x100, TRAP_ENTRY + 0x200
ALL_FLAGS = 0x4_0ED7  # but trap, resume and nested task
INTERRUPT, TRAP, FOR_USERS = 0x8E00, 0x8F00, 0x6000


class Kernel(LongBare):
    """A bare processor whose traps are delivered, to entry points that no code is at unless a test puts it there."""

    def __init__(self):
        super().__init__()
        self.delivery = LongModeDelivery(self.cpu)
        for vector in (10, 11, 12, 13, 14):
            self.set_gate(vector, INTERRUPT, entry=FAULT_ENTRY)
        self.set_gate(8, INTERRUPT, entry=DOUBLE_ENTRY)
        self.set_stack(0, RSP0)
        for number in range(1, 8):
            self.set_stack(number, OTHER_STACK + 0x800 * (number - 1))
        self.delivery.note_kernel()

    def set_stack(self, number, pointer):
        place = scratch.TASK_STATE + (4 if number == 0 else 0x24 + 8 * (number - 1))
        struct.pack_into("<Q", self.ram, place, pointer)

    def trap(self, vector, error=0, code="ebfe", count=1, **start):
        """Run user code for some instructions, then let a trap come."""
        self.run(code, count=count, **start)
        self.deliver(vector, error)

    def deliver(self, vector, error=0):
        self.delivery.note_kernel()
        self.delivery.deliver(vector, error)

    def pushed(self, count):
        return struct.unpack_from(f"<{count}Q", self.ram, self.cpu.state.sp)

    def run_ring0(self, address, code, count=None):
        """Run code of ring 0 where the processor stands."""
        content = bytes.fromhex(code)
        self.write(address, content)
        state = self.cpu.state
        state.restore()
        self.cpu.engine.run(state.ip, count or 1)
        state.save()


@pytest.fixture
def kernel():
    return Kernel()


def entered(kernel):
    state = kernel.cpu.state
    return state.ip, state.selector("cs"), state.in_user_mode


@pytest.mark.parametrize(("vector", "errors"), [(0x80, ()), (3, ()), (2, ()), (13, (0x1234,)), (14, (5,)), (8, (0,))])
def test_a_trap_of_user_mode_pushes_where_it_was_with_its_stack_onto_ring_0s(kernel, vector, errors):
    kernel.trap(vector, *errors, rflags=0xAD7)
    state = kernel.cpu.state
    values = (*errors, TEXT, USER_CODE, 0xAD7, STACK, USER_DATA)
    assert kernel.pushed(len(values)) == values
    assert state.sp == RSP0 - 8 * len(values)
    assert entered(kernel) == ({8: DOUBLE_ENTRY}.get(vector, FAULT_ENTRY if errors else TRAP_ENTRY), KERNEL_CODE, False)
    assert state.selector("ss") == 0, "null"
    assert state.flags == 0xAD7 & ~0x200


def test_the_whole_of_rip_rsp_and_the_entry_is_wide(kernel):
    kernel.map_far(BEYOND - 0x2000, 0x13000 | 7)
    kernel.write(0x13000, bytes.fromhex("ebfe"))
    kernel.resume(1, BEYOND - 0x2000, rsp=BEYOND - 0x1008)
    kernel.set_gate(0x90, INTERRUPT, entry=0xFFFF_8123_4567_89AB)
    kernel.deliver(0x90)
    assert kernel.pushed(5) == (BEYOND - 0x2000, USER_CODE, FLAGS, BEYOND - 0x1008, USER_DATA)
    assert kernel.cpu.state.ip == 0xFFFF_8123_4567_89AB


@pytest.mark.parametrize("pointer", range(RSP0 - 17, RSP0 + 1))
def test_a_frame_ends_at_a_multiple_of_16(kernel, pointer):
    kernel.set_stack(0, pointer)
    kernel.trap(0x80)
    assert kernel.cpu.state.sp == (pointer & ~15) - 40
    assert kernel.pushed(1) == (TEXT,)


@pytest.mark.parametrize("number", range(1, 8))
def test_a_gate_changes_to_its_stack_from_either_ring(kernel, number):
    kernel.set_gate(2, INTERRUPT, stack=number)
    kernel.trap(2)
    assert kernel.cpu.state.sp == OTHER_STACK + 0x800 * (number - 1) - 40
    kernel.trap(0x80)
    before = kernel.cpu.state.sp
    kernel.deliver(2)
    assert kernel.cpu.state.sp == OTHER_STACK + 0x800 * (number - 1) - 40
    assert kernel.pushed(5) == (TRAP_ENTRY, KERNEL_CODE, 2, before, 0)


@pytest.mark.parametrize("off", range(0, 16, 4))
def test_a_trap_of_ring_0_pushes_its_stack_too_and_aligns_it(kernel, off):
    kernel.trap(0x80)
    state = kernel.cpu.state
    state.sp -= off
    state.segments[:] = kernel.cpu.clean.segments  # as after a load of ss
    before = state.sp
    kernel.deliver(14, 2)
    assert state.sp == (before & ~15) - 48
    assert kernel.pushed(6) == (2, TRAP_ENTRY, KERNEL_CODE, 2, before, KERNEL_DATA)
    assert (state.selector("ss"), state.ip) == (KERNEL_DATA, FAULT_ENTRY)


@pytest.mark.parametrize(("kind", "interrupts"), [(INTERRUPT, 0), (TRAP, 0x200)])
def test_flags_are_what_the_gate_leaves(kernel, kind, interrupts):
    kernel.set_gate(0x90, kind | FOR_USERS)
    kernel.trap(0x90, rflags=ALL_FLAGS)
    assert kernel.pushed(3)[2] == ALL_FLAGS
    assert kernel.cpu.state.flags == ALL_FLAGS & ~0x200 | interrupts


def test_iretq_of_the_kernel_leads_back_with_all_that_was_pushed(kernel):
    kernel.trap(0x80, code="ebfe4889e090cd80", rflags=0xAD7, rbx=0x1122_3344_5566_7788)
    kernel.run_ring0(TRAP_ENTRY, "48cf")
    state = kernel.cpu.state
    assert (state.ip, state.selector("cs"), state.selector("ss")) == (TEXT, USER_CODE, USER_DATA)
    assert (state.sp, state.flags, state.bx, state.in_user_mode) == (STACK, 0xAD7, 0x1122_3344_5566_7788, True)
    assert kernel.cpu.go_on(5).begun == 6


# Faults while a trap is delivered.


def test_faults_of_a_gate_come_instead_and_tell_its_vector(kernel):
    for gate, vector, error in (
        (0, 13, 0x90 * 8 + 3),
        (0x0E00, 11, 0x90 * 8 + 3),
        (0x8500, 13, 0x90 * 8 + 3),  # a task gate
        (0x8C00, 13, 0x90 * 8 + 3),  # a call gate
    ):
        kernel.set_gate(0x90, gate)
        kernel.trap(0x90)
        assert (kernel.delivery.entered[0], kernel.pushed(2)) == (vector, (error, TEXT)), hex(gate)
    kernel.cpu.system.load_idt(scratch.IDT, 0x90 * 16 + 14)
    kernel.trap(0x90)
    assert (kernel.delivery.entered[0], kernel.pushed(1)) == (13, (0x90 * 8 + 3,))


@pytest.mark.parametrize(
    ("selector", "vector", "error"),
    [(0, 13, 1), (3, 13, 1), (0x10, 13, 0x11), (0x28, 13, 0x29), (0x2B, 13, 0x29), (0x30, 13, 0x31), (0x18, 13, 0x19),
     (0x38, 11, 0x39), (0x48, 13, 0x49), (0x0C, 13, 0x0D), (0x40, 13, 0x41)],
)  # fmt: skip
def test_a_gate_leads_to_64_bit_code_of_ring_0_and_nowhere_else(kernel, selector, vector, error):
    """0x38 is such code that is not present, 0x40 code of 32 bits."""
    absent, narrow = scratch.descriptor(0, 0, 0x1B, 0xA), scratch.descriptor(0, 0xF_FFFF, 0x9B, 0xC)
    struct.pack_into("<2Q", kernel.ram, scratch.GDT + 0x38, absent, narrow)
    kernel.cpu.system.load_gdt(scratch.GDT, 9 * 8 - 1, KERNEL_CODE, KERNEL_DATA)
    kernel.set_gate(0x90, INTERRUPT, code=selector)
    kernel.trap(0x90)
    assert (kernel.delivery.entered[0], kernel.pushed(2)) == (vector, (error, TEXT))


def test_other_64_bit_code_of_ring_0_is_a_panic(kernel):
    struct.pack_into("<Q", kernel.ram, scratch.GDT + 0x38, scratch.descriptor(0, 0, 0x9B, 0xA))
    kernel.set_gate(0x90, INTERRUPT, code=0x38)
    with pytest.raises(Panic, match="selector 0x38 of a gate is not the kernel's"):
        kernel.trap(0x90)


@pytest.mark.parametrize("entry", [BEYOND, 0xFFFF_7FFF_FFFF_FFFF])
def test_a_gate_to_no_address_is_a_general_protection_fault(kernel, entry):
    kernel.set_gate(0x90, INTERRUPT, entry=entry)
    kernel.trap(0x90)
    assert (kernel.delivery.entered[0], kernel.pushed(2)) == (13, (1, TEXT))


def test_a_stack_that_is_no_address_is_a_stack_fault(kernel):
    kernel.set_gate(12, INTERRUPT, stack=2, entry=FAULT_ENTRY)
    kernel.set_stack(0, BEYOND + 0x100)
    kernel.trap(0x80)
    assert (kernel.delivery.entered[0], kernel.pushed(2)) == (12, (0, TEXT))
    kernel.trap(0x90)
    assert kernel.pushed(2) == (1, TEXT), "an interrupt from outside"


@pytest.mark.parametrize(("stack", "error"), [(MISSING, 2), (TEXT + 0x1000, 3)])
def test_a_stack_that_is_not_mapped_or_not_writable_is_a_page_fault(kernel, stack, error):
    kernel.set_gate(14, INTERRUPT, stack=1, entry=FAULT_ENTRY)
    kernel.set_stack(0, stack)
    kernel.trap(0x80)
    assert (kernel.delivery.entered[0], kernel.pushed(2)) == (14, (error, TEXT))
    assert kernel.cpu.state.cr2 == stack - 8


def test_a_fault_in_the_delivery_of_a_fault_is_a_double_fault_on_its_own_stack(kernel):
    kernel.set_gate(8, INTERRUPT, stack=3, entry=DOUBLE_ENTRY)
    kernel.set_stack(0, MISSING)
    kernel.trap(13, 0x77)
    assert (kernel.delivery.entered[0], kernel.cpu.state.ip) == (8, DOUBLE_ENTRY)
    assert kernel.cpu.state.sp == OTHER_STACK + 0x1000 - 48
    assert kernel.pushed(3) == (0, TEXT, USER_CODE)


def test_a_third_fault_is_a_reset(kernel):
    kernel.set_stack(0, MISSING)
    with pytest.raises(Panic, match="the processor resets, for it can't deliver a double fault"):
        kernel.trap(13, 0x77)


def test_a_frame_across_two_pages_is_written_to_both(kernel):
    kernel.map_far(1 << 40, 0x13000 | PRESENT | 2)
    struct.pack_into("<Q", kernel.ram, 0x1C000 + 8, 0x14000 | PRESENT | 2)
    kernel.set_stack(0, (1 << 40) + 0x1010)
    kernel.trap(0x80)
    assert struct.unpack_from("<3Q", kernel.ram, 0x13FE8) == (TEXT, USER_CODE, FLAGS)
    assert struct.unpack_from("<2Q", kernel.ram, 0x14000) == (STACK, USER_DATA)


# System calls.


@pytest.mark.parametrize("rflags", [FLAGS, 0xAD7, FLAGS | MASKED & ~0x4100, 0x20_0202])
def test_a_syscall_has_rcx_r11_the_masked_flags_and_the_users_stack(kernel, rflags):
    kernel.run("0f05", rflags=rflags, rcx=1, r11=2, rdi=3)
    kernel.delivery.note_kernel()
    kernel.delivery.enter_by_call()
    state = kernel.cpu.state
    assert entered(kernel) == (CALL_ENTRY, KERNEL_CODE, False)
    assert (state.cx, state.r11, state.flags) == (TEXT + 2, rflags, rflags & ~MASKED)
    assert (state.sp, state.di, state.selector("ss")) == (STACK, 3, KERNEL_DATA)


@pytest.mark.parametrize("rflags", [FLAGS, 0xAD7])
def test_sysretq_leads_back_behind_the_call(kernel, rflags):
    kernel.run("0f0590cd80", rflags=rflags, rax=0x1234_5678_9ABC)
    kernel.delivery.note_kernel()
    kernel.delivery.enter_by_call()
    kernel.run_ring0(CALL_ENTRY, "480f07")
    state = kernel.cpu.state
    assert (state.ip, state.selector("cs"), state.selector("ss")) == (TEXT + 2, USER_CODE, USER_DATA)
    assert (state.sp, state.flags, state.ax, state.in_user_mode) == (STACK, rflags, 0x1234_5678_9ABC, True)
    stop = kernel.cpu.go_on(10)
    assert (stop.vector, stop.begun, state.ip) == (0x80, 2, TEXT + 5)


def test_ring_0_goes_on_after_a_syscall_with_data_segments_that_work(kernel):
    kernel.run("0f05")
    kernel.delivery.note_kernel()
    kernel.delivery.enter_by_call()
    kernel.run_ring0(CALL_ENTRY, f"48890425{struct.pack('<I', 0x14000).hex()} 4889e1", 2)
    assert struct.unpack_from("<Q", kernel.ram, 0x14000) == (kernel.read("rax"),)
    assert kernel.read("rcx") == STACK


def test_lstar_and_star_are_the_kernels(kernel):
    kernel.cpu.system.write_msr(LSTAR, 0xFFFF_8000_0000_1234)
    kernel.run("0f05")
    kernel.delivery.note_kernel()
    kernel.delivery.enter_by_call()
    assert kernel.cpu.state.ip == 0xFFFF_8000_0000_1234
    kernel.cpu.system.write_msr(STAR, 0x28 << 32)
    kernel.run("0f05")
    with pytest.raises(Panic, match="STAR has selector 0x28 for `syscall`, which is not the kernel's"):
        kernel.delivery.enter_by_call()
