"""Regions: what the memory of a process is for, and what the process may do there.

    user_base ┬ image: a region for each range of segments with the same permissions
              ┼ libraries, likewise
              ┼ anonymous memory
              ┼ malloc pages: one region, from the base of their area to the highest of them
              ┼ guard, part of no region
              ┼ stack: grows down to its limit as it is touched
    user_end  ┴

1. A region is whole pages of user space; no two overlap, and they are in the order of their addresses.
2. A page that is mapped lies in a region, and its entry allows no more than the region does.
3. Two regions that touch differ in kind or permissions.
"""

from enum import IntEnum

from keelback.kernel.errors import TooManyRegions
from keelback.lang import Array, Struct, inline, u8, u16, u32, word

MOST_REGIONS = 16


class Kind(IntEnum):
    """What a region is for."""

    NONE = 0
    IMAGE = 1
    STACK = 2
    ANONYMOUS = 3
    MALLOC = 4
    LIBRARY = 5
    SPARSE = 6  # anonymous memory without a promise


class MemoryRegion(Struct):
    """The pages [start, end); all zero means that the slot is free."""

    start: word
    end: word
    kind: Kind
    permissions: u8  # USER and WRITABLE of a page-table entry; 0: none

    def copy(self, other: "MemoryRegion") -> None:
        """Be as another region."""
        self.start = other.start
        self.end = other.end
        self.kind = other.kind
        self.permissions = other.permissions


class ImageRecord(Struct):
    """Where the program that a process runs lies; all zero means that there is none yet."""

    frame: u32  # that its first page has now; 0: none, nothing is mapped there any more
    base: word  # where its first page is mapped
    size: u32  # bytes from the base to its last byte, which need not be in the file
    file: u32  # where the file starts in the payload, so that others of the same file are known


class MallocRecord(Struct):
    """The malloc pages of a process, which its page tables list; all zero means none."""

    count: u32
    first: u32  # where to look for room first: all pages of the area before it are taken


class PromiseRecord(Struct):
    """What a space was promised (`promises.py`); all zero means nothing."""

    pages: u32  # user frames that its pages have, or may still need
    tables: u32  # frames of the kernel zone that it may still need for page tables


