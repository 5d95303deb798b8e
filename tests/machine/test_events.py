"""Events of programs whose every trap is known, on all machines: what was called, what faulted, what was done."""

from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.toolchain import TARGETS
from keelback.inspect.events import (
    Action,
    Fault,
    Interrupt,
    PageFault,
    Returned,
    SystemCall,
    TrapBegun,
    TrapEnded,
)
from keelback.inspect.lens import look
from keelback.inspect.traps import Registers
from keelback.kernel.layout import MICROKERNEL, USERMODE, with_paging
from keelback.kernel.processes.processes import Access, Reason
from keelback.kernel.x86.trap_frame import TrapFrame
from keelback.kernel.x86.vectors import TIMER, Vector
from keelback.lang import layout_of
from keelback.machine.events import events, listen
from keelback.machine.qemu.observed_qemu import ObservedQemu
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from support import MIB, c_program, make_pc

MEMORY = 8 * MIB
MACHINES = ("interpreted", "compiled", "QEMU")
PLACE, TEXT = 0x5000_0000, MICROKERNEL.image_base
STACK_TOP, STACK_BOTTOM = MICROKERNEL.stack_top, MICROKERNEL.stack_bottom
PROGRAM = f"""
#define PLACE ((volatile char *){PLACE:#x})

static void die(int how)
{{
    switch (how) {{
    case 0: PLACE[0x4000] = 1; break;
    case 1: *(volatile char *){TEXT:#x} = 1; break;
    case 2: (void)*(volatile char *){STACK_BOTTOM - 8:#x}; break;
    case 3: ((void (*)(void))0x1000)(); break;
    case 4: (void)*(volatile char *)0x100000; break;
    case 5: __asm__ volatile("ud2"); break;
    case 6: *(volatile char *){STACK_TOP - 0x5000:#x} = 1; break;
    case 7: sys_malloc_pages(2); sys_free_pages((void *){MICROKERNEL.malloc_base:#x}, 1);
            *(volatile char *){MICROKERNEL.malloc_base:#x} = 1; break;
    }}
}}

int main(const char *argument)
{{
    int32_t child;

    sys_map((void *)PLACE, 0x4000, CAN_WRITE);
    (void)PLACE[0];
    PLACE[0x1000] = 1;
    PLACE[0x10] = 2;
    if ((child = sys_fork_child()) == 0) {{
        PLACE[0x1004] = 3;
        sys_exit(-3);
    }}
    sys_wait(child, NULL);
    PLACE[0x1008] = 4;
    for (int how = 0; how < 8; how++) {{
        if ((child = sys_fork_child()) == 0) {{
            if (*argument == 'd')
                sys_detach();
            die(how);
            sys_exit(0);
        }}
        if (*argument == 'd')
            for (int turn = 0; turn < 4; turn++)
                sys_yield();
        else
            sys_wait(child, NULL);
    }}
    sys_puts("\\377bye\\n", 5);
    sys_puts((const char *)PLACE + 0x4000, 9);
    sys_spawn("nobody", "a \\"b\\"");
    sys_kill(-1);
    sys_exec("last", "");
    return 1;
}}
"""
LAST = "int main(void) { sys_sleep(1); return 0; }"
DEATHS = [
    (PLACE + 0x4000, Access.WRITE, Reason.NOT_MAPPED),
    (TEXT, Access.WRITE, Reason.PROTECTED),
    (STACK_BOTTOM - 8, Access.READ, Reason.STACK_OVERFLOW),
    (0x1000, Access.FETCH, Reason.NOT_MAPPED),
    (0x10_0000, Access.READ, Reason.PROTECTED),
    (MICROKERNEL.malloc_base, Access.WRITE, Reason.NOT_MAPPED),
]
RUNNER = """
int main(void)
{
    volatile unsigned char code[] = {0xc3};  /* ret */

    ((void (*)(void))code)();
    return 0;
}
"""


@cache
def run(name, line):
    """Return all events of a machine of a kind that runs the program."""
    return events_of(name, MICROKERNEL, line, it=c_program(PROGRAM), last=c_program(LAST))


