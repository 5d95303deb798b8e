"""How processes begin and end for each other: exec, spawn, wait, kill, detach, orphans."""

import struct

import pytest

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    NoChild,
    NoSuchProcess,
    NoSuchProgram,
    NotExecutable,
    NotPermitted,
    OutOfMemory,
)
from keelback.kernel.processes.processes import BY_KERNEL, NOBODY, Ending, ProcessState
from keelback.kernel.processes.threads import ThreadState
from keelback.kernel.x86.vectors import Vector
from keelback.lang import text_of
from kernel.driven import (
    ANYWHERE,
    ARGUMENT,
    BSS,
    CALL,
    CALLED,
    DATA,
    ENTRY,
    NAME,
    PAGE,
    STACK,
    Blocked,
    Call,
    Died,
    Driven,
    driven,
)
from kernel.driven import NOBODY as NO_PROGRAM
from kernel.traces import assert_equal, range_of, state

ANY = -1


@pytest.fixture
def machine(life):
    """Return a machine with processes 1 and 2 of the kernel's, and 3 and 4, children of 2."""
    made = driven("it", "it", life=life, programs={"bad": b"no program"})
    assert [made.fork(2), made.fork(2)] == [3, 4]
    yield made
    made.check()


def end(machine: Driven, pid: int, status: int = 0) -> None:
    with pytest.raises(Died):
        machine.call(Call.EXIT, status, pid=pid)


def block(machine: Driven, pid: int, *request: int) -> None:
    with pytest.raises(Blocked):
        machine.call(*request, pid=pid)


def ending(machine: Driven, pid: int) -> tuple[int, int]:
    """Return what `wait` left in the first words of a process's BSS."""
    frame = machine.frame(BSS, pid)
    return struct.unpack_from("<Ii", machine.pc.ram.bytes, frame << 12)


def put_text(machine: Driven, address: int, text: bytes, pid: int) -> None:
    for offset, byte in enumerate(text):
        machine.write(address + offset, byte, pid)


# exec and spawn.


def test_exec_starts_afresh_and_stays_the_same_process(machine):
    machine.write(BSS, 7, 2)
    machine.call(Call.MAP, ANYWHERE, PAGE, 2, pid=2)
    machine.write(ANYWHERE, 7, 2)
    before, used = machine.process(2).space.directory, machine.used()
    machine.begin(2, DATA - PAGE, Call.EXEC, NAME, ARGUMENT)
    machine.thread(2).frame.ebp = 5
    machine.pc.step()
    frame = machine.thread(2).frame
    assert (frame.eip, frame.eax, frame.ebx, frame.ebp, frame.esi) == (ENTRY, 0, 0, 0, 0)
    assert machine.process(2).space.directory != before
    assert machine.used() == (used[0], used[1] - 1)  # its own data again, no pages of its own any more
    machine.finish(2)
    assert machine.read(BSS, 2) == 0 and machine.entry(ANYWHERE, 2) == 0
    process = machine.process(2)
    assert (process.pid, process.parent, text_of(process.name)) == (2, BY_KERNEL, "it")
    end(machine, 3, 5)
    assert machine.call(Call.WAIT, 3, 0, pid=2) == 3


def test_the_argument_of_exec_and_spawn_is_on_the_stack(machine):
    assert machine.call(Call.EXEC, NAME, ARGUMENT, pid=2) == 0
    assert machine.call(Call.SPAWN, NAME, ARGUMENT, pid=3) == 5
    for pid in (2, 5):
        top = STACK + PAGE
        stack = bytes(machine.pc.ram.bytes[machine.frame(STACK, pid) << 12 :][:PAGE])
        assert stack[PAGE - 256 :] == b"argument".ljust(256, b"\0")
        esp = machine.thread(pid).frame.esp
        assert struct.unpack_from("<II", stack, esp - STACK) == (0, top - 256) and (esp + 4) % 16 == 0


def test_spawn_makes_a_child_that_shares_nothing_it_may_write(machine):
    assert machine.call(Call.SPAWN, NAME, ARGUMENT, pid=3) == 5
    child = machine.process(5)
    assert (child.parent, text_of(child.name)) == (3, "it")
    frames = machine.kernel.memory.frames.table
    assert {frames[machine.frame(page, 5)].use for page in (DATA, STACK)} == {5}
    end(machine, 5, 9)
    assert machine.call(Call.WAIT, ANY, BSS, pid=3) == 5 and ending(machine, 3) == (Ending.EXITED, 9)


