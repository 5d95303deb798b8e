"""The frame table: who owns each page frame, what it is for, and how many use it.

    zones of physical memory        [first kernel-zone frame, end)   page tables, stacks: the kernel reaches them
                                                                     at their own address
                                    all other usable memory          user frames, reached through windows

1. A frame is free exactly when its record is all zero, and then it is in its zone's set of free frames.
2. A frame in use has a role or an owner, and a reference unless it is a page table; dropping the last frees it.
3. A reserved frame is in no set.
4. The lowest free frame of a zone is allocated first.
5. A user frame that a page shows which can't be written is read-only until a writer takes it over: no promise
   (`promises.py`) answers for it.  So is one of a memory object, whoever may write to it.
6. In a layout with one pool all frames are user frames, and the kernel's own are among those that are read-only.
7. Else a free frame of the kernel zone whose first word is 0 is all zero (`FrameAccess.clear`): an empty page table
   that is given back need not be cleared when it is one again.  One that begins as the kernel's own table which
   leads to the kernel part is as that, so it need not be copied when there is a space again.
"""

from enum import IntEnum

from keelback.abi.errors import OutOfMemory
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frame_set import FrameSet
from keelback.lang import PAGE_SHIFT, Array, Component, Region, Struct, Table, bits, inline, rare, u8, u16, u32, word

OWNER_BITS = 12


class Role(IntEnum):
    """What a frame is for."""

    DATA = 0  # of a process; without an owner: the frame is free
    KERNEL = 1  # its image and boot data
    TABLE = 2  # a page table of its owner, of a library or of the kernel
    LIBRARY = 3  # as it was loaded, whoever maps it
    ZEROS = 4
    CONSOLE = 5
    SHARED = 6  # of several processes, none of which owns it any more
    RESERVED = 7  # not usable, or never to be used
    STACK = 8  # a kernel stack
    OBJECT = 9  # of a memory object, by its number, or the list of its frames; no role is higher


# Uses of frames: a role and an owner, here none; a process's own frames have its id alone.
NOBODY = 0
KERNEL = Role.KERNEL << OWNER_BITS
TABLE = Role.TABLE << OWNER_BITS
LIBRARY = Role.LIBRARY << OWNER_BITS
ZERO = Role.ZEROS << OWNER_BITS
CONSOLE = Role.CONSOLE << OWNER_BITS
SHARED = Role.SHARED << OWNER_BITS
RESERVED = Role.RESERVED << OWNER_BITS
STACK = Role.STACK << OWNER_BITS
OBJECT = Role.OBJECT << OWNER_BITS

PINNED = 0xFFFF
"""The references of a frame that is shared and dropped without counting, and never freed: the one of zeros."""
MOST_PROMISED = 0x7FFF_FFFF
"""No more frames are promised, even where more may be than there are."""


class Frame(Struct):
    """One page frame; all zero means free."""

    references: u16  # page-table entries that map it, plus kernel uses; of a page table: its own present entries
    use: u16  # 0: none
    owner: u16 = bits(0, OWNER_BITS)  # a process's id, or an object's number; 0: no one process
    role: u8 = bits(OWNER_BITS, 4)


class FrameCounts(Struct):
    """How many frames of each zone are free, and how many there are; who owns those in use."""

    kernel_free: u32
    kernel_total: u32
    user_free: u32
    user_total: u32
    full: u32  # frames with as many references as a record can count
    read_only: u32  # user frames that no promise answers for
    user_promised: u32  # other user frames that pages of processes have, or may still need
    kernel_promised: u32  # free frames of the kernel zone that page tables of processes may still need
    used: Array[u32] = inline(len(Role))  # by role


class Injection(Struct):
    """Lets an allocation fail, for tests; all zero means never."""

    countdown: u32  # 1: the next allocation fails


