"""Fast calls of 32-bit kernels: whatever a program brings to `sysenter`, it gets what `int` gives it, or dies alone.

Source: Intel SDM volume 2, SYSENTER and SYSEXIT; volume 3, section 17.3.1.4 (single step).
"""

import re
from functools import cache

import pytest

from keelback.cli.ours import build_ours
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, USERMODE, with_paging
from keelback.kernel.x86.control import SYSENTER_CS, SYSENTER_EIP, SYSENTER_ESP
from keelback.kernel.x86.interrupts import FAST_CALL
from keelback.kernel.x86.segments import KERNEL_CODE
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL
from keelback.kernel.x86.vectors import SYSTEM_CALL, TIMER, Vector
from keelback.lang import address_of
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from machine.disturbed import disturb
from support import MIB, c_program, code_program

MEMORY = 16 * MIB
PAE = with_paging(MICROKERNEL, "PAE")
DEBUG, PROTECTION, PAGE_FAULT = 1, 13, 14
WELL = "exited 0"


def killed(vector):
    return f"faulted {vector}"


HERE = "movl %esp, %ecx; movl $1f, %edx; "
FAST = HERE + "sysenter; 1: "
GETPID, YIELD, SLEEP = (f"movl ${number}, %eax; " for number in (1, 2, 5))
EXIT = "movl $3, %eax; xorl %ebx, %ebx; " + FAST
IF_ZERO = "jz 2f; ud2; 2: " + EXIT


def set_flag(number):
    return f"pushfl; orl $1 << {number}, (%esp); popfl; "


def flag_is_gone(number):
    return f"pushfl; popl %eax; testl $1 << {number}, %eax; " + IF_ZERO


def with_selectors(selector, *names):
    return f"movl ${selector}, %eax; " + "".join(f"movl %eax, %{name}; " for name in names)


def selector_is(selector, name):
    return f"movl %{name}, %eax; cmpw ${selector}, %ax; " + IF_ZERO


