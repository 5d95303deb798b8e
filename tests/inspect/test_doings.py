"""What the snapshot says of threads that wait, and of handles."""

import pytest

from keelback.abi.handles import SEND
from keelback.inspect.endings import ending_of
from keelback.inspect.snapshot import Snapshot
from kernel.driven import BSS, Blocked, Call
from kernel.message_mistakes import with_messages


@pytest.fixture(scope="module")
def machine():
    """Return a machine with threads that wait for messages, and one for its child."""
    made = with_messages()
    assert made.call(Call.MINT, 2, SEND, 0x77) == 4
    assert made.fork() == 5
    with pytest.raises(Blocked):
        made.call(Call.WAIT_ON, BSS, 0, 0, pid=5)
    return made


def test_each_thread_says_what_it_waits_for(machine):
    processes = Snapshot(machine.lens).processes
    assert [processes[pid].threads[0].doing for pid in (2, 3, 4, 5)] == [
        "waiting for a reply of process 1",
        "waiting to send at endpoint 1",
        "waiting for a message at endpoint 2",
        f"waiting on {BSS:#010x}",
    ]
    assert "waiting to send at endpoint 1, at 0x" in repr(processes[3].threads[0])
    assert ending_of(processes[3].record, machine.lens, {}).how == "had not ended: waiting to send at endpoint 1"


def test_a_process_lists_its_handles(machine):
    assert [repr(each) for each in Snapshot(machine.lens).processes[1].handles] == [
        "<handle 1: endpoint 1, send, receive, map, grant, destroy, change>",
        "<handle 2: endpoint 2, send, receive, map, grant, destroy, change>",
        f"<handle 3: to reply to thread {machine.thread(2).number}>",
        "<handle 4: endpoint 2, send, badge 0x77>",
    ]
