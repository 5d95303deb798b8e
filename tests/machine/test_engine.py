"""The emulator's hidden state is found, not assumed, and no part of a machine outlives or disturbs another."""

import gc
import mmap
import struct
import weakref

import pytest
from unicorn import x86_const as x86

from keelback.machine.simulated import offsets as offsets_module
from keelback.machine.simulated import scratch
from keelback.machine.simulated.engine import OK, Engine, EngineError
from keelback.machine.simulated.models import PENTIUM_III
from keelback.machine.simulated.offsets import cpuid, offsets
from machine.bare import GENERAL, TEXT, Bare, Kind

CONTEXT_REGISTERS = {
    "cs": x86.UC_X86_REG_CS, "ss": x86.UC_X86_REG_SS, "flags": x86.UC_X86_REG_EFLAGS, "ip": x86.UC_X86_REG_EIP,
    "cr2": x86.UC_X86_REG_CR2, "cr3": x86.UC_X86_REG_CR3,
}  # fmt: skip


@pytest.fixture
def flat():
    """Return an engine without paging over one zeroed buffer, and the buffer."""
    ram = mmap.mmap(-1, 0x10000)
    return Engine(ram, len(ram), PENTIUM_III), ram


def test_every_offset_that_the_interface_can_confirm_is_what_the_interface_says():
    machine = Bare()
    machine.run("a1" + struct.pack("<I", scratch.MISSING).hex(), ebx=0x1234, edi=0x9876)
    saved = machine.cpu.state.context
    found = offsets(PENTIUM_III)
    for name, register in CONTEXT_REGISTERS.items():
        place = getattr(found, name)
        assert struct.unpack_from("<I", saved.bytes, place)[0] == machine.cpu.engine.uc.reg_read(register), name
    for name, place in zip(GENERAL, found.general, strict=True):
        register = getattr(x86, f"UC_X86_REG_{name.upper()}")
        assert struct.unpack_from("<I", saved.bytes, place)[0] == machine.cpu.engine.uc.reg_read(register), name


def test_no_two_facts_lie_at_the_same_place():
    found = offsets(PENTIUM_III)
    places = [*found.general, found.ip, found.flags, found.cs, found.ss, found.cr2, found.cr3, found.error]
    places += [found.is_int, found.in_flight]
    assert len(set(places)) == len(places)


def test_offsets_are_found_out_once():
    assert offsets(PENTIUM_III) is offsets(PENTIUM_III)


def test_the_processor_offers_what_the_kernel_is_built_for():
    time_stamp, global_pages, conditional_move = 1 << 4, 1 << 13, 1 << 15
    wanted = time_stamp | global_pages | conditional_move
    assert cpuid(PENTIUM_III, 1)[3] & wanted == wanted


def test_a_fact_that_can_not_be_told_is_an_error(monkeypatch):
    monkeypatch.setattr(offsets_module._Prober, "_after", lambda self, code, **start: self.clean.copy_of())
    with pytest.raises(EngineError, match="can't tell where this Unicorn keeps"):
        offsets_module._Prober(PENTIUM_III).offsets()


def test_instructions_are_counted_exactly_from_the_first_run_on(flat):
    cpu, ram = flat
    ram[0x1000:0x1004] = bytes.fromhex("4040ebfc")
    counter = cpu.counter(offsets(PENTIUM_III).counter)
    for count in (1, 2, 3, 10, 100_000):
        cpu.set_register(x86.UC_X86_REG_EAX, 0)
        assert cpu.run(0x1000, count) == OK
        assert counter.value == count + 1
        assert cpu.uc.reg_read(x86.UC_X86_REG_EAX) == count - count // 3


def test_a_run_may_be_longer_than_32_bits_can_count(flat):
    cpu, ram = flat
    ram[0x1000:0x1005] = bytes.fromhex("9090cd8090")
    assert cpu.run(0x1000, (1 << 32) + 1) == OK
    assert (cpu.caught, cpu.counter(offsets(PENTIUM_III).counter).value) == ({cpu.handle.value: 0x80}, 3)


def test_an_interrupt_ends_the_run_and_is_recorded_alone(flat):
    cpu, ram = flat
    ram[0x1000:0x1004] = bytes.fromhex("cd21cd22")
    cpu.run(0x1000, 10)
    assert list(cpu.caught.values()) == [0x21]
    cpu.run(0x1002, 10)
    assert list(cpu.caught.values()) == [0x22]
    ram[0x1010:0x1012] = b"\xeb\xfe"
    cpu.run(0x1010, 10)
    assert not cpu.caught


def test_a_restored_context_is_the_saved_one(flat):
    cpu, _ = flat
    cpu.set_register(x86.UC_X86_REG_EBX, 0xABCD)
    saved = cpu.new_context()
    cpu.set_register(x86.UC_X86_REG_EBX, 1)
    cpu.restore(saved)
    assert cpu.uc.reg_read(x86.UC_X86_REG_EBX) == 0xABCD
    cpu.set_register(x86.UC_X86_REG_EBX, 2)
    cpu.save(saved)
    assert struct.unpack_from("<I", saved.bytes, offsets(PENTIUM_III).general[GENERAL.index("ebx")])[0] == 2


def test_a_status_has_words(flat):
    assert flat[0].strerror(10) == "Invalid instruction (UC_ERR_INSN_INVALID)"


def test_a_machine_that_nobody_holds_is_freed_with_its_emulator():
    machine = Bare()
    assert machine.run("cd80").kind is Kind.TRAP
    gone = weakref.ref(machine.cpu.engine.uc)
    del machine
    gc.collect()
    assert gone() is None


def test_memory_that_a_processor_uses_can_not_be_closed():
    machine = Bare()
    with pytest.raises(BufferError):
        machine.ram.close()
    assert machine.run("90cd80").vector == 0x80


def test_hooks_outlive_a_collection():
    machine = Bare()
    gc.collect()
    for code, vector in (("cd80", 0x80), ("e460", 13), ("0f34", 13), ("0f05", 6), ("0f0b", 6)):
        assert machine.run(code).vector == vector
        gc.collect()
    assert machine.cpu.state.ip == TEXT