def events_of(name, layout, line, **programs):
    """Return all events of a machine of a kind, with a layout, that runs one of some programs."""
    payload = make_payload({"etc/init": f"{line}\n".encode(), **programs})
    image = make_image(layout, payload, compiled(layout) if name != "interpreted" else None)
    if name == "QEMU":
        machine = ObservedQemu(make_image_file(layout, image), memory=MEMORY)
    else:
        pc = {"interpreted": InterpretedPc, "compiled": CompiledPc}[name]
        machine = nullcontext(pc(layout, image, memory=MEMORY))
    with machine as it:
        return list(events(it))


def faults(found):
    return [each for each in found if isinstance(each, PageFault)]


def said(found, pid):
    """Return what happened to a process, in words, whoever else ran when: a tick may come anywhere on QEMU.

    So a call is told when it returns, frames have no numbers, and who of two that share a page wrote to it first counts
    only where the program sees to it.
    """
    words, waits = [], None
    for each in found:
        if each.pid != pid or isinstance(each, TrapBegun | TrapEnded | Interrupt):
            continue
        if isinstance(each, SystemCall) and not each.is_over:
            waits = each
        elif isinstance(each, Returned):
            words.append(str(replace(waits, result=each.result)))
        elif isinstance(each, PageFault):
            if each.action not in (Action.COPIED, Action.TAKEN_OVER) or PLACE <= each.address < PLACE + 0x4000:
                words.append(str(replace(each, frame=None, before=None)))
        else:
            words.append(str(each))
    return words


@pytest.mark.parametrize("name", MACHINES)
def test_page_faults_say_what_was_touched_and_what_was_done(name):
    placed = [each for each in faults(run(name, "it")) if PLACE <= each.address < PLACE + 0x4000]
    assert [(each.pid, each.address, each.access, each.action) for each in placed] == [
        (1, PLACE, Access.READ, Action.ZERO_PAGE),
        (1, PLACE + 0x1000, Access.WRITE, Action.ZEROS),
        (1, PLACE + 0x10, Access.WRITE, Action.ZEROS),
        (2, PLACE + 0x1004, Access.WRITE, Action.COPIED),
        (1, PLACE + 0x1008, Access.WRITE, Action.TAKEN_OVER),
    ]
    first, second, third, copied, taken = placed
    assert (first.before, second.before, third.before) == (None, None, first.frame)
    assert (copied.before, taken.before, taken.frame) == (second.frame,) * 3
    assert len({first.frame, second.frame, third.frame, copied.frame}) == 4
    [grown] = [each for each in faults(run(name, "it")) if each.action is Action.STACK_GROWN and each.pid > 2]
    assert (grown.address, grown.access) == (STACK_TOP - 0x5000, Access.WRITE)


@pytest.mark.parametrize("line", ["it", "it d"], ids=["waited for", "detached"])
@pytest.mark.parametrize("name", MACHINES)
def test_who_is_killed_is_told_with_the_reason_even_if_no_record_is_left(name, line):
    found = run(name, line)
    killed = [each for each in faults(found) if each.action is Action.KILLED]
    assert [(each.address, each.access, each.reason) for each in killed] == DEATHS
    assert {each.frame for each in killed} == {None}
    [fault] = [each for each in found if isinstance(each, Fault)]
    assert fault.vector == Vector.INVALID_INSTRUCTION and str(fault).endswith(": killed")


@pytest.mark.parametrize("paging", ["PAE", "x86-64"])
@pytest.mark.parametrize("name", MACHINES)
def test_so_is_the_last_process_of_a_fetch_that_is_forbidden(name, paging):
    layout = with_paging(MICROKERNEL, paging)
    runner = c_program(RUNNER, target=TARGETS[layout.paging.word_bits])
    [killed] = [each for each in faults(events_of(name, layout, "runner", runner=runner)) if each.reason]
    assert (killed.action, killed.access, killed.reason) == (Action.KILLED, Access.FETCH, Reason.NOT_EXECUTABLE)
    assert layout.stack_bottom <= killed.address < layout.stack_top


