"""Pages that are mapped: where they lead, what they are for, and what the program may do there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keelback.inspect.notebooks import InNotebooks
from keelback.inspect.snapshot.regions import KINDS, Region
from keelback.inspect.snapshot.spaces import Space
from keelback.inspect.walk import WRITABLE, Translation
from keelback.kernel.memory.space_records import RegionKind

if TYPE_CHECKING:
    from keelback.inspect.snapshot.frames import Frame
    from keelback.inspect.snapshot.snapshot import Snapshot


@dataclass(frozen=True, repr=False, slots=True)
class Page(InNotebooks):
    """One user page of a space, as its tables map it."""

    snapshot: Snapshot
    space: Space
    mapping: Translation

    def __repr__(self) -> str:
        return f"<page {self.place}: {self.use}, {self.rights} → {self.frame.said}>"

    @property
    def address(self) -> int:
        """Return its first address."""
        return self.mapping.page

    @property
    def place(self) -> str:
        """Return its address and whose it is: `0x0804a000 in cow (1)`."""
        return f"{self.address:#010x} in {self.space.whose}"

    @property
    def frame(self) -> Frame:
        """Return the frame that it shows."""
        return self.snapshot.frames[self.mapping.frame]

    @property
    def region(self) -> Region | None:
        """Return the region that it lies in."""
        return self.space.region_of(self.address)

    @property
    def use(self) -> str:
        """Return what it is for: text, data, stack, malloc …."""
        return self.region.use if self.region is not None else KINDS[RegionKind.NONE]

    @property
    def writable(self) -> bool:
        """Say whether its program may write to it as it is mapped."""
        return bool(self.mapping.flags & WRITABLE)

    @property
    def shows_zeros(self) -> bool:
        """Say whether it shows the frame of zeros."""
        return self.mapping.frame == self.snapshot.kernel.spaces.kernel.zero

    @property
    def copy_on_write(self) -> bool:
        """Say whether it may be written and becomes a copy, or its process's own, when it is."""
        region = self.region
        if self.writable or self.shows_zeros or region is None or region.object:
            return False
        return bool(region.permissions & WRITABLE)

    @property
    def rights(self) -> str:
        """Return what its program may do there, in words."""
        region = self.region
        if self.writable or (region is not None and region.object and region.permissions & WRITABLE):
            return "may be written"
        return "copy-on-write" if self.copy_on_write else "shows zeros" if self.shows_zeros else "read-only"
