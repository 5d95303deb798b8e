"""The programs that fork, fill memory, break rules: in both lives of the kernel, checked, to their end and beyond."""

import re

import pytest

from keelback.cli.libraries import payload_libraries
from keelback.cli.ours import build_python
from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.invariants import check
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.processes.processes import Ending, ProcessState
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.simulated.compiled import CompiledPc
from support import FRAMES_OF_THE_KERNEL, MIB, c_program, console, frames_used, make_pc, payload_programs, sliced

MOST_TRAPS = 20_000
TWINS = ("allocator.py", "forktree.py", "forkexit.py", "cow.py", "bomb.py", "stack.py", "mallocs.py")
SAYS = {
    "allocator": ["allocator: took pages: 40"],
    "allocator 3": ["allocator: took pages: 6"],
    "fork": [f"fork: took pages: {count}" for count in (40, 80, 20, 60)],
    "forktree": ["forktree: we were processes: 8"],
    "forktree 0": ["forktree: we were processes: 1"],
    "forkexit": [],
    "forkexit 100": [],
    "cow": ["cow: parent and child kept apart, pages: 8"],
    "cow 24": ["cow: parent and child kept apart, pages: 24"],
    "bomb": ["bomb: children: 30, last: 31"],
    "liar": ["liar: the kernel believed nothing"],
}
SAYS |= {twin: SAYS[twin.removesuffix(".py")] for twin in TWINS if twin not in ("stack.py", "mallocs.py")}
SAYS["mallocs 1000"] = [
    "mallocs: operations: 1000",
    "mallocs: pages at most: 55",
    "mallocs: percent of them asked for: 86",
    "mallocs: pages left: 0",
    "mallocs: free page frames: as before",
]
SAYS["mallocs.py 500"] = [
    "mallocs: operations: 500",
    "mallocs: pages at most: 47",
    "mallocs: percent of them asked for: 71",
    "mallocs: pages left: 0",
    "mallocs: free page frames: as before",
]


@pytest.fixture(scope="module")
def programs():
    twins = {name: build_python(name, MICROKERNEL.image_base) for name in TWINS}
    return payload_programs() | payload_libraries() | twins


def run_both(programs, *lines, memory=8 * MIB, every=64):
    """Run lines in both lives, the interpreted one checked, invariants too; return that machine, at its end."""
    first = make_pc(*lines, programs=programs, memory=memory)
    members = {"etc/init": "".join(line + "\n" for line in lines).encode(), **programs}
    image = make_image(MICROKERNEL, make_payload(members), compiled(MICROKERNEL))
    second = CompiledPc(MICROKERNEL, image, memory=memory)
    lens = look(MICROKERNEL, first.ram.contents)

    def check_some():
        assert first.traps < MOST_TRAPS, "the programs do not end"
        if first.traps % every == 0:
            check(lens)

    first.after_trap.append(check_some)
    assert compare(first, second).difference is None
    assert first.outcome is Outcome.POWERED_OFF
    check(lens)
    return first


def ended_well(pc, pid=1):
    process = pc.kernel.processes.table[pid]
    return (process.ending, process.exit_status) == (Ending.EXITED, 0)


def only_zombies_of(pc, count):
    """Say whether of all processes only the records of the first ones are left."""
    states = [process.state for process in pc.kernel.processes.table]
    return states[1 : count + 1] == [ProcessState.ZOMBIE] * count and set(states[count + 1 :]) == {ProcessState.FREE}


@pytest.mark.parametrize("line", sliced(SAYS, 6))
def test_each_ends_well_and_leaves_memory_as_it_was(programs, line):
    pc = run_both(programs, line)
    assert console(pc) == SAYS[line]
    assert ended_well(pc) and only_zombies_of(pc, 1)
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL


def killed(pc):
    """Return what the kernel said about each process that it killed, and all other lines."""
    lines = console(pc)
    report = re.compile(r"keelback: process \d+ \([\w.]+\) killed: (.*), instruction at 0x[0-9a-f]{8}")
    deaths = [match[1] for line in lines if (match := report.fullmatch(line))]
    return deaths, [line for line in lines if not report.fullmatch(line)]


@pytest.mark.parametrize("name", sliced(["stack", "stack.py"], 2))
def test_the_stack_grows_to_its_limit_and_no_further(programs, name):
    pc = run_both(programs, name)
    [death], lines = killed(pc)
    assert re.fullmatch(r"page fault: write to 0xffefe[0-9a-f]{3}, the stack is at its limit", death)
    assert lines == ["stack: grew to its limit and no further"]
    assert ended_well(pc) and frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_hostile_instructions_kill_only_their_process(programs):
    pc = run_both(programs, "hostile")
    deaths, lines = killed(pc)
    assert [death.partition(",")[0].partition(":")[0] for death in deaths] == [
        *["general protection fault"] * 13,
        "page fault",
        "invalid instruction",
        "invalid instruction",
        "no floating-point unit",
        "division error",
        "breakpoint",
        "debug trap",
        *["page fault"] * 3,
    ]
    assert lines == ["liar: the kernel believed nothing", "hostile: the kernel stood it all"]
    assert ended_well(pc) and only_zombies_of(pc, 1)
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_a_family_ends_in_every_way(programs):
    pc = run_both(programs, "family")
    deaths, lines = killed(pc)
    assert deaths == ["invalid instruction"]
    assert lines == [
        "hello: I am process 2, and I was told: you are spawned",
        "hello: I am process 3, and I was told: you were somebody else",
        "family: each child ended as it should",
    ]
    assert ended_well(pc) and only_zombies_of(pc, 1)
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL


