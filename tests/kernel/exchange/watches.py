"""The model of handles to processes and threads, by which others end them and wait for their end."""

from keelback.abi.errors import BadArgument, NoSuchProcess, NoSuchThread, NotPermitted
from keelback.abi.handles import DESTROY, GRANT, RECEIVE
from kernel.exchange.handles import Handle, Handles
from kernel.exchange.threads import Threads
from kernel.exchange.world import Process, Thread, Wait, error


class Watches(Threads, Handles):
    """Processes that know others by handles."""

    def process_handle(self, pid: int) -> None:
        me, named = self.me, self.processes.get(pid)
        if named is None or named.ending:
            self.answer(me, NoSuchProcess.number)
        elif not self.descends(pid, me.process.pid):
            self.answer(me, NotPermitted.number)
        else:
            self.answer(me, self.add(me.process, Handle(named, DESTROY | RECEIVE | GRANT, named.serial)))

    def process_kill(self, number: int, pid: int) -> None:
        wrong = self.wrong_with(number, Process, DESTROY)
        named = self.me.process.handles.get(number)
        if wrong or named is None:
            self.answer(self.me, error(*wrong))
        elif named.thing.ending:
            self.answer(self.me, NoSuchProcess.number)
        else:
            self.kill_below(named.thing.pid, pid)

    def process_wait(self, number: int, place: int) -> None:
        me = self.me
        wrong = self.wrong_with(number, Process, RECEIVE)
        handle = me.process.handles.get(number)
        if wrong or handle is None:
            return self.answer(me, error(*wrong))
        named = handle.thing
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
        wrong = self.wrong_with(number, Thread, RECEIVE)
        handle = me.process.handles.get(number)
        if wrong or handle is None:
            return self.answer(me, error(*wrong))
        named = handle.thing
        is_there = self.threads.get(named.number) is named and not named.detached
        return self.join(named if is_there else None, place, ticks, is_self=named is me)

    def thread_end(self, number: int, value: int) -> None:
        me = self.me
        wrong = self.wrong_with(number, Thread, DESTROY)
        handle = me.process.handles.get(number)
        if wrong or handle is None:
            return self.answer(me, error(*wrong))
        named = handle.thing
        if self.threads.get(named.number) is not named or named.value is not None:
            return self.answer(me, NoSuchThread.number)
        self.answer(me, 0)
        return self.end_thread(named, value)
