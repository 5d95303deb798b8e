"""Programs that drive devices: told once until they are done, and nobody else reads what they drive."""

import pytest

from keelback.abi.errors import BadArgument, BadHandle, Closed, NotPermitted
from keelback.abi.handles import ALL, CHANGE, DESTROY, GRANT, NOTIFIED, RECEIVE, SEND
from keelback.kernel.devices.lines import Phase
from keelback.machine.input_log import Device, Typed
from kernel.driven import (
    ARGUMENT,
    BSS,
    NAME,
    Blocked,
    Call,
    Died,
    blocks,
    make_machine,
    register,
    without_handles,
)

DRIVER, OTHER = 1, 2  # both are started by the kernel
ENDPOINT, INTERRUPT, MINTED = 1, 2, 2
KEYBOARD, SERIAL = 1, 4
STATUS = {KEYBOARD: 4, SERIAL: 5}


@pytest.fixture
def machine(life):
    """Return a machine, on which nobody has typed, whose two processes have an endpoint each."""
    made = without_handles(make_machine("it", "it", life=life))
    for pid in (DRIVER, OTHER):
        assert made.call(Call.ENDPOINT_CREATE, 16, pid=pid) == ENDPOINT
    yield made
    made.check()


def bind(machine, line: int = SERIAL, pid: int = DRIVER) -> int:
    """Bind a device's interrupt to the endpoint of a process; return the handle to it."""
    interrupt = machine.call(Call.INTERRUPT_HANDLE, line, pid=pid)
    assert machine.call(Call.LINE_BIND, ENDPOINT, interrupt, pid=pid) == 0
    return interrupt


def typed(machine, data: bytes, line: int = SERIAL) -> None:
    machine.pc.input.add(Typed(machine.pc.time, Device.SERIAL if line == SERIAL else Device.KEYBOARD, data))


def finish(machine, pid: int = DRIVER) -> int:
    """Run until the call of a process that waits is finished; return its result."""
    for _ in range(50):
        if pid in machine.results:
            break
        machine.step()
    return machine.finish(pid)


def told(machine, pid: int = DRIVER) -> int:
    """Return the bits that the driver is told."""
    assert machine.call(Call.RECEIVE, ENDPOINT, pid=pid) == NOTIFIED
    return register(machine.thread(pid).frame, "si")


def read(machine, interrupt: int, line: int = SERIAL, pid: int = DRIVER) -> bytes:
    """Return all that a line's device has, as its driver reads it."""
    data = b""
    while machine.call(Call.LINE_READ, interrupt, STATUS[line], pid=pid) & 1:
        data += bytes((machine.call(Call.LINE_READ, interrupt, 0, pid=pid),))
    return data


@pytest.mark.parametrize("line", [KEYBOARD, SERIAL])
def test_a_driver_is_told_of_what_comes_and_reads_it(machine, line):
    interrupt = bind(machine, line)
    with pytest.raises(Blocked):
        machine.call(Call.RECEIVE, ENDPOINT)
    typed(machine, b"\x1e", line)
    assert finish(machine) == NOTIFIED
    assert register(machine.thread(DRIVER).frame, "si") == 1 << line
    assert read(machine, interrupt, line) == b"\x1e"
    assert machine.call(Call.LINE_DONE, interrupt) == 0
    typed(machine, b"\x9e", line)
    assert told(machine) == 1 << line
    assert read(machine, interrupt, line) == b"\x9e"


def test_a_driver_of_two_lines_is_told_which(machine):
    interrupts = {line: bind(machine, line) for line in (KEYBOARD, SERIAL)}
    typed(machine, b"a")
    typed(machine, b"\x02", KEYBOARD)
    for _ in range(3):
        machine.call(Call.GETPID)
    assert told(machine) == 1 << SERIAL | 1 << KEYBOARD
    assert {line: read(machine, interrupts[line], line) for line in interrupts} == {SERIAL: b"a", KEYBOARD: b"\x02"}


def test_what_comes_before_a_driver_is_done_is_told_when_it_is(machine):
    interrupt = bind(machine)
    typed(machine, b"a")
    assert told(machine) == 1 << SERIAL
    assert read(machine, interrupt) == b"a"
    typed(machine, b"b")
    for _ in range(3):
        machine.call(Call.GETPID)
    assert machine.lens.handles.endpoints.table[1].bits == 0
    assert machine.call(Call.LINE_DONE, interrupt) == 0
    assert told(machine) == 1 << SERIAL
    assert read(machine, interrupt) == b"b"


def test_a_driver_writes_to_its_device(machine):
    interrupt = bind(machine)
    before = bytes(machine.pc.console)
    assert machine.call(Call.LINE_WRITE, interrupt, 0, ord("!")) == 0
    assert bytes(machine.pc.console) == before + b"!"