MANY_REGIONS = """
enum { PAGE = 4096, MANY = 1040, SOME = 65 };

int main(void)
{
    char *memory = (char *)0x50000000;
    struct ending ending;
    int regions = 0, right = 1;

    for (int i = 0; i < MANY; i++)
        regions += sys_map(memory + i * PAGE, PAGE, i % 2 ? CAN_WRITE : CAN_READ) == memory + i * PAGE;
    for (int i = SOME; i < MANY; i += 2 * SOME)
        memory[i * PAGE] = (char)i;
    if (sys_fork_child() == 0) {
        right = sys_unmap(memory + PAGE, MANY / 2 * PAGE) == 0;
        for (int i = SOME; i < MANY; i += 2 * SOME)
            right &= i <= MANY / 2 || memory[i * PAGE] == (char)i;
        sys_exit(right);
    }
    sys_wait(ANY_CHILD, &ending);
    print_number(regions);
    print_number(ending.status);
    print_number(sys_protect(memory, MANY * PAGE, CAN_WRITE));
    for (int i = 0; i < MANY; i += SOME)
        right &= memory[i * PAGE] == (i % 2 ? (char)i : 0);
    memory[2 * PAGE] = 1;
    print_number(right);
    for (int i = 0; i < MANY; i += 2)
        right &= sys_unmap(memory + i * PAGE, PAGE) == 0;
    right &= sys_map(memory, PAGE, CAN_READ) == memory && memory[3 * PAGE] == 0;
    print_number(right);
    print_number(sys_unmap(memory, MANY * PAGE));
    if (sys_fork_child() == 0)
        memory[PAGE] = 1; /* and dies */
    print("\\n");
    return 0;
}
"""


def test_a_program_with_more_than_a_thousand_regions(programs):
    pc = run_both(programs | {"many": c_program(MANY_REGIONS)}, "many", memory=10 * MIB, every=4096)
    deaths, lines = killed(pc)
    assert deaths == ["page fault: write to 0x50001000, not mapped"] and lines == ["104010110"]
    assert ended_well(pc) and frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_processes_share_a_memory_object(programs):
    pc = run_both(programs, "sharing 40")
    assert killed(pc) == ([], ["sharing: 40 values went from one process to another"])
    assert ended_well(pc) and frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_regions_allow_what_was_said(programs):
    pc = run_both(programs, "regions")
    deaths, lines = killed(pc)
    assert deaths == [
        "page fault: write to 0x40001000, protected",
        "page fault: read of 0x40001000, protected",
        "page fault: read of 0x40001000, not mapped",
    ]
    assert lines == ["regions: all was as it should be"]
    assert ended_well(pc) and frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_each_process_has_a_librarys_data_for_itself(programs):
    pc = run_both(programs, "libraries")
    [death], lines = killed(pc)
    assert death.startswith("page fault: fetch from 0x") and death.endswith("not mapped")
    assert lines == ["libraries: each process had its own data"]
    assert ended_well(pc) and only_zombies_of(pc, 1) and frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_frames_prints_the_counts(programs):
    pc = run_both(programs, "frames")
    numbers = {name: int(number) for name, number in re.findall(r"frames: (.*) (\d+)", "\n".join(console(pc)))}
    counts = pc.kernel.memory.frames.counts
    assert len(console(pc)) == 12 and ended_well(pc)
    used = numbers["promised user frames"] + numbers["of processes"]
    assert numbers["free user frames"] + used == counts.user_total
    assert numbers["of zeros"] == 1 and numbers["of several processes"] == 0


# Out of memory, and out of processes.


@pytest.mark.parametrize("name", ["allocator", "allocator.py"])
def test_allocators_share_all_memory_and_go_on_without(programs, name):
    """Each takes pages at its own speed; the last turns find none, and everybody still has what it took."""
    pc = run_both(programs, *[f"{name} 100"] * 4, memory=4 * MIB, every=256)
    assert all(ended_well(pc, pid) for pid in (1, 2, 3, 4))
    taken = [int(number) for number in re.findall(r"took pages: (\d+), then none was left", "\n".join(console(pc)))]
    assert len(taken) == 4 and len(set(taken)) == 4
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL


@pytest.mark.parametrize("name", ["bomb", "bomb.py"])
def test_a_bomb_is_refused_and_memory_is_as_it_was(programs, name):
    pc = run_both(programs, f"{name} 0", memory=4 * MIB)
    [line] = console(pc)
    assert re.fullmatch(r"bomb: children: \d\d, then refused: -4", line)
    assert ended_well(pc) and only_zombies_of(pc, 1)
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_a_bomb_fills_the_process_table(programs):
    pc = make_pc("bomb 0", programs=programs, memory=96 * MIB, check=False)
    pc.boot()
    pc.run()
    assert console(pc) == [f"bomb: children: {MICROKERNEL.processes - 2}, then refused: -5"]
    assert ended_well(pc)


def test_forking_and_exiting_stays_within_little_memory(programs):
    """With allocators beside it some forks are refused; nobody dies for want of memory, and all comes back."""
    pc = run_both(programs, "forkexit 80", "allocator 120", "allocator 120", "bomb 0", memory=4 * MIB, every=256)
    deaths, _ = killed(pc)
    assert deaths == []
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL
    assert only_zombies_of(pc, 4)
