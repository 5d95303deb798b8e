"""The model of words that threads wait on: in a process's own memory, and in that of an object."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from keelback.abi.errors import BadAddress, BadArgument
from kernel.driven import PAGE
from kernel.exchange.world import MOST_TICKS, Process, Thread, Wait, World, error


@dataclass(frozen=True)
class Word:
    """The word that a thread waits on, by its address there."""

    address: int


class Words(World):
    """Threads that wait on words."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.waiting: defaultdict[Any, list[Thread]] = defaultdict(list)
        """Who waits on each word, by what it is known by."""

    def known_by(self, process: Process, address: int) -> Any:
        """Return what a word is known by: process and address, or the object and the place there."""
        page = process.space.page(address)
        if page and page.object:
            return page.object, page.index * PAGE + address % PAGE
        return process, address

    def wrong_with_word(self, address: int) -> list[Any]:
        is_there = self.me.process.space.can_use(address // 4 * 4, 4)
        return ([BadArgument] if address % 4 else []) + ([] if is_there else [BadAddress])

    def wait_on(self, address: int, value: int, ticks: int) -> None:
        me, process = self.me, self.me.process
        wrong = ([BadArgument] if ticks > MOST_TICKS else []) + self.wrong_with_word(address)
        if wrong:
            self.answer(me, error(*wrong))
        elif process.space.read(address, 4) != value.to_bytes(4, "little"):
            self.answer(me, 1)
        else:
            self.block(Wait(self.waiting[self.known_by(process, address)], self.until(ticks), asked=Word(address)))

    def wake(self, address: int, count: int) -> None:
        me, process = self.me, self.me.process
        wrong = self.wrong_with_word(address)
        if wrong:
            return self.answer(me, error(*wrong))
        woken = self.waiting[self.known_by(process, address)][:count]
        for thread in woken:
            self.answer(thread, 0)
        self.answer(me, len(woken))
        return None

    def forget_unreadable(self, process: Process) -> None:
        """Tell those of a process that wait on a word which was taken away."""
        self.forget(each for each, on in self.waiters(process) if not process.space.can_use(on.address, 4))

    def forget_words(self, process: Process, page: int) -> None:
        """Tell those of a process that wait on a word of a page which is another now."""
        self.forget(each for each, on in self.waiters(process) if on.address // PAGE * PAGE == page)

    def waiters(self, process: Process) -> list[tuple[Thread, Word]]:
        """Return the threads of a process that wait on words, each with its word."""
        waits = [(each, each.wait.asked) for each in process.threads if each.wait]
        return [(each, on) for each, on in waits if isinstance(on, Word)]

    def forget(self, threads: Iterable[Thread]) -> None:
        """Tell some that the word is gone on which they wait."""
        lost = list(threads)
        if lost:
            self.free_order = True
            self.refuse_all(lost, BadAddress)