# What a child does by itself, and how it ends.
ATTEMPTS = {
    "the result": (GETPID + "int $0x80; movl %eax, %edi; " + GETPID + FAST + "subl %edi, %eax; " + IF_ZERO, WELL),
    "an unknown call": ("movl $-1, %eax; " + FAST + "incl %eax; " + IF_ZERO, WELL),
    "registers": (
        "movl $7, %ebx; movl $8, %esi; movl $9, %edi; movl $10, %ebp; " + GETPID + FAST + "subl $7, %ebx;"
        "subl $8, %esi; subl $9, %edi; subl $10, %ebp; orl %ebx, %esi; orl %edi, %ebp; orl %ebp, %esi; " + IF_ZERO,
        WELL,
    ),
    "calls that block": (SLEEP + "movl $1, %ebx; " + FAST + YIELD + FAST + EXIT, WELL),
    "the trap flag": (GETPID + HERE + set_flag(8) + "sysenter; 1: nop; " + EXIT, killed(DEBUG)),
    "the same with int": (GETPID + set_flag(8) + "int $0x80; nop; " + EXIT, killed(DEBUG)),
    "a nested task": (set_flag(14) + GETPID + FAST + flag_is_gone(14), WELL),
    "the direction": (set_flag(10) + GETPID + FAST + flag_is_gone(10), WELL),
    "alignment checks": (set_flag(18) + GETPID + FAST + flag_is_gone(18), WELL),
    "the identification flag": (set_flag(21) + GETPID + FAST + flag_is_gone(21), WELL),
    "all of them": (GETPID + HERE + "pushfl; orl $0x244cd5, (%esp); popfl; sysenter; 1: " + EXIT, WELL),
    "all of them and a step": (
        YIELD + HERE + "pushfl; orl $0x244dd5, (%esp); popfl; sysenter; 1: nop; " + EXIT, killed(DEBUG)
    ),
    "no stack": ("xorl %ecx, %ecx; movl $1f, %edx; " + GETPID + "sysenter; 1: testl %esp, %esp; " + IF_ZERO, WELL),
    "no stack any more": ("xorl %esp, %esp; " + GETPID + FAST + "pushl $0; " + EXIT, killed(PAGE_FAULT)),
    "a stack in the kernel": ("movl $0x100000, %esp; " + GETPID + FAST + "pushl $0; " + EXIT, killed(PAGE_FAULT)),
    "a crooked stack": ("decl %esp; movl %esp, %edi; " + GETPID + FAST + "subl %esp, %edi; " + IF_ZERO, WELL),
    "another stack": ("leal -64(%esp), %ecx; movl $1f, %edx; " + GETPID + "sysenter; 1: addl $64, %esp", "exited 7"),
    "another place": (GETPID + "movl $2f, %edx; movl %esp, %ecx; sysenter; ud2; 2: " + EXIT, WELL),
    "a place in the kernel": (GETPID + "movl $0x100000, %edx; sysenter", killed(PAGE_FAULT)),
    "the way in": (GETPID + f"movl ${MICROKERNEL.kernel_start + FAST_CALL}, %edx; sysenter", killed(PAGE_FAULT)),
    "the last page": (GETPID + "movl $0xfffff000, %edx; sysenter", killed(PAGE_FAULT)),
    "the last byte": (GETPID + "movl $-1, %edx; sysenter", killed(PAGE_FAULT)),
    "nowhere": (GETPID + "xorl %edx, %edx; sysenter", killed(PAGE_FAULT)),
    "no data segments": (with_selectors(0, "ds", "es") + GETPID + FAST + selector_is(0x23, "ds"), WELL),
    "code for data": (with_selectors(0x1B, "ds", "es") + GETPID + FAST + "movl $0, -64(%esp); " + EXIT, WELL),
    "spare selectors": (with_selectors(0, "fs", "gs") + GETPID + FAST + selector_is(0, "gs"), WELL),
    "spare ones after a turn": (
        with_selectors(0, "fs", "gs") + SLEEP + "movl $1, %ebx; " + FAST + selector_is(0x23, "gs"), WELL
    ),
    "sysexit": (HERE + "sysexit; 1: " + EXIT, killed(PROTECTION)),
}  # fmt: skip
PROGRAM = """
#define ATTEMPTS(_) %s
#define FUNCTION(name, code) static int name(void) { __asm__ volatile(code); return 7; }
#define ROW(name, code) {#name, name},
ATTEMPTS(FUNCTION)
static const struct { const char *name; int (*run)(void); } attempts[] = { ATTEMPTS(ROW) };

int main(void)
{
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        struct ending ending;
        int32_t child = sys_fork_child();

        if (child == 0)
            sys_exit(attempts[i].run());
        sys_wait(child, &ending);
        print(attempts[i].name);
        print(ending.how == EXITED ? " exited " : " faulted ");
        print_number(ending.status);
        print("\\n");
    }
    return 0;
}
"""


@cache
def program(image_base):
    rows = " ".join(f'_(attempt_{number}, "{code}")' for number, (code, _) in enumerate(ATTEMPTS.values()))
    return c_program(PROGRAM % rows, image_base)


def image(layout, life, *lines, **programs):
    payload = make_payload({"etc/init": "\n".join(lines or programs).encode(), **programs})
    return make_image(layout, payload, compiled(layout) if life == "compiled" else None)


def machines(*lines, layout=MICROKERNEL, check=False, **programs):
    one, other = (image(layout, life, *lines, **programs) for life in ("interpreted", "compiled"))
    return InterpretedPc(layout, one, memory=MEMORY, check=check), CompiledPc(layout, other, memory=MEMORY)


def ends(text):
    """Return how the children ended, by the names of what they tried."""
    found = dict(re.findall(r"^attempt_(\d+) (.*)$", text.replace("\r", ""), re.MULTILINE))
    assert len(found) == len(ATTEMPTS), text
    return {name: found[str(number)] for number, name in enumerate(ATTEMPTS)}


