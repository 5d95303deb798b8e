"""Long mode on QEMU: the way into it, descriptors, both kinds of system calls, faults and panics."""

import ctypes
import re
import struct
from functools import cache
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_X86, UC_HOOK_CODE, UC_MODE_64, UC_PROT_ALL, Uc
from unicorn import x86_const as x86

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.linked import make_symbols
from keelback.image.payload import make_payload
from keelback.image.toolchain import X86_64
from keelback.inspect.lens import look
from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.kernel import make_kernel
from keelback.kernel.layout import MICROKERNEL, with_paging
from keelback.kernel.processes.processes import Ending
from keelback.kernel.processes.threads import Thread
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL, TrapFrame, TrapFrame64
from keelback.kernel.x86.vectors import Vector
from keelback.lang import HostObject, Ram, address_of, layout_of, size_of, text_of, view
from keelback.lang.strict import words_of
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.machine.simulated.compiled import CompiledPc
from machine.test_leftovers import Says
from support import MIB, c_program

LAYOUT = with_paging(MICROKERNEL, "x86-64")
STUBS = LAYOUT.kernel_start + 0x1000
PANIC = 0x21636970


def program(text):
    """Return the ELF file of a C program."""
    return c_program(text, LAYOUT.image_base, target=X86_64)


def image_of(**programs):
    init = "".join(f"{name}\n" for name in programs).encode()
    return make_image(LAYOUT, make_payload({"etc/init": init, **programs}), compiled(LAYOUT))


def boot(image, **options):
    """Run an image on QEMU to its end; return the verdict, the console, and the kernel."""
    with Qemu(make_image_file(LAYOUT, image), memory=16 * MIB, **options) as machine:
        verdict = machine.wait()
        return verdict, machine.console.decode("ascii"), look(LAYOUT, machine.ram)


# Records.


class Noting(HostObject, Says):
    """Hardware that a kernel may hold."""


@cache
def started():
    """Return a kernel that has filled in its descriptors, with what it told the CPU."""
    says = Noting({0: (2, 0, 0, 0), 0x8000_0000: (0, 0, 0, 0)})
    kernel = make_kernel(LAYOUT, Ram(LAYOUT.records_end, word_bits=64), says)
    kernel.segments.start(kernel.first_cpu.task, 0)
    kernel.interrupts.start()
    return kernel, says.written


def content(kernel, record):
    return bytes(kernel.spaces.ram.bytes[address_of(record) : address_of(record) + size_of(record)])


def test_descriptors_are_those_that_syscall_and_sysret_count_on():
    kernel, written = started()
    task = address_of(kernel.first_cpu.task)
    assert struct.unpack("<9Q", content(kernel, kernel.segments.table)) == (
        0, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF, 0, 0x00CF_F300_0000_FFFF, 0x00AF_FB00_0000_FFFF,
        0x0000_8900_0000_0067 | (task & 0xFF_FFFF) << 16 | task >> 24 << 56, 0,
        0x0000_F100_0000_0000,
    )  # fmt: skip
    table = address_of(kernel.segments.table)
    assert written[:3] == [("load_gdt", table, 71, 0x08, 0x10), ("load_ldt", 0), ("load_task_register", 0x30)]


def test_the_task_state_has_four_stacks_apart_and_no_ports():
    kernel, _ = started()
    task = content(kernel, kernel.first_cpu.task)
    assert len(task) == 104 and struct.unpack_from("<H", task, 0x66) == (104,)
    double_fault, *others = struct.unpack_from("<7Q", task, 0x24)
    assert double_fault == LAYOUT.records_end and others[3:] == [0, 0, 0]
    assert all(stack % 16 == 0 for stack in others) and others[1] - others[0] == others[2] - others[1] >= 256
    kernel.first_cpu.task.set_trap_stack(0x1234_5670)
    assert struct.unpack_from("<Q", content(kernel, kernel.first_cpu.task), 4) == (0x1234_5670,)


