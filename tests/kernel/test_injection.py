"""Every allocation of every system call and page fault fails once, in both lives, and leaves no trace.

A call that fails leaves all RAM as it was; a fault that can't be served leaves what an exit at its place would have.
`traces.py` says what is compared.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import product

import pytest

from keelback.abi.errors import NoSuchLibrary, NoSuchProgram, OutOfMemory, TimedOut
from keelback.abi.handles import GRANT, MAP, NO_WAIT, SEND
from keelback.inspect.invariants import InvariantBroken
from keelback.kernel.devices.power import REFUSED
from keelback.kernel.layout import MICROKERNEL, Layout
from keelback.kernel.memory.regions import IN_NODE
from keelback.kernel.memory.space_records import FEW, SPARE
from keelback.kernel.messages.handle_table import FEW as FEW_HANDLES
from keelback.kernel.messages.handle_table import IN_NODE as IN_HANDLE_NODE
from keelback.kernel.processes.processes import Ending, Reason
from keelback.kernel.processes.threads import ThreadState
from keelback.lang import PAGE_SHIFT
from keelback.machine.observed import Outcome
from kernel.driven import (
    ANYWHERE,
    AREAS,
    ARGUMENT,
    BSS,
    BSS_PAGES,
    CALL,
    CROWDED,
    DATA,
    EAGER,
    ENTRY,
    LIBRARY,
    LIBRARY_DATA,
    LIBRARY_ZEROS,
    LIVES,
    MALLOC,
    NAME,
    NOBODY,
    PAGE,
    READ_BYTE,
    SELDOM,
    SMALL,
    STACK,
    TEXT,
    UNUSUAL,
    WRITE_BYTE,
    Blocked,
    Call,
    Died,
    Driven,
    driven,
    make_machine,
    memory_for,
    register_name,
    set_registers,
)
from kernel.mistaken import mistaken
from kernel.traces import assert_equal, console, memory, range_of, state
from support import some_of
from variants import VARIANTS, name_of

READ, WRITE, SPARSE = 1, 2, 4
FAR = ANYWHERE + 0x40_0000  # its page has a table of its own
ACTOR = 2  # process 1 goes on when it dies
LIBRARIES = BSS + BSS_PAGES * PAGE  # where the first library of a process lies
ROW = 0x5000_0000  # pages of their own, one apart
OBJECT = ROW + 0x40_0000 - PAGE  # where three pages need two tables
LAST_IN_TABLE = (LIBRARIES & -0x40_0000) + 0x40_0000 - 2 * PAGE  # from here on two pages need no other table

# What is done to a machine before, in terms of the process that acts.

Preparation = Callable[[Driven], None]


def nothing(machine: Driven) -> None:
    """Leave the process as it starts: text, data and the stack's last page mapped, in two tables."""


def has_regions(machine: Driven) -> None:
    for address in (ANYWHERE, FAR - PAGE, FAR + PAGE):
        assert machine.call(Call.MAP, address, 2 * PAGE, WRITE, pid=ACTOR) == address


def has_so_many_regions(machine: Driven, count: int) -> None:
    """Let the last of them be three pages, and the others before it single pages, one apart."""
    for number in range(count - 1 - machine.process(ACTOR).space.count):
        assert machine.call(Call.MAP, ROW + 2 * number * PAGE, PAGE, READ, pid=ACTOR) > 0
    assert machine.call(Call.MAP, ROW - 4 * PAGE, 3 * PAGE, READ, pid=ACTOR) > 0
    assert machine.process(ACTOR).space.count == count


def has_as_many_regions_as_need_no_node(machine: Driven) -> None:
    has_so_many_regions(machine, FEW)


def has_a_full_node(machine: Driven) -> None:
    has_so_many_regions(machine, IN_NODE - SPARE)


def has_two_nodes(machine: Driven) -> None:
    has_so_many_regions(machine, IN_NODE)


def has_pages(machine: Driven) -> None:
    has_regions(machine)
    for address in (ANYWHERE, FAR, BSS):
        machine.write(address, 1, ACTOR)


def has_read(machine: Driven) -> None:
    has_regions(machine)
    for address in (ANYWHERE, FAR, BSS):
        assert machine.read(address, ACTOR) == 0


def has_sparse_memory(machine: Driven) -> None:
    assert machine.call(Call.MAP, ANYWHERE, 0x4000_0000, WRITE | SPARSE, pid=ACTOR) == ANYWHERE


def has_read_sparse_memory(machine: Driven) -> None:
    has_sparse_memory(machine)
    assert machine.read(FAR, ACTOR) == 0


def has_memory_that_cannot_be_accessed(machine: Driven) -> None:
    assert machine.call(Call.MAP, ANYWHERE, 0x100_0000, 0, pid=ACTOR) == ANYWHERE


def has_malloc_pages(machine: Driven) -> None:
    """Let there be a hole of two pages between malloc pages."""
    assert machine.call(Call.MALLOC_PAGES, 5, pid=ACTOR) & 0xFFFF_FFFF == MALLOC
    assert machine.call(Call.FREE_PAGES, MALLOC + PAGE, 2, pid=ACTOR) == 0


def has_malloc_pages_and_a_child(machine: Driven) -> None:
    has_malloc_pages(machine)
    assert machine.fork(ACTOR) == 3


def has_a_library(machine: Driven) -> None:
    has_pages(machine)
    assert machine.call(Call.LOAD_LIBRARY, LIBRARY, pid=ACTOR) == LIBRARIES


def has_a_library_with_data(machine: Driven) -> None:
    has_a_library(machine)
    machine.write(LIBRARIES + LIBRARY_DATA, 1, ACTOR)


def has_a_library_and_a_child(machine: Driven) -> None:
    has_a_library_with_data(machine)
    assert machine.fork(ACTOR) == 3


def another_has_the_library(machine: Driven) -> None:
    assert machine.call(Call.LOAD_LIBRARY, LIBRARY, pid=1) == LIBRARIES


def another_has_the_library_and_its_data(machine: Driven) -> None:
    another_has_the_library(machine)
    machine.write(LIBRARIES + LIBRARY_DATA, 1, 1)


def has_no_room_in_the_images_table(machine: Driven) -> None:
    """Leave a library two pages at the end of what the image's page table maps."""
    size = LAST_IN_TABLE - LIBRARIES
    assert machine.call(Call.MAP, LIBRARIES, size, WRITE | SPARSE, pid=ACTOR) == LIBRARIES


