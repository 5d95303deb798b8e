"""Random requests of processes and threads: they start, end, wait for each other and on words."""

from hypothesis import strategies as st

from keelback.abi.handles import DESTROY, RECEIVE
from keelback.kernel.processes.programs import ARGUMENT_SIZE
from kernel.driven import ARGUMENT, ENTRY, NAME, NOBODY, PAGE, STACK, TEXT, Call
from kernel.exchange.requests import BAD, FAR, TICKS, WORDS, Requests
from kernel.exchange.themes import SELDOM, asked
from kernel.exchange.world import GUARD, Process, Thread

IN_ITS_QUEUE = WORDS + 256 + 4
"""A word whose waiters the kernel has in one queue with those of the word at WORDS (`WordWaits.queue_of`) …"""
NOWHERE = FAR + 3 * PAGE
"""… and a place where no process has memory that would have it, too."""
WORD_PLACES = [*[WORDS] * 4, IN_ITS_QUEUE, IN_ITS_QUEUE, WORDS + 4, WORDS + PAGE - 4]


class ThreadRequests(Requests):
    """What threads and processes ask of each other."""

    # Processes.

    @asked("processes", SELDOM, due=lambda self: len(self.world.processes) < self.world.most_processes)
    def fork(self, _: st.DataObject) -> None:
        self.request(Call.FORK)

    @asked("processes", SELDOM, due=lambda self: self.used_by_waiters() or self.ended_siblings())
    def exec(self, data: st.DataObject) -> None:
        name = self.draw(data, [NAME, NAME, NOBODY], "name")
        text = self.layout.stack_top - ARGUMENT_SIZE if self.width == 64 else 0
        self.request(Call.EXEC, name + self.machine.offset, ARGUMENT + self.machine.offset, given=(name == NAME, text))

    @asked("processes", SELDOM, due=lambda self: self.is_joined_from_elsewhere())
    def exit(self, data: st.DataObject) -> None:
        self.request(Call.EXIT, self.draw(data, [0, 1, -2], "status"))

    @asked("processes", SELDOM)
    def kill(self, data: st.DataObject) -> None:
        self.request(Call.KILL, self.mostly(data, [*self.world.processes], "process", range(9)))

    @asked("processes", SELDOM, due=lambda self: self.me.process.zombies)
    def wait(self, data: st.DataObject) -> None:
        """Wait for a child; the guard does where one has ended."""
        process = self.me.process
        if process.pid == GUARD:
            return self.request(Call.WAIT, -1, 0)
        children = [each.pid for each in process.zombies or process.children]
        return self.request(Call.WAIT, self.mostly(data, [-1, *children], "child", range(9)), self.place(data))

    @asked("processes", SELDOM)
    def detach(self, _: st.DataObject) -> None:
        self.request(Call.DETACH)

    def place(self, data: st.DataObject) -> int:
        """Draw where a result goes."""
        return self.mostly(data, [0, WORDS + 16, *self.me.process.space.in_area()], "place", [BAD, TEXT])

    # Processes and threads by handles.

    @asked("watches", SELDOM, due=lambda self: self.me.process.children or self.is_to_grow())
    def process_handle(self, data: st.DataObject) -> None:
        if self.has_room_for_handles():
            children = [each.pid for each in self.me.process.children]
            self.request(Call.PROCESS_HANDLE, self.mostly(data, children, "process", range(9)))

    @asked("watches", SELDOM, due=lambda self: self.siblings() or self.is_to_grow())
    def thread_handle(self, data: st.DataObject) -> None:
        if self.has_room_for_handles():
            self.request(Call.THREAD_HANDLE, self.one_of_mine(data))

    @asked("watches", SELDOM, due=lambda self: self.handles_to(Process, RECEIVE))
    def process_wait(self, data: st.DataObject) -> None:
        handle = self.mostly(data, self.handles_to(Process), "handle", [*self.me.process.handles, 0])
        self.request(Call.PROCESS_WAIT, handle, self.place(data))

    @asked("watches", SELDOM, due=lambda self: self.handles_to(Thread, RECEIVE))
    def thread_wait(self, data: st.DataObject) -> None:
        handle = self.mostly(data, self.handles_to(Thread), "handle", [*self.me.process.handles, 0])
        self.request(Call.THREAD_WAIT, handle, self.place(data), self.draw(data, TICKS, "ticks"))

    @asked("watches", SELDOM, due=lambda self: self.handles_to(Process, DESTROY))
    def process_kill(self, data: st.DataObject) -> None:
        handle = self.mostly(data, self.handles_to(Process), "handle")
        named = [self.thing(handle).pid] if handle in self.handles_to(Process) else []
        self.request(Call.PROCESS_KILL, handle, self.mostly(data, named, "process", range(9)))

    @asked("watches", SELDOM, due=lambda self: self.handles_to(Thread, DESTROY))
    def thread_end(self, data: st.DataObject) -> None:
        handle = self.mostly(data, self.handles_to(Thread), "handle", [*self.me.process.handles, 0])
        self.request(Call.THREAD_END, handle, self.draw(data, [0, 3, 0xFFFF_FFFE], "value"))

    # Threads.

    @asked("threads")
    def thread_create(self, data: st.DataObject) -> None:
        self.start_thread(
            self.draw(data, [0, 5, 0x8000_0000], "argument"), self.draw(data, [True] * 7 + [False], "good")
        )

    def start_thread(self, argument: int, is_good: bool = True) -> None:
        """Start a thread; where it is not good, below user space."""
        entry = ENTRY + self.machine.offset if is_good else BAD
        self.request(Call.THREAD_CREATE, entry, STACK + PAGE - 64, argument, given=(is_good, argument))

    @asked("threads", 2, due=lambda self: self.me.detached or self.me.joiners)
    def thread_exit(self, data: st.DataObject) -> None:
        self.request(Call.THREAD_EXIT, self.draw(data, [0, 3, 0xFFFF_FFFE], "value"))

    def is_joined_from_elsewhere(self) -> bool:
        """Say whether another process waits by handle for a thread of the first's."""
        return any(joiner.process is not self.me.process for each in self.me.process.threads for joiner in each.joiners)

    def one_of_mine(self, data: st.DataObject) -> int:
        """Draw a thread, mostly one of the first's process, and rather one that is joined or has ended."""
        siblings = self.siblings()
        awaited = [each.number for each in siblings if each.joiners or each.value is not None]
        return self.mostly(data, awaited * 2 + [each.number for each in siblings], "thread", range(12))

    @asked("threads", due=lambda self: any(each.joiners for each in self.siblings()))
    def thread_join(self, data: st.DataObject) -> None:
        self.request(Call.THREAD_JOIN, self.one_of_mine(data), self.place(data), self.draw(data, TICKS, "ticks"))

    @asked("threads", 2)
    def thread_detach(self, data: st.DataObject) -> None:
        self.request(Call.THREAD_DETACH, self.one_of_mine(data))

    # Words.

    def awaited_words(self) -> list[int]:
        """Return where the first has words that threads wait on."""
        process, waiting = self.me.process, self.world.waiting
        places = {*WORD_PLACES, *process.space.in_area(), *process.space.in_heap()}
        return sorted(each for each in places if waiting.get(self.world.known_by(process, each)))

    def word_place(self, data: st.DataObject) -> int:
        areas = [*self.me.process.space.in_area(), *self.me.process.space.in_heap()]
        awaited = self.awaited_words()
        others = [WORDS + 2, BAD, TEXT, FAR]
        return self.mostly(data, awaited * 4 + areas * 2 + WORD_PLACES, "place", others)

    @asked("words")
    def wait_on(self, data: st.DataObject) -> None:
        space, place = self.me.process.space, self.word_place(data)
        is_same = space.can_use(place, 4) and self.draw(data, [True] * 5 + [False], "same")
        value = int.from_bytes(space.read(place, 4), "little") if is_same else 1
        self.request(Call.WAIT_ON, place, value, self.draw(data, TICKS, "ticks"))

    @asked("words", due=awaited_words)
    def wake(self, data: st.DataObject) -> None:
        self.request(Call.WAKE, self.word_place(data), self.draw(data, [0, 1, 1, 2, 99], "count"))

    @asked("words", 2)
    def store(self, data: st.DataObject) -> None:
        place = self.word_place(data)
        if self.me.process.space.can_use(place, 4, writes=True) and place % 4 == 0:
            self.poke(place, bytes([self.draw(data, [0, 1, 2], "value")]))
            self.compare()
