"""What firmware and loader left in the CPU decides nothing: every control and descriptor register is written whole."""

import os
import re
import select
import struct
import time
from pathlib import Path

import pytest
from unicorn import x86_const as x86

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled, kernel_of
from keelback.image.payload import make_payload
from keelback.image.toolchain import assemble, link_flat
from keelback.kernel.layout import MICROKERNEL, with_paging
from keelback.kernel.x86.widths import CONTROL_STATES
from keelback.lang import Panic, address_of
from keelback.machine.compare import compare
from keelback.machine.qemu.qemu import WAIT, Qemu
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.processor import Processor
from support import MIB, c_program, make_pc

MEMORY = 16 * MIB
CODE32 = 0x214
PE, ET, PG = 1 << 0, 1 << 4, 1 << 31
ALL_CR0 = 0x6005_003F  # but paging: caches off, alignment checks, no FPU
ALL_CR4 = 0x7FF  # the bits of a Pentium III, PAE among them
PSE, PAE = 1 << 4, 1 << 5
ALL_FLAGS = 0x24_7CD7  # but trap and interrupts: privilege level 3, nested task, direction, alignment, ID

# What a loader leaves in CR0, CR4 and the flags, and whether paging is on.
LEFT = {
    "nothing": (PE | ET, 0, 2, False),
    "everything but paging": (ALL_CR0, ALL_CR4, ALL_FLAGS, False),
    "PAE": (PE | ET, PAE, 2, False),
    "paging": (PE | ET | PG, PSE, 2, True),
    "paging with PAE": (ALL_CR0 & ~0x6000_0000 | PG, PAE | PSE, ALL_FLAGS, True),
}
CR0, PGE = 0x8001_003B, 0x80
UMIP, SMEP, SMAP = 1 << 11, 1 << 20, 1 << 21
PROGRAM = """
static int ending_of(void (*run)(void))
{
    struct ending ending;
    int child = sys_fork_child();

    if (child == 0) {
        run();
        sys_exit(0);
    }
    sys_wait(child, &ending);
    return ending.how == FAULTED ? ending.status : 0;
}
static void fast(void) { __asm__ volatile("xorl %eax, %eax; xorl %edx, %edx; sysenter"); } /* comes back at 0 */
static void faster(void) { __asm__ volatile("syscall"); }
static void local_data(void) { __asm__ volatile("movl $7, %eax; movl %eax, %ds"); }
static void local_call(void) { __asm__ volatile("lcall $0x0f, $0"); }
static void ask(void) { uint32_t place[2]; __asm__ volatile("sidt %0" : "=m"(place)); }
static void align(void) { __asm__ volatile("pushfl; orl $1 << 18, (%esp); popfl; movl 1(%esp), %eax; int3"); }
int main(void)
{
    void (*runs[])(void) = {fast, faster, local_data, local_call, ask, align};
    int endings[6];
    for (int i = 0; i < 6; i++)
        endings[i] = ending_of(runs[i]);
    for (int i = 0; i < 6; i++) {
        print_number(endings[i]);
        print(i < 5 ? " " : " is what they died of\\n");
    }
    for (;;)
        sys_yield();
}
"""
PRIVILEGED = "14 6 13 13"


def payload_of(left):
    """Return a payload whose first member is the loader's last code."""
    cr0, cr4, flags, paging = LEFT[left]
    object = assemble(
        Path(__file__).with_name("leftovers.S"),
        {"CR0": cr0, "CR4": cr4, "FLAGS": flags, "PAGES": 0x80000 if paging else 0},
    )
    code = link_flat({"leftovers.o": object}, "ENTRY(start) SECTIONS { . = 0; .text : { *(.text*) } }")
    return make_payload({"code": code, "etc/init": b"it", "it": c_program(PROGRAM)})


def image_of(left):
    """Return an image, and the address of that code in it."""
    image = make_image(MICROKERNEL, payload_of(left), compiled(MICROKERNEL))
    return image, MICROKERNEL.records_end + 512


