"""What threads are doing, in words: whether they run, and what they wait for."""

from keelback.inspect.traps import TrapFrames
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.threads import Thread, ThreadState

DOING = {
    ThreadState.READY: "ready to run",
    ThreadState.RUNNING: "running",
    ThreadState.SLEEPING: "asleep",
    ThreadState.WAITING: "waiting",
    ThreadState.ENDED: "has ended",
}
"""What a thread does, by its state alone."""


def doing(kernel: Kernel, thread: Thread) -> str:
    """Return what a thread does, and what it waits for if it waits."""
    if thread.state != ThreadState.WAITING:
        return DOING.get(thread.state, thread.state.name.lower())
    queues, number = kernel.scheduler.wait_queues, thread.queue
    if queues.is_of_children(number):
        return "waiting for a child"
    if queues.is_of_watchers(number):
        return f"waiting for the end of process {number - queues.watched}"
    if queues.is_of_joiners(number):
        return f"waiting for thread {number - queues.threads}"
    if queues.is_of_words(number):
        return f"waiting on {TrapFrames(kernel).of(thread.number).arguments[0]:#010x}"
    if queues.is_of_callers(number):
        return f"waiting for a reply of process {thread.exchange.holder}"
    if number >= queues.receivers:
        return f"waiting for a message at endpoint {number - queues.receivers}"
    return f"waiting to send at endpoint {number - queues.senders}"


FEW = 6
"""Threads of a process whose ids are told."""


def doing_of_all(kernel: Kernel, numbers: list[int]) -> str:
    """Return what the threads of a process do: of several each with its id, of many how many do what."""
    found = [doing(kernel, kernel.threads.table[number]) for number in numbers]
    if len(found) < 2:
        return "".join(found)
    if len(found) <= FEW:
        return ", ".join(f"{number}: {text}" for number, text in zip(numbers, found, strict=True))
    return ", ".join(f"{found.count(text)} {text}" for text in dict.fromkeys(found))
