"""What an address space is in memory: its record, and the regions that stand in it.

Who changes them: its regions `regions.py`, its promises `promises.py`, its malloc pages `malloc_pages.py`.
"""

from enum import IntEnum

from keelback.lang import Array, Struct, inline, u8, u16, u32, word

FEW = 10
SPARE = 2
"""A change splits before it joins: for a while there are up to so many regions more than before and after it."""

REMEMBERED = 1 << 31
"""Marks the number of a table that is remembered: 0 is one, too, at which programs go astray."""
WALKS = 2
"""By a table's number: a stack ends with user space, in an odd one, and an image begins in an even one."""


class RegionKind(IntEnum):
    """What a region is for."""

    NONE = 0
    IMAGE = 1
    STACK = 2
    ANONYMOUS = 3
    LIBRARY = 4
    MALLOC = 5  # from here on no page has a promise to come when it is touched
    SPARSE = 6  # anonymous memory without a promise
    SHARED = 7  # pages of a memory object
    VIEW = 8  # the same, which can't be given the right to write


class MemoryRegion(Struct):
    """The pages [start, end); all zero means that the place is free."""

    start: word
    end: word
    kind: RegionKind
    permissions: u8  # USER, WRITABLE and EXECUTE of a page-table entry; 0: none
    object: u16  # the number of the memory object that it shows; 0: none

    def set(self, start: word, end: word, kind: RegionKind, permissions: u8, object_: u16) -> None:
        """Set all of the region."""
        self.start = start
        self.end = end
        self.kind = kind
        self.permissions = permissions
        self.object = object_

    def is_like(self, kind: RegionKind, permissions: u8, object_: u16) -> bool:
        """Say whether a region is of a kind, has some permissions and shows an object, 0: none."""
        return self.kind == kind and self.permissions == permissions and self.object == object_

    def purpose(self) -> u32:
        """Return what the region is for, as `purpose_of` does."""
        return purpose_of(self.kind, self.object)


def purpose_of(kind: RegionKind, object_: u16) -> u32:
    """Return one number for a kind of region and the object that it shows; 0: no region."""
    return object_ << 8 | kind


class ImageRecord(Struct):
    """Where the program that a process runs lies; all zero means that there is none yet."""

    frame: u32  # that its first page has now; 0: none, nothing is mapped there any more
    base: word  # where its first page is mapped
    size: word  # bytes from the base to its last byte, which need not be in the file
    file: u32  # where the file starts in the payload, so that others of the same file are known


class MallocRecord(Struct):
    """The malloc pages of a process, which its page tables list; all zero means none."""

    count: u32
    first: u32  # where to look for room first: all pages of the area before it are taken


class PromiseRecord(Struct):
    """What a space was promised (`promises.py`); all zero means nothing."""

    pages: u32  # user frames that its pages have, or may still need
    tables: u32  # frames of the kernel zone that it may still need for page tables


class Walk(Struct):
    """A walk to a lowest table, so that the next one there need not start at the root; all zero: none.

    A CPU keeps the same of its own walks.  Source: Intel SDM volume 3, section 4.10.3 (paging-structure caches).
    """

    number: u32  # which of all that the scheme has room for, and REMEMBERED; 0: none
    table: u32  # its address


class Space(Struct):
    """An address space; all zero means none."""

    directory: u32  # the frame of its page directory
    walks: Array[Walk] = inline(WALKS)  # the last to a table of an even number, and of an odd one
    owner: u16  # the process whose frames it maps; LIBRARY for a library's own
    nodes: u16  # how many nodes its regions are in; 0: they are here
    node: word  # the address of the first
    count: u32  # regions
    shared: u32  # pages of memory objects that they show
    image: ImageRecord
    malloc: MallocRecord
    promised: PromiseRecord
    regions: Array[MemoryRegion] = inline(FEW + SPARE)

    def follow(self, page: word, frame: u32) -> None:
        """Note that a page has a frame, if the image starts with that page; 0: it is not mapped any more."""
        if page == self.image.base:
            self.image.frame = frame

    def become(self, other: "Space") -> None:
        """Move all of another space here, where there is none; the other is none then."""
        self.copy_from(other)
        other.clear()
