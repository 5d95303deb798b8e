"""Memory objects: whose pages several processes may show, and who does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keelback.inspect.records import frames_of_object, numbered
from keelback.inspect.snapshot.pages import Page

if TYPE_CHECKING:
    from keelback.inspect.snapshot.snapshot import Snapshot


@dataclass(frozen=True, repr=False, slots=True)
class MemoryObject:
    """One memory object: `handles` name it, and so many pages of regions show its own (`shown`)."""

    snapshot: Snapshot
    number: int
    handles: int
    shown: int
    frames: tuple[int, ...]
    """Its frames, by its pages."""
    nodes: tuple[int, ...]
    """The frames that list those; none where they are side by side, and stay."""
    is_kernels: bool
    """Its frames are the kernel's own, and stay so: it is the payload."""

    def __repr__(self) -> str:
        pages = f"{len(self.frames):,} page{'s' * (len(self.frames) != 1)}"
        handles = f"{self.handles} handle{'s' * (self.handles != 1)}"
        return f"<memory object {self.number}: {pages}, {handles}, shown by {self.shown:,}>"

    @property
    def pages(self) -> list[Page]:
        """Return every page of a process that shows one of its own, by its pages."""
        return [page for frame in self.frames for page in self.snapshot.frames[frame].pages]


def objects_of(snapshot: Snapshot) -> dict[int, MemoryObject]:
    """Return the memory objects of a machine, by their numbers.  Raises: Panic when a list is not in RAM."""
    found = {}
    for number, record in numbered(snapshot.kernel.objects.table) if snapshot.kernel.objects is not None else ():
        if record.pages:
            frames, nodes = frames_of_object(snapshot.kernel, record)
            found[number] = MemoryObject(
                snapshot, number, record.handles, record.shown, frames, nodes, record.is_kernels
            )
    return found