def has_a_name_before_a_page_that_is_nowhere_yet(machine: Driven) -> None:
    has_regions(machine)
    for number, letter in enumerate(b"libit"):
        machine.write(FAR - 5 + number, letter, ACTOR)


def has_a_child(machine: Driven) -> None:
    has_pages(machine)
    assert machine.fork(ACTOR) == 3


def has_a_zombie(machine: Driven) -> None:
    has_regions(machine)
    child = machine.fork(ACTOR)
    with pytest.raises(Died):
        machine.call(Call.EXIT, 7, pid=child)
    assert machine.call(Call.GETPID, pid=1) == 1  # its stack is free from this trap on


def has_a_zombie_and_a_child(machine: Driven) -> None:
    has_a_zombie(machine)
    assert machine.fork(ACTOR) == 4


def has_a_handle_to_a_zombie(machine: Driven) -> None:
    has_regions(machine)
    child = machine.fork(ACTOR)
    assert machine.call(Call.PROCESS_HANDLE, child, pid=ACTOR) == 1
    with pytest.raises(Died):
        machine.call(Call.EXIT, 7, pid=child)
    assert machine.call(Call.GETPID, pid=1) == 1  # its stack is free from this trap on


def had_a_child(machine: Driven) -> None:
    has_a_zombie(machine)
    assert machine.call(Call.WAIT, -1, 0, pid=ACTOR) == 3


RECORD = DATA + 128  # where messages lie


def has_endpoint_handles_that_need_no_node(machine: Driven) -> None:
    assert machine.call(Call.ENDPOINT_CREATE, PAGE, pid=ACTOR) == 1
    for number in range(2, FEW_HANDLES + 1):
        assert machine.call(Call.MINT, 1, SEND | GRANT, 0, pid=ACTOR) == number


def has_a_node_of_handles(machine: Driven) -> None:
    has_endpoint_handles_that_need_no_node(machine)
    assert machine.call(Call.MINT, 1, SEND, 0, pid=ACTOR) == FEW_HANDLES + 1


def has_two_nodes_of_handles(machine: Driven) -> None:
    has_a_node_of_handles(machine)
    for number in range(FEW_HANDLES + 2, IN_HANDLE_NODE + 2):
        assert machine.call(Call.MINT, 1, SEND, 0, pid=ACTOR) == number


def is_called(machine: Driven) -> None:
    """Let a child call the process that acts, with bytes and a handle."""
    has_regions(machine)
    has_endpoint_handles_that_need_no_node(machine)
    a_child_calls(machine, Call.CALL, handle=1)
    machine.put_message(RECORD, ACTOR, buffer=ANYWHERE, room=PAGE)


def is_sent(machine: Driven) -> None:
    """The same, but the child waits for no reply."""
    has_regions(machine)
    has_endpoint_handles_that_need_no_node(machine)
    a_child_calls(machine, Call.SEND, handle=1)
    machine.put_message(RECORD, ACTOR, buffer=ANYWHERE, room=PAGE)


def is_called_and_has_room_in_two_pages(machine: Driven) -> None:
    has_regions(machine)
    assert machine.call(Call.ENDPOINT_CREATE, PAGE, pid=ACTOR) == 1
    a_child_calls(machine, Call.CALL)
    machine.put_message(RECORD, ACTOR, buffer=ANYWHERE + PAGE - 80, room=PAGE)


def a_child_calls(machine: Driven, call: int, **fields: int) -> None:
    assert machine.fork(ACTOR) == 3
    machine.put_message(RECORD, 3, data=BSS, length=100, **fields)
    with pytest.raises(Blocked):
        machine.call(call, 1, RECORD, pid=3)


def is_sent_pages(machine: Driven) -> None:
    """Let a child send three pages in two tables, of which it wrote two; they are to come to the same place."""
    has_regions(machine)
    has_endpoint_handles_that_need_no_node(machine)
    a_child_sends_pages(machine, 3)
    machine.put_message(RECORD, ACTOR, most_pages=3, place=OBJECT)


def is_sent_pages_and_more(machine: Driven) -> None:
    """Let it give bytes and a handle, too, for which there is neither memory nor room yet."""
    has_regions(machine)
    has_endpoint_handles_that_need_no_node(machine)
    a_child_sends_pages(machine, 3, data=BSS, length=100, handle=1)
    machine.put_message(RECORD, ACTOR, most_pages=3, place=OBJECT, buffer=ANYWHERE, room=PAGE)


def is_sent_a_page_and_has_a_full_node(machine: Driven) -> None:
    has_a_full_node(machine)
    assert machine.call(Call.ENDPOINT_CREATE, PAGE, pid=ACTOR) == 1
    a_child_sends_pages(machine, 1)
    machine.put_message(RECORD, ACTOR, most_pages=1, place=ROW + PAGE)


def a_child_sends_pages(machine: Driven, count: int, **fields: int) -> None:
    assert machine.fork(ACTOR) == 3
    assert machine.call(Call.MAP, OBJECT, count * PAGE, WRITE, pid=3) == OBJECT
    for page in {0, count - 1}:
        machine.write(OBJECT + page * PAGE, 1, 3)
    machine.put_message(RECORD, 3, pages=OBJECT, page_count=count, **fields)
    with pytest.raises(Blocked):
        machine.call(Call.SEND, 1, RECORD, pid=3)


def has_a_full_node_and_pages_to_send(machine: Driven) -> None:
    """Let the process name the middle one of three pages in a message that waits for nobody."""
    has_so_many_regions(machine, IN_NODE - SPARE - 1)
    assert machine.call(Call.ENDPOINT_CREATE, PAGE, pid=ACTOR) == 1
    assert machine.call(Call.MAP, OBJECT, 3 * PAGE, WRITE, pid=ACTOR) == OBJECT
    machine.put_message(RECORD, ACTOR, pages=OBJECT + PAGE, page_count=1, deadline=NO_WAIT)


def has_an_object(machine: Driven) -> None:
    """Let a handle name an object of three pages."""
    has_pages(machine)
    assert machine.call(Call.OBJECT_CREATE, 3, pid=ACTOR) == 1


def has_the_payload(machine: Driven) -> None:
    has_pages(machine)
    assert machine.call(Call.PAYLOAD_OBJECT, pid=ACTOR) == 1


def shows_an_object(machine: Driven) -> None:
    """Let pages in two tables show it, too."""
    has_an_object(machine)
    assert machine.call(Call.OBJECT_MAP, 1, OBJECT, 3 * PAGE, WRITE, pid=ACTOR) == OBJECT
    machine.write(OBJECT, 1, ACTOR)


def shows_an_object_beside_a_child(machine: Driven) -> None:
    shows_an_object(machine)
    assert machine.fork(ACTOR) == 3


