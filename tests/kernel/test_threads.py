"""Threads of a process: how they start, end, and are joined, and what becomes of them when their process ends."""

import struct
from dataclasses import replace

import pytest

from keelback.abi.errors import BadAddress, BadArgument, NoSuchThread, NoThreadSlot, TimedOut
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL, PUBLISHED
from keelback.kernel.processes.processes import Ending, ProcessState, Reason
from keelback.kernel.processes.threads import ThreadState
from keelback.kernel.x86.vectors import Vector
from keelback.lang import address_of, size_of
from kernel.driven import (
    ARGUMENT,
    BSS,
    ENTRY,
    NAME,
    PAGE,
    SMALL,
    STACK,
    TEXT,
    Blocked,
    Call,
    Died,
    driven_threads,
    register,
)
from kernel.mistaken import mistaken
from variants import name_of, variants

TOP = STACK + PAGE - 64


@pytest.fixture
def machine(life):
    """Return a machine with processes 1 and 2, of which the second has threads 2, 3 and 4."""
    made = driven_threads("it", "it", life=life)
    assert [made.start(2), made.start(2)] == [3, 4]
    yield made
    made.check()


def end(machine, number, value=0):
    with pytest.raises(Died):
        machine.call(Call.THREAD_EXIT, value, pid=number)
    machine.check()


def block(machine, number, *request):
    with pytest.raises(Blocked):
        machine.call(*request, pid=number)
    machine.check()


def state(machine, number):
    return machine.lens.threads.table[number].state


def value_at(machine, address, number):
    frame = machine.frame(address, machine.lens.threads.table[number].pid)
    return struct.unpack_from("<I", machine.pc.ram.bytes, (frame << 12) + address % PAGE)[0]


# Starting.


def test_a_thread_starts_at_its_entry_on_its_stack_with_its_argument(life):
    machine = driven_threads("it", life=life)
    assert machine.call(Call.THREAD_CREATE, ENTRY, TOP, 77) == 2
    thread = machine.thread(2)
    assert (register(thread.frame, "ip"), register(thread.frame, "sp")) == (ENTRY, TOP)
    assert register(thread.frame, "ax") == 77 and thread.pid == 1
    machine.check()


@pytest.mark.parametrize(("entry", "stack"), [(0, TOP), (ENTRY, 0), (ENTRY, -4), (MICROKERNEL.user_base - 1, TOP)])
def test_one_that_would_start_outside_user_space_does_not(machine, entry, stack):
    assert machine.call(Call.THREAD_CREATE, entry, stack, 0, pid=2) == BadAddress.number


@variants
def test_threads_share_memory_in_every_layout(layout):
    machine = driven_threads("it", layout=replace(layout, processes=8, threads=12), memory=32 << 20)
    assert machine.start() == 2
    address = BSS + machine.offset
    machine.write(address, 5, 2)
    assert machine.read(address, 1) == 5
    assert [machine.call(Call.THREAD_SELF, pid=number) for number in (1, 2)] == [1, 2]
    assert machine.call(Call.GETPID, pid=2) == 1
    end(machine, 2, 9)
    assert machine.call(Call.THREAD_JOIN, 2, address, 0) == 2
    assert value_at(machine, address, 1) == 9


def test_ids_go_round(machine):
    end(machine, 3)
    assert machine.call(Call.THREAD_JOIN, 3, 0, 0, pid=2) == 3
    assert machine.start(2) == 5
    end(machine, 5)
    assert machine.call(Call.THREAD_JOIN, 5, 0, 0, pid=2) == 5
    assert [machine.start(1) for _ in range(6)] == [6, 7, 8, 9, 10, 11]
    assert machine.start(1) == 3


