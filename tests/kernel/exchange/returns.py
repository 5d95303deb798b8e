"""Aims at numbers that return: a handle names a process or a thread that is gone, and another has its number.

a handle ──> what it names ends, and is waited for ──> others are made, until one has the number ──> use the handle
"""

from hypothesis import strategies as st

from kernel.driven import Call
from kernel.exchange.thread_requests import ThreadRequests
from kernel.exchange.world import Process, Thread

Named = Process | Thread


class Returns(ThreadRequests):
    """Requests that lead to handles whose numbers others have."""

    def let_number_return(self, data: st.DataObject) -> None:
        """Let a handle name who is gone, and another have the number; then use the handle."""
        handles = self.handles_to(Process) + self.handles_to(Thread)
        gone = [each for each in handles if self.with_number_of(self.thing(each)) is not self.thing(each)]
        taken = [each for each in gone if self.with_number_of(self.thing(each))]
        if taken:
            self.use(data, self.draw(data, taken, "handle"))
        elif gone:
            self.make_another(self.thing(self.draw(data, gone, "handle")))
        elif handles:
            self.let_go(self.draw(data, handles, "handle"))
        else:
            self.name(self.draw(data, [*self.siblings(), *self.me.process.children, self.me, self.me.process], "named"))

    def with_number_of(self, named: Named) -> Named | None:
        """Return who has the number now of who had it once."""
        if isinstance(named, Process):
            return self.world.processes.get(named.pid)
        return self.world.threads.get(named.number)

    def use(self, data: st.DataObject, number: int) -> None:
        """Use a handle to a process or a thread."""
        named = self.thing(number)
        uses = {
            Process: [(Call.DROP,), (Call.PROCESS_WAIT, 0), (Call.PROCESS_KILL, getattr(named, "pid", 0))],
            Thread: [(Call.DROP,), (Call.THREAD_WAIT, 0, 1), (Call.THREAD_END, 3)],
        }
        call, *more = self.draw(data, uses[type(named)], "use")
        self.request(call, number, *more)

    def make_another(self, named: Named) -> None:
        """Make one that may get the number of who is gone; where there is no room for one, make some."""
        if len(self.world.threads) == self.world.most_threads:
            self.request(Call.EXIT, 0)
        elif isinstance(named, Process):
            self.request(Call.FORK)
        else:
            self.start_thread(5)

    def let_go(self, number: int) -> None:
        """Let the process or the thread of a handle end, and its number be free."""
        named = self.thing(number)
        if named in (self.me, self.me.process):
            self.request(Call.DROP, number)
        elif isinstance(named, Thread):
            self.request(*((Call.THREAD_END, number, 3) if named.value is None else (Call.THREAD_WAIT, number, 0, 1)))
        elif named.ending is None:
            self.request(Call.PROCESS_KILL, number, named.pid)
        elif named in self.me.process.zombies:
            self.request(Call.WAIT, named.pid, 0)
        else:
            self.request(Call.DROP, number)

    def name(self, named: Named) -> None:
        """Get a handle to a child or another thread, or make one."""
        if named in (self.me, self.me.process):
            self.make_another(named)
        elif isinstance(named, Process):
            self.request(Call.PROCESS_HANDLE, named.pid)
        else:
            self.request(Call.THREAD_HANDLE, named.number)