def shows_an_object_that_nothing_names(machine: Driven) -> None:
    shows_an_object(machine)
    assert machine.call(Call.DROP, 1, pid=ACTOR) == 0


def has_as_many_handles_as_need_no_node(machine: Driven) -> None:
    has_an_object(machine)
    for _ in range(FEW_HANDLES - 1):
        assert machine.call(Call.MINT, 1, MAP, 0, pid=ACTOR) > 0


def has_an_object_and_a_full_node(machine: Driven) -> None:
    has_a_full_node(machine)
    assert machine.call(Call.OBJECT_CREATE, 3, pid=ACTOR) == 1


def is_a_child(machine: Driven) -> None:
    """Let the process that acts be a child that shares all with its parent."""
    assert machine.fork(1) == 3
    with pytest.raises(Died):
        machine.call(Call.KILL, ACTOR, pid=ACTOR)
    assert machine.call(Call.GETPID, pid=3) == 3


def has_threads(machine: Driven) -> None:
    """Let the process that acts have two threads more, which only give way."""
    for number in (3, 4):
        assert machine.call(Call.THREAD_CREATE, ENTRY, STACK, 0, pid=ACTOR) == number


def has_a_thread_that_ended(machine: Driven) -> None:
    """Let another thread of the process that acts have ended, with all of its own free but its slot."""
    assert machine.call(Call.THREAD_CREATE, ENTRY, STACK, 0, pid=ACTOR) == 3
    thread_3_ends(machine)


def has_a_handle_to_a_thread_that_ended(machine: Driven) -> None:
    assert machine.call(Call.THREAD_CREATE, ENTRY, STACK, 0, pid=ACTOR) == 3
    assert machine.call(Call.THREAD_HANDLE, 3, pid=ACTOR) == 1
    thread_3_ends(machine)


def has_a_handle_to_a_thread(machine: Driven) -> None:
    assert machine.call(Call.THREAD_CREATE, ENTRY, STACK, 0, pid=ACTOR) == 3
    assert machine.call(Call.THREAD_HANDLE, 3, pid=ACTOR) == 1


def has_threads_and_handles_that_need_no_node(machine: Driven) -> None:
    has_endpoint_handles_that_need_no_node(machine)
    has_threads(machine)


def thread_3_ends(machine: Driven) -> None:
    thread = machine.lens.threads.table[3]
    set_registers(thread.frame, ip=CALL + machine.offset, ax=Call.THREAD_EXIT, bx=7)
    while thread.state != ThreadState.ENDED:
        machine.step()
    assert machine.call(Call.GETPID, pid=1) == 1  # its stack is free from this trap on


UNKNOWN = -1
"""Allocations, as many as there are."""


@dataclass(frozen=True)
class Case:
    """A request, how often a frame is allocated for it, and what it returns when that is possible.

    After `clean` of the allocations the failure leaves what the request `instead` does.
    """

    prepare: Preparation
    request: tuple[int, ...]
    points: int
    result: int = 0
    layout: Layout = SMALL
    clean: int = 99
    instead: tuple[int, ...] = ()
    actor: int = ACTOR


