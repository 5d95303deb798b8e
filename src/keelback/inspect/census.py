"""A census of a kernel's memory: who maps which frame, counted from page tables and records, not from the frame table.

It reads page tables on its own terms (`walk.py`), so that it can bear the kernel out or contradict it.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import compress

from keelback.inspect.lens import walker_of
from keelback.inspect.records import holder, nodes_of, raw, regions_of, used
from keelback.inspect.walk import PAGE_SHIFT, WRITABLE, Translation
from keelback.inspect.walk import Table as PageTable
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import Layout
from keelback.kernel.loading.loaded_libraries import Library
from keelback.kernel.memory.frames import CONSOLE, KERNEL, LIBRARY, PINNED, RESERVED, SHARED, STACK, TABLE, ZERO
from keelback.kernel.memory.regions import MemoryRegion
from keelback.kernel.memory.regions import Space as SpaceRecord
from keelback.kernel.processes.processes import Process, ProcessState
from keelback.kernel.processes.threads import Thread
from keelback.lang import address_of

AS_LOADED = 1 << 9


@dataclass
class Space:
    """One address space: whose it is, in words, its own tables below the directory, and its user pages."""

    whose: str
    directory: int
    tables: list[PageTable] = field(default_factory=list)
    user: list[Translation] = field(default_factory=list)


class Census:
    """What the page tables and records of a kernel say at this moment.

    `uses` counts the references that each frame should have, `owners` says whose it may be: where processes hold a
    frame together, one of them, or SHARED; a library's frame is LIBRARY's, whoever maps it.  User pages show
    `user_frames`; `read_only` are those of them that a page shows which its process may not write to.  `spaces` are
    those of processes, by their ids; `libraries` are those of loaded libraries, by their places in the table.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._frame_count = len(kernel.memory.frames.table)
        self.walker = walker_of(kernel)
        self.spaces: dict[int, Space] = {}
        self.libraries: dict[int, Space] = {}
        self._regions: dict[int, list[MemoryRegion]] = {}
        self.uses: Counter[int] = Counter()
        self.owners: dict[int, tuple[int, ...]] = {}
        self.user_frames: set[int] = set()
        self.read_only: set[int] = set()
        self._fixed = self._count_fixed()
        self._count_kernel_space()
        self._count_stacks()
        for process in self.processes():
            self._count_process(process)
        for number, library in enumerate(self.kernel.libraries.table):
            self._count_library(number, library)
        for frame in self.uses.keys() & self._fixed.owners.keys():
            self._use(frame, self._fixed.owners[frame])

    @cached_property
    def slots(self) -> list[Process]:
        """Return every process whose record is not all zero."""
        return used(self.kernel.processes.table)

    @cached_property
    def threads(self) -> list[Thread]:
        """Return every thread in use but the idle ones."""
        return [each for each in used(self.kernel.threads.table) if each.number]

    @cached_property
    def free(self) -> int:
        """Return the frames that nobody uses, as a bitmap: bit f is frame f."""
        digits = bytearray(self._fixed.digits)
        for frame in self.uses:
            digits[frame] = ord("0")
        digits.reverse()
        return int(digits, 2)

    @cached_property
    def marked_read_only(self) -> set[int]:
        """Return the frames that the kernel says are read-only: they stay so until a writer takes them over."""
        marks = raw(self.kernel.memory.frames.read_only)
        return set(compress(range(len(marks)), marks)) - {self.kernel.spaces.kernel.zero}

    @cached_property
    def zone(self) -> int:
        """Return the frames of the kernel zone, as a bitmap."""
        bounds = self.kernel.memory.bounds
        return (1 << (bounds.region_top >> PAGE_SHIFT)) - (1 << (bounds.zone >> PAGE_SHIFT))

    @cached_property
    def differing_frames(self) -> list[tuple[int, tuple[int, int], tuple[int, int]]]:
        """Return each frame whose record is not what it should be: (frame, (references, owner), as it should be)."""
        expected = bytearray(self._fixed.records)
        found = raw(self.kernel.memory.frames.table)
        owners_found = memoryview(found).cast("H")[1::2]
        for frame, uses in self.uses.items():
            owners = self.owners[frame]
            owner = owners_found[frame] if owners_found[frame] in owners else min(owners)
            struct.pack_into("<HH", expected, 4 * frame, min(uses, 0xFFFF), owner)
        if found == expected:
            return []
        pairs = zip(struct.iter_unpack("<HH", found), struct.iter_unpack("<HH", expected), strict=True)
        return [(frame, is_now, should_be) for frame, (is_now, should_be) in enumerate(pairs) if is_now != should_be]

    def processes(self) -> Iterator[Process]:
        """Yield every process that is alive."""
        for process in self.slots:
            if process.state == ProcessState.ALIVE:
                yield process

    def all_spaces(self) -> Iterator[Space]:
        """Yield every address space but the kernel's own."""
        yield from self.spaces.values()
        yield from self.libraries.values()

    def regions(self, space: SpaceRecord) -> list[MemoryRegion]:
        """Return the regions of a space, lowest first."""
        found = self._regions.get(address_of(space))
        if found is None:
            found = self._regions[address_of(space)] = regions_of(self.kernel, space)
        return found

    def frame(self, number: int) -> memoryview:
        """Return the words of a frame."""
        start = number << PAGE_SHIFT
        return memoryview(self.kernel.spaces.ram.contents)[start : start + (1 << PAGE_SHIFT)].cast("I")

    def _use(self, frame: int, owner: int) -> None:
        """Count a use of a frame; one that the machine does not have has no record to compare."""
        if frame < self._frame_count:
            self.uses[frame] += 1
            self.owners[frame] = (*self.owners.get(frame, ()), owner)

    def _count_table(self, table: PageTable, owner: int = 0) -> None:
        """Count a page table, whose references are its present entries."""
        frame = table.place >> PAGE_SHIFT
        self._use(frame, TABLE | owner)
        self.uses[frame] += len(self.walker.present(table)) - 1

    def _count_fixed(self) -> "Fixed":
        """Count what boot gave away for ever."""
        kernel, bounds = self.kernel, self.kernel.memory.bounds
        usable = [kernel.memory.kernel_map.table[index] for index in range(kernel.memory.kernel_map.fill.count)]
        ranges = tuple((each.start, each.end) for each in usable)
        return fixed_frames(kernel.layout, bounds.zone, bounds.region_top, self._frame_count, ranges)

    def _count_kernel_space(self) -> None:
        self._use(self.kernel.spaces.kernel.zero, ZERO)
        self.uses[self.kernel.spaces.kernel.zero] = PINNED
        windows = address_of(self.kernel.spaces.access.window_table)
        for each in self.walker.tables(self.root(self.kernel.spaces.kernel.directory)):
            if each.place != windows:
                self._count_table(each)
        for mapping in self.global_mappings:
            self._use(mapping.frame, STACK)

    def root(self, directory: int) -> int:
        """Return what cr3 has for the space of a page directory, which is known by its frame."""
        return directory << PAGE_SHIFT

    @cached_property
    def global_mappings(self) -> list[Translation]:
        """Return what the kernel has mapped in its area for that, lowest page first."""
        layout, directory = self.kernel.layout, self.kernel.spaces.kernel.directory
        return self.walker.pages(self.root(directory), layout.globals_start, layout.globals_end)

    @cached_property
    def kernel_stacks(self) -> list[int]:
        """Return the end of each kernel stack in use: of threads, and of one that a CPU is about to leave."""
        ends = [each.kernel_stack for each in used(self.kernel.threads.table)]
        return [end for end in (*ends, *(cpu.left_stack for cpu in self.kernel.scheduler.cpus)) if end]

    def _count_stacks(self) -> None:
        """Count the kernel stacks that lie in the zone; others are global mappings."""
        if not self.kernel.layout.kernel_stack_slots:
            for end in self.kernel_stacks:
                self._use((end - 1) >> PAGE_SHIFT, STACK)

    def _count_process(self, process: Process) -> None:
        if process.space.directory:
            self.spaces[process.pid] = space = self._count_space(f"process {process.pid}", process.space, process.pid)
            self._count_read_only(space, process.space)
            for each in space.user:
                if each.frame in self.owners:
                    self.owners[each.frame] += (SHARED,)

    def _count_read_only(self, space: Space, record: SpaceRecord) -> None:
        """Count what a space shows as read-only where its regions do not allow writing, or are a library's own."""
        listed = self.regions(record)
        for each in space.user:
            if each.frame != self.kernel.spaces.kernel.zero:
                self.user_frames.add(each.frame)
                region = holder(listed, each.page)
                if record.owner == LIBRARY or region is None or not region.permissions & WRITABLE:
                    self.read_only.add(each.frame)

    def _count_library(self, number: int, library: Library) -> None:
        if library.space.directory:
            name = bytes(library.name).rstrip(b"\0").decode()
            self.libraries[number] = space = self._count_space(f"library {name}", library.space, LIBRARY)
            self._count_read_only(space, library.space)
            for each in space.user:
                self.owners[each.frame] = (LIBRARY,)

    def _count_space(self, whose: str, record: SpaceRecord, owner: int) -> Space:
        """Count the tables, the nodes and the user mappings of a space; return it."""
        directory, tables_owner = record.directory, 0 if owner == LIBRARY else owner
        space, root, first = Space(whose, directory), self.root(directory), self.kernel.layout.user_base
        for table in self.walker.tables(root, first):
            self._count_table(table, tables_owner)
            if table.depth:
                space.tables.append(table)
        for node in nodes_of(self.kernel, record):
            self._use(node, TABLE | tables_owner)
        space.user = self.walker.pages(root, first)
        for each in space.user:
            if each.frame != self.kernel.spaces.kernel.zero:
                self._use(each.frame, owner)
        return space


