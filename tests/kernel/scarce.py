"""Machines with exactly so many frames left, and the requests whose memory they may not have."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from keelback.abi.errors import OutOfMemory
from keelback.kernel.layout import OTHER_PAGING, USERMODE
from keelback.kernel.memory.frames import KERNEL
from kernel.driven import (
    ANYWHERE,
    ARGUMENT,
    BSS,
    BSS_PAGES,
    DATA,
    LIBRARY,
    LIBRARY_DATA,
    LIBRARY_ZEROS,
    MALLOC,
    NAME,
    PAGE,
    SMALL,
    Call,
    Driven,
    driven,
    memory_for,
    with_our_areas,
)
from kernel.traces import assert_equal, range_of, state
from support import MIB
from variants import name_of

READ, WRITE, SPARSE = 1, 2, 4
TABLE = 0x40_0000
"""The bytes that one page table maps."""
MANY, MANY_TABLES = 40 * PAGE, 40 * TABLE
MACHINES = {"microkernel": (SMALL, 4 * MIB), "usermode": (replace(USERMODE, processes=8), 10 * MIB)}
"""layout: it with a short process table, and memory of which either zone has more to spare than MOST."""
WIDE = {name_of(each): with_our_areas(each) for each in OTHER_PAGING}
"""Those with other page tables, whose areas lie where `driven` has them."""
MACHINES |= {name: (each, memory_for(each)) for name, each in WIDE.items()}
ZONES = ("user", "kernel", "both")
MOST = 160
"""More frames of either zone than any of these requests needs."""


@dataclass
class Held:
    """Frames of both zones that are taken out of a machine, so that others do without."""

    machine: Driven
    user: list[int] = field(default_factory=list)
    kernel: list[int] = field(default_factory=list)

    def leave(self, user: int, kernel: int) -> None:
        """Let at most so many frames be neither in use nor promised."""
        frames = self.machine.kernel.memory.frames
        while self.machine.spare()[0] > user:
            self.user.append(frames.allocate_read_only(1))
        while self.machine.spare()[1] > kernel:
            self.kernel.append(frames.allocate_kernel(KERNEL))

    def leave_in(self, zone: str, count: int) -> None:
        """Let exactly so many frames of a zone, or of both, be neither in use nor promised, and more of the other."""
        spare = self.machine.spare()
        left = (count if zone != "kernel" else spare[0], count if zone != "user" else spare[1])
        self.leave(*left)
        assert self.machine.spare() == left, "there was more before"

    def give_back(self) -> None:
        frames = self.machine.kernel.memory.frames
        for frame in self.user:
            frames.drop(frame, 1)
        for frame in self.kernel:
            frames.release_kernel(frame)
        self.user, self.kernel = [], []


def scarce_machine(layout: str, life: str) -> Driven:
    small, memory = MACHINES[layout]
    return driven("it", "it", life=life, layout=small, memory=memory)


def promised(machine: Driven) -> list[int]:
    """Return all pages that a process may write when it starts, but the stack's growth."""
    layout, image = machine.pc.layout, range(DATA, BSS + BSS_PAGES * PAGE, PAGE)
    return [each + machine.offset for each in image] + list(range(layout.stack_growth, layout.stack_top, PAGE))


