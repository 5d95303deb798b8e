"""A census of a kernel's memory: who maps which frame, counted from page tables and records, not from the frame table.

It reads entries on its own terms, so that it can bear the kernel out or contradict it.
"""

import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import Any, NamedTuple

from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.kernel import Kernel
from keelback.kernel.loading.libraries import Library
from keelback.kernel.memory import regions
from keelback.kernel.memory.frame_set import FrameSet
from keelback.kernel.memory.frames import CONSOLE, KERNEL, LIBRARY, PINNED, RESERVED, SHARED, STACK, TABLE, ZERO
from keelback.kernel.memory.regions import MemoryRegion, Node
from keelback.kernel.processes.processes import Process, ProcessState
from keelback.kernel.processes.threads import Thread
from keelback.lang import Table, address_of, view

PRESENT, WRITABLE, USER = 1, 2, 4
AS_LOADED = 1 << 9
PAGE_SHIFT = 12
ENTRIES = 1024


class Mapping(NamedTuple):
    """One present entry of a page table: the page's address, the frame, the flags of both entries together."""

    page: int
    frame: int
    flags: int


@dataclass
class Space:
    """One address space: whose it is, in words, the frames of its own tables, and its user mappings."""

    whose: str
    directory: int
    tables: list[int] = field(default_factory=list)
    user: list[Mapping] = field(default_factory=list)


def raw(table: Table[Any]) -> bytes:
    """Return the bytes of a table."""
    start, size = table.record.base, table.record.count * table.element_size
    return bytes(table.ram.bytes[start : start + size])


def used(array: Any) -> list[Any]:
    """Return the structs of an array of which a byte is not zero; most of a process table is free, which is zero."""
    return [each for _, each in numbered(array)]