BOUND = [Call.LINE_DONE, Call.LINE_READ, Call.LINE_WRITE, Call.LINE_UNBIND]
"""What is done to a line that is bound: each needs one right of its interrupt's handle."""
NEEDED = {Call.LINE_WRITE: CHANGE, Call.LINE_UNBIND: DESTROY}


@pytest.mark.parametrize("call", BOUND, ids=lambda call: call.name)
def test_each_call_needs_the_handle_its_right_and_that_it_is_bound(machine, call):
    interrupt = machine.call(Call.INTERRUPT_HANDLE, SERIAL)
    assert machine.call(call, interrupt, 0, 1) == NotPermitted.number
    assert machine.call(Call.LINE_BIND, ENDPOINT, interrupt) == 0
    right = NEEDED.get(call, RECEIVE)
    lesser = machine.call(Call.MINT, interrupt, (RECEIVE | CHANGE | GRANT | DESTROY) & ~right, 0)
    alone = machine.call(Call.MINT, interrupt, right, 0)
    for handle, error in ((9, BadHandle), (ENDPOINT, BadHandle), (lesser, NotPermitted)):
        assert machine.call(call, handle, 0, 1) == error.number
    assert machine.call(call, interrupt, 0, 1, pid=OTHER) == BadHandle.number
    assert machine.call(call, alone, 0, 1) >= 0


def test_binding_needs_both_handles_with_the_right_to_receive(machine):
    interrupt = machine.call(Call.INTERRUPT_HANDLE, SERIAL)
    lesser = machine.call(Call.MINT, interrupt, CHANGE | GRANT | DESTROY, 0)
    sender = machine.call(Call.MINT, ENDPOINT, SEND, 0)
    for endpoint, handle, error in (
        (9, interrupt, BadHandle),
        (interrupt, interrupt, BadHandle),
        (sender, interrupt, NotPermitted),
        (ENDPOINT, 9, BadHandle),
        (ENDPOINT, ENDPOINT, BadHandle),
        (ENDPOINT, lesser, NotPermitted),
    ):
        assert machine.call(Call.LINE_BIND, endpoint, handle) == error.number
    assert machine.call(Call.LINE_BIND, ENDPOINT, interrupt) == 0
    assert machine.call(Call.LINE_BIND, ENDPOINT, interrupt) == NotPermitted.number


def test_a_register_or_byte_that_is_none_is_refused(machine):
    interrupt = bind(machine, KEYBOARD)
    for place in (1, 7, 8, 32, 1 << 31):
        assert machine.call(Call.LINE_READ, interrupt, place) == BadArgument.number
        assert machine.call(Call.LINE_WRITE, interrupt, place, 1) == BadArgument.number
    for value in (256, 1 << 31):
        assert machine.call(Call.LINE_WRITE, interrupt, 0, value) == BadArgument.number


# The handle to an interrupt.


def test_the_first_handle_is_made_for_whom_the_kernel_started_and_no_second(machine):
    child = machine.fork()
    assert machine.call(Call.INTERRUPT_HANDLE, SERIAL, pid=child) == NotPermitted.number
    for line in (0, 2, 3, 5, 8, 1 << 31):
        assert machine.call(Call.INTERRUPT_HANDLE, line) == BadArgument.number
    interrupt = machine.call(Call.INTERRUPT_HANDLE, SERIAL)
    assert interrupt == INTERRUPT
    for pid in (DRIVER, OTHER):
        assert machine.call(Call.INTERRUPT_HANDLE, SERIAL, pid=pid) == NotPermitted.number
    assert machine.call(Call.DROP, interrupt) == 0
    assert machine.call(Call.INTERRUPT_HANDLE, SERIAL, pid=OTHER) == INTERRUPT


def test_a_child_drives_by_the_handles_that_it_has_from_its_parent(machine):
    interrupt = bind(machine)
    child = machine.fork()
    assert machine.call(Call.DROP, interrupt) == 0
    typed(machine, b"a")
    assert told(machine, child) == 1 << SERIAL
    assert read(machine, interrupt, pid=child) == b"a"
    assert machine.call(Call.LINE_DONE, interrupt, pid=child) == 0


def test_a_handle_that_came_in_a_message_is_all_that_a_driver_needs(machine):
    interrupt = machine.call(Call.INTERRUPT_HANDLE, SERIAL)
    child = machine.fork()
    assert machine.call(Call.DROP, interrupt, pid=child) == 0
    blocks(machine, child, Call.RECEIVE, ENDPOINT, machine.put_message(BSS, child))
    message = machine.put_message(BSS, handle=interrupt, rights=RECEIVE)
    assert machine.call(Call.SEND, ENDPOINT, message) == 0
    assert machine.finish(child) == 0 and register(machine.thread(child).frame, "dx") >> 16 == interrupt
    own = machine.call(Call.ENDPOINT_CREATE, 0, pid=child)
    assert machine.call(Call.LINE_BIND, own, interrupt, pid=child) == 0
    assert machine.call(Call.LINE_WRITE, interrupt, 0, 1, pid=child) == NotPermitted.number
    typed(machine, b"a")
    assert machine.call(Call.RECEIVE, own, pid=child) == NOTIFIED
    assert read(machine, interrupt, pid=child) == b"a"