def write(machine: Driven, pages: Iterable[int], *pids: int) -> None:
    for page in pages:
        for pid in pids:
            machine.write(page + PAGE // 2, 1, pid)  # behind the names


def end(machine: Driven, child: int) -> None:
    assert machine.call(Call.KILL, child) == 0 and machine.call(Call.WAIT, child, 0) == child


def use_child(machine: Driven, child: int) -> None:
    write(machine, promised(machine), 1, child)
    end(machine, child)


def use_forked(machine: Driven, child: int) -> None:
    machine.park(child)
    use_child(machine, child)


def use_self(machine: Driven, _: int) -> None:
    write(machine, promised(machine), 1)


def use_map(machine: Driven, start: int) -> None:
    write(machine, range(start, start + MANY, PAGE), 1)
    assert machine.call(Call.UNMAP, start, MANY) == 0


def read_map(machine: Driven, start: int) -> None:
    assert {machine.read(page) for page in range(start, start + MANY_TABLES, TABLE)} == {0}
    assert machine.call(Call.UNMAP, start, MANY_TABLES) == 0


def use_library(machine: Driven, start: int) -> None:
    write(machine, (start + LIBRARY_DATA, start + LIBRARY_ZEROS), 1)
    assert machine.call(Call.UNLOAD_LIBRARY, start) == 0


def map_to_read(machine: Driven) -> None:
    assert machine.call(Call.MAP, ANYWHERE, MANY, READ) == ANYWHERE


def use_writable(machine: Driven, _: int) -> None:
    use_map(machine, ANYWHERE)
    map_to_read(machine)


def load_in_other(machine: Driven) -> None:
    assert machine.call(Call.LOAD_LIBRARY, LIBRARY + machine.offset, pid=2) > 0


def use_page(machine: Driven, _: int) -> None:
    machine.write(ANYWHERE, 1)
    assert machine.call(Call.UNMAP, ANYWHERE, PAGE) == 0


def use_malloc(machine: Driven, start: int) -> None:
    write(machine, range(MALLOC, MALLOC + MANY, PAGE), 1)
    assert machine.call(Call.FREE_PAGES, start, MANY // PAGE) == 0


@dataclass(frozen=True)
class Request:
    """A call with its arguments, of which the first so many lie in the image; what comes before, and all its use."""

    call: tuple[int, ...]
    use: Callable[[Driven, int], None]
    in_image: int = 0
    prepare: Callable[[Driven], None] = lambda _: None

    def make(self, machine: Driven) -> int:
        number, *arguments = self.call
        moved = [each + machine.offset * (place < self.in_image) for place, each in enumerate(arguments)]
        return machine.call(number, *moved)


REQUESTS = {
    "fork": Request((Call.FORK,), use_forked),
    "spawn": Request((Call.SPAWN, NAME, ARGUMENT), use_child, in_image=2),
    "exec": Request((Call.EXEC, NAME, ARGUMENT), use_self, in_image=2),
    "map": Request((Call.MAP, 0, MANY, WRITE), use_map),
    "map of memory that is read": Request((Call.MAP, 0, MANY_TABLES, READ), read_map),
    "protect": Request((Call.PROTECT, ANYWHERE, MANY, WRITE), use_writable, prepare=map_to_read),
    "page_alloc": Request((Call.PAGE_ALLOC, ANYWHERE), use_page),
    "malloc_pages": Request((Call.MALLOC_PAGES, MANY // PAGE), use_malloc),
    "load_library": Request((Call.LOAD_LIBRARY, LIBRARY), use_library, in_image=1),
    "load_library, there already": Request(
        (Call.LOAD_LIBRARY, LIBRARY), use_library, in_image=1, prepare=load_in_other
    ),
}

FEWEST = {
    "microkernel": {
        "fork": (11, 4),  # data, zeros, four pages of stack; directory, two tables, kernel stack
        "spawn": (11, 4),
        "exec": (0, 3),  # what the old memory had promised is for the new
        "map": (40, 1),
        "map of memory that is read": (0, 40),
        "protect": (40, 0),
        "page_alloc": (1, 1),
        "malloc_pages": (40, 1),
        "load_library": (5, 2),  # what the file has, and the process's own data; the library's directory and table
        "load_library, there already": (2, 0),
    },
    "usermode": {
        "fork": (8, 2),  # a page of stack, in the image's table; no kernel stack
        "spawn": (8, 2),
        "exec": (8, 2),  # all frames at once, while the old memory has its own
        "map": (40, 1),
        "map of memory that is read": (0, 40),
        "protect": (40, 0),
        "page_alloc": (1, 1),
        "malloc_pages": (40, 1),
        "load_library": (6, 2),  # zeros have a frame at once, too
        "load_library, there already": (2, 0),
    },
}
IN_KERNEL = {
    "microkernel-PAE": (6, 6, 5, 2, 81, 0, 2, 2, 3, 0),  # fork: pointers, two directories, two tables, kernel stack
    "usermode-PAE": (4, 4, 4, 2, 81, 0, 2, 2, 3, 0),  # the stack is near the image, in a table of its own
    "microkernel-x86-64": (8, 8, 7, 2, 81, 0, 2, 2, 4, 0),  # the stack has three tables of its own
    "usermode-x86-64": (5, 5, 5, 2, 81, 0, 2, 2, 4, 0),
}
FEWEST |= {
    cell: {
        name: (FEWEST[cell.split("-")[0]][name][0], kernel)
        for name, kernel in zip(FEWEST["microkernel"], counts, strict=True)
    }
    for cell, counts in IN_KERNEL.items()
}
"""layout: request: the fewest frames of the user and of the kernel zone with which it is met, once all is used."""


def fewest(layout: str, name: str, zone: str) -> int:
    """Return with how many frames left in a zone a request is met, and with each number more."""
    user, kernel = FEWEST[layout][name]
    return {"user": user, "kernel": kernel, "both": max(user, kernel)}[zone]


def attempt(machine: Driven, request: Request) -> bool:
    """Make a request of process 1; say whether it was met, and then use all that it gave."""
    assert machine.call(Call.GETPID) == 1
    frame = range_of(machine.thread(1).frame)
    before = state(machine.pc, frame)
    result = request.make(machine)
    if result == OutOfMemory.number:
        assert_equal(machine.pc, state(machine.pc, frame), before)
        return False
    assert result >= 0 or result < -255
    request.use(machine, result & 0xFFFF_FFFF)
    return True


def met(machine: Driven, request: Request, zone: str, counts: Iterable[int]) -> list[int]:
    """Return with which of so many frames left in a zone, the most first, a request is met."""
    held, found = Held(machine), []
    for count in counts:
        held.leave_in(zone, count)
        if attempt(machine, request):
            found.append(count)
    held.give_back()
    machine.check()
    return found