CALLS = {
    "fork": Case(nothing, (Call.FORK,), 5, 3),
    "fork with four tables": Case(has_pages, (Call.FORK,), 7, 3),
    "fork of pages that were only read": Case(has_read, (Call.FORK,), 7, 3),
    "fork again": Case(has_a_child, (Call.FORK,), 7, 4),
    "fork that copies": Case(has_pages, (Call.FORK,), 12, 3, layout=EAGER),
    "fork again that copies": Case(has_a_child, (Call.FORK,), 12, 4, layout=EAGER),
    "fork of full frames": Case(has_a_child, (Call.FORK,), 14, 4, layout=CROWDED),
    "spawn": Case(nothing, (Call.SPAWN, NAME, ARGUMENT), 8, 3),
    "spawn of text that is full": Case(nothing, (Call.SPAWN, NAME, ARGUMENT), 10, 3, layout=CROWDED),
    "spawn of nobody": Case(nothing, (Call.SPAWN, NOBODY, ARGUMENT), 0, NoSuchProgram.number),
    "spawn with an argument that is nowhere yet": Case(
        has_regions, (Call.SPAWN, NAME, ANYWHERE), 8, 3,
    ),
    "exec": Case(nothing, (Call.EXEC, NAME, ARGUMENT), 7),
    "exec with pages": Case(has_pages, (Call.EXEC, NAME, ARGUMENT), 7),
    "exec beside a child": Case(has_a_child, (Call.EXEC, NAME, ARGUMENT), 7),
    "exec with an argument that is nowhere yet": Case(
        has_regions, (Call.EXEC, NAME, ANYWHERE), 7,
    ),
    "exec of a name that is nowhere yet": Case(
        has_regions, (Call.EXEC, ANYWHERE, ARGUMENT), 0, NoSuchProgram.number,
    ),
    "page_alloc": Case(nothing, (Call.PAGE_ALLOC, ANYWHERE), 3),
    "page_alloc beside a page": Case(has_pages, (Call.PAGE_ALLOC, ANYWHERE + PAGE), 1),
    "page_alloc of memory that is zero when touched": Case(nothing, (Call.PAGE_ALLOC, BSS), 1),
    "page_alloc over a page": Case(has_pages, (Call.PAGE_ALLOC, BSS), 0),
    "page_alloc over a page of the image": Case(nothing, (Call.PAGE_ALLOC, DATA), 0),
    "page_alloc over a page that was only read": Case(has_read, (Call.PAGE_ALLOC, ANYWHERE), 1),
    "page_alloc over a shared page": Case(has_a_child, (Call.PAGE_ALLOC, BSS), 1),
    "map": Case(nothing, (Call.MAP, ANYWHERE, 0x10_0000, WRITE), 2, ANYWHERE),
    "map anywhere": Case(nothing, (Call.MAP, 0, 0x10_0000, WRITE), 2, ANYWHERE),
    "map of memory that can be read": Case(nothing, (Call.MAP, ANYWHERE, 0x10_0000, READ), 1, ANYWHERE),
    "map with a guard": Case(nothing, (Call.MAP, ANYWHERE, 0x10_0000, WRITE | 16), 2, ANYWHERE),
    "map with a guard that needs a node": Case(
        has_as_many_regions_as_need_no_node, (Call.MAP, ROW + PAGE * 100, 3 * PAGE, WRITE | 16), 2, ROW + PAGE * 100,
    ),
    "map of sparse memory": Case(nothing, (Call.MAP, ANYWHERE, 0x4000_0000, WRITE | SPARSE), 0, ANYWHERE),
    "page_alloc of a page of sparse memory": Case(has_read_sparse_memory, (Call.PAGE_ALLOC, FAR), 2),
    "fork with sparse memory": Case(has_read_sparse_memory, (Call.FORK,), 6, 3),
    "unmap": Case(has_a_child, (Call.UNMAP, ANYWHERE, 0x100_0000), 0),
    "protect": Case(has_a_child, (Call.PROTECT, BSS, PAGE, READ), 0),
    "protect of text": Case(nothing, (Call.PROTECT, TEXT, PAGE, WRITE), 1),
    "protect of shared text": Case(has_a_child, (Call.PROTECT, TEXT, PAGE, WRITE), 1),
    "protect of what could not be accessed": Case(
        has_memory_that_cannot_be_accessed, (Call.PROTECT, ANYWHERE, 0x10_0000, WRITE), 2,
    ),
    "malloc_pages": Case(nothing, (Call.MALLOC_PAGES, 3), 5, MALLOC - 2**32),
    "malloc_pages in a hole": Case(has_malloc_pages, (Call.MALLOC_PAGES, 2), 3, MALLOC + PAGE - 2**32),
    "malloc_pages at the end": Case(has_malloc_pages, (Call.MALLOC_PAGES, 3), 4, MALLOC + 5 * PAGE - 2**32),
    "malloc_pages in two tables": Case(
        nothing, (Call.MALLOC_PAGES, 3), 6, MALLOC - PAGE, layout=UNUSUAL,
    ),
    "free_pages": Case(has_malloc_pages_and_a_child, (Call.FREE_PAGES, MALLOC + 3 * PAGE, 2), 0),
    "fork with malloc pages": Case(has_malloc_pages, (Call.FORK,), 6, 3),
    "exec with malloc pages": Case(has_malloc_pages, (Call.EXEC, NAME, ARGUMENT), 7),
    "load_library": Case(nothing, (Call.LOAD_LIBRARY, LIBRARY), 9, LIBRARIES),
    "load_library where it needs a table": Case(
        has_no_room_in_the_images_table, (Call.LOAD_LIBRARY, LIBRARY), 11, LAST_IN_TABLE,
    ),
    "load_library of a name that is nowhere yet": Case(
        has_regions, (Call.LOAD_LIBRARY, ANYWHERE), 0, NoSuchLibrary.number,
    ),
    "load_library of a name whose end is nowhere yet": Case(
        has_a_name_before_a_page_that_is_nowhere_yet, (Call.LOAD_LIBRARY, FAR - 5), 9, LIBRARIES,
    ),
    "load_library again": Case(has_a_library_with_data, (Call.LOAD_LIBRARY, LIBRARY), 0, LIBRARIES),
    "load_library that is loaded": Case(another_has_the_library, (Call.LOAD_LIBRARY, LIBRARY), 1, LIBRARIES),
    "load_library of full frames": Case(
        another_has_the_library_and_its_data, (Call.LOAD_LIBRARY, LIBRARY), 5, LIBRARIES, layout=CROWDED,
    ),
    "unload_library": Case(has_a_library_with_data, (Call.UNLOAD_LIBRARY, LIBRARIES), 0),
    "unload_library beside a child": Case(has_a_library_and_a_child, (Call.UNLOAD_LIBRARY, LIBRARIES), 0),
    "fork with a library": Case(has_a_library_with_data, (Call.FORK,), 7, 3),
    "fork with a library that copies": Case(has_a_library_with_data, (Call.FORK,), 13, 3, layout=EAGER),
    "fork with a library of full frames": Case(has_a_library_with_data, (Call.FORK,), 13, 3, layout=CROWDED),
    "exec with a library": Case(has_a_library_and_a_child, (Call.EXEC, NAME, ARGUMENT), 7),
    "kill with a library": Case(has_a_library_and_a_child, (Call.KILL, 3), 0),
    "map of a region that needs a node": Case(
        has_as_many_regions_as_need_no_node, (Call.MAP, ROW + PAGE, PAGE, WRITE), 2, ROW + PAGE,
    ),
    "map of a region that needs another node": Case(has_a_full_node, (Call.MAP, ROW - PAGE, PAGE, 0), 1, ROW - PAGE),
    "map between regions that it joins": Case(has_two_nodes, (Call.MAP, ROW + PAGE, PAGE, READ), 0, ROW + PAGE),
    "unmap that needs a node": Case(has_as_many_regions_as_need_no_node, (Call.UNMAP, BSS + PAGE, PAGE), 1),
    "unmap that needs another node": Case(has_a_full_node, (Call.UNMAP, ROW - 3 * PAGE, PAGE), 1),
    "unmap that needs none": Case(has_a_full_node, (Call.UNMAP, ROW - 4 * PAGE, PAGE), 0),
    "unmap of a node's regions": Case(has_two_nodes, (Call.UNMAP, ROW, 0x10_0000), 0),
    "protect that needs a node": Case(
        has_as_many_regions_as_need_no_node, (Call.PROTECT, ROW - 3 * PAGE, PAGE, WRITE), 2,
    ),
    "protect that needs another node": Case(has_a_full_node, (Call.PROTECT, ROW - 3 * PAGE, PAGE, WRITE), 2),
    "page_alloc that needs a node": Case(has_as_many_regions_as_need_no_node, (Call.PAGE_ALLOC, BSS + PAGE), 2),
    "malloc_pages that need a node": Case(
        has_as_many_regions_as_need_no_node, (Call.MALLOC_PAGES, 3), 6, MALLOC - 2**32,
    ),
    "load_library that needs a node": Case(
        has_as_many_regions_as_need_no_node, (Call.LOAD_LIBRARY, LIBRARY), 10, LIBRARIES,
    ),
    "fork with a node": Case(has_a_full_node, (Call.FORK,), 7, 3),
    "fork with two nodes": Case(has_two_nodes, (Call.FORK,), 8, 3),
    "exec with two nodes": Case(has_two_nodes, (Call.EXEC, NAME, ARGUMENT), 7),
    "mint that needs a node": Case(has_endpoint_handles_that_need_no_node, (Call.MINT, 1, SEND, 5), 1, FEW_HANDLES + 1),
    "mint that needs none": Case(has_a_node_of_handles, (Call.MINT, 1, SEND, 5), 0, FEW_HANDLES + 2),
    "endpoint_create that needs a node": Case(
        has_endpoint_handles_that_need_no_node, (Call.ENDPOINT_CREATE, 0), 1, FEW_HANDLES + 1,
    ),
    "drop that gives a node back": Case(has_a_node_of_handles, (Call.DROP, FEW_HANDLES + 1), 0),
    "fork with a node of handles": Case(has_a_node_of_handles, (Call.FORK,), 6, 3),
    "fork with two nodes of handles": Case(has_two_nodes_of_handles, (Call.FORK,), 7, 3),
    "receive of bytes and a handle, where memory is nowhere yet": Case(
        is_called, (Call.RECEIVE, 1, RECORD), 3, FEW_HANDLES + 1,
    ),
    "receive of bytes and a handle without a call": Case(is_sent, (Call.RECEIVE, 1, RECORD), 3),
    "receive of bytes to two pages": Case(
        is_called_and_has_room_in_two_pages, (Call.RECEIVE, 1, RECORD), 3, 2, clean=2,
        instead=(Call.FRAME_COUNTS, ANYWHERE + PAGE - 80),
    ),
    "receive of pages": Case(is_sent_pages, (Call.RECEIVE, 1, RECORD), 3),
    "receive of pages, bytes and a handle": Case(is_sent_pages_and_more, (Call.RECEIVE, 1, RECORD), 6),
    "receive of a page that needs a node": Case(is_sent_a_page_and_has_a_full_node, (Call.RECEIVE, 1, RECORD), 2),
    "send of a page that splits a region": Case(
        has_a_full_node_and_pages_to_send, (Call.SEND, 1, RECORD), 1, TimedOut.number,
    ),
    "object_create": Case(nothing, (Call.OBJECT_CREATE, 3), 8, 1),
    "object_create that needs a node of handles": Case(
        has_as_many_handles_as_need_no_node, (Call.OBJECT_CREATE, 1), 5, FEW_HANDLES + 1,
    ),
    "object_map": Case(has_an_object, (Call.OBJECT_MAP, 1, OBJECT, 3 * PAGE, WRITE), 2, OBJECT),
    "object_map beside other pages": Case(
        has_an_object, (Call.OBJECT_MAP, 1, ANYWHERE + 2 * PAGE, 3 * PAGE, WRITE), 0, ANYWHERE + 2 * PAGE,
    ),
    "object_map that needs a node": Case(
        has_an_object_and_a_full_node, (Call.OBJECT_MAP, 1, ROW + PAGE, PAGE, WRITE), 2, ROW + PAGE,
    ),
    "object_map that joins a region": Case(
        shows_an_object, (Call.OBJECT_MAP, 1, OBJECT + 3 * PAGE, 3 * PAGE, WRITE), 0, OBJECT + 3 * PAGE,
    ),
    "payload_object": Case(nothing, (Call.PAYLOAD_OBJECT,), 1, 1),
    "payload_object that needs a node of handles": Case(
        has_endpoint_handles_that_need_no_node, (Call.PAYLOAD_OBJECT,), 2, FEW_HANDLES + 1,
    ),
    "object_map of the payload": Case(
        has_the_payload, (Call.OBJECT_MAP, 1, OBJECT + 2 * PAGE, PAGE, READ), 1, OBJECT + 2 * PAGE,
    ),
    "drop of the payload": Case(has_the_payload, (Call.DROP, 1), 0),
    "unmap of what shows an object": Case(shows_an_object_that_nothing_names, (Call.UNMAP, OBJECT, 3 * PAGE), 0),
    "protect of what shows an object": Case(
        shows_an_object_beside_a_child, (Call.PROTECT, OBJECT + PAGE, PAGE, READ), 0,
    ),
    "page_alloc over a page of an object": Case(shows_an_object_beside_a_child, (Call.PAGE_ALLOC, OBJECT + PAGE), 2),
    "drop of an object": Case(has_an_object, (Call.DROP, 1), 0),
    "fork with an object": Case(shows_an_object, (Call.FORK,), 9, 3),
    "fork with an object that copies nothing of it": Case(shows_an_object, (Call.FORK,), 14, 3, layout=EAGER),
    "exec with an object": Case(shows_an_object_that_nothing_names, (Call.EXEC, NAME, ARGUMENT), 7),
    "kill with an object": Case(shows_an_object_beside_a_child, (Call.KILL, 3), 0),
    "puts": Case(nothing, (Call.PUTS, BSS, 2), 0, 2),
    "puts of memory that is nowhere yet": Case(has_regions, (Call.PUTS, ANYWHERE, 2), 0, 2),
    "puts from two tables": Case(has_regions, (Call.PUTS, FAR - 2, 4), 0, 4),
    "frame_counts": Case(nothing, (Call.FRAME_COUNTS, DATA + 64), 0),
    "frame_counts to memory that is zero when touched": Case(nothing, (Call.FRAME_COUNTS, BSS), 1),
    "frame_counts to memory that is nowhere yet": Case(has_regions, (Call.FRAME_COUNTS, ANYWHERE), 2),
    "frame_counts to a page that was only read": Case(has_read, (Call.FRAME_COUNTS, BSS), 1),
    "frame_counts to a shared page": Case(has_a_child, (Call.FRAME_COUNTS, BSS), 1),
    "frame_counts to a page that was shared": Case(had_a_child, (Call.FRAME_COUNTS, DATA + 64), 0),
    "frame_counts to two pages": Case(
        nothing, (Call.FRAME_COUNTS, BSS + PAGE - 24), 2, clean=1, instead=(Call.FRAME_COUNTS, BSS),
    ),
    "frame_counts to two tables": Case(
        has_regions, (Call.FRAME_COUNTS, FAR - 24), 4, clean=2, instead=(Call.FRAME_COUNTS, FAR - PAGE),
    ),
    "wait": Case(has_a_zombie, (Call.WAIT, -1, 0), 0, 3),
    "wait, the ending to memory that is zero when touched": Case(has_a_zombie, (Call.WAIT, 3, BSS), 1, 3),
    "wait, the ending to memory that is nowhere yet": Case(has_a_zombie, (Call.WAIT, -1, ANYWHERE), 2, 3),
    "wait, the ending to a page that was shared": Case(has_a_zombie, (Call.WAIT, -1, DATA + 64), 0, 3),
    "wait, the ending to a shared page": Case(has_a_zombie_and_a_child, (Call.WAIT, -1, DATA + 64), 1, 3),
    "wait, the ending to two pages": Case(
        has_a_zombie, (Call.WAIT, 3, BSS + PAGE - 4), 2, 3, clean=1, instead=(Call.FRAME_COUNTS, BSS),
    ),
    "process_wait": Case(has_a_handle_to_a_zombie, (Call.PROCESS_WAIT, 1, 0), 0, 3),
    "process_wait, the ending to memory that is nowhere yet": Case(
        has_a_handle_to_a_zombie, (Call.PROCESS_WAIT, 1, ANYWHERE), 2, 3,
    ),
    "kill": Case(has_a_child, (Call.KILL, 3), 0),
    "detach": Case(has_a_child, (Call.DETACH,), 0),
    "thread_create": Case(nothing, (Call.THREAD_CREATE, ENTRY, STACK, 0), 1, 3),
    "thread_create beside a child": Case(has_a_child, (Call.THREAD_CREATE, ENTRY, STACK, 0), 1, 4),
    "thread_join": Case(has_a_thread_that_ended, (Call.THREAD_JOIN, 3, 0, 0), 0, 3),
    "thread_join, the value to memory that is zero when touched": Case(
        has_a_thread_that_ended, (Call.THREAD_JOIN, 3, BSS, 0), 1, 3,
    ),
    "thread_join, the value to two pages": Case(
        has_a_thread_that_ended, (Call.THREAD_JOIN, 3, BSS + PAGE - 2, 0), 2, 3,
        clean=1, instead=(Call.FRAME_COUNTS, BSS),
    ),
    "interrupt_handle": Case(nothing, (Call.INTERRUPT_HANDLE, 4), 0, 1),
    "interrupt_handle that needs a node of handles": Case(
        has_endpoint_handles_that_need_no_node, (Call.INTERRUPT_HANDLE, 4), 1, FEW_HANDLES + 1,
    ),
    "thread_handle": Case(has_threads, (Call.THREAD_HANDLE, 3), 0, 1),
    "thread_handle that needs a node": Case(
        has_threads_and_handles_that_need_no_node, (Call.THREAD_HANDLE, 3), 1, FEW_HANDLES + 1,
    ),
    "thread_wait, the value to memory that is zero when touched": Case(
        has_a_handle_to_a_thread_that_ended, (Call.THREAD_WAIT, 1, BSS, 0), 1, 3,
    ),
    "thread_end": Case(has_a_handle_to_a_thread, (Call.THREAD_END, 1, 7), 0),
    "thread_detach": Case(has_a_thread_that_ended, (Call.THREAD_DETACH, 3), 0),
    "wait_on of another value": Case(has_threads, (Call.WAIT_ON, DATA, 0, 0), 0, 1),
    "wake": Case(has_threads, (Call.WAKE, BSS, 1), 0, 0),
    "fork beside threads": Case(has_threads, (Call.FORK,), 5, 3),
    "exec beside threads": Case(has_threads, (Call.EXEC, NAME, ARGUMENT), 7),
    "yield": Case(nothing, (Call.YIELD,), 0),
    "getpid": Case(nothing, (Call.GETPID,), 0, ACTOR),
}  # fmt: skip

