"""What changed between two moments of one machine: frames and pages, for whoever marks them."""

from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

from keelback.inspect.snapshot import Snapshot
from keelback.inspect.walk import ACCESSED, DIRTY, PAGE_SHIFT
from keelback.view.cells import PAGE

USED = ACCESSED | DIRTY
"""Bits that the CPU sets as it uses an entry: nothing that a program or the kernel did."""
RECORD = 4
CHUNK = 1024 * RECORD


@dataclass(frozen=True)
class Changes:
    """Frames by number, and pages of each process by address, that are not as they were."""

    frames: frozenset[int] = frozenset()
    pages: tuple[tuple[int, frozenset[int]], ...] = ()

    @cached_property
    def _pages(self) -> dict[int, frozenset[int]]:
        return dict(self.pages)

    def pages_of(self, pid: int) -> frozenset[int]:
        """Return the addresses of a process's pages that changed."""
        return self._pages.get(pid, frozenset())


UNCHANGED = Changes()


class Fingerprint:
    """What of a snapshot is compared with a later one; the snapshot itself is not kept."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._records = bytes(snapshot.frames.records)
        self._mapped = {
            pid: {each.page: (each.frame, each.flags & ~USED) for each in space.user}
            for pid, space in snapshot.spaces.items()
        }
        contents = snapshot.kernel.spaces.ram.contents
        frames = {frame for mapped in self._mapped.values() for frame, _ in mapped.values()}
        held = [frame for frame in frames if (frame + 1) << PAGE_SHIFT <= len(contents)]
        ram = memoryview(contents)
        self._digests = {frame: crc32(ram[frame << PAGE_SHIFT : (frame << PAGE_SHIFT) + PAGE]) for frame in held}

    def changes_since(self, before: "Fingerprint") -> Changes:
        """Return what is not as it was: frames by their records and what is in them, pages by where they lead too."""
        written = {frame for frame, digest in self._digests.items() if before._digests.get(frame, digest) != digest}
        frames = written | {*self._other_records(before)}
        pages = []
        for pid in {*self._mapped, *before._mapped}:
            now, then = self._mapped.get(pid, {}), before._mapped.get(pid, {})
            moved = {page for page in {*now, *then} if now.get(page) != then.get(page)}
            pages.append((pid, frozenset(moved | {page for page, (frame, _) in now.items() if frame in written})))
        return Changes(frozenset(frames), tuple(pages))

    def _other_records(self, before: "Fingerprint") -> list[int]:
        """Return the frames whose records differ; equal stretches are passed over by their bytes."""
        now, then = self._records, before._records
        if now == then:
            return []
        return [
            place // RECORD
            for start in range(0, len(now), CHUNK)
            if now[start : start + CHUNK] != then[start : start + CHUNK]
            for place in range(start, min(start + CHUNK, len(now)), RECORD)
            if now[place : place + RECORD] != then[place : place + RECORD]
        ]
