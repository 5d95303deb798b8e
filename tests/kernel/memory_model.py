"""A model of processes and their memory, as simple as the calls' descriptions, and random requests that compare both.

The model knows pages, bytes and permissions; it knows nothing of frames, tables, sharing or demand.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keelback.abi.errors import (
    BadAddress,
    BadArgument,
    NoChild,
    NoRoom,
    NoSuchProcess,
    NoSuchProgram,
    NotExecutable,
    NotPermitted,
    TooManyRegions,
)  # fmt: skip
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.walk import NO_EXECUTE
from keelback.kernel.layout import Layout
from keelback.kernel.memory.space_records import FEW
from keelback.kernel.processes.processes import Ending
from keelback.kernel.x86.paging import USER, WRITABLE
from kernel.driven import (
    ANYWHERE,
    ARGUMENT,
    BSS,
    BSS_PAGES,
    CODE,
    DATA,
    LIBRARY,
    LIMITED,
    MALLOC,
    MOST_REGIONS,
    NAME,
    NOBODY,
    PAGE,
    TEXT,
    TEXTS,
    WRITERS,
    Blocked,
    Call,
    Died,
    driven,
    memory_for,
    with_our_areas,
)

READ, WRITE, EXECUTE = 1, 2, 8
GUARD = 1  # a process that lives as long as the machine
MOST_PROCESSES = 6
FAR = ANYWHERE + 0x40_0000
ROW = ANYWHERE + 0x10_0000  # pages of their own, one apart
LIBRARIES = BSS + BSS_PAGES * PAGE  # where the first library of a process lies
OTHER = ARGUMENT  # where the name of another library lies; the text there says "argument"
OTHER_PARTS = [(0, 4, b"another link page", PAGE), (PAGE, 6, b"other data", PAGE)]
LIBRARY_PAGES = [LIBRARIES + number * PAGE for number in range(6)]
# Few pages, so that requests meet: in two tables and in the image.
PAGES = [ANYWHERE, ANYWHERE + PAGE, FAR - PAGE, FAR, BSS, BSS + PAGE]
FULL = [ANYWHERE, FAR, BSS]
"""The pages that the first process has filled, every byte of them, when the requests begin."""
page_numbers = st.sampled_from(PAGES)
offsets = st.sampled_from([0, 1, PAGE // 2, PAGE - 1])
malloc_numbers = st.sampled_from([0, 0, 1, 1, 2, 3, 4, 7])
library_names = st.sampled_from([LIBRARY, LIBRARY, OTHER])
permissions = st.sampled_from([0, READ, WRITE, READ | WRITE, READ | WRITE, EXECUTE, WRITE | EXECUTE])
permissions_asked = st.sampled_from(
    [READ, 0, WRITE, READ | WRITE, READ, 0, 4, EXECUTE, READ | EXECUTE, WRITE | EXECUTE]
)


@dataclass
class ModelPage:
    """One page: what it is for, what may be done there, and its bytes."""

    kind: str
    allowed: int
    content: bytearray = field(default_factory=lambda: bytearray(PAGE))
    object: object = None
    """What its bytes are of, the same for all; None: they are the process's own."""

    def copy(self) -> "ModelPage":
        return replace(self, content=self.content if self.object else bytearray(self.content))


def library_pages(*contents: tuple[int, bytes]) -> list[ModelPage]:
    return [ModelPage("library", allowed, bytearray(content.ljust(PAGE, b"\0"))) for allowed, content in contents]


# name: its pages as they are loaded.  No region of one joins the other's: each begins with what can't be written.
LOADED = {
    LIBRARY: library_pages(
        (READ, b"a link page"), (READ | EXECUTE, CODE), (READ | WRITE, b"pristine"), (READ | WRITE, b""),
    ),
    OTHER: library_pages((READ, b"another link page"), (READ | WRITE, b"other data")),
}  # fmt: skip
NOWHERE = ModelPage("no memory", 0)