class Frames(Component):
    """All page frames below the end of usable memory."""

    def __init__(self, records: Region, layout: Layout) -> None:
        self.table: Table[Frame] = records.table(Frame)
        self.read_only: Table[u8] = records.table(u8)  # 1 for a frame that is; apart, so that a record stays 4 bytes
        limit = layout.physical_limit >> PAGE_SHIFT
        self.kernel_zone = None if layout.one_pool else FrameSet(records, limit)
        self.user_zone = FrameSet(records, limit)
        self.counts = records.struct(FrameCounts)
        self.injection = records.struct(Injection)
        self.most_references = layout.most_references
        self.overcommit = layout.overcommit

    def allocate_kernel(self, use: u16) -> u32:
        """Take the lowest free frame of the kernel zone, which is not promised; its content is whatever it was.

        Raises: OutOfMemory; nothing has changed.
        """
        zone = self.kernel_zone
        if zone is None:
            return self.allocate_read_only(use)
        self.check_kernel(1)
        if zone.is_empty():
            raise OutOfMemory
        frame: u32 = zone.lowest()
        zone.remove(frame)
        self.counts.kernel_free -= 1
        self._take(frame, use)
        return frame

    def check_kernel(self, count: u32) -> None:
        """Check that so many free frames of the kernel zone are not promised.  Raises: OutOfMemory."""
        self._check(self.counts.kernel_promised + count, self.counts.kernel_free)

    def check_user(self, count: u32) -> None:
        """Check that so many user frames are neither in use nor promised.  Raises: OutOfMemory."""
        self._check(self.user_answered() + count, self.counts.user_total)

    def _check(self, promised: word, there: u32) -> None:
        """Check that so many frames are there, or may be promised without.  Raises: OutOfMemory."""
        if self._is_to_fail():
            raise OutOfMemory
        if promised > (MOST_PROMISED if self.overcommit else there):
            raise OutOfMemory

    def user_answered(self) -> u32:
        """Return how many user frames are in use or promised: an overcommitted layout may promise more than all."""
        return self.counts.user_promised + self.counts.read_only

    def allocate_read_only(self, use: u16) -> u32:
        """Take the lowest free user frame for a page that can't be written.

        Raises: OutOfMemory when there is none that is not promised; nothing has changed.
        """
        self.check_user(1)
        frame: u32 = self.allocate_user(use)
        self.make_read_only(frame)
        return frame

    def allocate_user(self, use: u16) -> u32:
        """Take the lowest free user frame for a page that has a promise; its content is whatever it was.

        Raises: OutOfMemory, in an overcommitted layout; nothing has changed.
        """
        if self.user_zone.is_empty() or self._is_to_fail():
            raise OutOfMemory
        return self.take_user(use)

    def take_user(self, use: u16) -> u32:
        """Take the lowest free user frame where there is one, since another has just been freed."""
        frame: u32 = self.user_zone.lowest()
        self.user_zone.remove(frame)
        self.counts.user_free -= 1
        self._take(frame, use)
        return frame

    def _is_to_fail(self) -> bool:
        injection = self.injection
        if injection.countdown == 0:
            return False
        injection.countdown -= 1
        return injection.countdown == 0

    def _take(self, frame: u32, use: u16) -> None:
        record = self.table[frame]
        assert record.references == 0 and record.use == NOBODY, "a free frame has no use"
        record.references = 1
        record.use = use
        self.counts.used[use >> OWNER_BITS] += 1

    def release_kernel(self, frame: u32) -> None:
        """Free a kernel-zone frame, which has no other holder."""
        record = self.table[frame]
        assert record.use != NOBODY, "a frame that is freed is in use"
        if self.kernel_zone is None:
            self._release_user(record, frame)
            return
        self._free(record)
        self.kernel_zone.add(frame)
        self.counts.kernel_free += 1

    def _free(self, record: Frame) -> None:
        self.counts.used[record.role] -= 1
        record.references = 0
        record.use = NOBODY

    # User frames, which may have several holders.

    def share(self, frame: u32) -> bool:
        """Add a reference to a user frame in use, unless it is full; say whether it was not."""
        record = self.table[frame]
        references = record.references
        if not 0 < references < self.most_references - 1:
            return self._share_last(record)
        record.references = references + 1
        return True

    def _share_last(self, record: Frame) -> bool:
        if record.references == PINNED:
            return True
        assert record.references > 0, "a shared frame is in use"
        if record.references == self.most_references:
            return False
        record.references = self.most_references
        self.counts.full += 1
        return True

    def drop_other(self, frame: u32, holder: u16) -> bool:
        """Drop a reference that changes nothing but the count: not the last, nor the owner's; say whether it was such.

        It is the short way of `drop`, for loops over many pages.
        """
        record = self.table[frame]
        references = record.references
        if references <= 1 or references >= self.most_references or record.use == holder:
            return False
        record.references = references - 1
        return True

    def drop(self, frame: u32, holder: u16) -> None:
        """Drop a holder's reference to a user frame; the last frees it.

        A frame whose owner drops it while others hold it is owned by them together.
        """
        record = self.table[frame]
        assert record.references > 0, "a dropped frame had a reference"
        if record.references == PINNED:
            return
        if record.references == self.most_references:
            self.counts.full -= 1
        if record.references == 1:
            self._release_user(record, frame)
            return
        record.references -= 1
        if record.use == holder:
            self._give(record, SHARED)

    def _release_user(self, record: Frame, frame: u32) -> None:
        """Free a user frame that nobody holds any more."""
        if self.read_only[frame]:
            self._let_answer(frame)
        self._free(record)
        self.user_zone.add(frame)
        self.counts.user_free += 1

    def _give(self, record: Frame, use: u16) -> None:
        self.counts.used[record.role] -= 1
        self.counts.used[use >> OWNER_BITS] += 1
        record.use = use

    def entrust(self, frame: u32, use: u16) -> None:
        """Give a frame in use, which has one holder, another use."""
        self._give(self.table[frame], use)

    def pin(self, frame: u32) -> None:
        """Pin a frame in use: it is never written and never freed, however many pages show it."""
        self.table[frame].references = PINNED
        # In the kernel zone, `counts.read_only` does not count it: no promise could answer for it.
        self.read_only[frame] = 1

    def make_read_only(self, frame: u32) -> None:
        """Count a user frame as one that no promise answers for any more."""
        self.counts.read_only += 1 - self.read_only[frame]
        self.read_only[frame] = 1

    def _let_answer(self, frame: u32) -> None:
        self.read_only[frame] = 0
        self.counts.read_only -= 1

    def is_alone(self, frame: u32) -> bool:
        """Say whether a frame has one holder."""
        return self.table[frame].references == 1

    def is_full(self, frame: u32) -> bool:
        """Say whether a frame can't take another reference."""
        return self.table[frame].references == self.most_references

    def take_over(self, frame: u32, holder: u16) -> bool:
        """Make the only holder of a frame its owner; say whether there is only one."""
        record = self.table[frame]
        if record.references > 1:
            return False
        if record.use != holder:
            self._give(record, holder)
        if self.read_only[frame]:
            self._let_answer(frame)
        return True

    def hand_over(self, frame: u32, holder: u16, other: u16) -> bool:
        """Make a holder's reference to a frame another's; say whether that is the only one, and the frame its own."""
        if self.take_over(frame, other):
            return True
        record = self.table[frame]
        if record.use == holder:
            self._give(record, SHARED)
        return False

    @rare
    def add_kernel_range(self, start: u32, end: u32) -> None:
        """Make the frames [start, end) the kernel zone, all free, where there is one."""
        if self.kernel_zone is None:
            return
        self.kernel_zone.add_range(start, end)
        self.counts.kernel_free += end - start
        self.counts.kernel_total += end - start

    def add_user_range(self, start: u32, end: u32) -> None:
        """Make the frames [start, end) free user frames."""
        self.user_zone.add_range(start, end)
        self.counts.user_free += end - start
        self.counts.user_total += end - start

    def reserve_range(self, start: u32, end: u32, use: u16) -> None:
        """Give the frames [start, end), which are in no zone, a use for ever."""
        for frame in range(start, end):
            record = self.table[frame]
            if record.use != NOBODY:
                self.counts.used[record.role] -= 1
            record.references = 1
            record.use = use
        self.counts.used[use >> OWNER_BITS] += end - start

    def free_range(self, start: u32, end: u32) -> None:
        """Make the frames [start, end), which were reserved, free ones of the kernel zone, or users' in one pool."""
        for frame in range(start, end):
            self._free(self.table[frame])
        if self.kernel_zone is None:
            self.add_user_range(start, end)
        else:
            self.add_kernel_range(start, end)

    def bytes_needed(self, count: u32) -> u32:
        """Return the heap bytes that the records of `count` frames take."""
        sets = 1 if self.kernel_zone is None else 2
        return sets * self.user_zone.bytes_needed(count) + count * (self.table.element_size + 1) + 4 * 16
