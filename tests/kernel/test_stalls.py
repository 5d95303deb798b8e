"""When nothing can ever run again, the machine ends, and says who waits for what."""

from dataclasses import replace

import pytest

from keelback.abi.handles import NAMES
from keelback.machine.observed import Outcome
from kernel.driven import (
    BSS,
    CALL,
    SMALL,
    Call,
    DrivenThreads,
    blocks,
    driven_threads,
    make_machine,
    of_its_own,
    set_registers,
)

MANY = replace(SMALL, threads=32)
SAID = "keelback: all threads wait, and nothing can wake one"


@pytest.fixture
def machine(life):
    """Return a machine with process 1, which has threads 1, 2 and 3."""
    made = DrivenThreads(make_machine("it", life=life))
    assert [made.start(), made.start()] == [2, 3]
    return made


def let_all_wait(machine, **requests):
    """Put a request into the frame of each thread, and run to the end; return what was said then."""
    for number, request in enumerate(requests.values(), 1):
        call, *arguments = request
        bx, si, di = (*arguments, 0, 0, 0)[:3]
        set_registers(machine.thread(number).frame, ip=CALL, ax=call, bx=bx, si=si, di=di)
    machine.pc.run()
    return bytes(machine.pc.console).decode().partition("free\n")[2].splitlines()


def test_it_says_what_each_waits_for(machine):
    said = let_all_wait(
        machine,
        first=(Call.THREAD_JOIN, 3, 0, 0),
        second=(Call.WAIT_ON, BSS, 0, 0),
        third=(Call.THREAD_JOIN, 1, 0, 0),
    )
    assert machine.pc.outcome is Outcome.POWERED_OFF
    assert said == [
        SAID,
        "keelback: process 1 (it), thread 1, waits for the end of thread 3",
        f"keelback: process 1 (it), thread 2, waits on the word at {BSS:#010x}",
        "keelback: process 1 (it), thread 3, waits for the end of thread 1",
    ]
    machine.check()


def test_who_waits_for_a_reply_is_said_to_wait_for_who_has_the_handle_to_it(life):
    machine = driven_threads("it", "it", life=life)
    blocks(machine, 2, Call.CALL, NAMES)
    assert machine.call(Call.RECEIVE, NAMES) > 0
    said = let_all_wait(machine, first=(Call.RECEIVE, NAMES))
    assert said[1:] == [
        "keelback: process 1 (it), thread 1, waits to receive from endpoint 1",
        "keelback: process 2 (it), thread 2, waits for a reply of process 1",
    ]


def test_one_that_has_a_deadline_is_waited_for(machine):
    assert machine.call(Call.SLEEP, 3, pid=3) == 0
    for number in (1, 2):
        machine.begin(number, CALL, Call.WAIT_ON, BSS, 0, 0)
        machine.step()
    machine.run(3)
    assert SAID not in bytes(machine.pc.console).decode()


@of_its_own
def test_of_many_it_says_how_many_more(life):
    machine = DrivenThreads(make_machine("it", life=life, layout=MANY))
    assert [machine.start() for _ in range(20)] == [*range(2, 22)]
    requests = {f"_{number}": (Call.WAIT_ON, BSS, 0, 0) for number in range(21)}
    said = let_all_wait(machine, **requests)
    assert said[0] == SAID and len(said) == 18 and said[-1] == "keelback: 5 threads more wait"


def test_a_device_that_may_interrupt_is_waited_for(machine):
    machine.pc.controller.mask &= ~(1 << 4)
    said = let_all_wait(machine, **{f"_{number}": (Call.WAIT_ON, BSS, 0, 0) for number in range(3)})
    assert machine.pc.outcome is Outcome.HALTED and said == []