def test_every_gate_leads_to_its_stub_and_some_to_stacks_of_their_own():
    kernel, written = started()
    gates = [*struct.iter_unpack("<HHBBHII", content(kernel, kernel.interrupts.table))]
    assert len(gates) == 256 and written[3] == ("load_idt", address_of(kernel.interrupts.table), 4095)
    stacks = {8: 1, 2: 2, 1: 3, 18: 4}
    for vector, (low, selector, stack, kind, high, top, reserved) in enumerate(gates):
        assert low | high << 16 == STUBS + 16 * vector and (selector, top, reserved) == (0x08, 0, 0)
        assert stack == stacks.get(vector, 0)
        assert kind == (0xEE if vector in (3, 4, 0x80) else 0x8E)


def test_a_trap_frame_has_22_words_and_ends_at_a_multiple_of_16():
    names = [
        *("r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rdi", "rsi", "rbp", "rbx", "rdx", "rcx", "rax"),
        *("vector", "error", "rip", "cs", "rflags", "rsp", "ss"),
    ]
    frame = layout_of(TrapFrame, 64)
    assert frame.struct is TrapFrame64 and frame.size == 176
    assert [(each.name, each.offset) for each in frame.fields] == [(name, 8 * n) for n, name in enumerate(names)]
    thread = layout_of(Thread, 64)
    assert (thread.fields[0].name, thread.fields[1].name, thread.size % 16) == ("frame", "kernel_stack", 0)
    kernel, _ = started()
    assert all(each.trap_stack() % 16 == 0 for each in kernel.threads.table)


# On QEMU.

HELLO = 'int main(void) { print("hello\\n"); return 0; }'


@pytest.mark.parametrize("cpu", ["qemu64", "core2duo", "max", "EPYC"])
def test_it_boots_on_every_cpu_of_64_bits(cpu):
    verdict, console, _ = boot(image_of(hello=program(HELLO)), cpu=cpu)
    assert verdict is Verdict.DONE and console.endswith("hello\n")


@pytest.mark.parametrize(
    ("cpu", "missing"),
    [("pentium3", "has no 64-bit mode"), ("max,-lm", "has no 64-bit mode"), ("486", "can't move by condition")],
)
def test_another_cpu_gets_one_line(cpu, missing):
    with Qemu(make_image_file(LAYOUT, image_of()), memory=16 * MIB, cpu=cpu) as machine:
        assert machine.wait() is Verdict.REFUSED
        line = machine.console.decode("ascii").strip()
        assert line.startswith("keelback: can't start. This CPU ") and missing in line and "\n" not in line


CALLS = """
static uint64_t registers[15];

/* Put a number of its own in each register, make the call, and keep what they have then. */
#define TRY(instruction) \\
    __asm__ volatile( \\
        "pushq %%rbp; pushq %%rbx; " \\
        "movl $1, %%eax; movl $2, %%ebx; movl $3, %%ecx; movl $4, %%edx; movl $5, %%esi; movl $6, %%edi; " \\
        "movl $7, %%ebp; movl $8, %%r8d; movl $9, %%r9d; movl $10, %%r10d; movl $11, %%r11d; movl $12, %%r12d; " \\
        "movl $13, %%r13d; movl $14, %%r14d; movl $15, %%r15d; " instruction "; 1: " \\
        "movq %%rax, registers; movq %%rbx, registers+8; movq %%rcx, registers+16; movq %%rdx, registers+24; " \\
        "movq %%rsi, registers+32; movq %%rdi, registers+40; movq %%rbp, registers+48; movq %%r8, registers+56; " \\
        "movq %%r9, registers+64; movq %%r10, registers+72; movq %%r11, registers+80; movq %%r12, registers+88; " \\
        "movq %%r13, registers+96; movq %%r14, registers+104; movq %%r15, registers+112; " \\
        "leaq 1b(%%rip), %%rax; cmpq %%rax, %%rcx; sete next; popq %%rbx; popq %%rbp" \\
        : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory")

uint8_t next;

static void say(const char *name)
{
    print(name);
    for (int i = 0; i < 15; i++) {
        print(" ");
        print_unsigned((uint32_t)registers[i]);
    }
    print(next ? " next\\n" : "\\n");
}

int main(void)
{
    TRY("int $0x80");
    say("int");
    TRY("syscall");
    say("syscall");
    TRY("movl $99, %%eax; syscall");
    say("unknown");
    TRY("pushfq; orq $0x400, (%%rsp); popfq; syscall; pushfq; popq %%r15; cld");
    say("direction");
    TRY("pushfq; orq $0x44000, (%%rsp); popfq; syscall; pushfq; popq %%r15; pushq $0x202; popfq");
    say("nested");
    TRY("movl $0x23, %%edx; movl %%edx, %%ds; movl %%edx, %%fs; int $0x80; movl %%ds, %%r14d; movl %%fs, %%r15d");
    say("selectors");
    return 0;
}
"""


