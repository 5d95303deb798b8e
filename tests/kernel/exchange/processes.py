"""The model of processes: how they fork, run another program, end, and wait for their children."""

from keelback.abi.errors import (
    BadAddress,
    NoChild,
    NoProcessSlot,
    NoSuchProcess,
    NoSuchProgram,
    NoSuchThread,
    NoThreadSlot,
    NotPermitted,
)
from keelback.abi.records import EXITED, KILLED
from kernel.exchange.space import Space
from kernel.exchange.world import GUARD, Process, Thread, Wait, World, error


class Processes(World):
    """Processes that have families."""

    def fork(self) -> None:
        me, parent = self.me, self.me.process
        pid = self.next_number(self.processes, self.last_pid, self.most_processes)
        number = self.next_number(self.threads, self.last_thread, self.most_threads)
        if not pid or not number:
            lacking = ([] if pid else [NoProcessSlot]) + ([] if number else [NoThreadSlot])
            return self.answer(me, error(*lacking))
        self.last_pid = pid
        self.made += 1
        child = Process(pid, parent.pid, parent.space.inherited(), self.made, handles=self.inherited(parent))
        self.processes[pid] = child
        parent.children.append(child)
        self.answer(me, pid)
        self.add_thread(number, child, {**me.registers, "ax": 0})
        return None

    def inherited(self, process: Process) -> dict[int, object]:
        """Return the handles that a child has."""
        return dict(process.handles)

    def exec(self, is_there: bool, argument: int) -> None:
        """Let the caller's process run the program anew, if there is one; its other threads end.

        The program finds its argument by a register, or (0) on its stack.
        """
        me = self.me
        if not is_there:
            return self.answer(me, NoSuchProgram.number)
        self.forget_all([each for each in me.process.threads if each is not me])
        me.process.space = Space.of_program()
        me.registers = {**dict.fromkeys(("ax", "bx", "si", "bp"), 0), "di": argument}
        return None

    def exit(self, status: int) -> None:
        self.end(self.me.process, EXITED, status)

    def kill(self, pid: int) -> None:
        self.kill_below(self.me.process.pid, pid)

    def kill_below(self, top: int, pid: int) -> None:
        """Let a process end that is another, `top`, or descends from it."""
        me, victim = self.me, self.processes.get(pid)
        if victim is None or victim.ending:
            self.answer(me, NoSuchProcess.number)
        elif pid == GUARD or not self.descends(pid, top):
            self.answer(me, NotPermitted.number)
        else:
            self.answer(me, 0)
            self.end(victim, KILLED, me.process.pid)

    def descends(self, pid: int, ancestor: int) -> bool:
        """Say whether a process is another or descends from it; who has no parent descends from the first."""
        while pid not in (ancestor, GUARD):
            parent = self.processes[pid].parent
            pid = parent if parent > 0 else GUARD
        return pid == ancestor

    def end(self, process: Process, how: int, status: int) -> None:
        """End a process: of its memory, threads and handles nothing stays, and who waits for it is told."""
        self.free_order = True
        self.forget_all(process.threads)
        self.drop_all(process)
        process.ending, process.space = (how, status), Space()
        for child in process.children:
            child.parent = -1
            if child.ending:
                del self.processes[child.pid]
        for watcher in list(process.watchers):
            self.say_ending(watcher, process, watcher.wait.asked if watcher.wait else 0)
        if process.parent == -1:
            del self.processes[process.pid]
            return
        parent = self.processes[process.parent]
        parent.zombies.append(process)
        self.serve_waiters(parent)

    def forget_all(self, threads: list[Thread]) -> None:
        """Let threads be gone; who waits for one of them by a handle is told so."""
        gone = list(threads)
        for thread in gone:
            if thread.wait:
                self.leave(thread)
            if thread in self.ready:
                self.ready.remove(thread)
            self.remove(thread)
        for thread in gone:
            self.refuse_all(thread.joiners, NoSuchThread)

    def drop_all(self, process: Process) -> None:
        """Give the handles of a process back that has ended."""

    def detach(self) -> None:
        me, process = self.me, self.me.process
        parent = self.processes.get(process.parent)
        self.answer(me, 0)
        if parent:
            parent.children.remove(process)
            process.parent = -1
            self.serve_waiters(parent)

    def wait(self, wanted: int, place: int) -> None:
        me = self.me
        if not self.collect(me, wanted, place):
            self.block(Wait(me.process.waiters, asked=(wanted, place)))

    def serve_waiters(self, parent: Process) -> None:
        for thread in list(parent.waiters):
            assert thread.wait
            self.collect(thread, *thread.wait.asked)

    def collect(self, thread: Thread, wanted: int, place: int) -> bool:
        """Answer who waits for a child, if it is known what; say whether it is."""
        parent = thread.process
        wanted_ones = [each for each in parent.children if wanted in (-1, each.pid)]
        ended = next((each for each in parent.zombies if each in wanted_ones), None)
        if not wanted_ones:
            self.answer(thread, NoChild.number)
            return True
        if ended is None:
            return False
        if self.say_ending(thread, ended, place):
            parent.zombies.remove(ended)
            parent.children.remove(ended)
            del self.processes[ended.pid]
        return True

    def say_ending(self, thread: Thread, ended: Process, place: int) -> bool:
        """Answer who waits for a process that has ended; say whether the place for how it did is good."""
        assert ended.ending
        if place and not thread.process.space.can_use(place, 8, writes=True):
            self.answer(thread, BadAddress.number)
            return False
        if place:
            how = b"".join(each.to_bytes(4, "little", signed=True) for each in ended.ending)
            thread.process.space.write(place, how)
        self.answer(thread, ended.pid)
        return True