ACCESSES = {
    "the first read": Case(nothing, (READ_BYTE, BSS), 0),
    "the first read where there is no table": Case(has_regions, (READ_BYTE, ANYWHERE), 1),
    "the first write among many regions": Case(has_two_nodes, (WRITE_BYTE, BSS), 1),
    "the first read of the stack": Case(nothing, (READ_BYTE, STACK - 9 * PAGE), 0),
    "the first write": Case(nothing, (WRITE_BYTE, BSS), 1),
    "the first write where there is no table": Case(has_regions, (WRITE_BYTE, ANYWHERE), 2),
    "the first write of the stack": Case(nothing, (WRITE_BYTE, STACK - 9 * PAGE), 2),
    "the first write of promised stack": Case(nothing, (WRITE_BYTE, STACK - 3 * PAGE), 1),
    "the first write of sparse memory": Case(has_sparse_memory, (WRITE_BYTE, FAR), 3),
    "a write after a read of sparse memory": Case(has_read_sparse_memory, (WRITE_BYTE, FAR), 2),
    "a write after a read": Case(has_read, (WRITE_BYTE, FAR), 1),
    "a write to a shared malloc page": Case(has_malloc_pages_and_a_child, (WRITE_BYTE, MALLOC), 1),
    "a second write": Case(has_pages, (WRITE_BYTE, FAR), 0),
    "a write to a shared page": Case(has_a_child, (WRITE_BYTE, BSS), 1),
    "a write to the shared stack": Case(has_a_child, (WRITE_BYTE, STACK), 1),
    "a read of a shared page": Case(has_a_child, (READ_BYTE, BSS), 0),
    "a write of the last holder": Case(had_a_child, (WRITE_BYTE, DATA), 0),
    "a write of a child to a shared page": Case(is_a_child, (WRITE_BYTE, DATA), 1, actor=3),
    "a write of a child where there is no page": Case(is_a_child, (WRITE_BYTE, BSS), 1, actor=3),
    "a write to a copy that fork made": Case(has_a_child, (WRITE_BYTE, BSS), 0, layout=EAGER),
    "a write to a library's data": Case(has_a_library, (WRITE_BYTE, LIBRARIES + LIBRARY_DATA), 1),
    "a write to a library's data beside a child": Case(
        has_a_library_and_a_child,
        (WRITE_BYTE, LIBRARIES + LIBRARY_DATA),
        1,
    ),
    "the first read of a library's zeros": Case(has_a_library, (READ_BYTE, LIBRARIES + LIBRARY_ZEROS), 0),
    "the first write of a library's zeros": Case(has_a_library, (WRITE_BYTE, LIBRARIES + LIBRARY_ZEROS), 1),
    "a write to a page of an object beside a child": Case(shows_an_object_beside_a_child, (WRITE_BYTE, OBJECT), 0),
    "a write to a full frame": Case(has_a_child, (WRITE_BYTE, BSS), 1, layout=CROWDED),
}