def test_both_system_calls_keep_all_registers_and_syscall_returns_past_itself():
    verdict, console, _ = boot(image_of(calls=program(CALLS)))
    assert verdict is Verdict.DONE
    lines = dict(line.split(" ", 1) for line in console.splitlines()[1:])
    kept = "2 3 4 5 6 7 8 9 10 11 12 13 14 15"
    assert lines["int"] == f"1 {kept}"
    flags = r"(\d+)"
    syscall = rf"1 2 \d+ 4 5 6 7 8 9 10 {flags} 12 13 14 15 next"
    found = re.fullmatch(syscall, lines["syscall"])
    assert found and int(found[1]) & 0x202 == 0x202
    assert re.fullmatch(r"4294967040|42949\d+ 2 .*", lines["unknown"])
    for name, bits in (("direction", 0x400), ("nested", 0x44000)):
        *_, after = lines[name].removesuffix(" next").split()
        assert int(after) & bits == bits, "the program's flags are its own again"
    assert lines["selectors"].split()[-2:] == ["0", "0"]


ENDS = {
    "null": ("*(volatile int *)0 = 1;", Vector.PAGE_FAULT),
    "kernel": ("*(volatile int *)0x100000 = 1;", Vector.PAGE_FAULT),
    "not_canonical": ('__asm__ volatile("jmp *%0" : : "r"(0x800000000000ul));', Vector.GENERAL_PROTECTION),
    "last_page": ('__asm__ volatile("jmp *%0" : : "r"(0x7ffffffffff0ul));', Vector.PAGE_FAULT),
    "single_step": ('__asm__ volatile("pushfq; orq $0x100, (%rsp); popfq; nop");', Vector.DEBUG),
    "sysret": ('__asm__ volatile("sysretq");', Vector.GENERAL_PROTECTION),
    "swapgs": ('__asm__ volatile("swapgs");', Vector.GENERAL_PROTECTION),
    "sysenter": ('__asm__ volatile("sysenter");', Vector.INVALID_INSTRUCTION),
    "call_32": ('__asm__ volatile("ljmp *(%0)" : : "r"((uint8_t[]){0, 0, 0, 0, 0x1b, 0}));', Vector.GENERAL_PROTECTION),
    "divide": ('__asm__ volatile("divl %0" : : "r"(0), "a"(1), "d"(0));', Vector.DIVISION),
    "int_nmi": ('__asm__ volatile("int $2");', Vector.GENERAL_PROTECTION),
    "data_is_no_text": ("static char code[] = {0xc3}; ((void (*)(void))code)();", Vector.PAGE_FAULT),
}


def test_what_a_program_may_not_do_ends_it_alone():
    programs = {name: program(f"int main(void) {{ {body} return 0; }}") for name, (body, _) in ENDS.items()}
    verdict, console, kernel = boot(image_of(**programs, hello=program(HELLO)))
    assert verdict is Verdict.DONE and "hello\n" in console
    seen = {text_of(each.name): (each.ending, each.fault.vector) for each in kernel.processes.table if each.pid}
    assert seen == {name: (Ending.FAULTED, vector) for name, (_, vector) in ENDS.items()} | {"hello": (1, 0)}


