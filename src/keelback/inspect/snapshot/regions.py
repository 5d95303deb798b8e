"""Regions, copied out of RAM: what addresses of a process are for, and what it may do there."""

from typing import NamedTuple

from keelback.inspect.walk import PAGE_SHIFT, USER, WRITABLE
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.x86.paging import EXECUTE

KINDS = {
    RegionKind.NONE: "in no region",
    RegionKind.STACK: "stack",
    RegionKind.ANONYMOUS: "anonymous memory",
    RegionKind.MALLOC: "malloc",
    RegionKind.LIBRARY: "library",
    RegionKind.SPARSE: "sparse memory",
    RegionKind.SHARED: "shared memory",
    RegionKind.VIEW: "view of shared memory",
}


class Region(NamedTuple):
    """The pages [start, end) of a process."""

    start: int
    end: int
    kind: RegionKind
    permissions: int
    """USER, WRITABLE and EXECUTE, as the kernel's regions have them."""
    object: int = 0
    """The number of the memory object that it shows; 0: none."""

    def __repr__(self) -> str:
        pages = (self.end - self.start) >> PAGE_SHIFT
        counted = f"{pages:,} page{'s' * (pages != 1)}"
        shown = f" of memory object {self.object}" if self.object else ""
        return f"<region [{self.start:#010x}, {self.end:#010x}): {self.use}, {self.rights}, {counted}{shown}>"

    @property
    def use(self) -> str:
        """Return what it is for: text, data, stack, malloc …."""
        if self.kind == RegionKind.IMAGE:
            return "data" if self.permissions & WRITABLE else "text"
        return KINDS.get(self.kind, f"kind {int(self.kind)}")

    @property
    def grows_by_touch(self) -> bool:
        """Say whether a page that is not there comes when it is touched; in other regions that ends the process."""
        return self.permissions & USER != 0 and self.kind != RegionKind.MALLOC

    @property
    def rights(self) -> str:
        """Return what its process may do there, in words."""
        if not self.permissions & USER:
            return "closed"
        rights = "may be written" if self.permissions & WRITABLE else "read-only"
        return rights + (" and executed" if self.permissions & EXECUTE else "")
