"""More children than a process table holds, and memory after them; `make fuzz` forks far more often."""

import pytest

from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.processes.processes import Ending
from kernel.driven import LIVES, SMALL, make_machine
from support import MIB, c_program, console, frame_at
from user.fork_campaign import memory_of, run_forks

CRASHES = """
/* Fork until refused or there are enough; let all write to address 0; wait, and begin again until all have been. */
int main(const char *argument)
{
    uint32_t left = number_in(argument, 20), most = 0;
    struct ending ending;
    int32_t child = 1;

    while (left > 0) {
        uint32_t now = 0;

        for (child = 1; now < left && child > 0; now += child > 0) {
            child = sys_fork_child();
            if (child == 0)
                *(volatile char *)0 = 1;
        }
        left -= now;
        most = now > most ? now : most;
        for (; sys_wait(ANY_CHILD, &ending) > 0; now--)
            if (ending.how != FAULTED || ending.status != 14)
                sys_panic("a child ended in another way");
        if (now != 0)
            sys_panic("a child got lost");
    }
    print("crashes: at once: ");
    print_unsigned(most);
    print("\\n");
    return 0;
}
"""

HOLDERS = """
/* Fork as often as the argument says; each child waits a while, then exits. */
int main(const char *argument)
{
    uint32_t children = number_in(argument, 300);

    for (uint32_t number = 0; number < children; number++)
        if (sys_fork_child() == 0) {
            sys_sleep(10);
            return 0;
        }
    while (sys_wait(ANY_CHILD, NULL) > 0)
        ;
    return 0;
}
"""


def crash(children, **options):
    """Let so many children die of a fault; return the console's lines, when as much is free as without them."""
    programs = {"crashes": c_program(CRASHES), "nothing": c_program("int main(void) { return 0; }")}
    free = []
    for line in ("nothing", f"crashes {children}"):
        pc = make_machine(line, programs=programs, **options)
        pc.boot()
        pc.run()
        lens = look(pc.layout, pc.ram.contents)
        assert (lens.processes.table[1].ending, lens.processes.table[1].exit_status) == (Ending.EXITED, 0)
        check(lens)
        free.append(memory_of(lens))
    assert free[0] == free[1]
    return console(pc)


@pytest.mark.parametrize("life", LIVES)
def test_more_children_fault_than_a_small_table_holds(life):
    lines = crash(20, life=life, layout=SMALL)
    assert len(lines) == 21 and sum("page fault: write to 0x00000000" in line for line in lines) == 20
    assert lines[-1] == f"crashes: at once: {SMALL.processes - 2}"


def test_more_children_fault_than_the_table_of_the_published_layout_holds():
    lines = crash(520, life="compiled", layout=MICROKERNEL, memory=96 * MIB)
    assert len(lines) == 521 and sum("page fault: write to 0x00000000" in line for line in lines) == 520
    assert lines[-1] == f"crashes: at once: {MICROKERNEL.processes - 2}"


def test_a_frame_that_300_processes_hold_is_counted_up_and_down_as_they_come_and_go():
    programs = {"holders": c_program(HOLDERS)}
    pc = make_machine("holders 310", life="compiled", layout=MICROKERNEL, memory=64 * MIB, programs=programs)
    pc.boot()
    lens = look(pc.layout, pc.ram.contents)
    text = frame_at(lens, lens.processes.table[1].space.directory, MICROKERNEL.image_base)
    seen = []

    def note():
        seen.append((lens.memory.frames.table[text].references, lens.processes.counts.alive))

    pc.after_trap.append(note)
    pc.run()
    assert max(seen) == (311, 311)
    assert all(references == alive for references, alive in seen)
    assert seen[-1] == (0, 0)
    check(lens)


@pytest.mark.parametrize(("life", "forks"), [("interpreted", 100), ("compiled", 200)])
def test_forkexit_leaves_memory_as_it_was(life, forks):
    assert run_forks(life, forks)[0] >= forks