@dataclass(frozen=True)
class Fixed:
    """The frames that boot gave away for ever, and what the kernel keeps of all frames when no other is used."""

    owners: dict[int, int]
    digits: bytes
    """For each frame "1" when it is free, else "0"."""
    records: bytes
    """The frame table."""


@lru_cache(16)
def fixed_frames(layout: Layout, zone: int, region_top: int, count: int, usable: tuple[tuple[int, int], ...]) -> Fixed:
    """Return who has unusable frames, image, maps, heap, boot stack and screen, where frames in ranges are usable."""
    kernels = {
        *range(layout.owned_start >> PAGE_SHIFT, zone >> PAGE_SHIFT),
        *range(region_top >> PAGE_SHIFT, layout.owned_end >> PAGE_SHIFT),
    }
    owners = dict.fromkeys(range(count), RESERVED)
    for start, end in usable:
        for frame in set(range(max(start, 1), end)) - kernels:
            owners.pop(frame, None)
    owners |= {**dict.fromkeys(kernels, KERNEL), SCREEN >> PAGE_SHIFT: CONSOLE}
    records = b"".join(struct.pack("<HH", frame in owners, owners.get(frame, 0)) for frame in range(count))
    return Fixed(owners, bytes(b"10"[frame in owners] for frame in range(count)), records)