def test_when_the_table_is_full_nothing_starts(machine):
    assert [machine.start(1) for _ in range(7)] == [5, 6, 7, 8, 9, 10, 11]
    assert machine.start(1) == NoThreadSlot.number
    assert machine.call(Call.FORK, pid=2) == NoThreadSlot.number
    assert machine.call(Call.SPAWN, NAME, ARGUMENT, pid=2) == NoThreadSlot.number
    machine.check()
    end(machine, 7)  # keeps its slot
    assert machine.start(1) == NoThreadSlot.number
    assert machine.call(Call.THREAD_JOIN, 7, 0, 0, pid=1) == 7
    assert machine.start(1) == 7


def test_1024_threads_are_alive_in_one_process():
    machine = driven_threads("it", life="compiled", layout=MICROKERNEL, memory=64 << 20)
    for number in range(2, 1025):
        assert machine.start(1) == number
    assert machine.start(1) == NoThreadSlot.number
    machine.check()
    assert len([each for each in machine.lens.threads.table if each.pid == 1]) == 1024
    assert len({each.kernel_stack for each in machine.lens.threads.table}) == 1025
    with pytest.raises(Died):
        machine.call(Call.EXIT, 5, pid=512)


# Ending and joining.


def test_a_joiner_gets_the_value_of_one_that_ended_before(machine):
    end(machine, 3, 0x1234_5678)
    assert state(machine, 3) == ThreadState.ENDED
    assert machine.call(Call.THREAD_JOIN, 3, BSS, 0, pid=4) == 3
    assert value_at(machine, BSS, 4) == 0x1234_5678
    assert state(machine, 3) == ThreadState.FREE
    assert machine.call(Call.THREAD_JOIN, 3, BSS, 0, pid=4) == NoSuchThread.number


def test_a_joiner_that_waits_is_given_it(machine):
    block(machine, 2, Call.THREAD_JOIN, 3, BSS, 0)
    end(machine, 3, 7)
    assert machine.finish(2) == 3 and value_at(machine, BSS, 2) == 7
    assert state(machine, 3) == ThreadState.FREE


def test_the_first_of_two_joiners_gets_it(machine):
    block(machine, 2, Call.THREAD_JOIN, 3, BSS, 0)
    block(machine, 4, Call.THREAD_JOIN, 3, BSS + 8, 0)
    end(machine, 3, 7)
    assert machine.finish(2) == 3 and machine.finish(4) == NoSuchThread.number
    assert value_at(machine, BSS, 2) == 7 and value_at(machine, BSS + 8, 2) == 0


def test_where_the_first_cannot_take_it_the_next_does(machine):
    block(machine, 2, Call.THREAD_JOIN, 3, TEXT, 0)
    block(machine, 4, Call.THREAD_JOIN, 3, BSS, 0)
    end(machine, 3, 7)
    assert machine.finish(2) == BadAddress.number and machine.finish(4) == 3
    assert value_at(machine, BSS, 2) == 7


def test_where_nobody_can_take_it_it_can_still_be_joined(machine):
    end(machine, 4, 7)
    assert machine.call(Call.THREAD_JOIN, 4, TEXT, 0, pid=2) == BadAddress.number
    assert machine.call(Call.THREAD_JOIN, 4, BSS, 0, pid=2) == 4
    assert value_at(machine, BSS, 2) == 7


@pytest.mark.parametrize(
    ("number", "ticks", "error"),
    [
        (2, 0, BadArgument), (1, 0, NoSuchThread), (5, 0, NoSuchThread), (0, 0, NoSuchThread), (-1, 0, NoSuchThread),
        (12, 0, NoSuchThread), (3, 1 << 31, BadArgument),
    ],
)  # fmt: skip
def test_what_cannot_be_joined_is_refused(machine, number, ticks, error):
    assert machine.call(Call.THREAD_JOIN, number, BSS, ticks, pid=2) == error.number


def test_a_joiner_with_a_deadline_does_not_wait_longer(machine):
    block(machine, 2, Call.THREAD_JOIN, 3, BSS, 3)
    for number, ticks in ((1, 100), (3, 9), (4, 100)):
        assert machine.call(Call.SLEEP, ticks, pid=number) == 0
    machine.run(2)
    assert machine.results.pop(2) == TimedOut.number
    assert machine.call(Call.SLEEP, 20, pid=2) == 0
    end(machine, 3, 7)
    assert machine.call(Call.THREAD_JOIN, 3, BSS, 3, pid=2) == 3


