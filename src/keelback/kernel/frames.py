"""The frame table: who owns each page frame, and how many use it.

    zones of physical memory        [first kernel-zone frame, end)   page tables, stacks: the kernel reaches them
                                                                     at their own address
                                    all other usable memory          user frames, reached through windows

1. A frame is free exactly when its record is all zero, and then it is in its zone's set of free frames.
2. A frame in use has an owner and at least one reference; dropping the last reference frees it.
3. A reserved frame is in no set.
4. The lowest free frame of a zone is allocated first.
"""

from keelback.kernel.errors import OutOfMemory
from keelback.kernel.frame_set import FrameSet
from keelback.lang import Component, Region, Struct, Table, i16, u16, u32

# Owners that are no process; a process's frames have its id, which is positive.
NOBODY = 0
KERNEL = -1
TABLE = -2
LIBRARY = -3
ZERO = -4
CONSOLE = -5
SHARED = -6
RESERVED = -7


class Frame(Struct):
    """One page frame; all zero means free."""

    references: u16  # page-table entries that map it, plus kernel uses
    owner: i16  # process id, or one of the constants above


class FrameCounts(Struct):
    """How many frames of each zone are free, and how many there are."""

    kernel_free: u32
    kernel_total: u32
    user_free: u32
    user_total: u32


class Frames(Component):
    """All page frames below the end of usable memory."""

    def __init__(self, records: Region) -> None:
        self.table: Table[Frame] = records.table(Frame)
        self.kernel_zone = FrameSet(records)
        self.user_zone = FrameSet(records)
        self.counts = records.struct(FrameCounts)

    def allocate_kernel(self, owner: i16) -> u32:
        """Take the lowest free frame of the kernel zone; its content is whatever it was.

        Raises: OutOfMemory; nothing has changed.
        """
        if self.kernel_zone.is_empty():
            raise OutOfMemory
        frame: u32 = self.kernel_zone.lowest()
        self.kernel_zone.remove(frame)
        self.counts.kernel_free -= 1
        self._take(frame, owner)
        return frame

    def allocate_user(self, owner: i16) -> u32:
        """Take the lowest free user frame; its content is whatever it was.

        Raises: OutOfMemory; nothing has changed.
        """
        if self.user_zone.is_empty():
            raise OutOfMemory
        frame: u32 = self.user_zone.lowest()
        self.user_zone.remove(frame)
        self.counts.user_free -= 1
        self._take(frame, owner)
        return frame

    def _take(self, frame: u32, owner: i16) -> None:
        record = self.table[frame]
        assert record.references == 0 and record.owner == NOBODY, "a free frame has no owner"
        record.references = 1
        record.owner = owner

    def release_kernel(self, frame: u32) -> None:
        """Drop one reference of a kernel-zone frame; the last frees it."""
        if self._drop(frame):
            self.kernel_zone.add(frame)
            self.counts.kernel_free += 1

    def release_user(self, frame: u32) -> None:
        """Drop one reference of a user frame; the last frees it."""
        if self._drop(frame):
            self.user_zone.add(frame)
            self.counts.user_free += 1

    def _drop(self, frame: u32) -> bool:
        record = self.table[frame]
        assert record.references > 0, "a dropped frame had a reference"
        record.references -= 1
        if record.references > 0:
            return False
        record.owner = NOBODY
        return True

    def add_kernel_range(self, start: u32, end: u32) -> None:
        """Make the frames [start, end) the kernel zone, all free."""
        self.kernel_zone.add_range(start, end)
        self.counts.kernel_free += end - start
        self.counts.kernel_total += end - start

    def add_user_range(self, start: u32, end: u32) -> None:
        """Make the frames [start, end) free user frames."""
        self.user_zone.add_range(start, end)
        self.counts.user_free += end - start
        self.counts.user_total += end - start

    def reserve_range(self, start: u32, end: u32, owner: i16) -> None:
        """Give the frames [start, end), which are in no zone, to an owner for ever."""
        for frame in range(start, end):
            record = self.table[frame]
            record.references = 1
            record.owner = owner

    def bytes_needed(self, count: u32) -> u32:
        """Return the heap bytes that the records of `count` frames take."""
        return 2 * self.kernel_zone.bytes_needed(count) + count * self.table.element_size + 3 * 16
