"""A machine and the model of messages, side by side.

Whoever is ready first makes each request, so no turn is lost; after it both must agree on who is ready, in which order,
on all registers, handles and objects, on where there is memory, and on the bytes of all pages.
"""

from collections import Counter
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from keelback.abi.errors import OutOfMemory
from keelback.abi.handles import ALL, MOST_DATA, NAMES
from keelback.abi.rights import READ, WRITE
from keelback.inspect.records import handle_nodes_of, handle_table_of, handles_of, members, numbered
from keelback.kernel.devices.lines import Phase
from keelback.kernel.messages.handle_table import FEW
from keelback.kernel.processes.threads import ThreadState
from keelback.kernel.x86.paging import USER, WRITABLE
from kernel.driven import (
    CALL,
    CARRIERS,
    PAGE,
    SMALL,
    WRITE_BYTE,
    Call,
    carried,
    driven_threads,
    memory_for,
    register,
    set_registers,
)
from kernel.exchange.handles import Endpoint, Handle, Interrupt
from kernel.exchange.scarcity import PLAIN, Scarcity
from kernel.exchange.space import AREA, HEAP, PRIVATE
from kernel.exchange.stalls import STALLED, Stalls
from kernel.exchange.world import GUARD, Process, Thread, Wait

DATA = PRIVATE[1]
"""The page whose bytes are sent: no two of a row are the same."""
TIMER_LINE = 0


