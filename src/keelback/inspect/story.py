"""The paging story: five steps of a machine with the `usermode` layout, told from its RAM.

    booted ──> proc1 is alive ──> proc2 is alive ──> proc1 has a library ──> proc2 has it too

`look` is called whenever the machine stands still; a step is told when RAM shows that it has been taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from keelback.inspect.address_tables import (
    Row,
    frames_of,
    loaded,
    mapped,
    mappings,
    physical_table,
    text_of,
    virtual_table,
)
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes import Process, ProcessState
from keelback.lang import PAGE_SHIFT, PAGE_SIZE

MIB = 1 << 20
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
        "The kernel is loaded",
        "proc1 is started",
        "proc2 is started",
        "proc1 asks for libgfx",
        "proc2 asks for libgfx",
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
            self.steps.append(self._step())

    def _actor(self) -> Process | None:
        """Return the process that the next step is about."""
        return self.kernel.processes.table[(0, 1, 2, 1, 2)[len(self.steps)]] if self.steps else None

    def _is_taken(self) -> bool:
        actor = self._actor()
        if actor is None or actor.state != ProcessState.ALIVE:
            return actor is None
        return len(self.steps) < 3 or actor.libraries.count > 0

    def _step(self) -> Step:
        actor = self._actor()
        physical, virtual = physical_table(self.kernel), virtual_table(self.kernel, actor)
        return Step(
            self.TITLES[len(self.steps)],
            list(self._said(actor, physical)),
            physical,
            virtual,
            text_of(actor.name) if actor is not None else None,
            [self._process(each) for each in self._processes()],
            [self._library(number) for number in range(len(loaded(self.kernel)))],
        )

    # What RAM says of a step.

    def _said(self, actor: Process | None, physical: list[Row]) -> Iterator[str]:
        layout = self.kernel.layout
        if actor is None:
            yield f"the kernel has {layout.kernel_limit // MIB} MiB, physical and virtual, each at its own address"
            yield "nothing above is mapped; all memory above is free"
            return
        before = {(row.start, row.end) for row in self.steps[-1].physical}
        taken = [row for row in physical[:-1] if (row.start, row.end) not in before]
        name = text_of(actor.name)
        if len(self.steps) < 3:
            yield f"{name} is an image of {actor.space.image.size:,} bytes"
            pages = list(mappings(self.kernel, actor.space.directory, 0, 1 << 32))
        else:
            library, address = mapped(actor)[-1]
            yield f"{text_of(library.name)} is a library of {library.size:,} bytes, behind its link page"
            end = address + len(frames_of(self.kernel, library)) * PAGE_SIZE
            pages = list(mappings(self.kernel, actor.space.directory, address, end))
        yield _frames_taken(taken)
        yield from _pages_mapped(pages, name)
        if len(self.steps) >= 3:
            yield f"processes that map {text_of(library.name)}: {library.users}"

    def _processes(self) -> Iterator[Process]:
        return (each for each in self.kernel.processes.table if each.state == ProcessState.ALIVE)

    def _process(self, process: Process) -> dict[str, Any]:
        """Return what a process's record says, as plain values."""
        image = process.space.image
        return {
            "pid": process.pid,
            "name": text_of(process.name),
            "image": {"physical": image.frame << PAGE_SHIFT, "virtual": image.base, "size": image.size},
            "libraries": [{"name": text_of(each.name), "address": address} for each, address in mapped(process)],
            "malloc_pages": process.space.malloc.count,
        }

    def _library(self, number: int) -> dict[str, Any]:
        library = loaded(self.kernel)[number]
        frames = [frame << PAGE_SHIFT for frame in frames_of(self.kernel, library)]
        return {"name": text_of(library.name), "size": library.size, "users": library.users, "frames": frames}


def _frames_taken(rows: list[Row]) -> str:
    if not rows:
        return "no frame is taken"
    count = sum(row.end + 1 - row.start for row in rows) // PAGE_SIZE
    return f"{_counted(count, 'frame')} taken: {', '.join(_range(row.start, row.end + 1) for row in rows)}"


def _pages_mapped(pages: list[tuple[int, int]], name: str) -> Iterator[str]:
    """Yield a line for each run of pages that have frames in a row."""
    for _, group in groupby(pages, key=lambda pair: (pair[0] >> PAGE_SHIFT) - pair[1]):
        run = list(group)
        start, frame, size = run[0][0], run[0][1] << PAGE_SHIFT, len(run) * PAGE_SIZE
        where = "the same" if frame == start else _range(frame, frame + size)
        yield f"{_counted(len(run), 'page')} mapped in {name}: {_range(start, start + size)}, physical {where}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _range(start: int, end: int) -> str:
    return f"0x{start:08X}-0x{end - 1:08X}"