WANTED = {name: end for name, (_, end) in ATTEMPTS.items()}


@pytest.mark.parametrize("layout", [MICROKERNEL, PAE, USERMODE], ids=["i386", "PAE", "usermode"])
def test_whatever_it_brings_a_program_gets_what_int_gives_or_dies_alone_in_both_lives(layout):
    interpreted, other = machines(layout=layout, check=True, it=program(layout.image_base))
    assert compare(interpreted, other).difference is None
    assert ends(other.console.decode()) == WANTED


@pytest.mark.parametrize("cpu", ["max,-smap", "max", "pentium3"])
@pytest.mark.parametrize("layout", [MICROKERNEL, PAE], ids=["i386", "PAE"])
def test_and_on_qemu(layout, cpu):
    file = make_image_file(layout, image(layout, "compiled", it=program(layout.image_base)))
    with Qemu(file, memory=MEMORY, cpu=cpu) as machine:
        assert machine.wait() is Verdict.DONE, bytes(machine.console)
        assert ends(machine.console.decode()) == WANTED


RECEIVES = """
int main(void)
{
    static struct message got;
    uint32_t endpoint = sys_endpoint_create(64), words[3], came;
    int32_t result;

    if (sys_fork_child() == 0) {
        struct message sent = {.first = 0x11, .second = 0x22, .third = 0x33, .data = "abcde", .length = 5};
        (void)sent;
        return SEND;
    }
    got.buffer = words;
    got.room = sizeof words;
    /* The record is where the call comes back to, so its words, which the kernel leaves alone, are code: push, ret. */
    __asm__ volatile("pushl %%ebp; movb $0x68, (%%edx); movl $1f, 1(%%edx); movb $0xc3, 5(%%edx);"
                     "movl %%esp, %%ecx; sysenter; 1: movl %%ebp, %%ecx; popl %%ebp"
                     : "=a"(result), "=S"(words[0]), "=D"(words[1]), "=c"(words[2]), "=d"(came)
                     : "0"(CALL_RECEIVE), "b"(endpoint | 0x80000000), "d"(&got) : "memory", "cc");
    print_hex(words[0] << 24 | words[1] << 16 | words[2] << 8 | came);
    print("\\n");
    return result;
}
"""


@pytest.mark.parametrize(
    ("send", "received"),
    [
        ("sys_send_message(endpoint, &sent)", "0x11223305"),
        ("sys_send(endpoint, (struct words *)&sent)", "0x11223300"),
        ("sys_signal(endpoint, 0x44)", "0x44000000"),
    ],
)
def test_what_comes_beside_words_comes_in_edx_by_a_fast_call_too(send, received):
    """In the register that says where a fast call goes on: so it comes back as from `int`."""
    program = c_program(RECEIVES.replace("SEND", send))
    interpreted, other = machines(check=True, it=program)
    assert compare(interpreted, other).difference is None
    assert other.console.decode().splitlines()[-1] == received
    with Qemu(make_image_file(MICROKERNEL, image(MICROKERNEL, "compiled", it=program)), memory=MEMORY) as machine:
        assert machine.wait() is Verdict.DONE
        assert received in machine.console.decode()


TRY = "xorl %ecx, %ecx; xorl %edx, %edx; movl $1, %eax; sysenter"
SAYS = """
int main(void)
{
    struct ending ending;
    int32_t child = sys_fork_child();

    if (child == 0) {
        __asm__ volatile("%s");
        return 0;
    }
    sys_wait(child, &ending);
    print_number(ending.how == FAULTED ? ending.status : 0);
    print(" it is\\n");
    return 0;
}
"""