class SideBySide(RuleBasedStateMachine):
    """A machine and a model of it, which are asked the same."""

    life = "interpreted"
    layout = SMALL
    watched = True
    """Whether strict RAM and the invariants watch the kernel, too."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = driven_threads(
            life=self.life, layout=self.layout, memory=memory_for(self.layout), check=self.watched
        )
        self.width = self.machine.word_bits
        self.world = Stalls(self.layout.processes - 1, self.layout.threads - 1, self.width // 8)
        self.world.processes[GUARD].handles[NAMES] = Handle(Endpoint(MOST_DATA), ALL)
        self.numbers: dict[Any, int] = {}
        """What the machine calls the model's endpoints and objects."""
        self.machine.step()
        for page in PRIVATE:
            self.poke(page, bytes(number * 7 % 251 for number in range(PAGE)) if page == DATA else b"\0")
        self.used = self.machine.used()
        self.scarcity = Scarcity(self.machine)
        self.is_whole = True
        """Whether machine and model agree."""
        self.is_over = False
        """Whether the machine has ended, since all wait."""

    # Requests.

    def ask(self, call: Call, *arguments: int, given: tuple[Any, ...] | None = None) -> None:
        """Let the first make a call, on the machine and on the model, which is given other arguments where said."""
        me = self.world.me
        if call in CARRIERS:
            arguments, given = carried(*arguments), arguments if given is None else given
        values = [each & (1 << self.width) - 1 for each in (*arguments, 0, 0, 0, 0, 0)[:5]]
        me.registers = dict(zip(("bx", "si", "di", "bp", "dx"), values, strict=True))
        self.begin_at(CALL, me, cx=0, ax=call, **me.registers)
        self.world.free_order = False
        self.scarcity.note(me.number)
        waiting = [each for each in self.world.threads.values() if each.wait]
        self.machine.pc.step()
        self.world.starved = self.scarcity.told(me, waiting)
        if call in PLAIN and self.world.lacks(me):
            self.scarcity.check_unchanged()
            self.world.answer(me, OutOfMemory.number)
        else:
            self.world.has_replied = call == Call.REPLY_RECEIVE and not self.has_handle(me, arguments[0] >> 16 & 0x7FFF)
            name = {Call.YIELD: "give_way"}.get(call, call.name.lower())
            getattr(self.world, name)(*(arguments if given is None else given))
            if self.world.is_refused(me) and not self.world.has_replied:
                self.scarcity.check_spare()
        self.world.starved = frozenset()
        self.compare()

    def has_handle(self, thread: Thread, number: int) -> bool:
        """Say whether a thread's process has a handle in the machine."""
        table = handle_table_of(self.machine.lens, thread.process.pid)
        return number in dict(handles_of(self.machine.lens, table))

    def begin_at(self, place: int, thread: Thread, **registers: int) -> None:
        frame = self.machine.thread(thread.number).frame
        set_registers(frame, ip=place + self.machine.offset, **registers)

    def poke(self, address: int, content: bytes) -> None:
        """Let the first write bytes: the first of them itself, the others where its store has put that."""
        process = self.world.me.process
        pid = process.pid
        if not self.machine.entry(address, pid) & WRITABLE:
            self.begin_at(WRITE_BYTE, self.world.me, ax=Call.GETPID, bx=address, cx=content[0])
            before = self.machine.pc.traps
            while register(self.machine.thread(self.world.me.number).frame, "ip") != CALL + 2 + self.machine.offset:
                self.machine.pc.step()
                assert self.machine.pc.traps < before + 5
        start = (self.machine.frame(address, pid) << 12) + address % PAGE
        self.machine.pc.ram.bytes[start : start + len(content)] = content
        process.space.write(address, content)
        self.world.me.registers = {}

    def pass_tick(self) -> None:
        """Let the timer interrupt whoever runs."""
        self.machine.pc.controller.raise_line(TIMER_LINE)
        self.world.free_order = False
        self.world.let_tick()
        self.machine.pc.step()
        self.compare()

    def interrupt_by(self, line: int) -> None:
        """Let the device of a line interrupt whoever runs, which is open."""
        self.machine.pc.controller.raise_line(line)
        self.world.free_order = False
        self.world.take(line)
        self.machine.pc.step()
        self.compare()

    # What holds after each.

    def compare(self) -> None:
        """Compare who is there, who is ready, and all that they have."""
        self.is_whole = False
        self.shown: Counter[int] = Counter()
        self.written: set[int] = set()
        self.learn()
        self.compare_threads()
        for thread in self.world.ready:
            self.compare_registers(thread)
        for process in self.world.processes.values():
            assert self.machine.process(process.pid).pid == process.pid
            if process.ending is None:
                self.compare_handles(process)
                self.compare_area(process)
                self.compare_heap(process)
                self.compare_pages(process)
        self.compare_own()
        self.compare_objects()
        self.compare_lines()
        self.compare_end()
        self.is_whole = True

    def learn(self) -> None:
        """Take over the bytes of which the docs don't say what they are after the last request."""
        if self.world.unsaid:
            process, address, size = self.world.unsaid
            for each in range(address, address + size):
                frame = self.machine.frame(each, process.pid) * PAGE
                process.space.write(each, bytes([self.machine.pc.ram.contents[frame + each % PAGE]]))
            self.world.unsaid = None

    def compare_threads(self) -> None:
        lens, world = self.machine.lens, self.world
        states = {number: each for number, each in numbered(lens.threads.table) if each.number}
        assert {*states} == {*world.threads}, f"the threads are {[*states]}, not {[*world.threads]}"
        waits = {number for number, each in states.items() if each.state in (ThreadState.WAITING, ThreadState.SLEEPING)}
        assert waits == {each.number for each in world.threads.values() if each.wait}, f"threads {waits} wait"
        ended = {number for number, each in states.items() if each.state == ThreadState.ENDED}
        assert ended == {each.number for each in world.threads.values() if each.value is not None}
        current = self.machine.current
        queue = members(lens.scheduler.queues[0], lens.scheduler.waits)
        order = [current, *queue] if current else queue
        if world.free_order:
            places = {number: place for place, number in enumerate(order)}
            world.ready.sort(key=lambda each: places.get(each.number, 99))
        assert order == [each.number for each in world.ready], "these threads are ready, in this order"

    def compare_registers(self, thread: Thread) -> None:
        frame = self.machine.thread(thread.number).frame
        found = {name: register(frame, name) for name in thread.registers}
        expected = dict(thread.registers)
        results = expected.pop("ax", None)
        if results is not None:
            right = {each % (1 << self.width) for each in (results if isinstance(results, frozenset) else [results])}
            assert found.pop("ax") in right, f"thread {thread.number} gets {register(frame, 'ax'):#x}, not {results}"
        assert found == expected, f"thread {thread.number} has registers {found}, not {expected}"

    def compare_handles(self, process: Process) -> None:
        kernel = self.machine.lens
        table = handle_table_of(kernel, process.pid)
        found = {number: each for number, each in handles_of(kernel, table)}
        assert {*found} == {*process.handles}, f"process {process.pid} has these handles"
        for number, handle in process.handles.items():
            record = found[number]
            assert (record.rights, record.badge) == (handle.rights, handle.badge), f"{process.pid}'s handle {number}"
            self.compare_thing(record, handle)
        has_more = max(process.handles, default=0) > FEW
        assert bool(handle_nodes_of(table)) == has_more, f"{process.pid}'s handles have frames if they need them"

    def compare_thing(self, record: Any, handle: Handle) -> None:
        thing = handle.thing
        if isinstance(thing, Wait):
            caller = self.world.caller(thing)
            assert caller is None or record.object == caller.number
        elif isinstance(thing, Thread | Process):
            assert record.object == (thing.number if isinstance(thing, Thread) else thing.pid)
        elif isinstance(thing, Interrupt):
            assert record.object == thing.line
        else:
            assert self.numbers.setdefault(thing, record.object) == record.object

    def compare_objects(self) -> None:
        """Compare which objects there are, and how often each is named and shown."""
        named, shown = self.world.named(), self.world.shown()
        expected = {self.numbers[each]: (named[each], shown[each]) for each in named | shown}
        found = {number: (each.handles, each.shown) for number, each in numbered(self.machine.lens.objects.table)}
        assert found == expected, "these objects are there, with so many handles, shown by so many pages"

    def compare_area(self, process: Process) -> None:
        """Compare where memory is that can come and go, and what may be done there."""
        regions = [each for each in self.machine.regions(process.pid) if each.start in AREA]
        found = {page: each.permissions for each in regions for page in range(each.start, each.end, PAGE)}
        expected = {page: flags(each.allowed) for page, each in process.space.in_area().items()}
        assert {page: each & (USER | WRITABLE) for page, each in found.items()} == expected, f"{process.pid} has memory"

    def compare_heap(self, process: Process) -> None:
        """Compare which malloc pages are taken: those, and no others, are mapped."""
        taken = process.space.in_heap()
        looked_at = HEAP[: (max(taken, default=HEAP[0]) - HEAP[0]) // PAGE + 4]
        found = [page for page in looked_at if self.machine.entry(page, process.pid)]
        assert found == sorted(taken), f"{process.pid} has these malloc pages"

    def compare_pages(self, process: Process) -> None:
        """Compare bytes; a page that is not there yet will be zeros."""
        for address, page in process.space.pages.items():
            entry = self.machine.entry(address, process.pid)
            assert not entry & (USER | WRITABLE) & ~flags(page.allowed), f"{process.pid} may do more at {address:#x}"
            frame = self.machine.frame(address, process.pid) if entry else 0
            found = self.machine.pc.ram.contents[frame * PAGE : (frame + 1) * PAGE] if entry else bytes(PAGE)
            assert found == page.content, f"process {process.pid}, page {address:#x}"
            if not page.object:
                self.shown[frame] += 1
                self.written |= {frame} if entry & WRITABLE else set()

    def compare_own(self) -> None:
        """Check that nobody can write to what another has for its own."""
        assert all(self.shown[frame] == 1 for frame in self.written), "who can write to a page shows it alone"

    def compare_lines(self) -> None:
        """Compare which interrupts are bound to what, how many handles name them, and whether they may come."""
        table = self.machine.lens.handles.endpoints.lines.table.lines
        handles = Counter(each.thing for each in self.world.all_handles() if isinstance(each.thing, Interrupt))
        for line, each in self.world.interrupts.items():
            phase = Phase.CLOSED if each.endpoint is None else Phase.ASKING if each.is_asking else Phase.OPEN
            driver = self.numbers[each.endpoint] if each.endpoint else 0
            found = table[line]
            assert (found.phase, found.driver, found.handles) == (phase, driver, handles[each]), f"line {line}"

    def compare_end(self) -> None:
        """Compare whether the machine has ended, and what it said then."""
        self.is_over = self.machine.pc.exit.status is not None
        assert self.is_over == self.world.is_stalled(), "the machine ends when nothing can wake one"
        said = bytes(self.machine.pc.console).decode().splitlines()
        told = self.world.told(self.numbers) if self.is_over else []
        assert said[said.index(STALLED) :] == told if told else STALLED not in said

    @invariant()
    def holds(self) -> None:
        if self.watched and not self.scarcity.is_there:
            self.machine.check()

    def teardown(self) -> None:
        """Let all but the first process end; nothing of them stays."""
        self.scarcity.end()
        if self.is_whole and not self.is_over:
            self.let_guard_go_on()
        if self.is_whole and not self.is_over:
            self.end_others()

    def let_guard_go_on(self) -> None:
        """Let the guard be the first; where it waits for a child, by the ends of others, which devices may wake."""
        is_asleep = self.world.threads[1].wait is not None
        while not self.is_over and (not self.world.ready or self.world.me.process.pid != GUARD):
            if is_asleep and self.world.ready:
                self.ask(Call.EXIT, 0)
            elif self.world.open_lines():
                self.interrupt_by(self.world.open_lines()[0].line)
            else:
                self.pass_tick()

    def end_others(self) -> None:
        guard = self.world.me.process
        for pid in [pid for pid, each in self.world.processes.items() if pid != GUARD and not each.ending]:
            self.ask(Call.KILL, pid)
        while guard.children:
            self.ask(Call.WAIT, -1, 0)
        for number in [*guard.handles]:
            self.ask(Call.DROP, number)
        assert self.machine.used() == self.used, "all frames are given back"


def flags(allowed: int) -> int:
    """Return the flags of an entry that allows as much."""
    return (USER if allowed & READ else 0) | (WRITABLE if allowed & WRITE else 0)
