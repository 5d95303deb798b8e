"""Threads: who runs, and in which queues the others are."""

from collections.abc import Iterator

from keelback.inspect.census import Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.records import members, numbered
from keelback.inspect.traps import TrapFrames
from keelback.kernel.processes.processes import ProcessState
from keelback.kernel.processes.queues import Queue, Queues
from keelback.kernel.processes.scheduler import TICKS, waiters_of
from keelback.kernel.processes.threads import ThreadState


@invariant("every queue is a list both ways")
def _lists(census: Census) -> Iterator[str]:
    for name, queue, queues in _all_queues(census):
        found = members(queue, queues)
        before = [queues.link(number).previous for number in found]
        endless = found and queues.link(found[-1]).next
        if before != [0, *found][:-1] or queue.last != [0, *found][-1] or endless:
            yield f"{name} is {found} forward, {before} backward, and ends with {queue.last}"


def _all_queues(census: Census) -> Iterator[tuple[str, Queue, Queues]]:
    """Yield every queue of the kernel's, with its name and how its links are found."""
    kernel = census.kernel
    scheduler = kernel.scheduler
    for number, queue in numbered(scheduler.queues):
        yield f"queue {number}", queue, scheduler.waits
    for number, queue in numbered(scheduler.deadlines.queues):
        yield f"the queue of deadlines {number}", queue, scheduler.ends
    for slot, queue in numbered(kernel.processes.running.elements):
        yield f"the list of processes that run member {slot}", queue, kernel.processes.runners
    for process in census.snapshot.process_records:
        yield f"process {process._index}'s list of threads", process.threads, kernel.threads.lists
        yield f"process {process._index}'s list of children", process.children, kernel.processes.families
        yield f"process {process._index}'s list of zombies", process.zombies, kernel.processes.families


@invariant("a thread in use is in its process's list, and knows its number and its process")
def _threads(census: Census) -> Iterator[str]:
    threads, processes = census.kernel.threads, census.snapshot.process_records
    listed = {number: each.pid for each in processes for number in members(each.threads, threads.lists)}
    in_use = {each._index: each.pid for each in census.snapshot.thread_records}
    if in_use != listed or any(threads.table[number].number != number for number in listed):
        yield f"threads and their processes are {in_use}, and processes list {listed}"


@invariant("a ready thread is in its CPU's queue, a waiting one in that of its process's waiters, and no other in any")
def _queues(census: Census) -> Iterator[str]:
    scheduler = census.kernel.scheduler
    expected = {
        each._index: each.cpu if each.state == ThreadState.READY else waiters_of(each.pid)
        for each in census.snapshot.thread_records
        if each.state in (ThreadState.READY, ThreadState.WAITING)
    }
    places = [
        (number, index) for index, each in numbered(scheduler.queues) for number in members(each, scheduler.waits)
    ]
    if sorted(places) != sorted(expected.items()):
        yield f"threads and their queues should be {expected}, and are {places}"
    for number, index in expected.items():
        if census.kernel.threads.table[number].queue != index:
            yield f"thread {number} names another queue than {index}"


@invariant("a thread with a deadline is in the queue of its tick, each sleeping one has one, and no other is in any")
def _deadlines(census: Census) -> Iterator[str]:
    scheduler, threads = census.kernel.scheduler, census.snapshot.thread_records
    expected = [(each._index, each.wake_tick % TICKS) for each in threads if each.timed]
    places = [
        (number, tick)
        for tick, queue in numbered(scheduler.deadlines.queues)
        for number in members(queue, scheduler.ends)
    ]
    if sorted(places) != expected:
        yield f"threads and their deadlines should be {expected}, and are {places}"
    for each in threads:
        if each.state == ThreadState.SLEEPING and not each.timed:
            yield f"thread {each._index} sleeps for ever"
        if each.timed and each.state != ThreadState.SLEEPING and each.state != ThreadState.WAITING:
            yield f"thread {each._index} is {each.state.name} and has a deadline"
        if each.timed and each.wake_tick <= census.kernel.timer.clock.ticks:
            yield f"thread {each._index} should have been woken at {each.wake_tick}"


@invariant("who waits for a child has one that it waits for, and that has not ended")
def _waiters(census: Census) -> Iterator[str]:
    frames = TrapFrames(census.kernel)
    for thread in census.snapshot.thread_records:
        if thread.state == ThreadState.WAITING:
            wanted, any_child = frames.of(thread._index).arguments[0], census.kernel.layout.paging.highest
            children = [each for each in census.snapshot.process_records if each.parent == thread.pid]
            states = [each.state for each in children if wanted in (any_child, each.pid)]
            if ProcessState.ZOMBIE in states or not states:
                yield f"thread {thread._index} waits for {wanted}, and has {[state.name for state in states]}"


@invariant("at most one thread of a CPU runs: its current one")
def _running(census: Census) -> Iterator[str]:
    cpus = list(census.kernel.scheduler.cpus)
    for thread in census.snapshot.thread_records:
        if thread.state == ThreadState.RUNNING and all(thread is not cpu.current for cpu in cpus):
            yield f"thread {thread._index} runs and is not current"
