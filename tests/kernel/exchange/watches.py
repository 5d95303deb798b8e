"""The model of handles to processes and threads, by which others end them and wait for their end."""

from typing import Any

from keelback.abi.errors import BadArgument, NoSuchProcess, NoSuchThread, NotPermitted
from keelback.abi.handles import DESTROY, GRANT, RECEIVE
from kernel.exchange.handles import Handle, Handles
from kernel.exchange.threads import Threads
from kernel.exchange.world import Process, Thread, Wait, error


class Watches(Threads, Handles):
    """Processes that know others by handles."""

    def thing_of(self, number: int, kind: type, right: int) -> Any:
        """Return the thing of a kind that a handle with a right names; None where it is none, which is answered."""
        wrong = self.wrong_with(number, kind, right)
        if wrong:
            return self.answer(self.me, error(*wrong))
        return self.me.process.handles[number].thing

    def process_handle(self, pid: int) -> None:
        me, named = self.me, self.processes.get(pid)
        if named is None or named.ending:
            self.answer(me, NoSuchProcess.number)
        elif not self.descends(pid, me.process.pid):
            self.answer(me, NotPermitted.number)
        else:
            self.answer(me, self.add(me.process, Handle(named, DESTROY | RECEIVE | GRANT, named.serial)))

    def process_kill(self, number: int, pid: int) -> None:
        named = self.thing_of(number, Process, DESTROY)
        if named is None:
            return
        if named.ending:
            self.answer(self.me, NoSuchProcess.number)
        else:
            self.kill_below(named.pid, pid)

    def process_wait(self, number: int, place: int) -> None:
        me = self.me
        named = self.thing_of(number, Process, RECEIVE)
        if named is None:
            return None
        if self.processes.get(named.pid) is not named:
            self.answer(me, NoSuchProcess.number)
        elif named is me.process:
            self.answer(me, BadArgument.number)
        elif named.ending:
            self.say_ending(me, named, place)
        else:
            self.block(Wait(named.watchers, asked=place))
        return None

    def thread_handle(self, number: int) -> None:
        me, named = self.me, self.known(number)
        if named is None:
            self.answer(me, NoSuchThread.number)
        else:
            self.answer(me, self.add(me.process, Handle(named, DESTROY | RECEIVE | GRANT, named.serial)))

    def thread_wait(self, number: int, place: int, ticks: int) -> None:
        me = self.me
        named = self.thing_of(number, Thread, RECEIVE)
        if named is None:
            return None
        is_there = self.threads.get(named.number) is named and not named.detached
        return self.join(named if is_there else None, place, ticks, is_self=named is me)

    def thread_end(self, number: int, value: int) -> None:
        me = self.me
        named = self.thing_of(number, Thread, DESTROY)
        if named is None:
            return None
        if self.threads.get(named.number) is not named or named.value is not None:
            return self.answer(me, NoSuchThread.number)
        self.answer(me, 0)
        return self.end_thread(named, value)
