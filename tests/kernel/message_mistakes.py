"""Mistakes in the records of handles, endpoints and messages, and the invariants that each breaks."""

import pytest

from keelback.kernel.devices.lines import Phase
from keelback.kernel.messages.handle_table import HandleKind
from kernel.driven import Blocked, Call, Driven, driven


def with_messages(life: str = "interpreted") -> Driven:
    """Return a machine: the server (1) has received the call of 2 at endpoint 1, where 3 sends; 4 receives at 2."""
    machine = driven("it", life=life)
    assert [machine.call(Call.ENDPOINT_CREATE, 0) for _ in range(2)] == [1, 2]
    assert [machine.fork() for _ in range(3)] == [2, 3, 4]
    for pid, call, handle in ((2, Call.CALL, 1), (4, Call.RECEIVE, 2)):
        with pytest.raises(Blocked):
            machine.call(call, handle, 0, pid=pid)
    assert machine.call(Call.RECEIVE, 1) == 3
    with pytest.raises(Blocked):
        machine.call(Call.SEND, 1, 0, pid=3)
    return machine


def count_a_handle_too_many(lens):
    lens.handles.endpoints.table[1].handles += 1


def forget_who_may_receive(lens):
    lens.handles.endpoints.table[1].receivers -= 1


def forget_who_may_send(lens):
    lens.handles.endpoints.table[1].senders -= 1


def bind_a_line_to_an_endpoint_that_is_not_open(lens):
    lens.handles.endpoints.lines.table.lines[4].driver = 3


def count_a_handle_too_many_to_an_interrupt(lens):
    lens.handles.endpoints.lines.table.lines[4].handles += 1


def open_a_line_that_is_not_bound(lens):
    lens.handles.endpoints.lines.table.lines[4].phase = Phase.OPEN


def bind_a_line_whose_interrupt_is_nobodys(lens):
    line = lens.handles.endpoints.lines.table.lines[4]
    line.phase, line.driver = Phase.ASKING, 1
    lens.handles.endpoints.table[1].senders += 1


def name_the_interrupt_of_no_line(lens):
    handle = lens.handles.tables[3].few[1]  # of endpoint 2, which 4 receives at
    lens.handles.endpoints.drop_handle(2, handle.rights)
    handle.kind, handle.object = HandleKind.INTERRUPT, 8


def name_an_endpoint_that_is_not_there(lens):
    lens.handles.tables[1].few[1].object = 3


def close_an_endpoint_where_threads_wait(lens):
    lens.handles.endpoints.table[1].is_open = False


def open_an_endpoint_that_nobody_receives_from(lens):
    for process in (1, 2, 3, 4):
        lens.handles.tables[process].few[0].rights = 1
    lens.handles.endpoints.table[1].receivers = 0


def receive_where_a_sender_waits(lens):
    number = lens.processes.table[4].threads.first
    lens.scheduler.move(lens.threads.table[number], lens.scheduler.wait_queues.of_receivers(1))


def say_that_a_free_number_is_in_use(lens):
    lens.handles.tables[1].full += 1


def forget_the_last_handle(lens):
    lens.handles.tables[1].last -= 1


def give_handles_to_another(lens):
    lens.handles.tables[1].owner = 2


def keep_a_handle_of_a_process_that_ended(lens):
    lens.handles.tables[5].few[0].kind = HandleKind.REPLY


def reply_to_another(lens):
    lens.handles.tables[1].few[2].object = lens.processes.table[3].threads.first


def look_for_the_reply_elsewhere(lens):
    lens.threads.first(lens.processes.table[2].threads).exchange.right = 2


def wait_where_nothing_is(lens):
    number = lens.processes.table[4].threads.first
    lens.scheduler.move(lens.threads.table[number], lens.scheduler.wait_queues.of_receivers(5))


def give_an_endpoint_back(lens):
    lens.handles.endpoints.free_slots.add(2)


MESSAGE_MISTAKES = {
    count_a_handle_too_many: "an endpoint is there just if",
    forget_who_may_receive: "an endpoint is there just if",
    forget_who_may_send: "an endpoint is there just if",
    bind_a_line_to_an_endpoint_that_is_not_open: "an endpoint is there just if",
    count_a_handle_too_many_to_an_interrupt: "a line counts",
    open_a_line_that_is_not_bound: "a line counts",
    bind_a_line_whose_interrupt_is_nobodys: "a line counts",
    name_the_interrupt_of_no_line: "a line counts",
    name_an_endpoint_that_is_not_there: "an endpoint is there just if",
    close_an_endpoint_where_threads_wait: "an endpoint is open as long as",
    open_an_endpoint_that_nobody_receives_from: "an endpoint is open as long as",
    receive_where_a_sender_waits: "an endpoint is open as long as",
    say_that_a_free_number_is_in_use: "a handle table says",
    forget_the_last_handle: "a handle table says",
    give_handles_to_another: "a handle table says",
    keep_a_handle_of_a_process_that_ended: "a handle table says",
    reply_to_another: "who waits for a reply",
    look_for_the_reply_elsewhere: "who waits for a reply",
    wait_where_nothing_is: "nobody waits at an endpoint",
    give_an_endpoint_back: "a slot of the tables",
}
