"""Threads: who runs, and in which queues the others are."""

from collections.abc import Iterator
from typing import Any

from keelback.inspect.census import Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.records import members, numbered, regions_of
from keelback.inspect.traps import TrapFrames
from keelback.kernel.processes.processes import ProcessState
from keelback.kernel.processes.queues import Queue, Queues
from keelback.kernel.processes.scheduler import TICKS
from keelback.kernel.processes.threads import ThreadState
from keelback.kernel.processes.wait_queues import CPUS
from keelback.kernel.processes.word_waits import SHARED, WORD
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL
from keelback.lang import PAGE_SIZE


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
        yield f"process {process._index}'s list of threads that ended", process.ended, kernel.threads.lists
        yield f"process {process._index}'s list of children", process.children, kernel.processes.families
        yield f"process {process._index}'s list of zombies", process.zombies, kernel.processes.families


@invariant("a thread in use is in its process's list, and knows its number and its process")
def _threads(census: Census) -> Iterator[str]:
    threads, processes = census.kernel.threads, census.snapshot.process_records
    lists = [(queue, each.pid) for each in processes for queue in (each.threads, each.ended)]
    listed = {number: pid for queue, pid in lists for number in members(queue, threads.lists)}
    in_use = {each._index: each.pid for each in census.snapshot.thread_records}
    if in_use != listed or any(threads.table[number].number != number for number in listed):
        yield f"threads and their processes are {in_use}, and processes list {listed}"


@invariant(
    "a thread that has ended, and no other, is in its process's list of those; it has no stack, and can be joined"
)
def _ended(census: Census) -> Iterator[str]:
    lists = census.kernel.threads.lists
    ended = [number for each in census.snapshot.process_records for number in members(each.ended, lists)]
    expected = [each._index for each in census.snapshot.thread_records if each.state == ThreadState.ENDED]
    if sorted(ended) != expected:
        yield f"threads that have ended should be {expected}, and are {ended}"
    for each in census.snapshot.thread_records:
        if (each.kernel_stack == 0) != (each.state == ThreadState.ENDED):
            yield f"thread {each._index} is {each.state.name} and has the stack {each.kernel_stack:#x}"
        if each.state == ThreadState.ENDED and each.detached:
            yield f"thread {each._index} has ended, and nobody can join it"


@invariant("a ready thread is in its CPU's queue, a waiting one in that which it names, and no other in any")
def _queues(census: Census) -> Iterator[str]:
    scheduler = census.kernel.scheduler
    expected = {
        each._index: each.cpu if each.state == ThreadState.READY else each.queue
        for each in census.snapshot.thread_records
        if each.state in (ThreadState.READY, ThreadState.WAITING)
    }
    places = [
        (number, index) for index, each in numbered(scheduler.queues) for number in members(each, scheduler.waits)
    ]
    if sorted(places) != sorted(expected.items()):
        yield f"threads and their queues should be {expected}, and are {places}"
    for each in census.snapshot.thread_records:
        if each.state == ThreadState.READY and each.queue != each.cpu:
            yield f"thread {each._index} is ready and names queue {each.queue}"
        if each.state == ThreadState.WAITING and each.queue < CPUS:
            yield f"thread {each._index} waits in queue {each.queue}, which is for ready ones"


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
    if scheduler.deadlines.count != len(expected):
        yield f"{scheduler.deadlines.count} deadlines are counted, and there are {len(expected)}"
    for each in threads:
        if each.state == ThreadState.SLEEPING and not each.timed:
            yield f"thread {each._index} sleeps for ever"
        if each.timed and each.state != ThreadState.SLEEPING and each.state != ThreadState.WAITING:
            yield f"thread {each._index} is {each.state.name} and has a deadline"
        if each.timed and each.wake_tick <= census.kernel.timer.clock.ticks:
            yield f"thread {each._index} should have been woken at {each.wake_tick}"


