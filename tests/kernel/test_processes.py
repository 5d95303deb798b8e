"""The process table: half-built processes leave no trace, the table fills up and empties."""

from functools import partial

import pytest

from keelback.abi.errors import NoProcessSlot, NoSuchProcess, NotPermitted, OutOfMemory
from keelback.kernel.memory.frames import STACK as STACK_FRAME
from keelback.kernel.processes.processes import ProcessState
from kernel.driven import SMALL, UNUSUAL, Call, Died, driven, in_both_lives
from support import FRAMES_OF_THE_KERNEL, MIB, code_program, console, frames_used, make_pc, run

EXIT = code_program("b80300000031dbcd80")
YIELD_FOREVER = code_program("b802000000cd80ebf7")


def records(kernel):
    return bytes(kernel.spaces.ram.bytes[kernel.layout.text_end : kernel.memory.bounds.zone])


def test_a_process_that_is_discarded_leaves_no_trace(kernel):
    before = records(kernel)
    kernel.processes.discard(kernel.processes.create(0))
    assert records(kernel) == before


@pytest.mark.parametrize("free", range(6))
def test_creating_a_process_without_frames_leaves_no_trace(kernel, free):
    frames = kernel.memory.frames
    while frames.counts.kernel_free > free:
        frames.allocate_kernel(STACK_FRAME)
    before = records(kernel)
    try:
        process = kernel.processes.create(0)
    except OutOfMemory:
        assert free < 2
        assert records(kernel) == before
    else:
        assert free >= 2 and process.pid == 1


def test_spawning_fails_at_every_allocation_and_loses_nothing():
    """Each number of free frames, from none to enough: the spawn fails whole or succeeds whole."""
    pc = make_pc("", programs={"it": EXIT})
    pc.boot()
    kernel, frames = pc.kernel, pc.kernel.memory.frames
    command = kernel.programs.command
    outcomes = []
    for zone in ("user", "kernel"):
        taken = []
        allocate = getattr(frames, f"allocate_{zone}")
        release = frames.release_kernel if zone == "kernel" else partial(frames.drop, holder=STACK_FRAME)
        while getattr(frames.counts, f"{zone}_free"):
            taken.append(allocate(STACK_FRAME))
        while True:
            command.name.set_text("it")
            before = records(kernel)
            try:
                process = kernel.programs.spawn(0, command)
            except OutOfMemory:
                outcomes.append((zone, len(taken)))
                after = records(kernel)
                ignored = slice_of(kernel, kernel.loader.file.image)
                assert [b for i, b in enumerate(before) if i not in ignored] == [
                    b for i, b in enumerate(after) if i not in ignored
                ]
                release(taken.pop())
                continue
            kernel.processes.discard(process)
            break
        while taken:
            release(taken.pop())
    # A page of the image and one of the stack; directory, kernel stack, and tables for image and stack.
    assert [zone for zone, _ in outcomes] == ["user"] * 2 + ["kernel"] * 4
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL


def slice_of(kernel, *scratch):
    """Return the offsets of records that say only what was last looked at."""
    places = [kernel.spaces.access.window_table, kernel.threads.table, *scratch]
    addresses = {each._address for each in places}
    base, offsets = kernel.layout.text_end, set()
    for record in kernel.spaces.ram.records:
        if record.address in addresses:
            offsets |= set(range(record.address - base, record.end - base))
    return offsets


def test_the_table_fills_up_and_the_next_is_refused():
    pc = make_pc(*["it"] * 513, programs={"it": YIELD_FOREVER}, memory=72 * MIB)
    pc.boot()
    assert pc.kernel.processes.counts.alive == 511
    assert console(pc) == ["keelback: can't start it. The process table is full."] * 2
    with pytest.raises(NoProcessSlot):
        pc.kernel.processes.create(0)


def test_five_hundred_processes_come_and_go():
    pc = run(*["it"] * 511, programs={"it": EXIT}, memory=72 * MIB, check=False)
    table = pc.kernel.processes.table
    assert [each.state for each in table] == [ProcessState.FREE] + [ProcessState.ZOMBIE] * 511
    counts = pc.kernel.memory.frames.counts
    assert counts.user_free == counts.user_total


def test_a_number_is_a_place_in_the_table_and_given_when_the_process_starts(kernel):
    first, second = kernel.processes.create(0), kernel.processes.create(0)
    assert (first.pid, second.pid) == (1, 2)
    kernel.processes.discard(first)
    kernel.processes.start(second)
    kernel.processes.discard(kernel.processes.create(0))
    assert kernel.processes.create(0).pid == 3


def ended(machine, pid):
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=pid)


@in_both_lives(SMALL, UNUSUAL)
def test_numbers_go_round_or_the_lowest_is_given(life, layout):
    machine = driven("it", life=life, layout=layout)
    for number in [2] * 8 if layout.lowest_number else [2, 3, 4, 5, 6, 7, 2, 3]:
        assert machine.fork() == number
        ended(machine, number)
        assert machine.call(Call.WAIT, number, 0) == number
    machine.check()


def test_a_number_in_use_is_passed_over_and_the_last_free_one_is_found(life):
    machine = driven("it", life=life)
    assert [machine.fork() for _ in range(7)] == [2, 3, 4, 5, 6, 7, NoProcessSlot.number]
    ended(machine, 4)
    assert machine.fork() == NoProcessSlot.number  # its parent has not waited for it
    assert machine.call(Call.WAIT, 4, 0) == 4
    assert machine.fork() == 4


def test_a_fork_that_fails_gives_no_number_away(life):
    machine = driven("it", life=life)
    machine.kernel.memory.frames.injection.countdown = 1
    assert machine.fork() == OutOfMemory.number
    assert machine.fork() == 2


def test_a_late_kill_of_a_child_that_nobody_waits_for_ends_no_stranger(life):
    machine = driven("it", life=life)
    assert machine.fork() == 2
    assert machine.call(Call.DETACH, pid=2) == 0
    ended(machine, 2)
    assert machine.fork() == 3
    assert machine.call(Call.KILL, 2) == NoSuchProcess.number
    assert machine.is_alive(3)


# The first process.


def test_nobody_can_kill_the_first_process_not_even_itself(life):
    machine = driven("it", "it", life=life)
    for pid in (1, 2):
        assert machine.call(Call.KILL, 1, pid=pid) == NotPermitted.number


@in_both_lives(SMALL, UNUSUAL)
def test_who_gets_the_number_of_the_first_process_later_can_be_killed(life, layout):
    machine = driven("it", "it", life=life, layout=layout)
    assert machine.call(Call.DETACH, pid=1) == 0
    ended(machine, 1)
    while (child := machine.fork(2)) != 1:
        ended(machine, child)
        assert machine.call(Call.WAIT, child, 0, pid=2) == child
    assert machine.call(Call.KILL, 1, pid=2) == 0
    assert machine.call(Call.WAIT, 1, 0, pid=2) == 1
    machine.check()


def test_the_first_process_is_the_first_that_could_be_started(life):
    machine = driven("no", "it", "it", life=life, programs={"no": b"no program"})
    assert machine.call(Call.KILL, 1, pid=2) == NotPermitted.number


def test_a_child_of_the_first_process_is_not_the_first(life):
    machine = driven("it", life=life)
    assert machine.fork() == 2
    ended(machine, 1)
    with pytest.raises(Died):
        machine.call(Call.KILL, 2, pid=2)
