"""Address spaces: their tables, user pages and regions, by the walk that shares no code with the kernel."""

from functools import cached_property

from keelback.inspect.records import holder, nodes_of, regions_of
from keelback.inspect.snapshot.regions import Region
from keelback.inspect.walk import PAGE_SHIFT, PRESENT, USER, Table, Translation, Walker
from keelback.kernel.kernel import Kernel
from keelback.kernel.memory.space_records import Space as SpaceRecord


class Space:
    """One address space: `whose` it is, in words, of which process (0: of none), and the record that it has."""

    def __init__(self, kernel: Kernel, walker: Walker, whose: str, record: SpaceRecord, pid: int = 0) -> None:
        self.whose = whose
        self.record = record
        self.pid = pid
        self.directory = record.directory
        """The frame of its root table."""
        self._kernel = kernel
        self._walker = walker

    def __repr__(self) -> str:
        return f"<space of {self.whose}: {len(self.user)} user pages, {len(self.tables)} tables>"

    @property
    def root(self) -> int:
        """Return what cr3 has where the space is in use."""
        return self.directory << PAGE_SHIFT

    @cached_property
    def tables(self) -> list[Table]:
        """Return the tables that walks to user pages read, the root first.

        Raises: Panic when one is not in RAM.
        """
        return list(self._walker.tables(self.root, self._kernel.layout.user_base))

    @cached_property
    def user(self) -> list[Translation]:
        """Return the user pages that are mapped, lowest first.  Raises: Panic when a table is not in RAM."""
        return self._walker.pages(self.root, self._kernel.layout.user_base)

    @cached_property
    def opened(self) -> list[Translation]:
        """Return the pages of the kernel part that its program may use, such as the screen's, lowest first.

        Raises: Panic when a table is not in RAM.
        """
        layout = self._kernel.layout
        return self._walker.pages(self.root, 0, layout.user_base, PRESENT | USER) if layout.user_screen else []

    @cached_property
    def nodes(self) -> list[int]:
        """Return the frames that hold the regions, none where the record does."""
        return nodes_of(self._kernel, self.record)

    @cached_property
    def regions(self) -> list[Region]:
        """Return the regions, lowest first."""
        records = regions_of(self._kernel, self.record)
        return [Region(each.start, each.end, each.kind, each.permissions, each.object) for each in records]

    def region_of(self, address: int) -> Region | None:
        """Return the region that holds an address."""
        return holder(self.regions, address)