def test_a_thread_that_is_detached_leaves_nothing(machine):
    assert machine.call(Call.THREAD_DETACH, 3, pid=3) == 0
    assert machine.call(Call.THREAD_JOIN, 3, 0, 0, pid=2) == NoSuchThread.number
    assert machine.call(Call.THREAD_DETACH, 3, pid=2) == NoSuchThread.number
    used = machine.used()
    end(machine, 3)
    assert state(machine, 3) == ThreadState.FREE and machine.used()[1] == used[1] - 1


def test_one_that_has_ended_is_freed_when_it_is_detached(machine):
    end(machine, 3)
    assert machine.call(Call.THREAD_DETACH, 3, pid=2) == 0
    assert state(machine, 3) == ThreadState.FREE


def test_detaching_a_thread_refuses_who_waits_to_join_it(machine):
    block(machine, 2, Call.THREAD_JOIN, 3, 0, 0)
    assert machine.call(Call.THREAD_DETACH, 3, pid=4) == 0
    assert machine.finish(2) == NoSuchThread.number


def test_the_last_thread_that_ends_ends_its_process(machine):
    for number in (2, 4):
        end(machine, number, 5)
        assert machine.is_alive(3)
    end(machine, 3, 5)
    process = machine.process(2)
    assert (process.state, process.ending, process.exit_status) == (ProcessState.ZOMBIE, Ending.EXITED, 0)
    assert all(each.pid != 2 for each in machine.lens.threads.table)
    machine.call(Call.GETPID)
    machine.check()


def test_frames_are_as_before_when_threads_have_been_joined(machine):
    machine.write(BSS, 1, 2)
    machine.call(Call.GETPID)
    before = machine.used()
    for _ in range(20):
        made = machine.start(2)
        end(machine, made)
        assert machine.call(Call.THREAD_JOIN, made, 0, 0, pid=2) == made
        assert machine.used() == before


# Ends of processes.


def gone(machine, *numbers):
    """Say whether threads are free, with all they had, after the next trap."""
    machine.call(Call.GETPID)
    machine.check()
    return all(state(machine, number) == ThreadState.FREE for number in numbers)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_exit_of_one_ends_all(machine, number):
    block(machine, 2 if number != 2 else 3, Call.THREAD_JOIN, 4 if number != 4 else 3, 0, 0)
    with pytest.raises(Died):
        machine.call(Call.EXIT, 3, pid=number)
    assert (machine.process(2).ending, machine.process(2).exit_status) == (Ending.EXITED, 3)
    assert gone(machine, 2, 3, 4)


@pytest.mark.parametrize("number", [2, 4])
def test_a_fault_of_one_ends_all_and_names_it(machine, number):
    with pytest.raises(Died):
        machine.write(TEXT, 1, number)
    fault = machine.process(2).fault
    assert (fault.vector, fault.reason, fault.thread) == (Vector.PAGE_FAULT, Reason.PROTECTED, number)
    assert gone(machine, 2, 3, 4)
    said = bytes(machine.pc.console).decode().splitlines()[-1]
    assert said.startswith(f"keelback: process 2 (it), thread {number}, killed: page fault: write to {TEXT:#010x}, ")


def test_a_fault_of_the_only_one_does_not_name_it(machine):
    with pytest.raises(Died):
        machine.write(TEXT, 1, 1)
    assert machine.process(1).fault.thread == 0
    assert b"process 1 (it) killed: page fault" in bytes(machine.pc.console)


WAITS = {
    "ready": (),
    "asleep": (Call.SLEEP, 50),
    "joining": (Call.THREAD_JOIN, 2, 0, 0),
    "joining for a while": (Call.THREAD_JOIN, 2, 0, 50),
    "waiting for a child": (Call.WAIT, -1, 0),
    "ended": (Call.THREAD_EXIT, 0),
}
"""What thread 4 does when its process is ended."""