def prepared(case: Case, life: str) -> Driven:
    machine = driven("it", "it", life=life, layout=case.layout, memory=memory_for(case.layout))
    case.prepare(machine)
    machine.run(case.actor)
    return machine


def fail_at(machine: Driven, number: int) -> None:
    machine.kernel.memory.frames.injection.countdown = number


def end_injection(machine: Driven) -> int:
    """Return how many allocations more would have had to follow for one to fail."""
    left = machine.kernel.memory.frames.injection.countdown
    fail_at(machine, 0)
    return left


def lives_of(cases, step):
    """Return each name with each life as parameters: for every run all interpreted, and one of `step` compiled.

    It is of those whose kernel other tests have compiled.
    """
    cells, common = [*product(cases, LIVES)], [name for name, case in cases.items() if case.layout not in SELDOM]
    return some_of(cells, [(name, life) for name, life in cells if life == LIVES[0] or name in common[::step]])


@pytest.mark.parametrize(("name", "life"), lives_of(CALLS, 16))
def test_a_call_that_runs_out_of_memory_leaves_no_trace(name, life, record_property):
    record_property(f"injection points, {life}", attempt_all(CALLS[name], life))


def attempt_all(case: Case, life: str) -> int:
    """Fail each allocation of a call; return how many there are."""
    machine, failed = prepared(case, life), 0
    while (result := attempt(machine, case, failed)) == OutOfMemory.number:
        failed += 1
        if failed > case.clean:
            machine = prepared(case, life)
    assert (result, failed) == (case.result, failed if case.points == UNKNOWN else case.points)
    machine.check()
    return failed