@invariant("who waits for a child has one that it waits for, and that has not ended")
def _waiters(census: Census) -> Iterator[str]:
    frames, wait_queues = TrapFrames(census.kernel), census.kernel.scheduler.wait_queues
    for thread in census.snapshot.thread_records:
        if thread.state != ThreadState.WAITING or not wait_queues.is_of_children(thread.queue):
            continue
        if thread.queue != wait_queues.of_children(thread.pid):
            yield f"thread {thread._index} waits in queue {thread.queue}, which is not its process's"
        else:
            wanted, any_child = frames.of(thread._index).arguments[0], census.kernel.layout.paging.highest
            children = [each for each in census.snapshot.process_records if each.parent == thread.pid]
            states = [each.state for each in children if wanted in (any_child, each.pid)]
            if ProcessState.ZOMBIE in states or not states:
                yield f"thread {thread._index} waits for {wanted}, and has {[state.name for state in states]}"


@invariant("who waits by a handle for the end of a process waits for another, which is alive")
def _watchers(census: Census) -> Iterator[str]:
    kernel = census.kernel
    wait_queues, table = kernel.scheduler.wait_queues, kernel.processes.table
    for thread in census.snapshot.thread_records:
        if thread.state == ThreadState.WAITING and wait_queues.is_of_watchers(thread.queue):
            watched = table[thread.queue - wait_queues.watched]
            if watched.state != ProcessState.ALIVE or watched.pid == thread.pid:
                yield f"thread {thread._index} of process {thread.pid} waits for the end of process {watched._index}"


@invariant("who waits to join a thread waits for another, that has not ended and can be joined")
def _joiners(census: Census) -> Iterator[str]:
    kernel = census.kernel
    wait_queues, table = kernel.scheduler.wait_queues, kernel.threads.table
    for thread in census.snapshot.thread_records:
        if thread.state != ThreadState.WAITING or not wait_queues.is_of_joiners(thread.queue):
            continue
        other = table[thread.queue - wait_queues.threads]
        if other.pid == 0 or other is thread:
            yield f"thread {thread._index} waits for thread {other._index} of process {other.pid}"
        elif other.state == ThreadState.ENDED or other.detached:
            yield f"thread {thread._index} waits for thread {other._index}, which it can't join any more"


@invariant("who waits on a word waits in its queue, and the word can be read")
def _words(census: Census) -> Iterator[str]:
    kernel, frames = census.kernel, TrapFrames(census.kernel)
    for thread in census.snapshot.thread_records:
        if thread.state != ThreadState.WAITING or not kernel.scheduler.wait_queues.is_of_words(thread.queue):
            continue
        address, word_waits = frames.of(thread._index).arguments[0], kernel.word_waits
        assert word_waits is not None, "a layout with such queues has what they are for"
        if address % WORD or thread.queue != word_waits.queue_of(thread.awaited):
            yield f"thread {thread._index} waits in queue {thread.queue} on {address:#x}"
        place, there = thread.awaited.place, thread.awaited.address
        if (place, there) != (thread.pid, address) and (place < SHARED or there != address % PAGE_SIZE):
            yield f"thread {thread._index} waits on {address:#x} and is said to wait on {there:#x} of {place:#x}"
        regions = regions_of(kernel, kernel.processes.table[thread.pid].space)
        if not any(each.start <= address < each.end for each in regions):
            yield f"thread {thread._index} waits on {address:#x}, where nothing is"


@invariant("at most one thread of a CPU runs: its current one")
def _running(census: Census) -> Iterator[str]:
    cpus = list(census.kernel.scheduler.cpus)
    for thread in census.snapshot.thread_records:
        if thread.state == ThreadState.RUNNING and all(thread._index != cpu.current for cpu in cpus):
            yield f"thread {thread._index} runs and is not current"


@invariant("a frame that a fast call's way back may restore has in registers where it goes on, and with what")
def _fast_calls(census: Census) -> Iterator[str]:
    narrow = census.kernel.layout.paging.word_bits == 32
    for each in census.snapshot.thread_records:
        frame: Any = each.frame
        if not frame.error & FROM_FAST_CALL:
            continue
        if narrow and (frame.edx, frame.ecx) != (frame.eip, frame.esp):
            yield f"thread {each._index} goes on at {frame.edx:#x}, not {frame.eip:#x}, or with stack {frame.ecx:#x}"
        if not narrow and (frame.rcx, frame.r11) != (frame.rip, frame.rflags):
            yield f"thread {each._index} goes on at {frame.rcx:#x}, not {frame.rip:#x}, or with flags {frame.r11:#x}"