class Space(Struct):
    """An address space; all zero means none.  Slots [0, count) of the regions are in use."""

    directory: u32  # the frame of its page directory
    owner: u16  # the process whose frames it maps; LIBRARY for a library's own
    count: u16
    image: ImageRecord
    malloc: MallocRecord
    promised: PromiseRecord
    regions: Array[MemoryRegion] = inline(MOST_REGIONS + 1)  # one more: a change splits before it joins

    def find(self, address: word) -> u32:
        """Return the number of the region that holds an address; `count` when none does."""
        for index in range(self.count):
            region = self.regions[index]
            if address < region.end:
                return index if address >= region.start else self.count
        return self.count

    def is_free(self, start: word, end: word) -> bool:
        """Say whether no region has a page of [start, end)."""
        for index in range(self.count):
            region = self.regions[index]
            if region.start < end and start < region.end:
                return False
        return True

    def has_library(self, start: word, end: word) -> bool:
        """Say whether a library has a page of [start, end)."""
        for index in range(self.count):
            region = self.regions[index]
            if region.kind == Kind.LIBRARY and region.start < end and start < region.end:
                return True
        return False

    def holds(self, start: word, end: word) -> bool:
        """Say whether every page of [start, end) lies in a region."""
        position: word = start
        for index in range(self.count):
            region = self.regions[index]
            if region.start <= position < region.end:
                position = region.end
        return position >= end

    def follow(self, page: word, frame: u32) -> None:
        """Note that a page has a frame, if the image starts with that page; 0: it is not mapped any more."""
        if page == self.image.base:
            self.image.frame = frame

    def check_room(self, start: word, end: word, kind: Kind, permissions: u8) -> None:
        """Check that [start, end) may become one region, or part of none (NONE).

        Raises: TooManyRegions; nothing has changed.
        """
        self._check_room(start, end, kind, kind, permissions, 0)

    def check_room_to_protect(self, start: word, end: word, permissions: u8) -> None:
        """Check that [start, end), all in regions, may have other permissions.

        Raises: TooManyRegions; nothing has changed.
        """
        kept: u32 = 0  # within the range only what differs in kind stays apart
        for index in range(1, self.count):
            region = self.regions[index]
            if start < region.start < end and region.kind != self.regions[index - 1].kind:
                kept += 1
        first = self.regions[self.find(start)].kind
        last = self.regions[self.find(end - 1)].kind
        self._check_room(start, end, first, last, permissions, kept)

    def _check_room(self, start: word, end: word, first: Kind, last: Kind, permissions: u8, kept: u32) -> None:
        """Count where regions will start: outside the range as now, `kept` within it, and at its two edges."""
        count: u32 = kept
        for index in range(self.count):
            place = self.regions[index].start
            if place < start or place > end:
                count += 1
        if first != Kind.NONE and not self._is_alike(start - 1, first, permissions):
            count += 1
        if self.find(end) < self.count and not self._is_alike(end, last, permissions):
            count += 1
        if count > MOST_REGIONS:
            raise TooManyRegions

    def _is_alike(self, address: word, kind: Kind, permissions: u8) -> bool:
        index: u32 = self.find(address)
        return (
            index < self.count and self.regions[index].kind == kind and self.regions[index].permissions == permissions
        )

    def add(self, start: word, end: word, kind: Kind, permissions: u8) -> None:
        """Make [start, end), which is free, a region; it becomes one with neighbours that are alike."""
        index: u32 = 0
        while index < self.count and self.regions[index].start < start:
            index += 1
        if index > 0 and self._continues(index - 1, start, kind, permissions):
            self.regions[index - 1].end = end
            index -= 1
        elif index < self.count and self._precedes(index, end, kind, permissions):
            self.regions[index].start = start
        else:
            self._insert(index, start, end, kind, permissions)
        if index + 1 < self.count and self._precedes(index + 1, self.regions[index].end, kind, permissions):
            self.regions[index].end = self.regions[index + 1].end
            self._delete(index + 1)

    def _continues(self, index: u32, start: word, kind: Kind, permissions: u8) -> bool:
        region = self.regions[index]
        return region.end == start and region.kind == kind and region.permissions == permissions

    def _precedes(self, index: u32, end: word, kind: Kind, permissions: u8) -> bool:
        region = self.regions[index]
        return region.start == end and region.kind == kind and region.permissions == permissions

    def carve(self, start: word, end: word) -> None:
        """Let no region have a page of [start, end); one that goes on at both sides becomes two."""
        index: u32 = 0
        while index < self.count and self.regions[index].start < end:
            region = self.regions[index]
            if region.end <= start:
                index += 1
            elif region.start < start:
                if region.end > end:
                    self._insert(index + 1, end, region.end, region.kind, region.permissions)
                region.end = start
                index += 1
            elif region.end > end:
                region.start = end
            else:
                self._delete(index)

    def protect(self, start: word, end: word, permissions: u8) -> None:
        """Give [start, end), all in regions, other permissions."""
        position: word = start
        while position < end:
            region = self.regions[self.find(position)]
            stop: word = min(region.end, end)
            kind = region.kind
            self.carve(position, stop)
            self.add(position, stop, kind, permissions)
            position = stop

    def _insert(self, index: u32, start: word, end: word, kind: Kind, permissions: u8) -> None:
        assert self.count < len(self.regions), "room for a region was checked"
        place: u32 = self.count
        while place > index:
            self.regions[place].copy(self.regions[place - 1])
            place -= 1
        region = self.regions[index]
        region.start = start
        region.end = end
        region.kind = kind
        region.permissions = permissions
        self.count += 1

    def _delete(self, index: u32) -> None:
        self.count -= 1
        place: u32 = index
        while place < self.count:
            self.regions[place].copy(self.regions[place + 1])
            place += 1
        self._clear(place)

    def _clear(self, index: u32) -> None:
        region = self.regions[index]
        region.start = 0
        region.end = 0
        region.kind = Kind.NONE
        region.permissions = 0

    def describe_like(self, other: "Space") -> None:
        """Have the image, the regions and the malloc record that another space has, instead of none."""
        self.image.frame = other.image.frame
        self.image.base = other.image.base
        self.image.size = other.image.size
        self.image.file = other.image.file
        for index in range(other.count):
            self.regions[index].copy(other.regions[index])
        self.count = other.count
        self.malloc.count = other.malloc.count
        self.malloc.first = other.malloc.first

    def become(self, other: "Space") -> None:
        """Be what another space is, instead of none; the other is none then."""
        self.directory = other.directory
        self.owner = other.owner
        self.describe_like(other)
        self.promised.pages = other.promised.pages
        self.promised.tables = other.promised.tables
        other.forget()

    def forget(self) -> None:
        """Be no address space: no image, no region, no directory."""
        self.directory = 0
        self.owner = 0
        self.image.frame = 0
        self.image.base = 0
        self.image.size = 0
        self.image.file = 0
        for index in range(self.count):
            self._clear(index)
        self.count = 0
        self.malloc.count = 0
        self.malloc.first = 0
        self.promised.pages = 0
        self.promised.tables = 0