SYSCALL_TRAPPED = """
int main(void)
{
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); movl $1, %%eax; popfq; syscall; nop" : : : "rax", "rcx", "r11");
    return 0;
}
"""


def test_a_trap_flag_does_not_reach_the_kernel_by_syscall():
    verdict, console, _ = boot(image_of(trapped=program(SYSCALL_TRAPPED), hello=program(HELLO)))
    assert verdict is Verdict.DONE and "hello\n" in console and "panic" not in console
    assert "debug trap" in console


# The kernel's own mistakes.


def faulting_image(code):
    """Return an image whose kernel runs some code instead of serving traps, and the address of that."""
    elf = ELFFile(BytesIO(make_symbols(LAYOUT, compiled(LAYOUT))))
    [symbol] = elf.get_section_by_name(".symtab").get_symbol_by_name("kernel_trap")
    image, at = bytearray(image_of(hello=program(HELLO))), symbol["st_value"] - LAYOUT.kernel_start
    image[at : at + len(bytes.fromhex(code))] = bytes.fromhex(code)
    return bytes(image), symbol["st_value"]


def panicked(code):
    """Run an image whose kernel panics; return the report, the record, and where the code is."""
    image, place = faulting_image(code)
    verdict, console, kernel = boot(image)
    assert verdict is Verdict.PANICKED
    _, _, report = console.partition("keelback: kernel panic: ")
    assert kernel.panics.record.happened
    return report.splitlines(), kernel.panics.record, place, kernel


def test_a_fault_of_the_kernel_is_told_with_its_registers():
    report, record, place, _ = panicked("48b8 1032547698badc0e  41bf ddccbbaa  c60425 000000ff 01")
    assert report[0] == "page fault, error code 0x2, address 0xffffffffff000000"
    assert record.frame.instruction() == place + 16 and record.frame.rax == 0x0EDC_BA98_7654_3210
    assert report[-6].startswith("  rax 0x0edcba9876543210  rbx 0x")
    assert report[-1].startswith(f"  r15 0x00000000aabbccdd  rip {place + 16:#018x}  rflags 0x")


def test_a_check_that_fails_is_told_with_its_message_and_line():
    text = LAYOUT.kernel_start + 0x2000
    report, record, *_ = panicked(
        f"b8{struct.pack('<I', PANIC).hex()} bb{struct.pack('<I', text).hex()} ba2a000000 0f0b"
    )
    assert record.message[0] and record.frame.is_failed_check() and record.frame.line() == 42
    assert re.match(r"  at \w+\.py:42 in \w+", report[1])


def test_a_kernel_stack_that_overflows_is_a_double_fault_on_a_stack_of_its_own():
    report, record, place, kernel = panicked("e8fbffffff")
    guard_end = LAYOUT.globals_start + LAYOUT.kernel_stack_slot + 4096  # of the first process's thread
    directory = kernel.processes.table[1].space.directory << 12
    assert report[0] == (
        f"kernel stack overflow: double fault, error code 0x0, address {guard_end - 8:#010x}, cr3 {directory:#010x}"
    )
    assert (record.frame.vector, record.frame.instruction()) == (Vector.DOUBLE_FAULT, place)
    assert record.frame.stack() == guard_end


def test_a_debug_trap_of_the_kernel_is_told_though_its_stack_has_room_for_a_frame_alone():
    report, record, place, _ = panicked("9c 80 4c2401 01 9d 90")  # pushfq; or byte [rsp+1], 1; popfq; nop
    assert report[0] == "debug trap, error code 0x0" and record.frame.instruction() == place + 8


# The return: `sysret` for those frames alone that it can serve.

