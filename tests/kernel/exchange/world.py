"""A model of processes whose threads wait for each other, as simple as the calls' descriptions.

It knows who is ready, in which order, and what each thread finds in its registers; it knows nothing of how a kernel
does it.  The thread that is ready first makes the next request.

    world ─┬─ words ── memory ──────────────┐
           └─ processes ─┬─ handles ─┬──────┴─ objects ── parcels ─┐
                         └─ threads ─┴─ watches ───────────────────┴─ messages ── lines ── stalls

Each of these files is what the docs say of one part of a kernel.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from keelback.abi.errors import BadArgument, OutOfMemory, TimedOut
from kernel.exchange.space import Space

GUARD = 1
"""The process that lives as long as the machine; it waits for nothing but the ends of its children."""
MOST_TICKS = 0x7FFF_FFFF
Answer = int | frozenset[int]
"""The result of a call; of several errors at once the docs don't say which is told."""


def error(*kinds: Any) -> Answer:
    """Return the error, or the errors of which one is to come."""
    numbers = frozenset(each.number for each in kinds)
    return numbers if len(numbers) > 1 else min(numbers)


@dataclass(eq=False, repr=False)
class Wait:
    """What a thread waits for: in which queue, until which tick (None: for ever), and what it gets there."""

    queue: "list[Thread]" = field(default_factory=list)
    until: int | None = None
    late: int = TimedOut.number
    """The result when that tick comes."""
    asked: Any = None
    """What it waits with: a message, the child it wants, where a value goes."""


@dataclass(eq=False, repr=False)
class Thread:
    """One thread: what is in the registers that a call leaves it, what it waits for, and how it ended."""

    number: int
    process: "Process"
    registers: dict[str, Answer]
    serial: int = 1
    wait: Wait | None = None
    value: int | None = None
    detached: bool = False
    joiners: "list[Thread]" = field(default_factory=list)


@dataclass(eq=False, repr=False)
class Process:
    """One process: its memory, its threads, children and handles, and how it ended."""

    pid: int
    parent: int
    space: Space
    serial: int = 1
    threads: list[Thread] = field(default_factory=list)
    children: "list[Process]" = field(default_factory=list)
    zombies: "list[Process]" = field(default_factory=list)
    waiters: list[Thread] = field(default_factory=list)
    watchers: list[Thread] = field(default_factory=list)
    handles: dict[int, Any] = field(default_factory=dict)
    ending: tuple[int, int] | None = None


class World:
    """All processes and threads, at a tick; `free_order` says that the last request may wake in any order."""

    def __init__(self, most_processes: int, most_threads: int, word_size: int) -> None:
        self.word_size = word_size
        self.most_processes, self.most_threads = most_processes, most_threads
        self.last_pid = self.last_thread = 1
        self.made = self.started = 1
        """How many processes and threads there have been: the serial numbers of the last."""
        self.tick = 0
        self.free_order = False
        self.starved: frozenset[int] = frozenset()
        """Whom the request tells that there is no memory, where it may."""
        self.has_replied = True
        """Whether a reply was sent before memory was found missing."""
        self.processes = {GUARD: Process(GUARD, 0, Space.of_program())}
        self.threads = {1: Thread(1, self.processes[GUARD], {})}
        self.processes[GUARD].threads.append(self.threads[1])
        self.ready = [self.threads[1]]

    @property
    def me(self) -> Thread:
        """Return the thread that makes the request."""
        return self.ready[0]

    def answer(self, thread: Thread, result: Answer, **registers: int) -> None:
        """Let the call of a thread end: it is ready, behind all others if it waited."""
        if thread.wait is not None:
            self.leave(thread)
            self.ready.append(thread)
        kept = {name: value for name, value in thread.registers.items() if name != "dx"}
        thread.registers = {**kept, "ax": result, **registers}

    def refuse_all(self, threads: Iterable[Thread], kind: Any) -> None:
        """Let the calls of threads that wait end with an error, in any order."""
        refused = list(threads)
        self.free_order = self.free_order or len(refused) > 1
        for thread in refused:
            self.answer(thread, kind.number)

    def lacks(self, thread: Thread, may_lack: object = True) -> list[Any]:
        """Return whether a thread is told that there is no memory, by what may need some."""
        return [OutOfMemory] if may_lack and thread.number in self.starved else []

    def is_refused(self, thread: Thread) -> bool:
        """Say whether the call of a thread that is there and does not wait has ended with an error."""
        results = thread.registers.get("ax", 0)
        worst = min(results) if isinstance(results, frozenset) else results
        return not thread.wait and -255 <= worst < 0

    def leave(self, thread: Thread) -> None:
        """Let a thread wait no longer."""
        assert thread.wait is not None
        if thread in thread.wait.queue:
            thread.wait.queue.remove(thread)
        thread.wait = None

    def block(self, wait: Wait) -> None:
        """Let the caller wait."""
        thread = self.ready.pop(0)
        thread.wait = wait
        wait.queue.append(thread)

    def until(self, ticks: int) -> int | None:
        """Return the tick at which so many are over; 0 of them are for ever."""
        return self.tick + ticks if ticks else None

    # Turns and time.

    def give_way(self) -> None:
        thread = self.ready.pop(0)
        self.ready.append(thread)
        self.answer(thread, 0)

    def sleep(self, ticks: int) -> None:
        if ticks > MOST_TICKS:
            self.answer(self.me, BadArgument.number)
        elif ticks == 0:
            self.answer(self.me, 0)
        else:
            self.block(Wait(until=self.until(ticks), late=0))

    def let_tick(self) -> None:
        """Wake whose time has come, in the order in which they came; the others then have their turn."""
        self.tick += 1
        running = self.ready[:1]
        late = [each for each in self.threads.values() if each.wait and each.wait.until == self.tick]
        self.free_order = len(late) > 1
        for thread in late:
            self.answer(thread, thread.wait.late if thread.wait else 0)
        self.ready = self.ready[len(running) :] + running

    # Threads that come and go.

    def next_number(self, used: dict[int, Any], last: int, most: int) -> int:
        """Return the next number that is free after the last one given; 0 when there is none."""
        return next((each for each in ((last + step) % most + 1 for step in range(most)) if each not in used), 0)

    def add_thread(self, number: int, process: Process, registers: dict[str, Answer]) -> None:
        """Let a thread of a number start."""
        self.last_thread = number
        self.started += 1
        thread = self.threads[number] = Thread(number, process, registers, self.started)
        process.threads.append(thread)
        self.ready.append(thread)

    def remove(self, thread: Thread) -> None:
        """Let nothing of a thread stay, which neither runs nor waits."""
        thread.process.threads.remove(thread)
        del self.threads[thread.number]
