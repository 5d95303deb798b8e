"""The kernel memory map: which frames are usable, sorted and without overlaps, whatever the BIOS says.

1. A frame is usable when one usable entry holds it whole and no entry of another type touches it.
2. Memory from the layout's limit on is ignored, or from where the command line says.
3. The frames from 640 KiB to 1 MiB are never usable: adapters lie there, the screen among them.
4. The ranges are sorted, disjoint, and no two of them touch.
"""

from keelback.kernel.boot.boot_parameters import MOST_ENTRIES, USABLE, BiosMemoryMap, BiosRange
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, Region, Struct, Table, u32, u64, word

BEYOND = 0xFFFF_FFFF
"""A frame behind all memory."""
MOST_RANGES = 2 * MOST_ENTRIES + 2
ADAPTERS = 0xA0
ADAPTERS_END = 0x100
"""The frames that a PC's adapters lie in."""


class FrameRange(Struct):
    """The usable frames [start, end)."""

    start: u32
    end: u32


class MapFill(Struct):
    """How many ranges of the table are in use."""

    count: u32


class MemoryMap(Component):
    """The usable frames below a limit."""

    def __init__(self, records: Region, bios: BiosMemoryMap) -> None:
        self.bios = bios
        self.table: Table[FrameRange] = records.table(FrameRange)
        self.fill = records.struct(MapFill)

    def make(self, destination: word, limit: u32) -> None:
        """Make the map out of the BIOS's, in memory of the kernel's own: room for `MOST_RANGES` ranges.

        Frames from `limit` on are left out.
        """
        self.table.place(destination, MOST_RANGES)
        position: u32 = 0
        while position < limit:
            following: u32 = min(self._next_boundary(position), limit)
            if self._is_usable(position):
                self._append_around_adapters(position, following)
            position = following

    def _append_around_adapters(self, start: u32, end: u32) -> None:
        self._append(start, min(end, ADAPTERS))
        self._append(max(start, ADAPTERS_END), end)

    def _append(self, start: u32, end: u32) -> None:
        """Add the frames [start, end), unless there are none."""
        if start >= end:
            return
        count = self.fill.count
        if count > 0 and self.table[count - 1].end == start:
            self.table[count - 1].end = end
            return
        self.table[count].start = start
        self.table[count].end = end
        self.fill.count = count + 1

    def _is_usable(self, frame: u32) -> bool:
        usable = False
        for index in range(len(self.bios.table)):
            entry = self.bios.table[index]
            if self._first(entry) <= frame < self._end(entry):
                if entry.type != USABLE:
                    return False
                usable = True
        return usable

    def _next_boundary(self, position: u32) -> u32:
        nearest: u32 = BEYOND
        for index in range(len(self.bios.table)):
            entry = self.bios.table[index]
            first: u32 = self._first(entry)
            end: u32 = self._end(entry)
            if first < end:
                if position < first < nearest:
                    nearest = first
                if position < end < nearest:
                    nearest = end
        return nearest

    def _first(self, entry: BiosRange) -> u32:
        """Return the first frame of an entry: usable ones are rounded inwards, others outwards."""
        return self._frame_at(entry.base_low, entry.base_high, entry.type == USABLE)

    def _end(self, entry: BiosRange) -> u32:
        """Return the frame after the last of an entry; an entry of no size has no frames."""
        if entry.size_low == 0 and entry.size_high == 0:
            return self._first(entry)
        low: u64 = entry.base_low + entry.size_low
        high: u32 = min(entry.base_high + entry.size_high + (low >> 32), 0xFFFF_FFFF)
        return self._frame_at(low & 0xFFFF_FFFF, high, entry.type != USABLE)

    def _frame_at(self, low: u32, high: u32, rounds_up: bool) -> u32:
        """Return the frame of an address of two words, the next one where that rounds up and it lies inside."""
        frame = high << 32 - PAGE_SHIFT | low >> PAGE_SHIFT
        inside = rounds_up and low % PAGE_SIZE != 0
        return min(frame + 1 if inside else frame, BEYOND)

    def claimed_end(self) -> u32:
        """Return the frame after the last that an entry of the BIOS's calls usable; 0 when none does."""
        last: u32 = 0
        for index in range(len(self.bios.table)):
            entry = self.bios.table[index]
            if entry.type == USABLE:
                last = max(last, self._end(entry))
        return last

    def leave_out_empty(self) -> None:
        """Take the ranges that have no frames any more out of the table."""
        kept: u32 = 0
        for index in range(self.fill.count):
            if self.table[index].start < self.table[index].end:
                self.table[kept].copy_from(self.table[index])
                kept += 1
        self.fill.count = kept

    def usable_after(self, start: u32) -> u32:
        """Return the end of the usable range that holds a frame; the frame itself when it is not usable."""
        for index in range(self.fill.count):
            usable = self.table[index]
            if usable.start <= start < usable.end:
                return usable.end
        return start

    def end(self) -> u32:
        """Return the frame after the last usable one; 0 when there is none."""
        count = self.fill.count
        return self.table[count - 1].end if count > 0 else 0