@pytest.mark.parametrize(
    ("cpu", "extensions"), [("max", PGE | UMIP | SMEP | SMAP), ("pentium3", PGE), ("pentium2", PGE)]
)
@pytest.mark.parametrize("left", ["everything but paging", "paging with PAE"])
def test_on_qemu_the_registers_are_the_same_whatever_was_left(left, cpu, extensions):
    image, entry = image_of(left)
    file = bytearray(make_image_file(MICROKERNEL, image))
    struct.pack_into("<I", file, CODE32, entry)
    with Qemu(bytes(file), memory=MEMORY, cpu=cpu) as machine:
        text, limit = b"", time.monotonic() + WAIT
        while b"they died of" not in text:
            assert select.select([machine.process.stdout], [], [], limit - time.monotonic())[0], text
            text += os.read(machine.process.stdout.fileno(), 4096)
        registers = dict(re.findall(r"(CR0|CR4|DR7|EFER|LDT) *= *([0-9a-f]+)", machine.monitor("info registers")))
        machine.process.kill()
    asked = 13 if extensions & UMIP else 0
    assert text.decode().splitlines()[-1] == f"{PRIVILEGED} {asked} 3 is what they died of"
    wanted = {"CR0": CR0, "CR4": extensions, "DR7": 0x400, "EFER": 0, "LDT": 0}
    assert {name: int(value, 16) for name, value in registers.items()} == wanted


def state_of(processor: Processor):
    """Return what a processor of the simulated PC has in the registers that a loader could have left."""
    processor.clean.restore()
    read = processor.engine.uc.reg_read
    controls = (
        processor.system.read_control(each) for each in (x86.UC_X86_REG_CR0, x86.UC_X86_REG_CR4, x86.UC_X86_REG_DR7)
    )
    msrs = (read(x86.UC_X86_REG_MSR, number) for number in (0x174, 0x175, 0x176))
    _, base, limit, _ = read(x86.UC_X86_REG_LDTR)
    return (*controls, *msrs, base, limit)


WANTED = (CR0, PGE, 0x400, 0x08, address_of(kernel_of(MICROKERNEL)[0].first_cpu.task), 0x10_0E00, 0, 0)


@pytest.mark.parametrize("left", LEFT)
def test_in_the_compiled_life_too(left):
    image, entry = image_of(left)
    pc = CompiledPc(MICROKERNEL, image, memory=MEMORY)
    assert pc.ring0.start(entry, pc.parameters, pc._waiting_interrupt)
    assert state_of(pc.processor) == WANTED
    pc.begin()
    while b"they died of" not in pc.console:
        pc.step()
    assert f"{PRIVILEGED} 0 3 is what they died of" in pc.console.decode()


@pytest.mark.parametrize("left", ["nothing", "everything but paging", "PAE"])
def test_and_in_the_interpreted_one(left):
    pc = make_pc("it", programs={"it": c_program(PROGRAM)})
    cr0, cr4, _, _ = LEFT[left]
    pc.processor.system.write_control(x86.UC_X86_REG_CR4, cr4)
    pc.processor.system.write_control(x86.UC_X86_REG_CR0, cr0)
    pc.processor.system.write_control(x86.UC_X86_REG_DR7, 0x403)
    pc.processor.system.load_ldt(0x2000, 0xFFFF)
    for register in (0x174, 0x175, 0x176):
        pc.processor.system.write_msr(register, 0x100000)
    pc.boot()
    assert state_of(pc.processor) == WANTED
    while b"they died of" not in pc.console:
        pc.step()
    assert f"{PRIVILEGED} 0 3 is what they died of" in pc.console.decode()


def test_after_reset_the_local_descriptor_table_is_whatever_lies_at_address_0():
    """So that a kernel that loads none is found out: a selector of that table reads page 0, which is not mapped."""
    assert state_of(make_pc("it").processor)[-2:] == (0, 0xFFFF)


def test_both_lives_are_equal_with_everything_written():
    payload = make_payload(
        {"etc/init": b"it", "it": c_program(PROGRAM.replace("for (;;)", "for (int i = 0; i < 3; i++)"))}
    )
    interpreted = InterpretedPc(MICROKERNEL, make_image(MICROKERNEL, payload), memory=MEMORY)
    other = CompiledPc(MICROKERNEL, make_image(MICROKERNEL, payload, compiled(MICROKERNEL)), memory=MEMORY)
    assert compare(interpreted, other).difference is None


# What a CPU has is asked first, and what it refuses is never asked for.


class Says:
    """Hardware of which only CPUID is interesting; notes what is written."""

    def __init__(self, leaves):
        self.leaves, self.written = leaves, []

    def cpuid(self, leaf, which):
        assert leaf <= max(self.leaves[leaf & 0x8000_0000][0], 0x8000_0000 & leaf), "a leaf that the CPU does not have"
        return self.leaves.get(leaf, (0, 0, 0, 0))[which]

    def __getattr__(self, name):
        return lambda *values: self.written.append((name, *values))