def attempt(machine: Driven, case: Case, failed: int) -> int:
    """Make a call whose next allocation but so many fails; return its result, and compare if it failed."""
    seen: list[bytearray] = []
    frame = machine.thread(case.actor).frame
    result_register = range_of(frame, register_name(frame, "ax"))
    machine.begin(case.actor, CALL, *case.request)
    before = memory(machine.lens, case.actor)
    for observers in (machine.pc.before_trap, machine.pc.after_trap):
        observers[:] = [lambda: seen.append(state(machine.pc, result_register))]
    fail_at(machine, failed + 1)
    result = machine.finish(case.actor)
    machine.pc.before_trap.clear()
    machine.pc.after_trap.clear()
    if result != OutOfMemory.number:
        assert end_injection(machine) == (1 if case.points == UNKNOWN else failed + 1 - case.points)
        return result
    assert end_injection(machine) == 0 and machine.thread(case.actor).frame.vector == 0x80
    machine.check()
    assert memory(machine.lens, case.actor) == before
    if failed < case.clean:
        assert_equal(machine.pc, seen[1], seen[0])
    else:
        assert_as_instead(machine, case)
    return result


def assert_as_instead(machine: Driven, case: Case) -> None:
    """Check that a failed call left what another call leaves, but for what the two wrote and their arguments."""
    other = prepared(case, "interpreted" if type(machine.pc).__name__ == "InterpretedPc" else "compiled")
    assert other.call(*case.instead, pid=case.actor) >= 0
    page = case.instead[1] // PAGE * PAGE
    frame = machine.frame(page, case.actor)
    assert frame == other.frame(page, case.actor)
    ignored = [range_of(machine.thread(case.actor).frame), *console(machine.kernel)]
    if frame != machine.kernel.spaces.kernel.zero:
        ignored.append((frame << PAGE_SHIFT, frame + 1 << PAGE_SHIFT))
    assert_equal(machine.pc, state(machine.pc, *ignored), state(other.pc, *ignored))


@pytest.mark.parametrize(("name", "life"), lives_of(ACCESSES, 8))
def test_a_fault_that_runs_out_of_memory_leaves_what_an_exit_leaves(name, life, record_property):
    record_property(f"injection points, {life}", attempt_access(ACCESSES[name], life))


def attempt_access(case: Case, life: str) -> int:
    """Fail each allocation of an access; return how many there are."""
    failed = 0
    exited = prepared(case, life)
    with pytest.raises(Died):
        exited.call(Call.EXIT, 0, pid=case.actor)
    while (machine := access(case, life, failed)) is not None:
        failed += 1
        machine.check()
        fault = machine.process(case.actor).fault
        if case.actor != 3:  # the orphan's record is free
            assert machine.process(case.actor).ending == Ending.FAULTED
            assert (fault.reason, fault.address) == (Reason.OUT_OF_MEMORY, case.request[1])
        line = bytes(machine.pc.console).decode().splitlines()[-1]
        assert line.endswith(f"{case.request[1]:#010x}, no memory is left, instruction at {case.request[0]:#010x}")
        ignored = (
            range_of(machine.process(case.actor), "ending", "exit_status"),
            range_of(fault),
            range_of(machine.kernel.threads.table[case.actor].frame),
            *console(machine.kernel),
        )
        assert_equal(machine.pc, state(machine.pc, *ignored), state(exited.pc, *ignored))
    assert case.points in (failed, UNKNOWN)
    return failed


def access(case: Case, life: str, failed: int) -> Driven | None:
    """Return the machine after an access whose next allocation but so many failed; None if none failed."""
    machine = prepared(case, life)
    machine.begin(case.actor, case.request[0], Call.GETPID, case.request[1], cx=7)
    fail_at(machine, failed + 1)
    try:
        machine.finish(case.actor)
    except Died:
        assert end_injection(machine) == 0
        return machine
    assert end_injection(machine) == (1 if case.points == UNKNOWN else failed + 1 - case.points)
    machine.check()
    return None


# The same in every other layout and with all page tables: how often a frame is allocated there is nobody's promise.

CELLS = {name_of(each): each for each in VARIANTS if each is not MICROKERNEL}
MOVED = STACK - 16 * PAGE
"""Addresses from here on are the stack's."""


def in_cell(case: Case, cell: str) -> Case:
    """Return a case in another layout, whose areas lie where this module has them, but for the stack."""
    there = CELLS[cell]
    changes = {each.name: getattr(case.layout, each.name) for each in fields(Layout)}
    changes = {name: value for name, value in changes.items() if value != getattr(MICROKERNEL, name)}
    up = there.stack_top - MICROKERNEL.stack_top
    request = tuple(each + up if MOVED <= each < MICROKERNEL.stack_top else each for each in case.request)
    bits = there.paging.word_bits
    result = case.result % (1 << 32) if bits == 64 and case.result < -255 else case.result
    if not there.kernel_stack_slots:
        changes = {name: value for name, value in changes.items() if not name.startswith("kernel_stack")}
    layout = replace(there, **AREAS | changes)
    return replace(case, layout=layout, request=request, result=result, points=UNKNOWN)


CALLS_IN_CELLS = {
    f"{name}, {cell}": (name, cell)
    for cell in CELLS
    for name in sorted(CALLS, key=lambda name: CALLS[name].layout is not SMALL)  # few kernels are to be compiled
}
ACCESSES_IN_CELLS = {
    f"{name}, {cell}": (name, cell)
    for cell, layout in CELLS.items()
    for name in ACCESSES
    if "stack" not in name or layout.stack_pages > 1
}