@pytest.mark.parametrize(
    ("cpu", "vector"),
    [
        ("pentium3", PAGE_FAULT),
        ("pentium3,-sep", PROTECTION),  # which QEMU decodes all the same
        ("pentium3,model=1,stepping=2", PROTECTION),  # a Pentium Pro, which says that it has it
        ("pentium3,model=3,stepping=2", PROTECTION),
        ("pentium3,model=3,stepping=3", PAGE_FAULT),
    ],
)
def test_only_a_cpu_that_has_it_enters_the_kernel(cpu, vector):
    file = make_image_file(MICROKERNEL, image(MICROKERNEL, "compiled", it=c_program(SAYS % TRY)))
    with Qemu(file, memory=MEMORY, cpu=cpu) as machine:
        assert machine.wait() is Verdict.DONE
        assert f"{vector} it is" in machine.console.decode()


# One call, by its machine code.

BASE = MICROKERNEL.image_base


def fast(code):
    """Return code, in hexadecimal, with a fast call behind it that goes on right behind itself."""
    length = len(bytes.fromhex(code))
    return code + "89e1 ba" + (BASE + length + 9).to_bytes(4, "little").hex() + "0f34"


GET_ID, END, SPIN = "b801000000", "b803000000 31db cd80", "b910270000 e2fe" + "b803000000 31db cd80"


@pytest.mark.parametrize("number", [0, 1], ids=["interpreted", "compiled"])
def test_a_frame_says_how_its_call_came_and_is_else_that_of_int(number):
    pc = machines(it=code_program(fast(GET_ID) + "31c9 31d2" + GET_ID + "cd80" + END))[number]
    pc.boot()
    kernel, seen = look(MICROKERNEL, pc.ram.contents), []
    frame = kernel.scheduler.current(kernel.first_cpu).frame
    words = ("eax", "ebx", "esi", "edi", "ebp", "unused", "vector", "cs", "ss", "esp")
    pc.before_trap.append(lambda: seen.append([getattr(frame, each) for each in words]))
    pc.before_trap.append(lambda: seen.append([frame.error, frame.eip - BASE, frame.eflags, frame.edx, frame.ecx]))
    assert pc.run() is Outcome.POWERED_OFF
    one, how, other, others_how, *_ = seen
    assert one == other and one[6] == SYSTEM_CALL
    assert how == [FROM_FAST_CALL, 14, 0x202, BASE + 14, one[-1]]
    assert others_how == [0, 25, 0x246, 0, 0]


@pytest.mark.parametrize("number", [0, 1], ids=["interpreted", "compiled"])
def test_the_registers_of_fast_calls_are_written(number):
    pc = machines(it=code_program(END))[number]
    pc.boot()
    task = address_of(pc.kernel.first_cpu.task)
    msrs = [pc.processor.clean.msr(each) for each in (SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP)]
    assert msrs == [KERNEL_CODE, task, MICROKERNEL.kernel_start + FAST_CALL]


MANY = "bf00010000" + fast("bf00010000" + GET_ID)[10:] + "4f 75ef" + END
"""A program that makes 256 calls."""
STEP = "89e1 ba" + (BASE + 18).to_bytes(4, "little").hex() + "9c 810c2400010000 9d 0f34 90" + END
"""One that sets the trap flag right before one."""
STEPS = 60


def test_ticks_come_at_the_same_instruction_in_both_lives_whichever_way_back_was_taken():
    """The two ways back have other lengths, which are no time of the program's."""
    both = fast("31f6 b805000000") + "b805000000 cd80 46 ebe8"
    pcs = machines(one=code_program(both), other=code_program("9090ebfc"))
    seen = {id(pc): [] for pc in pcs}
    for pc in pcs:
        pc.boot()
        kernel = look(MICROKERNEL, pc.ram.contents)

        def note(pc=pc, kernel=kernel):
            frame = kernel.scheduler.current(kernel.first_cpu).frame
            if frame.vector == TIMER:
                seen[id(pc)].append((pc.time, frame.eip, frame.esi))

        pc.before_trap.append(note)
        while pc.traps < 400:
            pc.step()
    one, other = (seen[id(pc)] for pc in pcs)
    assert one == other and len(one) > 3


