"""Processes: threads, regions, libraries and pages of each that is alive, and the records of those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from keelback.inspect.notebooks import InNotebooks
from keelback.inspect.records import handle_nodes_of, handle_table_of, handles_of, mapped_libraries, members
from keelback.inspect.snapshot.handles import Handle
from keelback.inspect.snapshot.pages import Page
from keelback.inspect.snapshot.regions import Region
from keelback.inspect.snapshot.spaces import Space
from keelback.inspect.snapshot.threads import Thread
from keelback.inspect.snapshot.walks import Walk, walk
from keelback.inspect.traps import TrapFrames
from keelback.kernel.processes.processes import Process as ProcessRecord
from keelback.kernel.processes.processes import ProcessState
from keelback.lang import text_of

if TYPE_CHECKING:
    from keelback.inspect.snapshot.libraries import LoadedLibrary
    from keelback.inspect.snapshot.snapshot import Snapshot

END = 1 << 64


class MappedLibrary(NamedTuple):
    """A library that a process maps, and where its link page is."""

    library: LoadedLibrary
    address: int

    def __repr__(self) -> str:
        return f"<{self.library.name} at {self.address:#010x}>"


class Process(InNotebooks):
    """One process; `record` is what the kernel has of it."""

    def __init__(self, snapshot: Snapshot, record: ProcessRecord) -> None:
        self.snapshot = snapshot
        self.record = record
        self.pid = record.pid
        self.parent = record.parent
        self.name = text_of(record.name)

    def __repr__(self) -> str:
        if not self.is_alive:
            return f"<process {self.pid} {self.name}: {self.record.ending.name.lower()}>"
        return f"<process {self.pid} {self.name}: {self.counted}>"

    @property
    def is_alive(self) -> bool:
        """Say whether it has not ended."""
        return self.record.state == ProcessState.ALIVE

    @property
    def space(self) -> Space | None:
        """Return its address space, None when it has ended."""
        return self.snapshot.spaces.get(self.pid)

    @cached_property
    def threads(self) -> list[Thread]:
        """Return its threads, in the order in which they started, without those that have ended."""
        threads, frames = self.snapshot.kernel.threads, TrapFrames(self.snapshot.kernel)
        numbers = members(self.record.threads, threads.lists)
        return [
            Thread(self.snapshot.kernel, threads.table[number], frames.of(number).instruction) for number in numbers
        ]

    @property
    def ended_threads(self) -> list[int]:
        """Return the ids of its threads that have ended, and that nobody has joined."""
        return members(self.record.ended, self.snapshot.kernel.threads.lists)

    @property
    def regions(self) -> list[Region]:
        """Return its regions, lowest first."""
        return self.space.regions if self.space is not None else []

    @cached_property
    def libraries(self) -> list[MappedLibrary]:
        """Return the libraries that it maps, in the order in which it asked for them."""
        listed = mapped_libraries(self.record)
        found = [(self.snapshot.libraries.get(record._index), at) for record, at in listed if record is not None]
        return [MappedLibrary(library, address) for library, address in found if library is not None]

    @property
    def handle_nodes(self) -> list[int]:
        """Return the frames that hold its handles; none where there are few."""
        return handle_nodes_of(handle_table_of(self.snapshot.kernel, self.record._index))

    @cached_property
    def handles(self) -> list[Handle]:
        """Return its handles, lowest number first."""
        kernel = self.snapshot.kernel
        listed = handles_of(kernel, handle_table_of(kernel, self.record._index))
        return [Handle(number, each) for number, each in listed]

    def pages(self, start: int = 0, end: int = END) -> Iterator[Page]:
        """Yield its pages in [start, end) that are mapped, lowest first."""
        if self.space is not None:
            for each in self.space.user:
                if start <= each.page < end:
                    yield Page(self.snapshot, self.space, each)

    @property
    def own_pages(self) -> int:
        """Return how many of its pages show a frame that is its own; none that is behind all memory is."""
        user = self.space.user if self.space is not None else []
        return self.snapshot.frames.owned(self.pid, (each.frame for each in user))

    @property
    def counted(self) -> str:
        """Return how many pages it has mapped, and how many are its own, in words."""
        pages = len(self.space.user) if self.space is not None else 0
        return f"{pages:,} pages, {self.own_pages:,} of them its own"

    def malloc_pages(self) -> Iterator[Page]:
        """Yield its malloc pages, lowest first."""
        layout = self.snapshot.kernel.layout
        return self.pages(layout.malloc_base, layout.malloc_limit)

    def walk(self, address: int) -> Walk:
        """Walk its tables to an address.  Raises: LookupError when it has ended; Panic when a table is not in RAM."""
        if self.space is None:
            raise LookupError(f"{self.name} ({self.pid}) has ended: it has no address space")
        return walk(self.snapshot.walker, self.space.root, address)