def in_cells(names, step):
    """Return parameters of a test, name and life: of each `step` one for every run, compiled in one of the cells.

    There other tests have the same kernel compiled; for the others alone that takes longer than all else.
    """
    given = []
    for (number, name), life in product(enumerate(names), LIVES):
        every_run = number % step == 0 and life == "interpreted"
        given.append(pytest.param(name, life, marks=() if every_run else pytest.mark.campaign))
    return given


@pytest.mark.parametrize(("where", "life"), in_cells(CALLS_IN_CELLS, 31))
def test_in_each_cell_a_call_that_runs_out_of_memory_leaves_no_trace(where, life):
    name, cell = CALLS_IN_CELLS[where]
    case = in_cell(CALLS[name], cell)
    if case.instead:
        first = replace(case, request=case.instead, instead=(), clean=99, result=0)
        case = replace(case, clean=attempt_all(first, life))
    failed = attempt_all(case, life)
    if not case.layout.eager_image:
        assert failed >= CALLS[name].points, "there are more levels of tables, or as many"


@pytest.mark.parametrize(("where", "life"), in_cells(ACCESSES_IN_CELLS, 24))
def test_in_each_cell_a_fault_that_runs_out_of_memory_leaves_what_an_exit_leaves(where, life):
    name, cell = ACCESSES_IN_CELLS[where]
    case = in_cell(ACCESSES[name], cell)
    failed = attempt_access(case, life)
    if not case.layout.eager_image:
        assert failed >= ACCESSES[name].points


def test_a_wait_that_blocks_allocates_nothing():
    machine = prepared(CALLS["kill"], "interpreted")
    fail_at(machine, 1)
    with pytest.raises(Blocked):
        machine.call(Call.WAIT, 3, ANYWHERE, pid=ACTOR)
    assert end_injection(machine) == 1


def test_so_many_allocations_were_failed():
    assert sum(case.points for case in (*CALLS.values(), *ACCESSES.values())) == 452


MISTAKES = {
    "a handle to reply that stays when there is no memory for the bytes": (
        "receive of bytes and a handle, where memory is nowhere yet", "messages.messages", "Messages", "_hand_over",
        "self.handles.remove(table, right)", "pass",
    ),
    "a node that stays when there is no memory for bytes": (
        "receive of bytes and a handle without a call", "messages.parcels", "Parcels", "move",
        "self.handles.settle(target)", "pass",
    ),
    "a node of handles that stays when there is no child": (
        "fork with two nodes of handles", "messages.handles", "HandleTables", "release", "self.settle(table)", "pass",
    ),
    "a frame that stays when there is none for its table": (
        "page_alloc", "memory.virtual_memory", "VirtualMemory", "_enter", "self.frames.drop(frame, space.owner)",
        "pass",
    ),
    "a child that stays when there is no memory for it": (
        "fork", "processes.processes", "Processes", "fork", "self.discard(child)", "pass",
    ),
    "a child that stays in its parent's list": (
        "fork", "processes.processes", "Processes", "discard", "self.remove_child(process)", "pass",
    ),
    "a new space that stays when exec fails": (
        "exec", "processes.programs", "Programs", "exec", "self.virtual_memory.release(self.next)", "pass",
    ),
    "an old frame that goes before there is a new one": (
        "page_alloc over a shared page", "memory.virtual_memory", "VirtualMemory", "_renew",
        "new: u32 = self._new_zeros(space)", "self.frames.drop(frame, space.owner); new: u32 = self._new_zeros(space)",
    ),
    "library pages that stay when there are not enough": (
        "load_library where it needs a table", "loading.libraries", "Libraries", "_place",
        "self.virtual_memory.remove(space, start, start + size)", "pass",
    ),
    "a node that stays when there are not enough": (
        "fork with two nodes", "memory.regions", "Regions", "release", "self.settle(space)", "pass",
    ),
    "a node that stays when there is no memory for pages": (
        "map of a region that needs a node", "memory.virtual_memory", "VirtualMemory", "map",
        "                self.regions.settle(space)", "                pass",
    ),
    "a library that stays loaded when it can't be mapped": (
        "load_library where it needs a table", "loading.libraries", "Libraries", "load",
        "self.loaded.free(library)", "pass",
    ),
    "a library that stays when there is no memory for all of it": (
        "load_library", "loading.loaded_libraries", "LoadedLibraries", "load", "self.free(library)", "pass",
    ),
    "malloc pages that stay when there are not enough": (
        "malloc_pages at the end", "memory.malloc_pages", "MallocPages", "_map",
        "self._unmap(space, start, end, count)", "pass",
    ),
    "an answer that is written in part": (
        "frame_counts to two pages", "memory.user_memory", "UserMemory", "copy_out",
        "first: u32 = self.virtual_memory.make_writable(space, address)",
        "first: u32 = self.virtual_memory.make_writable(space, address); self.access.page(first).bytes.fill(0, 1, 1)",
    ),
    "a zombie that is gone before its ending is told": (
        "wait, the ending to memory that is nowhere yet", "processes.waiting", "Waiting", "_say",
        "ending.how = zombie.ending", "ending.how = zombie.ending; self.processes.reap(zombie)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_failure_that_leaves_a_trace_is_found(mistake, tmp_path):
    name, *place = MISTAKES[mistake]
    with mistaken(tmp_path, *place), pytest.raises((AssertionError, InvariantBroken)):
        attempt_all(CALLS[name], "interpreted")


# Boot.

BOOT_FRAMES = 7
"""The page directory, tables of the kernel region, global mappings (2) and windows, zeros, the idle thread's stack."""


@pytest.mark.parametrize("frames", range(BOOT_FRAMES + 2))
def test_a_kernel_zone_of_any_size_boots_or_refuses_in_one_line(frames):
    """Each frame fewer lets another allocation of boot fail: the idle thread's stack, the frame of zeros, tables."""
    layout = replace(SMALL, zone_least=frames * PAGE, zone_share=1 << 32)
    pc = make_machine("it", layout=layout)
    pc.boot()
    left = layout.boot_stack // PAGE if frames >= BOOT_FRAMES else 0  # which is the zone's, once it is left
    assert pc.kernel.memory.frames.counts.kernel_total == frames + left
    [first, *others] = pc.console.decode().splitlines()
    if frames < BOOT_FRAMES:
        assert first.startswith("keelback: can't start. There is not enough memory: ") and not others
        assert (pc.outcome, pc.exit.status) == (Outcome.REFUSED, REFUSED)
        assert pc.run() is Outcome.REFUSED
    else:
        assert first.startswith("keelback: microkernel layout, ") and others
        assert others == ["keelback: can't start it. There is not enough memory."]
        assert pc.run() is Outcome.POWERED_OFF
