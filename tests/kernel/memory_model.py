"""A model of processes and their memory, as simple as the calls' descriptions, and random requests that compare both.

The model knows pages, bytes and permissions; it knows nothing of frames, tables, sharing or demand.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from keelback.inspect.invariants import check
from keelback.inspect.lens import malloc_pages
from keelback.kernel.errors import (
    BadAddress,
    BadArgument,
    NoChild,
    NoRoom,
    NoSuchProcess,
    NotPermitted,
    TooManyRegions,
)  # fmt: skip
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.processes import Ending
from keelback.kernel.regions import MOST_REGIONS
from kernel.driven import ANYWHERE, BSS, BSS_PAGES, CODE, DATA, MALLOC, PAGE, TEXT, Call, Died, Driven, make_machine

READ, WRITE = 1, 2
GUARD = 1  # a process that lives as long as the machine
MOST_PROCESSES = 5
FAR = ANYWHERE + 0x40_0000
# Few pages, so that requests meet: in two tables and in the image.
PAGES = [ANYWHERE, ANYWHERE + PAGE, FAR - PAGE, FAR, BSS, BSS + PAGE]
page_numbers = st.sampled_from(PAGES)
offsets = st.sampled_from([0, PAGE - 1])
malloc_numbers = st.sampled_from([0, 0, 1, 1, 2, 3, 4, 7])
permissions = st.sampled_from([0, READ, WRITE, READ | WRITE, READ | WRITE])


@dataclass
class ModelPage:
    """One page: what it is for, what may be done there, and the bytes that are not zero."""

    kind: str
    allowed: int
    content: dict[int, int] = field(default_factory=dict)

    def copy(self) -> "ModelPage":
        return ModelPage(self.kind, self.allowed, dict(self.content))


@dataclass
class ModelProcess:
    """One process: its pages by address, its children with the youngest first, and how it ended."""

    parent: int
    pages: dict[int, ModelPage]
    children: list[int] = field(default_factory=list)
    ending: tuple[int, int] | None = None
    malloc: dict[int, ModelPage] = field(default_factory=dict)

    def regions(self) -> int:
        """Return how many ranges of pages that are alike there are, the stack's one among them."""
        count, before = 1 + bool(self.malloc), None
        for address in sorted(self.pages):
            here = self.pages[address]
            alike = before and (before[0] + PAGE, before[1:]) == (address, (here.kind, here.allowed))
            count += not alike
            before = (address, here.kind, here.allowed)
        return count


def with_reading(allowed: int) -> int:
    """Return what may be done: to write is to read, too."""
    return READ | WRITE if allowed & WRITE else allowed


def new_process() -> ModelProcess:
    pages = {TEXT: ModelPage("image", READ, dict(enumerate(CODE)))}
    for address in range(DATA, BSS + BSS_PAGES * PAGE, PAGE):
        pages[address] = ModelPage("image", READ | WRITE)
    return ModelProcess(0, pages)