@pytest.mark.parametrize("call", [Call.EXEC, Call.SPAWN])
def test_a_program_that_cannot_be_started_changes_nothing(machine, call):
    put_text(machine, DATA + 64, b"bad\0" + b"x" * 300, 2)
    unfinished = DATA + 68
    wrong = [
        (NO_PROGRAM, ARGUMENT, NoSuchProgram),
        (DATA + 64, ARGUMENT, NotExecutable),
        (NAME, unfinished, BadArgument),
        (unfinished, ARGUMENT, BadArgument),
        (0, ARGUMENT, BadAddress),
        (NAME, 0, BadAddress),
        (0x10_0000, ARGUMENT, BadAddress),
        (0xFFFF_F000, ARGUMENT, BadAddress),
        (NAME, 0xFFFF_FFFF, BadAddress),
        (NAME, ANYWHERE, BadAddress),
        (BSS, ARGUMENT, NoSuchProgram),
    ]
    assert machine.read(BSS, 2) == 0
    caller = range_of(machine.thread(2).frame)
    before = state(machine.pc, caller)
    for name, argument, error in wrong:
        assert machine.call(call, name, argument, pid=2) == error.number, (hex(name), hex(argument))
        assert_equal(machine.pc, state(machine.pc, caller), before)


# wait.


def test_wait_returns_each_child_once_with_its_ending(machine):
    end(machine, 4, -3)
    end(machine, 3, 2**31 - 1)
    found = {machine.call(Call.WAIT, ANY, BSS, pid=2): ending(machine, 2) for _ in range(2)}
    assert found == {4: (Ending.EXITED, -3), 3: (Ending.EXITED, 2**31 - 1)}
    assert machine.call(Call.WAIT, ANY, BSS, pid=2) == NoChild.number
    assert machine.process(3).state == machine.process(4).state == ProcessState.FREE


def test_wait_for_one_leaves_the_others(machine):
    end(machine, 4)
    end(machine, 3)
    assert machine.call(Call.WAIT, 3, 0, pid=2) == 3
    assert machine.call(Call.WAIT, 3, 0, pid=2) == NoChild.number
    assert machine.call(Call.WAIT, 4, 0, pid=2) == 4


def test_wait_waits(machine):
    block(machine, 2, Call.WAIT, 4, BSS)
    end(machine, 3)
    for _ in range(5):
        machine.step()
    assert machine.thread(2).state == ThreadState.WAITING
    end(machine, 4, 6)
    assert machine.finish(2) == 4 and ending(machine, 2) == (Ending.EXITED, 6)


def test_wait_for_any_is_woken_by_the_first(machine):
    block(machine, 2, Call.WAIT, ANY, BSS)
    with pytest.raises(Died):
        machine.write(0, 1, 4)
    assert machine.finish(2) == 4
    assert ending(machine, 2) == (Ending.FAULTED, Vector.PAGE_FAULT)


def test_the_first_that_ended_is_waited_for_first(machine):
    for pid in (4, 3):
        end(machine, pid)
    assert [machine.call(Call.WAIT, ANY, 0, pid=2) for _ in range(2)] == [4, 3]


@pytest.mark.parametrize("address", [4, 0x10_0000, DATA - PAGE, ANYWHERE, 0xFFFF_EFFC, 0xFFFF_FFFC])
def test_a_waiter_whose_ending_has_no_place_is_told_when_the_child_ends(machine, address):
    block(machine, 2, Call.WAIT, ANY, address)
    end(machine, 3, 8)
    assert machine.finish(2) == BadAddress.number and machine.process(3).state == ProcessState.ZOMBIE
    assert machine.call(Call.WAIT, ANY, BSS, pid=2) == 3 and ending(machine, 2) == (Ending.EXITED, 8)


def test_a_waiter_that_has_no_memory_for_the_ending_is_told_when_the_child_ends(machine):
    block(machine, 2, Call.WAIT, 3, BSS)
    machine.begin(3, CALL, Call.EXIT, 8)
    machine.kernel.memory.frames.injection.countdown = 1
    used = machine.used()
    machine.step()
    assert machine.thread(2).state == ThreadState.READY and machine.used() < used
    assert machine.finish(2) == OutOfMemory.number
    assert machine.call(Call.WAIT, 3, BSS, pid=2) == 3 and ending(machine, 2) == (Ending.EXITED, 8)


def test_an_ending_goes_to_a_page_that_the_waiter_shares_alone(machine):
    machine.write(BSS, 7, 2)
    machine.write(BSS + 12, 9, 2)
    first, second = machine.fork(2), machine.fork(2)
    block(machine, 2, Call.WAIT, first, BSS)
    shared = machine.frame(BSS, 2)
    end(machine, first, -1)
    assert machine.finish(2) == first and ending(machine, 2) == (Ending.EXITED, -1)
    assert machine.frame(BSS, 2) != shared == machine.frame(BSS, second)
    assert [machine.read(BSS, second), machine.read(BSS + 12, second), machine.read(BSS + 12, 2)] == [7, 9, 9]


