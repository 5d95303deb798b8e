"""Messages: whose handles name what, and who waits at which endpoint."""

from collections import Counter
from collections.abc import Iterator

from keelback.abi.handles import RECEIVE, SEND
from keelback.inspect.census import Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.records import handle_table_of, handles_of, members, numbered
from keelback.kernel.devices.lines import Phase
from keelback.kernel.messages.handle_table import FEW, Handle, HandleKind
from keelback.kernel.processes.queues import Queue
from keelback.kernel.processes.threads import ThreadState


def _handles(census: Census) -> Iterator[tuple[int, int, Handle]]:
    """Yield every handle, behind its process and its number."""
    for process in census.snapshot.process_records:
        for number, handle in handles_of(census.kernel, handle_table_of(census.kernel, process._index)):
            yield process._index, number, handle


@invariant("a handle table says which numbers are in use, has as many nodes as they take, and free places are zero")
def _tables(census: Census) -> Iterator[str]:
    tables = census.kernel.handles
    alive = {each._index for each in census.snapshot.process_records if each.space.directory}
    for pid, table in numbered(tables.tables) if tables is not None else ():
        used = [number for number, _ in handles_of(census.kernel, table)]
        last, free = max(used, default=0), min({*range(1, len(used) + 2)} - {*used})
        nodes = 0 if last <= FEW or tables is None else -(-last // tables.in_node)
        if (table.full, table.last, table.nodes) != (free - 1, last, nodes):
            found = f"full to {table.full}, last {table.last}, {table.nodes} nodes"
            yield f"process {pid}'s handles are {used}, and its table says: {found}"
        if table.owner != pid or pid not in alive:
            yield f"process {pid} has handles {used}, and its table is of process {table.owner}"
        if table.nodes and numbered(table.few):
            yield f"process {pid} has handles in its table and in nodes"


@invariant(
    "an endpoint is there just if a handle names it, and counts those that do, may receive, may send; and its lines"
)
def _endpoints(census: Census) -> Iterator[str]:
    if census.kernel.handles is None:
        return
    endpoints = census.kernel.handles.endpoints
    handles, receivers, senders = Counter[int](), Counter[int](), Counter[int]()
    for _, _, handle in _handles(census):
        if handle.kind == HandleKind.ENDPOINT:
            handles[handle.object] += 1
            receivers[handle.object] += bool(handle.rights & RECEIVE)
            senders[handle.object] += bool(handle.rights & SEND)
    lines = census.kernel.handles.endpoints.lines
    for line in (each for _, each in numbered(lines.table.lines) if each.driver):
        senders[line.driver] += 1
        if not endpoints.table[line.driver].is_open:
            yield f"a line is bound to endpoint {line.driver}, which is not open"
    found = {number: (each.handles, each.receivers, each.senders) for number, each in numbered(endpoints.table)}
    expected = {number: (count, receivers[number], senders[number]) for number, count in handles.items()}
    if found != expected:
        yield f"endpoints count {found} handles, receivers and senders, and there are {expected}"


@invariant("a line counts the handles to its interrupt, and is open just while it is bound, for which there is one")
def _lines(census: Census) -> Iterator[str]:
    if census.kernel.handles is None:
        return
    named = Counter(handle.object for _, _, handle in _handles(census) if handle.kind == HandleKind.INTERRUPT)
    lines = dict(enumerate(census.kernel.handles.endpoints.lines.table.lines))
    for number in sorted(named.keys() | lines.keys()):
        line = lines.get(number)
        if line is None or line.handles != named[number]:
            found = "is none" if line is None else f"counts {line.handles} handles"
            yield f"line {number} {found}, and {named[number]} name it"
        elif (line.phase != Phase.CLOSED) != (line.driver != 0) or (line.driver != 0 and line.handles == 0):
            yield f"line {number} is {line.phase.name}, bound to endpoint {line.driver}, by {line.handles} handles"


@invariant("an endpoint is open as long as somebody may receive there, and it is not both sent and received there")
def _open(census: Census) -> Iterator[str]:
    if census.kernel.handles is None:
        return
    endpoints = census.kernel.handles.endpoints
    for number, each in numbered(endpoints.table):
        if each.is_open and not each.receivers:
            yield f"endpoint {number} is open, and nobody can receive there"
        waiting = [len(members(queue, endpoints.scheduler.waits)) for queue in _queues(census, number)]
        if all(waiting) or (any(waiting) and not each.is_open):
            state = "open" if each.is_open else "closed"
            yield f"endpoint {number} is {state}, and {waiting[0]} wait to send there and {waiting[1]} to receive"


def _queues(census: Census, number: int) -> list[Queue]:
    waits = census.kernel.scheduler.wait_queues
    return [census.kernel.scheduler.queues[each] for each in (waits.of_senders(number), waits.of_receivers(number))]


@invariant("who waits for a reply is known to the one handle to reply, and to no other")
def _callers(census: Census) -> Iterator[str]:
    waits = census.kernel.scheduler.wait_queues
    expected = {
        (thread._index, thread.exchange.holder, thread.exchange.right)
        for thread in census.snapshot.thread_records
        if thread.state == ThreadState.WAITING and waits.is_of_callers(thread.queue)
    }
    rights = {
        (handle.object, pid, number) for pid, number, handle in _handles(census) if handle.kind == HandleKind.REPLY
    }
    if missing := expected - rights:
        yield f"(thread, process, handle) wait for replies that nobody can give: {sorted(missing)}"


@invariant("nobody waits at an endpoint that is not there, but callers for their replies")
def _waiters(census: Census) -> Iterator[str]:
    waits, scheduler = census.kernel.scheduler.wait_queues, census.kernel.scheduler
    there = (
        {number for number, _ in numbered(census.kernel.handles.endpoints.table)} if census.kernel.handles else set()
    )
    for queue, _ in numbered(scheduler.queues):
        number = (queue - waits.senders) % waits.endpoints if queue >= waits.senders else 0
        if queue >= waits.senders and number not in there and queue != waits.callers:
            yield f"threads wait at endpoint {number}, which is not there"