class MemoryModel(RuleBasedStateMachine):
    """Random requests of several processes, on a machine and on the model."""

    life = "interpreted"

    def __init__(self) -> None:
        super().__init__()
        self.machine = Driven(make_machine("it", "it", life=self.life))
        self.processes = {GUARD: new_process(), 2: new_process()}

    # Who acts.

    def alive(self) -> list[int]:
        return [pid for pid, each in self.processes.items() if each.ending is None and pid != GUARD]

    def actor(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.alive()), label="process")

    def has_actor(self) -> bool:
        return bool(self.alive())

    def has_several(self) -> bool:
        return len(self.alive()) > 2

    def page(self, data: st.DataObject, pid: int, allowed: int = 0) -> int:
        """Draw a page, mostly one with which the process may do something."""
        pages = self.processes[pid].pages
        good = [each for each in PAGES if each in pages and pages[each].allowed & allowed == allowed]
        which = st.sampled_from(good) if good and data.draw(st.integers(0, 15)) else page_numbers
        return data.draw(which, label="page")

    # What the model says.

    def end(self, pid: int, how: int, status: int) -> None:
        process = self.processes[pid]
        process.ending, process.pages, process.malloc = (how, status), {}, {}
        for child in process.children:
            self.processes[child].parent = -1
            if self.processes[child].ending is not None:
                del self.processes[child]
        process.children = []
        if process.parent == -1:
            del self.processes[pid]

    def check_range(self, process: ModelProcess, address: int, size: int) -> int:
        if address % PAGE or size == 0:
            return BadArgument.number
        if not MICROKERNEL.user_base <= address < MICROKERNEL.user_end:
            return BadAddress.number
        return BadAddress.number if size > MICROKERNEL.user_end - address else 0

    def has_no_room(self, process: ModelProcess) -> bool:
        return process.regions() + 2 > MOST_REGIONS

    # Memory.

    @precondition(has_actor)
    @rule(data=st.data(), offset=offsets)
    def read(self, data: st.DataObject, offset: int) -> None:
        pid = self.actor(data)
        page = self.page(data, pid, READ)
        there = self.processes[pid].pages.get(page)
        if there is not None and there.allowed:
            assert self.machine.read(page + offset, pid) == there.content.get(offset, 0)
        else:
            self.dies(pid, lambda: self.machine.read(page + offset, pid))

    @precondition(has_actor)
    @rule(data=st.data(), offset=offsets, value=st.integers(0, 255))
    def write(self, data: st.DataObject, offset: int, value: int) -> None:
        pid = self.actor(data)
        page = self.page(data, pid, data.draw(st.sampled_from([WRITE] * 9 + [READ])))
        there = self.processes[pid].pages.get(page)
        if there is not None and there.allowed & WRITE:
            self.machine.write(page + offset, value, pid)
            there.content[offset] = value
        else:
            self.dies(pid, lambda: self.machine.write(page + offset, value, pid))

    def dies(self, pid: int, request) -> None:
        try:
            request()
        except Died:
            self.end(pid, Ending.FAULTED, 14)
        else:
            raise AssertionError(f"process {pid} should have died")

    @precondition(has_actor)
    @rule(data=st.data(), page=page_numbers | st.sampled_from([0, 1, ANYWHERE + 1, 0x10_0000, 0xFFFF_F000]))
    def page_alloc(self, data: st.DataObject, page: int) -> None:
        pid = self.actor(data)
        process = self.processes[pid]
        expected = self.check_range(process, page, PAGE)
        if not expected and self.has_no_room(process):
            expected = TooManyRegions.number
        assert self.machine.call(Call.PAGE_ALLOC, page, pid=pid) == expected
        if not expected:
            process.pages[page] = ModelPage("anonymous", READ | WRITE)

    @precondition(has_actor)
    @rule(data=st.data(), page=page_numbers | st.just(0), count=st.integers(0, 3), allowed=permissions)
    def map(self, data: st.DataObject, page: int, count: int, allowed: int) -> None:
        pid = self.actor(data)
        process = self.processes[pid]
        expected = self.mapped_at(process, page, count)
        result = self.machine.call(Call.MAP, page, count * PAGE, allowed, pid=pid)
        assert result == expected
        for number in range(count if expected > 0 else 0):
            process.pages[expected + number * PAGE] = ModelPage(
                "anonymous", READ | allowed if allowed & WRITE else allowed
            )

    def mapped_at(self, process: ModelProcess, page: int, count: int) -> int:
        if count == 0:
            return BadArgument.number
        start = page or MICROKERNEL.anonymous_base
        while not page and any(start + number * PAGE in process.pages for number in range(count)):
            start += PAGE
        if any(start + number * PAGE in process.pages for number in range(count)):
            return NoRoom.number
        return TooManyRegions.number if self.has_no_room(process) else start

    @precondition(has_actor)
    @rule(data=st.data(), count=st.sampled_from([0, 1, 1, 2, 3]))
    def unmap(self, data: st.DataObject, count: int) -> None:
        pid = self.actor(data)
        page = self.page(data, pid)
        process = self.processes[pid]
        expected = self.check_range(process, page, count * PAGE)
        if not expected and self.has_no_room(process):
            expected = TooManyRegions.number
        assert self.machine.call(Call.UNMAP, page, count * PAGE, pid=pid) == expected
        for number in range(0 if expected else count):
            process.pages.pop(page + number * PAGE, None)

    @precondition(has_actor)
    @rule(data=st.data(), count=st.sampled_from([0, 1, 1, 1, 2, 3]), allowed=permissions | st.just(4))
    def protect(self, data: st.DataObject, count: int, allowed: int) -> None:
        pid = self.actor(data)
        page = self.page(data, pid)
        process = self.processes[pid]
        range_ = [page + number * PAGE for number in range(count)]
        expected = BadArgument.number if allowed & 4 else self.check_range(process, page, count * PAGE)
        if not expected and any(each not in process.pages for each in range_):
            expected = BadAddress.number
        if not expected and self.has_no_room(process):
            expected = TooManyRegions.number
        assert self.machine.call(Call.PROTECT, page, count * PAGE, allowed, pid=pid) == expected
        for each in () if expected else range_:
            process.pages[each].allowed = with_reading(allowed)

    # Malloc pages.

    @precondition(has_actor)
    @rule(data=st.data(), count=st.sampled_from([0, 1, 1, 2, 3]))
    def malloc_pages(self, data: st.DataObject, count: int) -> None:
        pid = self.actor(data)
        process, start = self.processes[pid], MALLOC
        while any(start + number * PAGE in process.malloc for number in range(count)):
            start += PAGE
        expected = start if count else BadArgument.number
        if count and not process.malloc and process.regions() == MOST_REGIONS:
            expected = TooManyRegions.number
        assert self.machine.call(Call.MALLOC_PAGES, count, pid=pid) & 0xFFFF_FFFF == expected & 0xFFFF_FFFF
        for number in range(count if expected > 0 else 0):
            process.malloc[start + number * PAGE] = ModelPage("malloc", READ | WRITE)

    @precondition(has_actor)
    @rule(data=st.data(), number=malloc_numbers, count=st.sampled_from([0, 1, 1, 2, 3]))
    def free_pages(self, data: st.DataObject, number: int, count: int) -> None:
        pid = self.actor(data)
        range_ = [MALLOC + (number + each) * PAGE for each in range(count)]
        taken = self.processes[pid].malloc
        expected = 0 if all(each in taken for each in range_) else BadAddress.number
        expected = expected if count else BadArgument.number
        assert self.machine.call(Call.FREE_PAGES, MALLOC + number * PAGE, count, pid=pid) == expected
        for each in () if expected else range_:
            del taken[each]

    @precondition(has_actor)
    @rule(data=st.data(), number=malloc_numbers, offset=offsets, value=st.integers(0, 255))
    def use_malloc_page(self, data: st.DataObject, number: int, offset: int, value: int) -> None:
        pid, page = self.actor(data), MALLOC + number * PAGE
        there = self.processes[pid].malloc.get(page)
        if there is None:
            self.dies(pid, lambda: self.machine.write(page + offset, value, pid))
        else:
            assert self.machine.read(page + offset, pid) == there.content.get(offset, 0)
            self.machine.write(page + offset, value, pid)
            there.content[offset] = value

    # Processes.

    @precondition(lambda self: len(self.processes) < MOST_PROCESSES)
    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        pid = data.draw(st.sampled_from([GUARD, *self.alive()]), label="process")
        child = self.machine.fork(pid)
        assert child == next(number for number in range(1, 100) if number not in self.processes)
        parent = self.processes[pid]
        self.processes[child] = ModelProcess(pid, {address: each.copy() for address, each in parent.pages.items()})
        self.processes[child].malloc = {address: each.copy() for address, each in parent.malloc.items()}
        parent.children.insert(0, child)

    @precondition(has_several)
    @rule(data=st.data(), status=st.integers(-(1 << 31), (1 << 31) - 1))
    def exit(self, data: st.DataObject, status: int) -> None:
        pid = self.actor(data)
        try:
            self.machine.call(Call.EXIT, status, pid=pid)
        except Died:
            self.end(pid, Ending.EXITED, status)
        else:
            raise AssertionError("exit came back")

    @precondition(has_several)
    @rule(data=st.data(), victim=st.integers(-1, MOST_PROCESSES + 1))
    def kill(self, data: st.DataObject, victim: int) -> None:
        pid = self.actor(data)
        known = self.processes.get(victim)
        if known is None or known.ending is not None:
            assert self.machine.call(Call.KILL, victim, pid=pid) == NoSuchProcess.number
        elif victim == GUARD:
            assert self.machine.call(Call.KILL, victim, pid=pid) == NotPermitted.number
        elif victim == pid:
            try:
                self.machine.call(Call.KILL, victim, pid=pid)
            except Died:
                self.end(pid, Ending.KILLED, pid)
            else:
                raise AssertionError("it lives on")
        else:
            assert self.machine.call(Call.KILL, victim, pid=pid) == 0
            self.end(victim, Ending.KILLED, pid)

    @precondition(lambda self: any(each.ending is not None for each in self.processes.values()))
    @rule(data=st.data(), wanted=st.integers(-1, MOST_PROCESSES))
    def wait(self, data: st.DataObject, wanted: int) -> None:
        pid = data.draw(st.sampled_from([GUARD, *self.alive()]), label="process")
        process = self.processes[pid]
        candidates = [child for child in process.children if wanted in (-1, child)]
        ended = [child for child in candidates if self.processes[child].ending is not None]
        if not candidates:
            assert self.machine.call(Call.WAIT, wanted, 0, pid=pid) == NoChild.number
        elif ended:
            assert self.machine.call(Call.WAIT, wanted, 0, pid=pid) == ended[0]
            process.children.remove(ended[0])
            del self.processes[ended[0]]

    # What holds after each.

    @invariant()
    def holds(self) -> None:
        check(self.machine.kernel)
        for pid, process in self.processes.items():
            record = self.machine.process(pid)
            assert self.machine.is_alive(pid) == (process.ending is None)
            if process.ending is not None:
                status = record.fault.vector if process.ending[0] == Ending.FAULTED else record.exit_status
                assert (record.ending, status) == process.ending
            for page in PAGES:
                if page in process.pages:
                    self.same_content(pid, page, process.pages[page])
            assert [page for page, _ in malloc_pages(self.machine.lens, pid)] == sorted(process.malloc)
            for page, expected in process.malloc.items():
                self.same_content(pid, page, expected)

    def same_content(self, pid: int, page: int, expected: ModelPage) -> None:
        """Compare the bytes in RAM; a page that is not there yet will be zero."""
        entry = self.machine.entry(page, pid)
        for offset in (0, PAGE - 1):
            found = self.machine.pc.ram.bytes[(entry >> 12 << 12) + offset] if entry else 0
            assert found == expected.content.get(offset, 0), f"process {pid}, page {page:#x}, byte {offset}"
