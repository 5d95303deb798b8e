"""Virtual-8086 mode, which QEMU and the simulated PC's emulator let ring 3 enter by `iret`, against the manual.

Source: Intel SDM volume 2, IRET (VM counts in ring 0 alone); volume 3, section 20.3.1 (the stack of a trap there).
"""

import re

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.endings import endings
from keelback.inspect.events import Fault
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, USERMODE
from keelback.kernel.x86.trap_frame import FROM_VIRTUAL_8086
from keelback.kernel.x86.vectors import TIMER
from keelback.machine.compare import compare
from keelback.machine.events import listen
from keelback.machine.observed import Outcome
from keelback.machine.qemu.qemu import Qemu, Verdict
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.pc import TIMER_LINE
from support import MIB, c_program, code_program, make_pc

FLAGS = (0, 0x200, 0x100, 0x3000, 0x3200, 0x4000, 0x10200, 0x40400, 0x80200, 0x100200, 0x3F7FD5 & ~(1 << 17))
"""The flags beside VM: interrupts, trap, privilege level, nested task, resume, alignment, virtual interrupts, all."""
SELECTORS = (0, 0x1B, 0xFFFF)

PROGRAM = """
static const uint32_t flags[] = {FLAGS}, selectors[] = {SELECTORS};
static int ends(uint32_t flag, uint32_t selector)
{
    struct ending ending;
    int child = sys_fork_child();

    if (child == 0) {
        __asm__ volatile("pushl $0xffff; pushl $0x1234; pushl $3; pushl $0x23; pushl %0; pushl %%esp; pushl %1;"
                         "pushl %0; pushl $1f; iretl; 1: nop" : : "r"(selector), "r"(flag | 1 << 17));
        return 7;
    }
    sys_wait(child, &ending);
    return ending.how == FAULTED && ending.status == 13;
}
int main(void)
{
    uint32_t well = 0;
    for (size_t i = 0; i < sizeof flags / 4; i++)
        for (size_t j = 0; j < sizeof selectors / 4; j++)
            well += ends(flags[i], selectors[j]);
    print_number(well);
    print(" died\\n");
    return 0;
}
"""


def program(flags=FLAGS, image_base=MICROKERNEL.image_base):
    lists = {"{FLAGS}": flags, "{SELECTORS}": SELECTORS}
    text = PROGRAM
    for name, values in lists.items():
        text = text.replace(name, "{" + ", ".join(map(str, values)) + "}")
    return c_program(text, image_base)


def ends_alone(text, flags=FLAGS):
    """Check what a machine says that ran the program."""
    lines = re.sub(r"process \d+", "process", text).splitlines()[1:]
    died = r"keelback: process \(it\) killed: general protection fault: it entered virtual-8086 mode, instruction at 0x"
    assert lines[-1] == f"{len(flags) * len(SELECTORS)} died"
    assert all(re.match(died, line) for line in lines[:-1]) and len(lines) == 1 + len(flags) * len(SELECTORS)


@pytest.mark.parametrize(("layout", "flags"), [(MICROKERNEL, FLAGS), (USERMODE, FLAGS[-1:])], ids=["one", "other"])
def test_whatever_flags_and_selectors_a_frame_brings_who_enters_the_mode_dies_alone_in_both_lives(layout, flags):
    payload = make_payload({"etc/init": b"it", "it": program(flags, layout.image_base)})
    interpreted = InterpretedPc(layout, make_image(layout, payload), memory=16 * MIB, check=True)
    pc = CompiledPc(layout, make_image(layout, payload, compiled(layout)), memory=16 * MIB)
    assert compare(interpreted, pc).difference is None
    ends_alone(pc.console.decode(), flags)


def test_the_same_on_qemu():
    payload = make_payload({"etc/init": b"it", "it": program()})
    file = make_image_file(MICROKERNEL, make_image(MICROKERNEL, payload, compiled(MICROKERNEL)))
    with Qemu(file, memory=16 * MIB) as machine:
        assert machine.wait() is Verdict.DONE
        ends_alone(machine.console.decode())


ENTER = "6a23 6a23 6a23 6a23 6a23 68eeeeffff 6802020200 6a1b 6800800408 cf"


@pytest.mark.parametrize("life", ["interpreted", "compiled"])
def test_a_tick_that_comes_there_is_served_before_the_process_dies(life):
    """Here the tick comes between the `iret` and the fetch that faults, as it may on QEMU."""
    payload = make_payload({"etc/init": b"it\nstay", "it": code_program(ENTER), "stay": code_program("ebfe")})
    image = make_image(MICROKERNEL, payload, compiled(MICROKERNEL) if life == "compiled" else None)
    pc = (CompiledPc if life == "compiled" else InterpretedPc)(MICROKERNEL, image, memory=8 * MIB)
    pc.boot()
    pc.before_trap.append(lambda: vectors.append(kernel.scheduler.current(kernel.first_cpu).frame.vector))
    vectors, kernel = [], look(MICROKERNEL, pc.ram.contents)

    def tick_first(stop):
        pc.controller.raise_line(TIMER_LINE)
        return pc.controller.acknowledge(TIMER_LINE), 0

    pc._trap = tick_first
    pc.step()
    del pc._trap
    assert (vectors, kernel.timer.clock.ticks) == ([FROM_VIRTUAL_8086 | TIMER], 1)
    assert not pc.controller.in_service
    assert "process 1 (it) killed: general protection fault: it entered virtual-8086 mode" in pc.console.decode()
    pc.step()
    assert (vectors[-1], kernel.timer.clock.ticks) == (TIMER, 2), "the timer goes on"


def test_reports_say_so():
    pc = make_pc("it", programs={"it": code_program(ENTER)})
    pc.boot()
    seen = []
    listen(pc, pc.kernel, seen.append)
    assert pc.run() is Outcome.POWERED_OFF
    [fault] = [each for each in seen if isinstance(each, Fault)]
    assert str(fault) == "general protection fault at 0x00008000, it entered virtual-8086 mode: killed"
    [ending] = endings(pc.kernel, {})
    assert ending.how == "killed: general protection fault, it entered virtual-8086 mode"