RETURN = """
#include <stddef.h>

static volatile uint64_t seen[2];

int main(void)
{
    /* rcx and r11 are what `syscall` left in them, or what `iret` restores: 3 and 4 after `int`. */
    __asm__ volatile("movl $1, %%eax; movl $3, %%ecx; movl $4, %%r11d; int $0x80; movq %%rcx, %0; movq %%r11, %1"
                     : "=m"(seen[0]), "=m"(seen[1]) : : "rax", "rcx", "r11");
    print_unsigned((uint32_t)seen[0]);
    print_unsigned((uint32_t)seen[1]);
    print("\\n");
    return 0;
}
"""


FAMILY = """
int main(void)
{
    sys_fork_child();
    for (;;) {
        sys_yield();
        sys_sleep(1);
    }
}
"""


def test_a_frame_that_came_by_syscall_has_place_and_flags_where_sysret_takes_them():
    """A child's too: so the way back need not compare them."""
    pc, marked = CompiledPc(LAYOUT, image_of(it=program(FAMILY)), memory=16 * MIB), 0
    pc.boot()
    kernel = look(LAYOUT, pc.ram.contents)
    while pc.traps < 30:
        pc.step()
        frame = kernel.scheduler.current(kernel.first_cpu).frame
        if frame.error & FROM_FAST_CALL:
            assert (frame.rcx, frame.r11) == (frame.rip, frame.rflags)
            marked += 1
    assert marked > 10


def test_int_comes_back_with_all_registers_and_not_by_sysret():
    _, console, _ = boot(image_of(back=program(RETURN)))
    assert console.endswith("34\n")


@pytest.mark.parametrize(
    ("change", "by_sysret"),
    [
        ({}, True),
        ({"error": 0}, False),
        ({"rip": LAYOUT.user_end, "rcx": LAYOUT.user_end}, False),
        ({"rip": 1 << 47, "rcx": 1 << 47}, False),
        ({"rip": (1 << 64) - 4096, "rcx": (1 << 64) - 4096}, False),
    ],
)
def test_the_rule_for_sysret_holds_for_frames_made_by_hand(change, by_sysret):
    """Run the entry code's end in ring 0 of an emulator that stops at either instruction."""
    image = make_image(LAYOUT, b"", compiled(LAYOUT))
    header = layout_of(ImageHeader)
    (start,) = struct.unpack_from("<I", image, header.field("trap_return").offset)
    ram = Ram(16 * MIB, word_bits=64)
    ram.bytes[LAYOUT.kernel_start : LAYOUT.kernel_start + len(image)] = image
    frame = view(ram, TrapFrame, 0x20_1000)
    with words_of(64):
        frame.start_user(LAYOUT.image_base, LAYOUT.stack_top, 0)
    values = {"error": FROM_FAST_CALL, "rcx": frame.rip, "r11": frame.rflags, "r15": 15, "rax": 99} | change
    for name, value in values.items():
        setattr(frame, name, value)
    uc = Uc(UC_ARCH_X86, UC_MODE_64)
    uc.mem_map_ptr(0, 16 * MIB, UC_PROT_ALL, ctypes.addressof(ctypes.c_char.from_buffer(ram.contents)))
    uc.reg_write(x86.UC_X86_REG_RAX, address_of(frame))
    ended = []

    def stop(uc, address, size, _):
        code = bytes(uc.mem_read(address, 3))
        if code == b"\x48\x0f\x07" or code[:2] == b"\x48\xcf":
            ended.append((code == b"\x48\x0f\x07", uc.reg_read(x86.UC_X86_REG_RSP)))
            uc.emu_stop()

    uc.hook_add(UC_HOOK_CODE, stop)
    uc.emu_start(start, 0, count=100)
    [(sysret, stack)] = ended
    assert sysret is by_sysret
    assert stack == (frame.rsp if sysret else address_of(frame) + 17 * 8)
    assert (uc.reg_read(x86.UC_X86_REG_R15), uc.reg_read(x86.UC_X86_REG_RAX)) == (15, 99)
