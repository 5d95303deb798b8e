"""The model of threads: how they start, end, and are joined."""

from keelback.abi.errors import BadAddress, BadArgument, NoSuchThread, NoThreadSlot
from keelback.abi.records import EXITED
from kernel.exchange.processes import Processes
from kernel.exchange.world import MOST_TICKS, Thread, Wait, error


class Threads(Processes):
    """Processes with threads that wait for each other."""

    def thread_create(self, is_good: bool, argument: int) -> None:
        number = self.next_number(self.threads, self.last_thread, self.most_threads)
        wrong = ([] if is_good else [BadAddress]) + ([] if number else [NoThreadSlot])
        if wrong:
            return self.answer(self.me, error(*wrong))
        self.answer(self.me, number)
        self.add_thread(number, self.me.process, {"ax": argument})
        return None

    def thread_exit(self, value: int) -> None:
        self.end_thread(self.me, value)

    def end_thread(self, thread: Thread, value: int) -> None:
        """Let a thread end with a value, wherever it is; its process ends with the last."""
        process = thread.process
        if all(each is thread or each.value is not None for each in process.threads):
            return self.end(process, EXITED, 0)
        if thread.wait:
            self.leave(thread)
        else:
            self.ready.remove(thread)
        thread.value = value
        self.serve_joiners(thread)
        return None

    def serve_joiners(self, ended: Thread) -> None:
        """Give a value to who can take it; what was not joined stays, unless nobody can."""
        for thread in list(ended.joiners):
            assert thread.wait
            self.hand_over(thread, ended, thread.wait.asked)
        if ended.detached and ended.number in self.threads:
            self.remove(ended)

    def hand_over(self, thread: Thread, ended: Thread, place: int) -> None:
        space = thread.process.space
        if self.threads.get(ended.number) is not ended or ended.detached:
            self.answer(thread, NoSuchThread.number)
        elif place and not space.can_use(place, self.word_size, writes=True):
            self.answer(thread, BadAddress.number)
        else:
            if place:
                space.write(place, (ended.value or 0).to_bytes(self.word_size, "little"))
            self.remove(ended)
            self.answer(thread, ended.number)

    def known(self, number: int) -> Thread | None:
        """Return the thread of the caller's process that can be joined."""
        thread = self.threads.get(number)
        return thread if thread and thread.process is self.me.process and not thread.detached else None

    def thread_join(self, number: int, place: int, ticks: int) -> None:
        self.join(self.known(number), place, ticks, is_self=number == self.me.number)

    def join(self, other: Thread | None, place: int, ticks: int, is_self: bool) -> None:
        """Give the caller the value of another thread, or let it wait for that."""
        me = self.me
        wrong = [BadArgument] if ticks > MOST_TICKS or is_self else []
        wrong += [] if other and other is not me else [NoSuchThread]
        if wrong or other is None:
            self.answer(me, error(*wrong))
        elif other.value is not None:
            self.hand_over(me, other, place)
        else:
            self.block(Wait(other.joiners, self.until(ticks), asked=place))

    def thread_detach(self, number: int) -> None:
        me, other = self.me, self.known(number)
        if other is None:
            return self.answer(me, NoSuchThread.number)
        self.answer(me, 0)
        other.detached = True
        self.refuse_all(other.joiners, NoSuchThread)
        if other.value is not None:
            self.remove(other)
        return None