def test_an_ending_that_crosses_pages_goes_to_both(machine):
    block(machine, 2, Call.WAIT, 3, BSS + PAGE - 4)
    end(machine, 3, 0x01020304)
    assert machine.finish(2) == 3
    assert machine.read(BSS + PAGE - 4, 2) == Ending.EXITED and machine.read(BSS + PAGE, 2) == 4


def test_a_call_of_wait_is_made_once_and_answered_where_it_stands(machine):
    block(machine, 2, Call.WAIT, 3, BSS)
    frame = machine.thread(2).frame
    assert (frame.eip, frame.ebx, frame.esi) == (CALLED, 3, BSS)
    machine.begin(3, CALL, Call.EXIT, 5)
    machine.pc.step()
    assert (machine.thread(2).state, frame.eip, frame.eax) == (ThreadState.READY, CALLED, 3)
    assert ending(machine, 2) == (Ending.EXITED, 5) and machine.process(3).state == ProcessState.FREE


def test_a_child_that_runs_another_program_is_still_waited_for(machine):
    block(machine, 2, Call.WAIT, 3, BSS)
    assert machine.call(Call.EXEC, NAME, ARGUMENT, pid=3) == 0
    assert machine.thread(2).state == ThreadState.WAITING
    end(machine, 3, 5)
    assert machine.finish(2) == 3 and ending(machine, 2) == (Ending.EXITED, 5)


def test_a_waiter_is_told_of_no_other_child_than_its_own(machine):
    block(machine, 2, Call.WAIT, 3, BSS)
    end(machine, 4, 1)
    assert machine.thread(2).state == ThreadState.WAITING and machine.process(4).state == ProcessState.ZOMBIE
    assert machine.call(Call.DETACH, pid=3) == 0
    assert machine.finish(2) == NoChild.number
    assert machine.call(Call.WAIT, ANY, BSS, pid=2) == 4


@pytest.mark.parametrize("pid", [1, 2, 5, 0, -2, 511, 512, 2**31 - 1, -(2**31)])
def test_nobody_waits_for_what_is_not_his_child(machine, pid):
    assert machine.call(Call.WAIT, pid, 0, pid=2) == NoChild.number
    assert machine.call(Call.WAIT, ANY, 0, pid=3) == NoChild.number


@pytest.mark.parametrize("address", [4, 0x10_0000, DATA - PAGE, ANYWHERE, 0xFFFF_EFFC, 0xFFFF_FFFC])
def test_a_wait_whose_ending_has_no_place_can_be_made_again(machine, address):
    end(machine, 3, 8)
    assert machine.call(Call.WAIT, ANY, address, pid=2) == BadAddress.number
    assert machine.call(Call.WAIT, ANY, BSS, pid=2) == 3 and ending(machine, 2) == (Ending.EXITED, 8)


def test_a_zombie_has_nothing_but_its_record(machine):
    used = machine.used()
    end(machine, 3, 8)
    process = machine.process(3)
    assert (process.state, process.exit_status, process.threads.first) == (ProcessState.ZOMBIE, 8, 0)
    assert (process.space.directory, process.space.count) == (0, 0)
    assert machine.used() == (used[0], used[1] - 4)
    assert machine.fork(1) == 5


# Orphans.


def test_who_has_lost_its_parent_is_free_when_it_ends(machine):
    end(machine, 2)
    assert machine.process(3).parent == machine.process(4).parent == NOBODY
    end(machine, 3)
    assert machine.process(3).state == ProcessState.FREE
    assert machine.fork(1) == 5


def test_zombies_that_nobody_waits_for_go_with_their_parent(machine):
    end(machine, 3)
    end(machine, 2)
    assert machine.process(3).state == ProcessState.FREE
    assert machine.process(2).state == ProcessState.ZOMBIE  # the kernel keeps it for the record


# kill.


def test_a_ready_process_is_killed(machine):
    assert machine.thread(3).state == ThreadState.READY
    assert machine.call(Call.KILL, 3, pid=1) == 0
    assert machine.call(Call.WAIT, 3, BSS, pid=2) == 3 and ending(machine, 2) == (Ending.KILLED, 1)
    assert machine.thread(4).state == ThreadState.READY and machine.call(Call.GETPID, pid=4) == 4


@pytest.mark.parametrize("pid", [3, 4])
def test_a_sleeping_process_is_killed(machine, pid):
    assert machine.call(Call.SLEEP, 5, pid=3) == machine.call(Call.SLEEP, 9, pid=4) == 0
    assert machine.thread(3).state == machine.thread(4).state == ThreadState.SLEEPING
    assert machine.call(Call.KILL, pid, pid=1) == 0
    machine.check()
    assert machine.call(Call.WAIT, ANY, 0, pid=2) == pid
    assert machine.call(Call.SLEEP, 20, pid=1) == machine.call(Call.SLEEP, 20, pid=2) == 0
    machine.run(7 - pid)  # nobody else is ready, so time passes at once
    assert machine.kernel.timer.clock.ticks == {3: 9, 4: 5}[pid]