def test_a_non_maskable_interrupt_at_any_instruction_of_the_kernel_changes_nothing():
    """At the first of `sysenter`'s entry too, in its single step, and between `sti` and `sysexit`."""
    programs = {"many": code_program(MANY), "step": code_program(STEP), "spin": code_program(SPIN)}
    lines = ["many", *["step"] * STEPS, "spin"]
    plain, pc = machines(*lines, **programs)[1], machines(*lines, **programs)[1]
    for each in (plain, pc):
        each.boot()
    taken = disturb(pc, [1 + number % 61 for number in range(100_000)])
    for each in (plain, pc):
        assert each.run() is Outcome.POWERED_OFF
    assert set(range(1, 57)) <= set(taken)
    assert (pc.time, pc.traps) == (plain.time, plain.traps)
    lines = [line for line in pc.console.decode().splitlines() if "non-maskable" not in line]
    assert lines == plain.console.decode().splitlines()
    assert sum("(step) killed: debug trap" in line for line in lines) == STEPS
    assert look(MICROKERNEL, pc.ram.contents).strays.record.counts[Vector.NON_MASKABLE] == len(taken)


def test_one_right_behind_sti_makes_interrupts_wait_until_user_mode():
    pc = machines(it=code_program(MANY))[1]
    pc.boot()
    pc.step()
    state, engine = pc.processor.state, pc.processor.engine
    pc.processor.enter(pc.header.trap_return, pc.frame, 5)  # mov, jmp, test, jz, popa
    before = state.ip
    state.restore()
    engine.run(state.ip, 1)
    state.save()
    assert (state.ip, bool(state.flags & 0x200)) == (before + 1, True)
    pc.ring0.take_non_maskable()
    assert (state.ip, bool(state.flags & 0x200)) == (before, False)


# What the runtimes pick.


def made_fast(pc):
    """Run a machine; return of each system call whether it came by `sysenter`."""
    kernel, seen = look(MICROKERNEL, pc.ram.contents), []

    def note():
        frame = kernel.scheduler.current(kernel.first_cpu).frame
        if frame.vector == SYSTEM_CALL:
            seen.append(frame.error == FROM_FAST_CALL)

    pc.boot()
    pc.before_trap.append(note)
    assert pc.run() is Outcome.POWERED_OFF
    return seen


@pytest.mark.parametrize("name", ["hello", "forkexit", "hello.py", "forkexit.py"])
def test_programs_make_fast_calls_in_both_languages(name):
    calls = made_fast(machines(**build_ours([name], BASE))[0])
    assert len(calls) > 1 and all(calls)


class Without(InterpretedPc):
    """A machine whose CPU says that it has no `sysenter`."""

    def cpuid(self, leaf, register):
        return super().cpuid(leaf, register) & ~((1 << 11) * (leaf == 1 and register == 3))


def test_where_the_cpu_has_none_they_use_int():
    made = image(MICROKERNEL, "interpreted", **build_ours(["hello"], BASE))
    calls = made_fast(Without(MICROKERNEL, made, memory=MEMORY))
    assert len(calls) > 1 and not any(calls)


@pytest.mark.parametrize("cpu", ["pentium3,-sep", "pentium3,model=1,stepping=2", "pentium3", "max"])
def test_programs_run_whether_or_not_the_cpu_has_it(cpu):
    file = make_image_file(MICROKERNEL, image(MICROKERNEL, "compiled", **build_ours(["cow", "hello.py"], BASE)))
    with Qemu(file, memory=MEMORY, cpu=cpu) as machine:
        assert machine.wait() is Verdict.DONE
        lines = machine.console.decode().splitlines()
    assert len(lines) > 2 and any(line.startswith("cow: parent and child kept apart") for line in lines)
    assert not any("killed" in line for line in lines)
