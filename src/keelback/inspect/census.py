"""A census of a kernel's memory: who maps which frame, counted from page tables and records, not from the frame table.

The snapshot reads page tables on its own terms (`walk.py`), so that a census can bear the kernel out or contradict it.
"""

import struct
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import compress

from keelback.inspect.records import raw
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.objects import MemoryObject
from keelback.inspect.snapshot.spaces import Space
from keelback.inspect.walk import PAGE_SHIFT, WRITABLE, Translation
from keelback.inspect.walk import Table as PageTable
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frames import (
    CONSOLE,
    KERNEL,
    LIBRARY,
    OBJECT,
    PINNED,
    RESERVED,
    SHARED,
    STACK,
    TABLE,
    ZERO,
)
from keelback.lang import address_of

AS_LOADED = 1 << 9


class Census:
    """What the frame table should say, by the page tables and records of a snapshot.

    `uses` counts the references that each frame should have, `owners` says whose it may be: where processes hold a
    frame together, one of them, or SHARED; a library's frame is LIBRARY's, whoever maps it.  User pages show
    `user_frames`; `read_only` are those of them that a page shows which its process may not write to, and those of
    memory objects.  In a layout with one pool the kernel's own frames of that are among both.  Those that the
    kernel lends to an object, `lent`, are in neither.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """Count all.  Raises: Panic when a page table is not in RAM."""
        self.snapshot = snapshot
        self.kernel = snapshot.kernel
        self._frame_count = len(snapshot.frames)
        self.uses: Counter[int] = Counter()
        self.owners: dict[int, tuple[int, ...]] = {}
        self.user_frames: set[int] = set()
        self.read_only: set[int] = set()
        self.lent: set[int] = set()
        self._fixed = self._count_fixed()
        self._count_kernel_space()
        self._count_stacks()
        for space in snapshot.spaces.values():
            self._count_process(space)
        for library in snapshot.libraries.values():
            self._count_library(library.space)
        for each in snapshot.objects.values():
            self._count_object(each)
        self.user_frames -= self.lent
        self.read_only -= self.lent
        for frame in (self.uses.keys() & self._fixed.owners.keys()) - self.lent:
            self._use(frame, self._fixed.owners[frame])

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
        uncounted = set() if self.kernel.layout.one_pool else {self.kernel.spaces.kernel.zero}
        return set(compress(range(len(marks)), marks)) - uncounted

    @cached_property
    def zone(self) -> int:
        """Return the frames of the kernel zone, as a bitmap."""
        bounds = self.kernel.memory.bounds
        return (1 << (bounds.region_top >> PAGE_SHIFT)) - (1 << (bounds.zone >> PAGE_SHIFT))

    def is_for_kernel(self, frame: int) -> bool:
        """Say whether a frame may have page tables and nodes: it lies in the kernel zone, or there is one pool."""
        return self.kernel.layout.one_pool or bool(self.zone >> frame & 1)

    @cached_property
    def differing_frames(self) -> list[tuple[int, tuple[int, int], tuple[int, int]]]:
        """Return each frame whose record is not what it should be: (frame, (references, owner), as it should be)."""
        expected = bytearray(self._fixed.records)
        found, owners_found = self.snapshot.frames.records, self.snapshot.frames.uses()
        for frame, uses in self.uses.items():
            owners = self.owners[frame]
            owner = owners_found[frame] if owners_found[frame] in owners else min(owners)
            struct.pack_into("<HH", expected, 4 * frame, min(uses, 0xFFFF), owner)
        if found == expected:
            return []
        pairs = zip(struct.iter_unpack("<HH", found), struct.iter_unpack("<HH", expected), strict=True)
        return [(frame, is_now, should_be) for frame, (is_now, should_be) in enumerate(pairs) if is_now != should_be]

    def frame(self, number: int) -> memoryview:
        """Return the words of a frame."""
        return self.kernel.spaces.ram.integers["I"][number << PAGE_SHIFT - 2 : (number + 1) << PAGE_SHIFT - 2]

    def _use(self, frame: int, owner: int) -> None:
        """Count a use of a frame; one that the machine does not have has no record to compare."""
        if frame < self._frame_count:
            self.uses[frame] += 1
            self.owners[frame] = (*self.owners.get(frame, ()), owner)

    def _use_of_kernel(self, frame: int, use: int) -> None:
        """Count a use of the kernel's own."""
        self._use(frame, use)
        if self.kernel.layout.one_pool:
            self.user_frames.add(frame)
            self.read_only.add(frame)

    def _count_table(self, table: PageTable, owner: int = 0) -> None:
        """Count a page table, whose references are its present entries."""
        frame = table.place >> PAGE_SHIFT
        self._use_of_kernel(frame, TABLE | owner)
        self.uses[frame] += len(self.snapshot.walker.present(table)) - 1

    def _count_fixed(self) -> "Fixed":
        """Count what boot gave away for ever."""
        bounds, usable = self.kernel.memory.bounds, self.snapshot.usable
        return fixed_frames(self.kernel.layout, bounds.zone, bounds.region_top, self._frame_count, usable)

    def _count_kernel_space(self) -> None:
        self._use_of_kernel(self.kernel.spaces.kernel.zero, ZERO)
        self.uses[self.kernel.spaces.kernel.zero] = PINNED
        table = self.kernel.spaces.access.window_table
        windows = 0 if table is None else address_of(table)
        for each in self.snapshot.walker.tables(self.snapshot.kernel_root):
            if each.place != windows:
                self._count_table(each)
        for mapping in self.snapshot.global_mappings:
            self._use(mapping.frame, STACK)

    def _count_stacks(self) -> None:
        """Count the kernel stacks that lie in the zone; others are global mappings."""
        if not self.kernel.layout.kernel_stack_slots and not self.kernel.layout.one_stack:
            for end in self.snapshot.kernel_stacks:
                self._use((end - 1) >> PAGE_SHIFT, STACK)

    def _count_process(self, space: Space) -> None:
        self._count_space(space, space.pid, space.pid)
        for node in self.snapshot.processes[space.pid].handle_nodes:
            self._use_of_kernel(node, TABLE | space.pid)
        for each in space.user:
            if each.frame in self.owners:
                self.owners[each.frame] += (SHARED,)

    def _count_library(self, space: Space) -> None:
        self._count_space(space, LIBRARY, 0)
        for each in space.user:
            self.owners[each.frame] = (LIBRARY,)

    def _count_object(self, each: MemoryObject) -> None:
        """Count an object's own frames, whoever shows them, and the nodes that list them."""
        for node in each.nodes:
            self._use_of_kernel(node, OBJECT | each.number)
        for frame in each.frames:
            self._use(frame, OBJECT | each.number)
            self.owners[frame] = (OBJECT | each.number,)
            self.user_frames.add(frame)
            self.read_only.add(frame)
        if each.is_kernels:
            self.lent.update(each.frames)

    def _count_space(self, space: Space, owner: int, tables_owner: int) -> None:
        """Count the tables, the nodes and the user mappings of a space."""
        for table in space.tables:
            self._count_table(table, tables_owner)
        for node in space.nodes:
            self._use_of_kernel(node, TABLE | tables_owner)
        for each in space.user:
            if each.frame != self.kernel.spaces.kernel.zero:
                self._use(each.frame, owner)
                self._count_read_only(space, each, owner)

    def _count_read_only(self, space: Space, each: Translation, owner: int) -> None:
        """Count what a space shows as read-only where its regions do not allow writing, or are a library's own."""
        self.user_frames.add(each.frame)
        region = space.region_of(each.page)
        if owner == LIBRARY or region is None or not region.permissions & WRITABLE:
            self.read_only.add(each.frame)


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
    taken = {**dict.fromkeys(kernels, KERNEL), SCREEN >> PAGE_SHIFT: CONSOLE}
    digits = bytearray(b"0" * count)
    for start, end in usable:
        places = range(count)[max(start, 1) : end]
        digits[places.start : places.stop] = b"1" * len(places)
    for frame in taken.keys() & range(count):
        digits[frame] = ord("0")
    owners = {frame: RESERVED for frame, digit in enumerate(digits) if digit == ord("0")} | taken
    records = bytearray(4 * count)
    for frame in owners.keys() & range(count):
        struct.pack_into("<HH", records, 4 * frame, 1, owners[frame])
    return Fixed(owners, bytes(digits), bytes(records))