def numbered(array: Any) -> list[tuple[int, Any]]:
    """Return the same structs, each behind its index."""
    start, size = address_of(array), array._element_size()
    content = bytes(array._ram.bytes[start : start + len(array) * size])
    zero = bytes(size)
    if not any(content):
        return []
    places = range(0, len(content), size)
    return [(place // size, array[place // size]) for place in places if content[place : place + size] != zero]


def nodes_of(kernel: Kernel, space: regions.Space) -> list[int]:
    """Return the frames that hold the regions of a space, in order; none where its record holds them."""
    if not space.nodes:
        return []
    return [each >> PAGE_SHIFT for each in list(view(kernel.regions.ram, Node, space.node).nodes)[: space.nodes]]


def regions_of(kernel: Kernel, space: regions.Space) -> list[MemoryRegion]:
    """Return the regions of a space, lowest first."""
    nodes = (view(kernel.regions.ram, Node, frame << PAGE_SHIFT) for frame in nodes_of(kernel, space))
    places = [each for node in nodes for each in node.regions] if space.nodes else list(space.regions)
    return places[: space.count]


def holder(listed: list[MemoryRegion], address: int) -> MemoryRegion | None:
    """Return which of the regions of a space holds an address."""
    index = bisect_right(listed, address, key=lambda each: each.end)
    return listed[index] if index < len(listed) and listed[index].start <= address else None


def bits(frames: FrameSet) -> int:
    """Return the members of a set, as a bitmap."""
    return int.from_bytes(raw(frames.levels[0]), "little")


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
        self.words = kernel.memory.header._ram.bytes.cast("I")
        self._present: dict[int, list[tuple[int, int]]] = {}
        self.spaces: dict[int, Space] = {}
        self.libraries: dict[int, Space] = {}
        self.uses: Counter[int] = Counter()
        self.owners: dict[int, set[int]] = {}
        self.user_frames: set[int] = set()
        self.read_only: set[int] = set()
        self._count_fixed()
        self._count_kernel_space()
        self._count_stacks()
        for process in self.processes():
            self._count_process(process)
        for number, library in enumerate(self.kernel.libraries.table):
            self._count_library(number, library)

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
        digits = bytearray(b"1" * self._frame_count)
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
        expected = bytearray(4 * self._frame_count)
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

    def entries(self, table: int) -> list[int]:
        """Return the entries of the table in a frame."""
        return self.words[table * ENTRIES : (table + 1) * ENTRIES].tolist()

    def present(self, table: int) -> list[tuple[int, int]]:
        """Return the entries of the table in a frame that are present, each behind its index."""
        found = self._present.get(table)
        if found is None:
            entries = self.entries(table)
            filled = compress(range(ENTRIES), entries)  # most entries are zero
            found = [(index, entries[index]) for index in filled if entries[index] & PRESENT]
            self._present[table] = found
        return found

    def _use(self, frame: int, owner: int) -> None:
        """Count a use of a frame; one that the machine does not have has no record to compare."""
        if frame < self._frame_count:
            self.uses[frame] += 1
            self.owners.setdefault(frame, set()).add(owner)

    def _count_table(self, table: int, owner: int = 0) -> None:
        """Count a page table, whose references are its present entries."""
        self._use(table, TABLE | owner)
        self.uses[table] += len(self.present(table)) - 1

    def _count_fixed(self) -> None:
        """Count what boot gave away for ever: unusable frames, the image, maps, heap and boot stack."""
        kernel, bounds = self.kernel, self.kernel.memory.bounds
        usable: set[int] = set()
        for index in range(kernel.memory.map.fill.count):
            frames = kernel.memory.map.table[index]
            usable.update(range(frames.start, frames.end))
        kernels = {
            *range(kernel.layout.owned_start >> PAGE_SHIFT, bounds.zone >> PAGE_SHIFT),
            *range(bounds.region_top >> PAGE_SHIFT, kernel.layout.owned_end >> PAGE_SHIFT),
        }
        screen = SCREEN >> PAGE_SHIFT
        for frame in set(range(len(kernel.memory.frames.table))) - (usable - {0}) - kernels - {screen}:
            self._use(frame, RESERVED)
        for frame in kernels - {screen}:
            self._use(frame, KERNEL)
        self._use(screen, CONSOLE)

    def _count_kernel_space(self) -> None:
        directory = self.kernel.spaces.kernel.directory
        self._count_table(directory)
        self._use(self.kernel.spaces.kernel.zero, ZERO)
        self.uses[self.kernel.spaces.kernel.zero] = PINNED
        windows = address_of(self.kernel.spaces.access.window_table) >> PAGE_SHIFT
        for _, entry in self.present(directory):
            if entry >> PAGE_SHIFT != windows:
                self._count_table(entry >> PAGE_SHIFT)
        for each in self.global_mappings:
            self._use(each.frame, STACK)

    @cached_property
    def global_mappings(self) -> list[Mapping]:
        """Return what the kernel has mapped in its area for that, lowest page first."""
        layout, found = self.kernel.layout, list[Mapping]()
        for base in range(layout.globals_start, layout.globals_end, ENTRIES << PAGE_SHIFT):
            upper = dict(self.present(self.kernel.spaces.kernel.directory)).get(base >> 22, 0)
            for low, entry in self.present(upper >> PAGE_SHIFT) if upper else ():
                found.append(Mapping(base | low << PAGE_SHIFT, entry >> PAGE_SHIFT, entry & upper & 7))
        return found

    @cached_property
    def kernel_stacks(self) -> list[int]:
        """Return the end of each kernel stack in use: of threads, and of one that a CPU is about to leave."""
        ends = [each.kernel_stack for each in used(self.kernel.threads.table)]
        return [end for end in (*ends, self.kernel.stacks.left.end) if end]

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
                self.owners.get(each.frame, set()).add(SHARED)

    def _count_read_only(self, space: Space, record: regions.Space) -> None:
        """Count what a space shows as read-only where its regions do not allow writing, or are a library's own."""
        listed = regions_of(self.kernel, record)
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
                self.owners[each.frame] = {LIBRARY}

    def _count_space(self, whose: str, record: regions.Space, owner: int) -> Space:
        """Count the tables, the nodes and the user mappings of a space; return it."""
        directory, tables_owner = record.directory, 0 if owner == LIBRARY else owner
        self._count_table(directory, tables_owner)
        for node in nodes_of(self.kernel, record):
            self._use(node, TABLE | tables_owner)
        space = Space(whose, directory)
        first, zero = self.kernel.layout.user_base >> 22, self.kernel.spaces.kernel.zero
        for high, upper in self.present(directory):
            if high < first:
                continue
            space.tables.append(upper >> PAGE_SHIFT)
            self._count_table(upper >> PAGE_SHIFT, tables_owner)
            for low, entry in self.present(upper >> PAGE_SHIFT):
                frame = entry >> PAGE_SHIFT
                flags = entry & upper & 7 | entry & AS_LOADED
                space.user.append(Mapping(high << 22 | low << PAGE_SHIFT, frame, flags))
                if frame != zero:
                    self._use(frame, owner)
        return space