def test_a_waiting_process_is_killed_and_its_children_go_on(machine):
    block(machine, 2, Call.WAIT, ANY, 0)
    assert machine.call(Call.KILL, 2, pid=1) == 0
    assert machine.call(Call.GETPID, pid=3) == 3 and machine.process(3).parent == NOBODY
    end(machine, 4)
    assert machine.process(4).state == ProcessState.FREE


def test_a_zombie_is_not_killed(machine):
    end(machine, 3, 8)
    assert machine.call(Call.KILL, 3, pid=1) == NoSuchProcess.number
    assert machine.call(Call.WAIT, 3, BSS, pid=2) == 3 and ending(machine, 2) == (Ending.EXITED, 8)


def test_a_process_may_kill_itself(machine):
    with pytest.raises(Died):
        machine.call(Call.KILL, 3, pid=3)
    assert machine.call(Call.WAIT, 3, BSS, pid=2) == 3 and ending(machine, 2) == (Ending.KILLED, 3)


def test_a_child_that_is_killed_wakes_its_parent(machine):
    block(machine, 2, Call.WAIT, 3, BSS)
    assert machine.call(Call.KILL, 3, pid=1) == 0
    assert machine.finish(2) == 3 and ending(machine, 2) == (Ending.KILLED, 1)


def test_who_is_no_ancestor_kills_nobody(machine):
    assert machine.fork(3) == 5
    for killer, victim in ((3, 4), (3, 2), (5, 3), (4, 5)):
        assert machine.call(Call.KILL, victim, pid=killer) == NotPermitted.number
    assert machine.call(Call.KILL, 5, pid=2) == 0 and machine.call(Call.WAIT, 5, BSS, pid=3) == 5
    assert ending(machine, 3) == (Ending.KILLED, 2)


def test_orphans_are_the_first_processes_to_kill(machine):
    assert machine.fork(3) == 5
    end(machine, 3)
    assert machine.call(Call.KILL, 5, pid=2) == NotPermitted.number
    assert machine.call(Call.KILL, 5, pid=1) == 0 and not machine.is_alive(5)


@pytest.mark.parametrize("killer", [1, 3])
def test_nobody_kills_the_first_process(machine, killer):
    assert machine.call(Call.KILL, 1, pid=killer) == NotPermitted.number
    assert machine.is_alive(1)


@pytest.mark.parametrize("pid", [0, -1, 5, 511, 512, 513, 2**31 - 1, -(2**31), 0x1_0003 - 2**32])
def test_what_is_no_process_is_not_killed(machine, pid):
    assert machine.call(Call.KILL, pid, pid=1) == NoSuchProcess.number


# detach.


def test_who_detaches_is_nobodys_child_and_free_when_it_ends(machine):
    assert machine.call(Call.DETACH, pid=3) == 0
    assert machine.call(Call.WAIT, 3, 0, pid=2) == NoChild.number
    end(machine, 3)
    assert machine.process(3).state == ProcessState.FREE
    end(machine, 4)
    assert machine.call(Call.WAIT, ANY, 0, pid=2) == 4


def test_detaching_twice_is_no_error(machine):
    assert [machine.call(Call.DETACH, pid=pid) for pid in (3, 3, 4, 2)] == [0] * 4
    assert machine.process(2).parent == NOBODY
    end(machine, 2)
    assert machine.process(2).state == ProcessState.FREE


@pytest.mark.parametrize("waited", [3, ANY])
def test_a_parent_that_waits_is_told_when_its_last_child_detaches(machine, waited):
    end(machine, 4)
    assert machine.call(Call.WAIT, 4, 0, pid=2) == 4
    block(machine, 2, Call.WAIT, waited, 0)
    assert machine.call(Call.DETACH, pid=3) == 0
    assert machine.finish(2) == NoChild.number


def test_a_parent_that_waits_for_any_waits_on_when_one_detaches(machine):
    block(machine, 2, Call.WAIT, ANY, 0)
    assert machine.call(Call.DETACH, pid=3) == 0
    end(machine, 3)
    end(machine, 4)
    assert machine.finish(2) == 4


def test_a_machine_ends_when_its_last_process_does(life):
    machine = driven("it", life=life)
    machine.fork()
    end(machine, 1)
    end(machine, 2)
    machine.pc.run()
    assert machine.pc.outcome.name == "POWERED_OFF" and machine.alive() == []
