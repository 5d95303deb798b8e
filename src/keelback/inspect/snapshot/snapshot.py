"""The snapshot itself: what a kernel's records and page tables say, found when it is first asked for."""

from collections import defaultdict
from functools import cached_property
from typing import Any

from keelback.inspect.lens import look, walker_of
from keelback.inspect.notebooks import InNotebooks
from keelback.inspect.records import loaded_libraries, used
from keelback.inspect.snapshot.frames import Frames
from keelback.inspect.snapshot.libraries import LoadedLibrary
from keelback.inspect.snapshot.objects import MemoryObject, objects_of
from keelback.inspect.snapshot.processes import Process
from keelback.inspect.snapshot.spaces import Space
from keelback.inspect.snapshot.walks import Walk
from keelback.inspect.walk import PAGE_SHIFT, Table, Translation
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import Layout
from keelback.kernel.processes.processes import Process as ProcessRecord
from keelback.kernel.processes.processes import ProcessState
from keelback.kernel.processes.threads import Thread
from keelback.lang import text_of


class Snapshot(InNotebooks):
    """A machine at one moment; `kernel` is only read."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.walker = walker_of(kernel)

    @classmethod
    def of(cls, layout: Layout, contents: Any) -> "Snapshot":
        """Return the snapshot of a machine by its RAM, bytes from physical address 0; those of a file are copied.

        Raises: ValueError when they are too few for the layout's records.
        """
        return cls(look(layout, bytearray(contents) if memoryview(contents).readonly else contents))

    def __repr__(self) -> str:
        return f"<{self.kernel.layout.name}: {len(self.processes)} processes, {len(self.frames):,} frames>"

    # Records.

    @cached_property
    def process_records(self) -> list[ProcessRecord]:
        """Return every process whose record is not all zero."""
        return used(self.kernel.processes.table)

    @cached_property
    def alive(self) -> list[ProcessRecord]:
        """Return the record of every process that is alive."""
        return [each for each in self.process_records if each.state == ProcessState.ALIVE]

    @cached_property
    def thread_records(self) -> list[Thread]:
        """Return every thread in use but the idle ones."""
        return [each for each in used(self.kernel.threads.table) if each.number]

    @cached_property
    def kernel_stacks(self) -> list[int]:
        """Return the end of each kernel stack in use: of threads, and of one that a CPU is about to leave."""
        ends = [each.kernel_stack for each in used(self.kernel.threads.table)]
        return [end for end in (*ends, *(cpu.left_stack for cpu in self.kernel.scheduler.cpus)) if end]

    @cached_property
    def usable(self) -> tuple[tuple[int, int], ...]:
        """Return the ranges of frames that the kernel found usable."""
        memory_map = self.kernel.memory.kernel_map
        ranges = (memory_map.table[index] for index in range(memory_map.fill.count))
        return tuple((each.start, each.end) for each in ranges)

    @cached_property
    def kernel_zone(self) -> range:
        """Return the frames of the kernel zone; none where there is one pool."""
        bounds = self.kernel.memory.bounds
        if self.kernel.layout.one_pool:
            return range(0)
        return range(bounds.zone >> PAGE_SHIFT, bounds.region_top >> PAGE_SHIFT)

    # Processes, spaces, libraries.

    @cached_property
    def processes(self) -> dict[int, Process]:
        """Return every process that has a record, by its id."""
        return {each.pid: Process(self, each) for each in self.process_records if each.state != ProcessState.FREE}

    @cached_property
    def spaces(self) -> dict[int, Space]:
        """Return the address space of each process that is alive, by its id."""
        return {
            each.pid: Space(self.kernel, self.walker, self.name_of(each.pid), each.space, each.pid)
            for each in self.alive
            if each.space.directory
        }

    @cached_property
    def libraries(self) -> dict[int, LoadedLibrary]:
        """Return the libraries that are loaded, by their places in the kernel's table."""
        return {
            number: LoadedLibrary(each, Space(self.kernel, self.walker, f"library {text_of(each.name)}", each.space))
            for number, each in enumerate(loaded_libraries(self.kernel))
            if each.space.directory
        }

    @cached_property
    def objects(self) -> dict[int, MemoryObject]:
        """Return the memory objects, by their numbers.  Raises: Panic when a list of frames is not in RAM."""
        return objects_of(self)

    @cached_property
    def all_spaces(self) -> list[Space]:
        """Return every address space but the kernel's own."""
        return [*self.spaces.values(), *(each.space for each in self.libraries.values())]

    def name_of(self, pid: int) -> str:
        """Return a process's name and id: `cow (1)`."""
        return f"{text_of(self.kernel.processes.table[pid].name)} ({pid})"

    # Mappings, both ways.

    @cached_property
    def kernel_root(self) -> int:
        """Return what cr3 has for the kernel's own space."""
        return self.kernel.spaces.kernel.directory << PAGE_SHIFT

    @cached_property
    def global_mappings(self) -> list[Translation]:
        """Return what the kernel has mapped in its area for that, lowest page first."""
        layout = self.kernel.layout
        return self.walker.pages(self.kernel_root, layout.globals_start, layout.globals_end)

    @cached_property
    def mappings(self) -> dict[int, list[tuple[Space, Translation]]]:
        """Return who maps each frame that a user page shows: spaces, and where."""
        found: dict[int, list[tuple[Space, Translation]]] = defaultdict(list)
        for space in self.all_spaces:
            for each in space.user:
                found[each.frame].append((space, each))
        return dict(found)

    @cached_property
    def tables(self) -> dict[int, tuple[Space, Table]]:
        """Return which table of which space lies in a frame, for those that walks to user pages read."""
        return {table.place >> PAGE_SHIFT: (space, table) for space in self.all_spaces for table in space.tables}

    @cached_property
    def frames(self) -> Frames:
        """Return all frames, by number."""
        return Frames(self)

    def walk(self, pid: int, address: int) -> Walk:
        """Walk a process's tables to an address.

        Raises: KeyError when there is no such process; LookupError when it has ended; Panic: a table is not in RAM.
        """
        return self.processes[pid].walk(address)