@dataclass
class ModelProcess:
    """One process: its pages by address, its children with the youngest first, and how it ended."""

    parent: int
    pages: dict[int, ModelPage]
    children: list[int] = field(default_factory=list)
    ending: tuple[int, int] | None = None
    malloc: dict[int, ModelPage] = field(default_factory=dict)
    libraries: dict[int, int] = field(default_factory=dict)  # name: address
    handles: dict[int, tuple[object, int]] = field(default_factory=dict)  # number: what it names, rights

    def has_room(self, changed: "Mapping[int, ModelPage | None]") -> bool:
        """Say whether there are not too many regions when some pages have changed; None: there is no such page."""
        after = {address: each for address, each in (self.pages | changed).items() if each}
        return regions(after) + bool(self.malloc) <= MOST_REGIONS


def regions(pages: Mapping[int, ModelPage]) -> int:
    """Return how many ranges of pages that are alike there are, the stack's one among them."""
    count, before = 1, None
    for address in sorted(pages):
        here = pages[address]
        alike = before and (before[0] + PAGE, before[1:]) == (address, (here.kind, here.allowed))
        count += not alike
        before = (address, here.kind, here.allowed)
    return count


def new_process() -> ModelProcess:
    pages = {TEXT: ModelPage("image", READ | EXECUTE, bytearray(CODE.ljust(PAGE, b"\0")))}
    for address in range(DATA, BSS + BSS_PAGES * PAGE, PAGE):
        pages[address] = ModelPage("image", READ | WRITE)
    pages[DATA].content[: len(TEXTS)] = TEXTS
    return ModelProcess(0, pages)


def limited(layout: Layout) -> Layout:
    """Return a published layout as the model knows it: with few regions, and its areas where PAGES lie."""
    return replace(with_our_areas(layout), regions=MOST_REGIONS)


