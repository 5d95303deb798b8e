"""The paging story: five steps of a machine with the `usermode` layout, told from its RAM.

    booted ──> proc1 is alive ──> proc2 is alive ──> proc1 has a library ──> proc2 has it too

`look` is called whenever the machine stands still; a step is told when RAM shows that it has been taken.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from keelback.inspect.address_tables import Row, physical_table, virtual_table
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.libraries import LoadedLibrary
from keelback.inspect.snapshot.pages import Page
from keelback.inspect.snapshot.processes import Process
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.processes import ProcessState
from keelback.lang import PAGE_SHIFT, PAGE_SIZE

MIB = 1 << 20
ACTORS = (0, 1, 2, 1, 2)
"""The process that each step is about; 0: none."""
Run = tuple[int, int]


@dataclass(frozen=True)
class Step:
    """One step: what was done, what of it RAM says, and both tables after it; `whose` space VIRT is, None: nobody's."""

    title: str
    said: list[str]
    physical: list[Row]
    virtual: list[Row]
    whose: str | None
    processes: list[dict[str, Any]] = field(default_factory=list)
    libraries: list[dict[str, Any]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return the step as plain values; ends are inclusive."""
        tables = {
            name: [{"start": row.start, "end": row.end, "label": row.label} for row in rows]
            for name, rows in (("phys", self.physical), ("virt", self.virtual))
        }
        facts = {"title": self.title, "said": self.said, **tables, "virt_of": self.whose}
        return facts | {"processes": self.processes, "libraries": self.libraries}


class Story:
    """The steps that a kernel has taken so far."""

    TITLES = (
        "Kernel load, just prior to spawning init process",
        "First process spawn",
        "Second process spawn",
        "Return to first process",
        "Switch back to second process",
    )

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.steps: list[Step] = []

    @property
    def is_told(self) -> bool:
        """Say whether all steps have been taken."""
        return len(self.steps) == len(self.TITLES)

    def look(self) -> None:
        """Tell the next step, if the machine has taken it."""
        if not self.is_told and self._is_taken():
            self.steps.append(self._step(Snapshot(self.kernel)))

    def _is_taken(self) -> bool:
        if not self.steps:
            return True
        actor = self.kernel.processes.table[ACTORS[len(self.steps)]]
        return actor.state == ProcessState.ALIVE and (len(self.steps) < 3 or actor.libraries.count > 0)

    def _step(self, snapshot: Snapshot) -> Step:
        actor = snapshot.processes.get(ACTORS[len(self.steps)])
        physical, virtual = physical_table(snapshot), virtual_table(snapshot, actor)
        return Step(
            self.TITLES[len(self.steps)],
            list(self._said(snapshot, actor, physical)),
            physical,
            virtual,
            actor.name if actor is not None else None,
            [process_facts(each) for each in snapshot.processes.values() if each.is_alive],
            [_library_facts(each) for each in snapshot.libraries.values()],
        )

    # What RAM says of a step.

    def _said(self, snapshot: Snapshot, actor: Process | None, physical: list[Row]) -> Iterator[str]:
        if actor is None:
            size = self.kernel.layout.kernel_limit // MIB
            yield f"the kernel takes the first {size} MiB, physical and virtual, each at its own address"
            yield "nothing above is mapped; all memory above is free"
            return
        before = {(row.start, row.end) for row in self.steps[-1].physical}
        taken = [row for row in physical[:-1] if (row.start, row.end) not in before]
        if len(self.steps) < 3:
            yield from self._said_of_spawn(actor, taken)
        else:
            yield from self._said_of_library(snapshot, actor, taken)

    def _said_of_spawn(self, actor: Process, taken: list[Row]) -> Iterator[str]:
        image, name = actor.record.space.image, actor.name
        yield f"{name} is an image of {image.size:,} bytes, which expects to be at 0x{image.base:08X}"
        yield _frames_taken(taken)
        yield from _pages_mapped(actor.pages(), name)
        if image.frame << PAGE_SHIFT != image.base:
            [there] = [row.label for row in self.steps[-1].physical if row.start <= image.base <= row.end]
            is_first = not any(_is_moved(each) for each in actor.snapshot.processes.values() if each is not actor)
            when = "for the first time, " if is_first else ""
            yield f"{when}physical and virtual differ: physical 0x{image.base:08X} is taken ({there})"

    def _said_of_library(self, snapshot: Snapshot, actor: Process, taken: list[Row]) -> Iterator[str]:
        name, in_use = actor.name, snapshot.kernel.first_cpu.directory
        [whose] = [snapshot.processes[pid].name for pid, each in snapshot.spaces.items() if each.directory == in_use]
        yield f"the mapping is switched to that of {whose}"
        library, address = actor.libraries[-1]
        is_loaded = any(each["name"] == library.name for each in self.steps[-1].libraries)
        so_far = "loaded already" if is_loaded else "not loaded yet"
        yield f"{name} requests {library.name}, {library.size:,} bytes behind a link page: it is {so_far}"
        yield _frames_taken(taken)
        yield from _pages_mapped(actor.pages(address, address + len(library.frames) * PAGE_SIZE), name)
        yield f"processes that map {library.name}: {library.users}"


def _is_moved(process: Process) -> bool:
    """Say whether a process has a page at another address than its frame's."""
    return any(each.address != each.mapping.frame << PAGE_SHIFT for each in process.pages())


def process_facts(process: Process) -> dict[str, Any]:
    """Return what a process's record says, as plain values."""
    image = process.record.space.image
    return {
        "pid": process.pid,
        "name": process.name,
        "image": {"physical": image.frame << PAGE_SHIFT, "virtual": image.base, "size": image.size},
        "libraries": [{"name": each.library.name, "address": each.address} for each in process.libraries],
        "malloc_pages": [
            {"page": each.address, "frame": each.mapping.frame << PAGE_SHIFT} for each in process.malloc_pages()
        ],
    }


def _library_facts(library: LoadedLibrary) -> dict[str, Any]:
    frames = [frame << PAGE_SHIFT for frame in library.frames]
    return {"name": library.name, "size": library.size, "users": library.users, "frames": frames}


def _frames_taken(rows: list[Row]) -> str:
    if not rows:
        return "no frame is taken"
    count = sum(row.end + 1 - row.start for row in rows) // PAGE_SIZE
    return f"{_counted(count, 'frame')} taken: {', '.join(_range(row.start, row.end + 1) for row in rows)}"


def _pages_mapped(pages: Iterable[Page], name: str) -> Iterator[str]:
    """Yield a line for each run of pages that have frames in a row."""
    for _, group in groupby(pages, key=lambda each: (each.address >> PAGE_SHIFT) - each.mapping.frame):
        run = list(group)
        start, frame, size = run[0].address, run[0].mapping.frame << PAGE_SHIFT, len(run) * PAGE_SIZE
        where = "the same" if frame == start else _range(frame, frame + size)
        yield f"{_counted(len(run), 'page')} mapped in {name}: {_range(start, start + size)}, physical {where}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _range(start: int, end: int) -> str:
    return f"0x{start:08X} - 0x{end - 1:08X}"
