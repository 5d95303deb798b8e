"""Processes: who is alive, and whose child."""

from collections.abc import Iterator

from keelback.inspect.census import Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.records import members, numbered
from keelback.kernel.processes.processes import ProcessState


@invariant("every child is in its parent's list of children, or of zombies when it has ended, and a parent is alive")
def _families(census: Census) -> Iterator[str]:
    families = census.kernel.processes.families
    for process in census.snapshot.process_records:
        pid = process._index
        theirs = [each for each in census.snapshot.process_records if each.parent == pid and pid > 0]
        for state, queue in ((ProcessState.ALIVE, process.children), (ProcessState.ZOMBIE, process.zombies)):
            listed = sorted(members(queue, families))
            if listed != [each.pid for each in theirs if each.state == state]:
                should = [each.pid for each in theirs if each.state == state]
                yield f"process {pid} lists {listed} as {state.name} children, and should list {should}"
        if theirs and process.state != ProcessState.ALIVE:
            yield f"process {pid} has children and is {process.state.name}, and should be ALIVE"


@invariant("a slot of the tables of processes, threads and endpoints is free just if nobody has it")
def _free_slots(census: Census) -> Iterator[str]:
    kernel = census.kernel
    processes = [each._index for each in census.snapshot.process_records if each.state != ProcessState.FREE]
    threads = [each._index for each in census.snapshot.thread_records]
    tables = [("process", kernel.processes.free_slots, processes), ("thread", kernel.threads.free_slots, threads)]
    if kernel.handles is not None:
        endpoints = kernel.handles.endpoints
        tables.append(("endpoint", endpoints.free_slots, [number for number, _ in numbered(endpoints.table)]))
    for name, slots, users in tables:
        words = list(slots.bits.words)
        found = 2 * sum(word << 32 * index for index, word in enumerate(words))
        expected = (1 << slots.count) - 2 & ~sum(1 << number for number in users)
        if wrong := found ^ expected:
            number = (wrong & -wrong).bit_length() - 1
            is_free = bool(found >> number & 1)
            yield f"the slot of {name} {number} is {'free' if is_free else 'taken'}, and should be the other"
        if slots.bits.summary != sum(1 << index for index, word in enumerate(words) if word):
            yield f"the upper level for {name} slots does not sum the lower one up"


@invariant("a process is alive exactly when it has a space and a thread; all alive are counted, the first is one")
def _alive(census: Census) -> Iterator[str]:
    processes = census.kernel.processes
    for process in census.snapshot.process_records:
        pid = process._index
        parts = (process.space.directory != 0, process.threads.first != 0)
        if parts != (process.state == ProcessState.ALIVE,) * 2 or (any(parts) and process.pid != pid):
            has = f"space {process.space.directory:#x} and thread {process.threads.first}"
            yield f"process {pid} is {process.state.name}, with {has}"
    if processes.counts.alive != len(census.snapshot.alive):
        yield f"{processes.counts.alive} processes are counted as alive, and {len(census.snapshot.alive)} are"
    first = processes.counts.first
    if first and processes.table[first].state != ProcessState.ALIVE:
        yield f"the first process is {first}, which should be ALIVE and is {processes.table[first].state.name}"