class MemoryModel(RuleBasedStateMachine):
    """Random requests of several processes, on a machine and on the model."""

    life = "interpreted"
    layout = LIMITED
    watched = True
    """Whether strict RAM and the invariants watch the kernel, too."""

    def __init__(self) -> None:
        super().__init__()
        programs = {"argument": WRITERS[self.layout.paging.word_bits](OTHER_PARTS, entry=0, type=3)}
        self.machine = driven(
            "it",
            "it",
            life=self.life,
            layout=self.layout,
            memory=memory_for(self.layout),
            check=self.watched,
            programs=programs,
        )
        self.processes = {GUARD: new_process(), 2: new_process()}
        for each in self.processes.values():
            self.told_apart(each.pages)
        self.last = 2  # the number that was given last
        for page in (ANYWHERE, FAR - PAGE):
            assert self.machine.call(Call.MAP, page, 2 * PAGE, WRITE, pid=2) == page
            for each in (page, page + PAGE):
                self.processes[2].pages[each] = ModelPage("anonymous", READ | WRITE)
        for page in FULL:
            self.fill(2, page)

    @initialize(
        children=st.integers(0, 2),
        crowd=st.sampled_from([0, 0, FEW, MOST_REGIONS - 1, MOST_REGIONS]),
        libraries=st.sampled_from([(), (LIBRARY,), (OTHER, LIBRARY)]),
        shared=st.booleans(),
    )
    def begin(self, children: int, crowd: int, libraries: tuple[int, ...], shared: bool) -> None:
        """Let there be so many regions, and children that share what is filled, so that many a write is to a copy."""
        for name in libraries:
            for pid in (GUARD, 2) if shared else (2,):
                self.load_now(pid, name)
        for number in range(crowd - regions(self.processes[2].pages)):
            self.map_at(2, ROW + 2 * number * PAGE, 1, READ)
        for _ in range(children):
            self.fork_now(2)

    def told_apart(self, pages: dict[int, ModelPage]) -> None:
        """Let what may be executed be no more than read where page tables do not tell these apart."""
        for each in pages.values():
            each.allowed = self.with_reading(each.allowed)

    def with_reading(self, allowed: int) -> int:
        """Return what may be done: to write or to execute is to read, too, and maybe nothing but that."""
        known = READ | WRITE | EXECUTE if self.layout.paging.no_execute else READ | WRITE
        return (allowed | READ) & known if allowed else 0

    def fill(self, pid: int, page: int) -> None:
        """Let a process write to a page, and put into RAM what it would if it wrote every byte."""
        self.machine.write(page, 1, pid)
        content = bytearray((byte * 7 + page // PAGE) % 255 + 1 for byte in range(PAGE))
        start = self.machine.frame(page, pid) * PAGE
        self.machine.pc.ram.bytes[start : start + PAGE] = content
        self.processes[pid].pages[page].content[:] = content

    # Who acts.

    def alive(self) -> list[int]:
        return [pid for pid, each in self.processes.items() if each.ending is None and pid != GUARD]

    def actor(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.alive()), label="process")

    def has_actor(self) -> bool:
        return bool(self.alive())

    def has_several(self) -> bool:
        return len(self.alive()) > 2

    def readers(self) -> list[int]:
        return [pid for pid in self.alive() if self.processes[pid].libraries]

    def reader(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.readers()), label="process")

    def has_library(self) -> bool:
        return bool(self.readers())

    def page(self, data: st.DataObject, pid: int, allowed: int = 0) -> int:
        """Draw a page, mostly one with which the process may do something."""
        pages = self.processes[pid].pages
        good = [each for each in PAGES if each in pages and pages[each].allowed & allowed == allowed]
        which = st.sampled_from(good) if good and data.draw(st.integers(0, 15)) else page_numbers
        return data.draw(which, label="page")

    # What the model says.

    def end(self, pid: int, how: int, status: int) -> None:
        process = self.processes[pid] = self.processes.pop(pid)  # so that those that ended are in that order
        process.ending, process.pages, process.malloc, process.libraries = (how, status), {}, {}, {}
        process.handles = {}
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
        if not self.layout.user_base <= address < self.layout.user_end:
            return BadAddress.number
        return BadAddress.number if size > self.layout.user_end - address else 0

    # Memory.

    @precondition(has_actor)
    @rule(data=st.data(), offset=offsets)
    def read(self, data: st.DataObject, offset: int) -> None:
        pid = self.actor(data)
        page = self.page(data, pid, READ)
        self.read_at(pid, page, offset)

    def read_at(self, pid: int, page: int, offset: int) -> None:
        there = self.processes[pid].pages.get(page)
        if there is not None and there.allowed:
            assert self.machine.read(page + offset, pid) == there.content[offset]
        else:
            self.dies(pid, lambda: self.machine.read(page + offset, pid))

    @precondition(has_actor)
    @rule(data=st.data(), offset=offsets, value=st.integers(0, 255), reads=st.sampled_from([1, 1, 0]))
    def write(self, data: st.DataObject, offset: int, value: int, reads: int) -> None:
        pid = self.actor(data)
        page = self.page(data, pid, data.draw(st.sampled_from([WRITE] * 9 + [READ])))
        for _ in range(reads if page in self.processes[pid].pages else 0):
            self.read_at(pid, page, offset)
        if self.processes.get(pid) and self.processes[pid].ending is None:
            self.write_at(pid, page, offset, value)

    def write_at(self, pid: int, page: int, offset: int, value: int) -> None:
        if self.may_write(pid, page):
            self.machine.write(page + offset, value, pid)
            self.processes[pid].pages[page].content[offset] = value
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
        new = ModelPage("anonymous", READ | WRITE)
        if not expected and not process.has_room({page: new}):
            expected = TooManyRegions.number
        assert self.machine.call(Call.PAGE_ALLOC, page, pid=pid) == expected
        if not expected:
            process.pages[page] = new
            self.read_at(pid, page, PAGE // 2)

    @precondition(has_actor)
    @rule(data=st.data(), page=page_numbers | st.just(0), count=st.integers(0, 3), allowed=permissions)
    def map(self, data: st.DataObject, page: int, count: int, allowed: int) -> None:
        self.map_at(self.actor(data), page, count, allowed)

    def map_at(self, pid: int, page: int, count: int, allowed: int) -> None:
        process = self.processes[pid]
        expected, new = self.mapped(
            process, page, [ModelPage("anonymous", self.with_reading(allowed)) for _ in range(count)]
        )
        assert self.machine.call(Call.MAP, page, count * PAGE, allowed, pid=pid) == expected
        process.pages |= new

    def mapped(self, process: ModelProcess, page: int, pages: list[ModelPage]) -> tuple[int, dict[int, ModelPage]]:
        """Return the result of mapping some pages at an address, or anywhere (0), and those that are new then."""
        if not pages:
            return BadArgument.number, {}
        start = page or self.layout.anonymous_base
        while not page and any(start + number * PAGE in process.pages for number in range(len(pages))):
            start += PAGE
        new = {start + number * PAGE: each for number, each in enumerate(pages)}
        if new.keys() & process.pages.keys():
            return NoRoom.number, {}
        return (start, new) if process.has_room(new) else (TooManyRegions.number, {})

    @precondition(has_actor)
    @rule(data=st.data(), count=st.sampled_from([0, 1, 1, 2, 3]))
    def unmap(self, data: st.DataObject, count: int) -> None:
        pid = self.actor(data)
        page = self.page(data, pid)
        process = self.processes[pid]
        gone = [page + number * PAGE for number in range(count)]
        expected = self.check_range(process, page, count * PAGE)
        if not expected and not process.has_room(dict.fromkeys(gone)):
            expected = TooManyRegions.number
        assert self.machine.call(Call.UNMAP, page, count * PAGE, pid=pid) == expected
        for each in () if expected else gone:
            process.pages.pop(each, None)

    @precondition(has_actor)
    @rule(data=st.data(), count=st.sampled_from([1, 1, 1, 2, 3, 0]), allowed=permissions_asked)
    def protect(self, data: st.DataObject, count: int, allowed: int) -> None:
        pid = self.actor(data)
        page = self.page(data, pid)
        process = self.processes[pid]
        range_ = [page + number * PAGE for number in range(count)]
        expected = BadArgument.number if allowed & 4 else self.check_range(process, page, count * PAGE)
        if not expected and any(each not in process.pages for each in range_):
            expected = BadAddress.number
        if not expected and allowed & WRITE and any(process.pages[each].kind.startswith("view") for each in range_):
            expected = BadAddress.number
        new = {each: process.pages[each].copy() for each in range_ if each in process.pages}
        for each in new.values():
            each.allowed = self.with_reading(allowed)
        if not expected and not process.has_room(new):
            expected = TooManyRegions.number
        assert self.machine.call(Call.PROTECT, page, count * PAGE, allowed, pid=pid) == expected
        process.pages |= {} if expected else new

    # Malloc pages.

    @precondition(has_actor)
    @rule(data=st.data(), count=st.sampled_from([0, 1, 1, 2, 3]))
    def malloc_pages(self, data: st.DataObject, count: int) -> None:
        pid = self.actor(data)
        process, start = self.processes[pid], MALLOC
        while any(start + number * PAGE in process.malloc for number in range(count)):
            start += PAGE
        expected = start if count else BadArgument.number
        if count and not process.malloc and regions(process.pages) == MOST_REGIONS:
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
            assert self.machine.read(page + offset, pid) == there.content[offset]
            self.machine.write(page + offset, value, pid)
            there.content[offset] = value

    # Libraries.

    @precondition(has_actor)
    @rule(data=st.data(), name=library_names)
    def load_library(self, data: st.DataObject, name: int) -> None:
        self.load_now(self.actor(data), name)

    def load_now(self, pid: int, name: int) -> None:
        process = self.processes[pid]
        expected, new = self.loaded(process, name)
        assert self.machine.call(Call.LOAD_LIBRARY, name, pid=pid) == expected
        if new:
            process.libraries[name] = expected
            process.pages |= new

    def loaded(self, process: ModelProcess, name: int) -> tuple[int, dict[int, ModelPage]]:
        """Return the result of `load_library`, and the pages that are new then."""
        if name in process.libraries:
            return process.libraries[name], {}
        start = LIBRARIES
        while any(start + number * PAGE in process.pages for number in range(len(LOADED[name]))):
            start += PAGE
        new = {start + number * PAGE: each.copy() for number, each in enumerate(LOADED[name])}
        self.told_apart(new)
        return (start, new) if process.has_room(new) else (TooManyRegions.number, {})

    @precondition(has_library)
    @rule(data=st.data(), missed=st.sampled_from([0, 0, 0, 0, PAGE, 1]))
    def unload_library(self, data: st.DataObject, missed: int) -> None:
        pid = self.reader(data)
        process = self.processes[pid]
        name = data.draw(st.sampled_from([*process.libraries, *process.libraries, LIBRARY, OTHER]), label="library")
        address = process.libraries.get(name, 0) + missed
        expected = BadArgument.number if missed or not address else 0
        assert self.machine.call(Call.UNLOAD_LIBRARY, address, pid=pid) == expected
        if not expected:
            del process.libraries[name]
            for number in range(len(LOADED[name])):
                del process.pages[address + number * PAGE]

    @precondition(has_library)
    @rule(data=st.data(), offset=offsets, value=st.integers(0, 255))
    def use_library(self, data: st.DataObject, offset: int, value: int) -> None:
        pid = self.reader(data)
        page = self.library_page(data, pid)
        self.read_at(pid, page, offset)
        if self.may_write(pid, page) or not data.draw(st.integers(0, 7)):
            self.write_at(pid, page, offset, value)
        for other, process in self.processes.items():
            if page in process.pages and process.pages[page].kind == "library":
                self.read_at(other, page, offset)

    @precondition(has_library)
    @rule(data=st.data(), call=st.sampled_from([Call.UNMAP, Call.PROTECT, Call.PAGE_ALLOC, Call.MAP]))
    def change_library(self, data: st.DataObject, call: Call) -> None:
        pid = self.reader(data)
        expected = NoRoom.number if call == Call.MAP else BadAddress.number
        assert self.machine.call(call, self.library_page(data, pid), PAGE, WRITE, pid=pid) == expected

    def library_page(self, data: st.DataObject, pid: int) -> int:
        pages = [page for page, each in self.processes[pid].pages.items() if each.kind == "library"]
        return data.draw(st.sampled_from(pages), label="page")

    # Processes.

    @precondition(lambda self: len(self.processes) < MOST_PROCESSES)
    @rule(data=st.data(), value=st.integers(0, 255))
    def fork(self, data: st.DataObject, value: int) -> None:
        """Fork, and mostly let one write at once to what both have, or one after the other."""
        pid = data.draw(st.sampled_from([GUARD, *self.alive(), *self.alive()]), label="process")
        child = self.fork_now(pid)
        page = self.page(data, pid, WRITE)
        writers = data.draw(st.sampled_from([(child,), (pid,), (child, pid), (pid, child), ()]), label="writers")
        for number, writer in enumerate(writers if self.may_write(pid, page) else ()):
            self.write_at(writer, page, data.draw(offsets), value + number & 0xFF)

    def may_write(self, pid: int, page: int) -> bool:
        there = self.processes[pid].pages.get(page)
        return there is not None and bool(there.allowed & WRITE)

    def fork_now(self, pid: int) -> int:
        child = self.machine.fork(pid)
        count = len(self.machine.table) - 1
        numbers = ((self.last + offset) % count + 1 for offset in range(count))
        assert child == next(number for number in numbers if number not in self.processes)
        self.last = child
        parent = self.processes[pid]
        self.processes[child] = ModelProcess(pid, {address: each.copy() for address, each in parent.pages.items()})
        self.processes[child].malloc = {address: each.copy() for address, each in parent.malloc.items()}
        self.processes[child].libraries = dict(parent.libraries)
        self.processes[child].handles = dict(parent.handles)
        parent.children.insert(0, child)
        return child

    @precondition(has_library)
    @rule(data=st.data(), name=st.sampled_from([NAME, LIBRARY, NOBODY]))
    def exec(self, data: st.DataObject, name: int) -> None:
        """Run the program afresh: what was mapped goes, the family stays; a library is no program."""
        pid = self.reader(data)
        process, new = self.processes[pid], new_process()
        self.told_apart(new.pages)
        expected = {NAME: 0, LIBRARY: NotExecutable.number, NOBODY: NoSuchProgram.number}[name]
        assert self.machine.call(Call.EXEC, name, ARGUMENT, pid=pid) == expected
        if not expected:
            process.pages, process.malloc, process.libraries = new.pages, {}, {}

    @precondition(has_several)
    @rule(data=st.data(), status=st.integers(-(1 << 31), (1 << 31) - 1))
    def exit(self, data: st.DataObject, status: int) -> None:
        self.exit_now(self.actor(data), status)

    def exit_now(self, pid: int, status: int) -> None:
        try:
            self.machine.call(Call.EXIT, status, pid=pid)
        except Died:
            self.end(pid, Ending.EXITED, status)
        else:
            raise AssertionError("exit came back")

    @precondition(has_several)
    @rule(data=st.data(), victim=st.sampled_from([GUARD, GUARD, *range(-1, MOST_PROCESSES + 2)]))
    def kill(self, data: st.DataObject, victim: int) -> None:
        pid = self.actor(data)
        known = self.processes.get(victim)
        if known is None or known.ending is not None:
            assert self.machine.call(Call.KILL, victim, pid=pid) == NoSuchProcess.number
        elif victim == GUARD or not self.descends(victim, pid):
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

    def descends(self, pid: int, ancestor: int) -> bool:
        """Say whether a process is another, or descends from it, as orphans do from the first."""
        while pid in self.processes and pid != ancestor:
            pid = self.processes[pid].parent
        return pid == ancestor or ancestor == GUARD

    @precondition(lambda self: any(each.children for each in self.processes.values()))
    @rule(data=st.data(), wanted=st.integers(0, MOST_PROCESSES), status=st.integers(0, 9))
    def wait(self, data: st.DataObject, wanted: int, status: int) -> None:
        """Wait for a child, any (-1) or one that is none; if it lives, it exits meanwhile."""
        parents = [pid for pid, each in self.processes.items() if each.children]
        pid = data.draw(st.sampled_from([*parents, *parents, *self.alive()]), label="process")
        process = self.processes[pid]
        wanted = data.draw(st.sampled_from([-1, wanted, *process.children]), label="child")
        candidates = [child for child in process.children if wanted in (-1, child)]
        ended = [child for child, each in self.processes.items() if child in candidates and each.ending is not None]
        if not candidates:
            assert self.machine.call(Call.WAIT, wanted, 0, pid=pid) == NoChild.number
        elif ended:
            assert self.machine.call(Call.WAIT, wanted, 0, pid=pid) == ended[0]
            self.reap(ended[0])
        else:
            self.wait_until_exit(pid, wanted, data.draw(st.sampled_from(candidates), label="exits"), status)

    def wait_until_exit(self, pid: int, wanted: int, child: int, status: int) -> None:
        with suppress(Blocked):
            raise AssertionError(f"process {pid} got {self.machine.call(Call.WAIT, wanted, 0, pid=pid)}")
        self.exit_now(child, status)
        assert self.machine.finish(pid) == child
        self.reap(child)

    def reap(self, child: int) -> None:
        self.processes[self.processes[child].parent].children.remove(child)
        del self.processes[child]

    # What holds after each.

    @invariant()
    def holds(self) -> None:
        if self.watched:
            self.machine.check()
        for pid, process in self.processes.items():
            record = self.machine.process(pid)
            assert self.machine.is_alive(pid) == (process.ending is None)
            if process.ending is not None:
                status = record.fault.vector if process.ending[0] == Ending.FAULTED else record.exit_status
                assert (record.ending, status) == process.ending
                continue
            for page in {*PAGES, *LIBRARY_PAGES, *process.pages}:
                self.same(pid, page, process.pages.get(page, NOWHERE))
            listed = list(record.libraries.slots)[: record.libraries.count]
            assert [each.address for each in listed] == list(process.libraries.values())
            mapped = Snapshot(self.machine.lens).processes[pid].malloc_pages()
            assert [each.address for each in mapped] == sorted(process.malloc)
            for page, expected in process.malloc.items():
                self.same(pid, page, expected)

    def same(self, pid: int, page: int, expected: ModelPage) -> None:
        """Compare what an entry allows, and all bytes in RAM; a page that is not there yet will be zero."""
        entry = self.machine.entry(page, pid)
        allowed = (READ if entry & USER else 0) | (WRITE if entry & WRITABLE else 0)
        if entry & USER and self.layout.paging.no_execute and not entry & NO_EXECUTE:
            allowed |= EXECUTE
        assert not allowed & ~expected.allowed, f"process {pid} may do more at {page:#x}: {allowed}"
        assert not (entry and expected is NOWHERE), f"process {pid} has page {page:#x}"
        start = self.machine.frame(page, pid) * PAGE if entry else 0
        found = self.machine.pc.ram.contents[start : start + PAGE] if entry else bytes(PAGE)
        assert found == expected.content, f"process {pid}, page {page:#x}"
