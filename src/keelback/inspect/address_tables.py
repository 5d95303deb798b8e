"""The PHYS and VIRT tables: who has which addresses, physical and virtual, as rows from 0 to the last address.

Ends are inclusive, as whoever reads addresses off a screen expects; the last row always reaches 0xffffffff.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.processes import Process
from keelback.inspect.snapshot.regions import Region
from keelback.kernel.memory.frames import LIBRARY, NOBODY, OWNER_BITS, RESERVED, SHARED, Role
from keelback.kernel.memory.space_records import RegionKind
from keelback.lang import PAGE_SHIFT, text_of

KERNEL_RESERVED = "Kernel reserved"
UNRESERVED = "Unreserved"
NO_MANS_LAND = "No-man's land"
END = 1 << 32


@dataclass(frozen=True)
class Row:
    """One row of a table: the addresses from `start` to `end`, both inclusive."""

    start: int
    end: int
    label: str

    def __str__(self) -> str:
        return f"0x{self.start:08X} - 0x{self.end:08X} : {self.label}"


def physical_table(snapshot: Snapshot) -> list[Row]:
    """Return who has which physical memory; what nobody has, and what is not there, is no-man's land."""
    kernel, owners = snapshot.kernel, snapshot.frames.uses()
    libraries = {frame: each.name for each in snapshot.libraries.values() for frame in each.frames}
    first, end = kernel.layout.owned_start >> PAGE_SHIFT, kernel.memory.owned_end() >> PAGE_SHIFT

    def label(frame: int, owner: int) -> str:
        if frame == 0 or first <= frame < end:
            return KERNEL_RESERVED
        if 0 < owner < 1 << OWNER_BITS:
            return f"User space for {text_of(kernel.processes.table[owner].name)}"
        if owner == LIBRARY:
            return f"User space for {libraries[frame]}"
        if owner == SHARED or owner >> OWNER_BITS == Role.OBJECT:
            return "User space for several processes"
        return NO_MANS_LAND if owner in (NOBODY, RESERVED) else KERNEL_RESERVED

    pieces = [
        (frame << PAGE_SHIFT, label(frame, owner))
        for frame, (owner, before) in enumerate(zip(owners, [None, *owners], strict=False))
        if owner != before or owner == LIBRARY or frame in (1, first, end)  # a million frames are seen in no time
    ]
    return list(_joined(_without_empty([*pieces, (len(owners) << PAGE_SHIFT, NO_MANS_LAND)])))


def virtual_table(snapshot: Snapshot, process: Process | None) -> list[Row]:
    """Return who has which virtual addresses, in the space of a process; None: before there is any."""
    pieces = [(0, KERNEL_RESERVED), (snapshot.kernel.layout.user_base, UNRESERVED)]
    if process is not None:
        for region in process.regions:
            pieces += [(region.start, _label(process, region)), (region.end, UNRESERVED)]
    return list(_joined(_without_empty(pieces)))


def _label(process: Process, region: Region) -> str:
    name = process.name
    if region.kind == RegionKind.LIBRARY:
        before = [each for each in process.libraries if each.address <= region.start]
        return f"{max(before, key=lambda each: each.address).library.name} space in {name} space"
    if region.kind == RegionKind.ANONYMOUS:
        return f"Anonymous memory of {name}"
    if region.kind == RegionKind.MALLOC:
        return f"Malloc pages of {name}"
    if region.object:
        return f"Shared memory of {name}"
    return f"User space for {name}"


def _without_empty(pieces: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the pieces, each a start and a label, that do not end where they start."""
    for (start, label), (following, _) in zip(pieces, [*pieces[1:], (END, "")], strict=True):
        if start < following:
            yield start, label


def _joined(pieces: Iterable[tuple[int, str]]) -> Iterator[Row]:
    """Yield rows from 0 to the last address for pieces in order; neighbours with one label are one row."""
    start, label = 0, ""
    for position, following in pieces:
        if following != label:
            if position > start:
                yield Row(start, position - 1, label)
            start, label = position, following
    yield Row(start, END - 1, label)
