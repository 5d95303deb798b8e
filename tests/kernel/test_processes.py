"""The process table: half-built processes leave no trace, the table fills up and empties."""

from functools import partial

import pytest

from keelback.kernel.errors import NoProcessSlot, OutOfMemory
from keelback.kernel.processes import ProcessState
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
        frames.allocate_kernel(-1)
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
        release = frames.release_kernel if zone == "kernel" else partial(frames.drop, holder=-1)
        while getattr(frames.counts, f"{zone}_free"):
            taken.append(allocate(-1))
        while True:
            command.name.set_text("it")
            before = records(kernel)
            try:
                process = kernel.programs.spawn(0)
            except OutOfMemory:
                outcomes.append((zone, len(taken)))
                after = records(kernel)
                ignored = slice_of(kernel, kernel.loader.image, kernel.payload.found)
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
    places = [kernel.spaces.window_table, kernel.scheduler.threads, *scratch]
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


def test_pids_are_places_in_the_table_and_the_lowest_is_taken(kernel):
    first, second = kernel.processes.create(0), kernel.processes.create(0)
    assert (first.pid, second.pid) == (1, 2)
    kernel.processes.discard(first)
    assert kernel.processes.create(0).pid == 1