@pytest.mark.parametrize("name", MACHINES)
def test_calls_have_arguments_by_name_and_results_and_errors_by_name(name):
    calls = [each for each in run(name, "it") if isinstance(each, SystemCall)]
    [mapped] = [each for each in calls if each.name == "map"]
    assert {key: each.value for key, each in mapped.arguments.items()} == {
        "address": PLACE, "length": 0x4000, "permissions": 2,
    }  # fmt: skip
    words = [str(each) for each in calls if each.pid == 1 and each.name not in ("fork", "wait")]
    assert words == [
        f"map({PLACE:#x}, 16384, 2) = {PLACE:#x}",
        'puts("\\xffbye\\n", 5) = 5',
        f"puts({PLACE + 0x4000:#x}, 9) = -2: The memory is not the caller's to use.",
        'spawn("nobody", "a \\"b\\"") = -6: There is no program of that name in the payload.',
        "kill(-1) = -9: There is no such process.",
        'exec("last", "")',
        "sleep(1) waits",
        "exit(0)",
    ]
    errors = [each.result.error.__name__ for each in calls if each.result and each.result.error]
    assert errors == ["BadAddress", "NoSuchProgram", "NoSuchProcess"]
    assert ("exit(-3)", 2) in [(str(each), each.pid) for each in calls]


@pytest.mark.parametrize("name", MACHINES[:2])
def test_a_call_that_waits_returns_when_its_thread_runs_again(name):
    found = [each for each in run(name, "it") if each.pid == 1]
    forks = [each.result.value for each in found if isinstance(each, SystemCall) and each.name == "fork"]
    assert forks == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    waits = [str(each) for each in found if isinstance(each, SystemCall | Returned) and each.name in ("wait", "sleep")]
    expected = [line for pid in forks for line in (f"wait({pid}, 0x0) waits", f"wait returns {pid}")]
    assert waits == [*expected, "sleep(1) waits", "sleep returns 0"]


@pytest.mark.parametrize("line", ["it", "it d"])
def test_all_machines_have_the_same_events(line):
    one, other, real = (run(name, line) for name in MACHINES)
    assert one == other, "both lives have the same, in order, with the same frames, at the same time"
    for pid in range(1, 12):
        assert said(real, pid) == said(one, pid), f"process {pid}"
    assert not {each.pid for each in [*one, *real]} - set(range(11))


@pytest.mark.parametrize("name", MACHINES)
def test_each_trap_begins_says_one_thing_and_ends_in_time(name):
    found = run(name, "it")
    kinds = ["begin" if isinstance(each, TrapBegun) else "end" if isinstance(each, TrapEnded) else "what"
             for each in found if not isinstance(each, Returned)]  # fmt: skip
    assert kinds == ["begin", "what", "end"] * (len(kinds) // 3)
    assert all(one.time <= other.time for one, other in pairwise(found))
    ticks = [each for each in found if isinstance(each, Interrupt)]
    assert {each.vector for each in ticks} == {TIMER} and {str(each) for each in ticks} == {"timer"}
    assert any(each.pid == 0 and each.program == "idle" for each in ticks)
    begun = [each for each in found if isinstance(each, TrapBegun) and each.vector == Vector.PAGE_FAULT]
    assert [each.instruction for each in begun] == [each.instruction for each in faults(found)]


@pytest.mark.parametrize("layout", [MICROKERNEL, USERMODE], ids=lambda each: each.name)
def test_listening_changes_nothing(layout):
    def ram(heard):
        pc = make_pc(
            "it", layout=layout, memory=16 * MIB, check=False, programs={"it": c_program(LAST, layout.image_base)}
        )
        if heard is not None:
            listen(pc, look(layout, pc.contents), heard.append)
        pc.boot()
        pc.run()
        return bytes(pc.contents)

    heard = []
    assert ram(heard) == ram(None) and len(heard) > 6


def test_registers_are_the_words_of_a_trap_frame():
    assert Registers._fields == tuple(each.name for each in layout_of(TrapFrame).fields)