def test_exec_keeps_the_handle_and_what_it_is_bound_to(machine):
    interrupt = bind(machine)
    assert machine.call(Call.EXEC, NAME, ARGUMENT) == 0
    typed(machine, b"a")
    assert told(machine) == 1 << SERIAL
    assert read(machine, interrupt) == b"a"


def phase(machine) -> Phase:
    return machine.lens.handles.endpoints.lines.table.lines[SERIAL].phase


CLOSING = {
    "the endpoint is destroyed": (Call.ENDPOINT_DESTROY, ENDPOINT),
    "nobody receives there any more": (Call.DROP, ENDPOINT),
    "the last handle to the interrupt goes": (Call.DROP, INTERRUPT),
    "it is unbound": (Call.LINE_UNBIND, INTERRUPT),
    "the process ends": (Call.EXIT, 0),
}


@pytest.mark.parametrize("way", CLOSING)
def test_a_line_closes_and_can_be_bound_again(machine, way):
    call, argument = CLOSING[way]
    assert bind(machine, pid=OTHER) == INTERRUPT
    assert phase(machine) == Phase.OPEN
    if call == Call.EXIT:
        with pytest.raises(Died):
            machine.call(call, argument, pid=OTHER)
    else:
        assert machine.call(call, argument, pid=OTHER) == 0
    assert phase(machine) == Phase.CLOSED
    if call in (Call.ENDPOINT_DESTROY, Call.LINE_UNBIND) or way.startswith("nobody"):
        assert machine.call(Call.LINE_DONE, INTERRUPT, pid=OTHER) == NotPermitted.number
        assert machine.call(Call.DROP, INTERRUPT, pid=OTHER) == 0
    typed(machine, b"a")
    machine.call(Call.GETPID)
    bind(machine)
    assert told(machine) == 1 << SERIAL


def test_a_closed_endpoint_gets_no_line(machine):
    interrupt = machine.call(Call.INTERRUPT_HANDLE, SERIAL)
    assert machine.call(Call.ENDPOINT_DESTROY, ENDPOINT) == 0
    assert machine.call(Call.LINE_BIND, ENDPOINT, interrupt) == Closed.number


# Where nobody can send any more.


def test_who_waits_where_nobody_can_send_any_more_is_told_so(machine):
    child = machine.fork()
    assert machine.call(Call.MINT, ENDPOINT, ALL & ~SEND, 0, pid=child) == MINTED
    assert machine.call(Call.DROP, ENDPOINT, pid=child) == 0
    with pytest.raises(Blocked):
        machine.call(Call.RECEIVE, MINTED, pid=child)
    assert machine.call(Call.DROP, ENDPOINT) == 0
    assert finish(machine, child) == Closed.number
    assert machine.call(Call.RECEIVE, MINTED, pid=child) == Closed.number


def test_what_was_sent_before_is_received_first(machine):
    sender = machine.fork()
    assert machine.call(Call.MINT, ENDPOINT, ALL & ~SEND, 0) == MINTED
    assert machine.call(Call.DROP, ENDPOINT) == 0
    with pytest.raises(Blocked):
        machine.call(Call.SEND, ENDPOINT, 0, 7, pid=sender)
    assert machine.call(Call.RECEIVE, MINTED) == 0
    with pytest.raises(Died):
        machine.call(Call.EXIT, 0, pid=sender)
    assert machine.call(Call.RECEIVE, MINTED) == Closed.number


@pytest.mark.parametrize("way", [Call.DROP, Call.LINE_UNBIND], ids=lambda call: call.name)
def test_a_bound_interrupt_counts_as_somebody_who_sends(machine, way):
    interrupt = bind(machine)
    receiver = machine.call(Call.MINT, ENDPOINT, ALL & ~SEND, 0)
    assert machine.call(Call.DROP, ENDPOINT) == 0
    with pytest.raises(Blocked):
        machine.call(Call.RECEIVE, receiver)
    typed(machine, b"a")
    assert finish(machine) == NOTIFIED
    child = machine.fork()
    assert machine.call(Call.DROP, interrupt, pid=child) == 0
    with pytest.raises(Blocked):
        machine.call(Call.RECEIVE, receiver, pid=child)
    assert machine.call(way, interrupt) == 0
    assert finish(machine, child) == Closed.number