@pytest.mark.parametrize("does", WAITS)
@pytest.mark.parametrize("how", ["kill", "exit", "exec", "fault"])
def test_a_process_ends_wherever_its_threads_are(machine, does, how):
    child = machine.call(Call.FORK, pid=2)
    machine.park(5)
    assert machine.process(child).parent == 2
    if does == "ended":
        end(machine, 4)
    elif does == "asleep":
        assert machine.call(*WAITS[does], pid=4) == 0
    elif does != "ready":
        block(machine, 4, *WAITS[does])
    if how == "kill":
        assert machine.call(Call.KILL, 2, pid=1) == 0
    elif how == "exec":
        assert machine.call(Call.EXEC, NAME, ARGUMENT, pid=3) == 0
    else:
        with pytest.raises(Died):
            machine.call(Call.EXIT, 1, pid=3) if how == "exit" else machine.write(TEXT, 1, 3)
    machine.check()
    assert gone(machine, 2, 4) and machine.is_alive(3) == (how == "exec")


def test_exec_of_any_thread_leaves_that_one(machine):
    before = machine.thread(3).kernel_stack
    assert machine.call(Call.EXEC, NAME, ARGUMENT, pid=3) == 0
    machine.check()
    assert [each.number for each in machine.lens.threads.table if each.pid == 2] == [3]
    assert machine.thread(3).kernel_stack == before and machine.thread(3).detached is False
    assert machine.start(3) == 5


def test_exec_that_fails_ends_nobody(machine):
    block(machine, 4, Call.THREAD_JOIN, 2, 0, 0)
    assert machine.call(Call.EXEC, BSS, ARGUMENT, pid=3) < 0
    assert [each.number for each in machine.lens.threads.table if each.pid == 2] == [2, 3, 4]
    end(machine, 2)
    assert machine.finish(4) == 2


def test_fork_copies_the_caller_alone(machine):
    machine.write(BSS, 9, 4)
    assert machine.call(Call.FORK, pid=4) == 3
    child = next(each for each in machine.lens.threads.table if each.pid == 3)
    assert child.number == 5 and machine.lens.processes.table[3].threads.last == 5
    machine.park(5)
    assert machine.read(BSS, 5) == 9
    assert machine.call(Call.THREAD_JOIN, 3, 0, 0, pid=5) == NoSuchThread.number
    with pytest.raises(Died):
        machine.call(Call.EXIT, 4, pid=5)
    assert machine.call(Call.WAIT, 3, 0, pid=2) == 3


def test_the_children_of_a_process_are_those_of_all_its_threads(machine):
    assert machine.call(Call.FORK, pid=4) == 3
    machine.park(5)
    block(machine, 2, Call.WAIT, -1, 0)
    end(machine, 4)
    with pytest.raises(Died):
        machine.call(Call.EXIT, 4, pid=5)
    assert machine.finish(2) == 3


def test_a_stack_that_is_freed_under_the_kernels_feet_is_noticed(tmp_path):
    before, after = "cpu.left_stack = thread.kernel_stack", "self.threads.stacks.release(thread.kernel_stack)"
    with mistaken(tmp_path, "processes.processes", "Processes", "leave_stack", before, after):
        machine = driven_threads("it", layout=SMALL)
        machine.start()
        with pytest.raises(Died):
            machine.call(Call.THREAD_EXIT, 0, pid=2)
        assert machine.lens.first_cpu.left_stack == 0


@pytest.mark.parametrize("layout", [each for each in PUBLISHED if each.paging.word_bits == 64], ids=name_of)
def test_in_long_mode_every_trap_frame_ends_at_a_multiple_of_16(layout):
    """The CPU pushes there after it has rounded the stack pointer down."""
    table = look(layout, bytearray(1 << 22)).threads.table
    ends = [address_of(each) + size_of(each.frame) for each in (table[0], table[1], table[len(table) - 1])]
    assert {end % 16 for end in ends} == {0}