def written(*features, more=None, extended=0, signature=0x650, paging="i386"):
    leaves = {0: (7 if more else 2, 0, 0, 0), 1: (signature, 0, 0, sum(1 << each for each in features))}
    leaves |= {7: (0, *more, 0)} if more else {}
    leaves |= {0x8000_0000: (0x8000_0004 if extended else 0x8001_0000, 0, 0, 0), 0x8000_0001: (0, 0, 0, extended)}
    says = Says(leaves)
    layout = with_paging(MICROKERNEL, paging)
    control = CONTROL_STATES[layout.paging.word_bits](says, layout)
    control.start(TASK)
    control.start_paging(0x5000)
    return says.written


FIRST = [("write_cr0", CR0 & ~PG), ("write_cr4", 0), ("write_dr7", 0)]
LAST = [("write_cr3", 0x5000), ("write_cr0", CR0)]
TASK = 0x12_3450
FAST = [("write_msr", 0x174, 0x08), ("write_msr", 0x175, TASK), ("write_msr", 0x176, 0x10_0E00)]
NO_SYSCALL = [("write_msr", 0xC000_0080, 0)]


@pytest.mark.parametrize(
    ("says", "msrs", "cr4"),
    [
        (written(), [], 0),
        (written(13), [], PGE),
        (written(5), [], 0),
        (written(11), [], 0),
        (written(5, 11), FAST, 0),
        (written(5, 11, signature=0x633), FAST, 0),
        (written(5, 11, signature=0x612), [], 0),
        (written(5, 11, signature=0x611), [], 0),
        (written(5, 11, signature=0x543), FAST, 0),
        (written(5, extended=1 << 11), NO_SYSCALL, 0),
        (written(5, extended=1 << 20), NO_SYSCALL, 0),
        (written(5, extended=1 << 29), NO_SYSCALL, 0),
        (written(5, extended=1 << 12), [], 0),
        (written(13, more=(0, 0)), [], PGE),
        (written(13, more=(1 << 7, 0)), [], PGE | SMEP),
        (written(13, more=(1 << 20, 0)), [], PGE | SMAP),
        (written(13, more=(0, 1 << 2)), [], PGE | UMIP),
    ],
)
def test_only_what_cpuid_tells_of_is_written_and_paging_comes_between(says, msrs, cr4):
    assert says == [*FIRST, *msrs, *LAST, ("write_cr4", cr4)]


def test_wide_entries_are_told_before_paging_and_no_execute_where_the_cpu_has_it():
    first, last = [FIRST[0], ("write_cr4", PAE), FIRST[2]], [*LAST, ("write_cr4", PAE | PGE)]
    for extended, msrs in ((0, []), (1 << 11, NO_SYSCALL), (1 << 20, [("write_msr", 0xC000_0080, 1 << 11)])):
        assert written(5, 13, extended=extended, paging="PAE") == [*first, *msrs, *last]


def test_long_mode_stays_on_and_syscall_finds_its_place():
    fast = ("write_msr", 0xC000_0081, 0x001B_0008 << 32), ("write_msr", 0xC000_0082, 0x10_0E00)
    masked = ("write_msr", 0xC000_0084, 0x4_4700)
    last = [*LAST, ("write_cr4", PAE | PGE | SMEP)]
    for extended, efer in ((1 << 29, 0x501), (1 << 29 | 1 << 20, 0xD01)):
        says = written(5, 13, extended=extended, more=(1 << 7, 0), paging="x86-64")
        assert says == [("write_dr7", 0), *fast, masked, ("write_msr", 0xC000_0080, efer), *last]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("write_cr0", [PG], "paging needs protected mode"),
        ("write_cr0", [PE | 1 << 29], "CR0 may not have NW without CD"),
        ("write_cr4", [PGE], "global pages come after paging"),
        ("write_cr4", [1 << 13], "this CPU has no bit 13 of CR4"),
        ("write_cr4", [SMEP], "this CPU has no bit 20 of CR4"),
        ("write_msr", [0x1B, 0], "this CPU has no model-specific register 0x1b"),
        ("write_msr", [0xC000_0080, 0], "this CPU has no model-specific register 0xc0000080"),
        ("load_ldt", [0x30], "selector 0x30 is of no local descriptor table"),
    ],
)
def test_the_simulated_pc_refuses_what_a_cpu_would(name, values, message):
    with pytest.raises(Panic, match=f"^{message} "):
        getattr(make_pc("it"), name)(*values)


def test_the_simulated_pc_refuses_paging_with_pae_left_set():
    pc = make_pc("it")
    pc.boot()
    pc.processor.system.write_control(x86.UC_X86_REG_CR4, PAE)
    with pytest.raises(Panic, match="page-directory pointer 0 is 0x[0-9a-f]+, which has reserved bits"):
        pc.write_cr0(CR0)
    with pytest.raises(Panic, match=r"CR4\.PAE changes while paging is on"):
        pc.write_cr4(0)
