"""Memory objects: pages that several processes map, and that are the same for all: never copied when they are written.

    object ── node: the frames of pages 0 … 1,022
                └─ node: the frames of pages 1,023 … 2,045
                     └─ …

1. Each page of an object has a frame from the start, zeros at first; so to map one needs page tables alone, and to
   touch it nothing.
2. A frame of an object has a reference of the object's own, and one for each page-table entry that shows it.
3. An object counts the handles that name it, and the pages that regions show, each as often as it is shown.  It is
   freed with the last of both.
4. One object may have frames of the kernel's own, which stay the kernel's when it is freed.
"""

from collections.abc import Iterator

from keelback.abi.errors import NoObjectSlot, OutOfMemory
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frame_access import FrameAccess
from keelback.kernel.memory.frames import KERNEL, MOST_PROMISED, OBJECT, Frames
from keelback.lang import Array, Component, Region, Struct, inline, rare, u16, u32, view, word

IN_NODE = 1_023
"""How many frames a node lists."""


class MemoryObject(Struct):
    """A memory object; all zero means that the place is free."""

    pages: u32
    handles: u32  # that name it
    shown: u32  # pages of regions that show one of its own
    node: u32  # the frame of the first node
    is_kernels: bool  # its frames are the kernel's


class ObjectNode(Struct):
    """A frame of the kernel zone that lists frames."""

    frames: Array[u32] = inline(IN_NODE)
    next: u32  # the frame of the next node; 0: none


class Objects(Component):
    """The table of memory objects, the first of which is none."""

    def __init__(self, records: Region, layout: Layout, frames: Frames, access: FrameAccess) -> None:
        self.ram = records.ram
        self.frames = frames
        self.access = access
        self.table = records.array(MemoryObject, layout.objects)

    def create(self, pages: word) -> u16:
        """Make an object of so many pages of zeros, one at least, that nothing names yet; return its number.

        Raises: NoObjectSlot, OutOfMemory; nothing has changed.
        """
        number: u16 = self._free_one()
        if pages > MOST_PROMISED:
            raise OutOfMemory
        self.frames.check_user(pages)  # before any page is cleared
        try:
            self._fill(self.table[number], pages, OBJECT | number)
        except OutOfMemory:
            self._free(self.table[number])
            raise
        return number

    def of_kernels(self, first: u32, pages: u32) -> u16:
        """Return the object of so many frames of the kernel's own, in a row, made if there is none.

        Nobody else may have these frames, and all who call mean the same.
        Raises: NoObjectSlot, OutOfMemory; nothing has changed.
        """
        for number in range(1, len(self.table)):
            if self.table[number].is_kernels:
                return number
        made: u16 = self._free_one()
        record = self.table[made]
        record.is_kernels = True
        try:
            self._list(record, first, pages, OBJECT | made)
        except OutOfMemory:
            self._free(record)
            raise
        return made

    def _list(self, record: MemoryObject, first: u32, pages: u32, use: u16) -> None:
        """Give an object frames of the kernel's own.  Raises: OutOfMemory; it has those that were there by then."""
        node: u32 = 0
        for index in range(pages):
            if index % IN_NODE == 0:
                node = self._add_node(record, node, use)
            self.frames.entrust(first + index, use)
            self._node(node).frames[index % IN_NODE] = first + index
            record.pages += 1

    def _free_one(self) -> u16:
        """Return the lowest number that is free.  Raises: NoObjectSlot."""
        for number in range(1, len(self.table)):
            if self.table[number].pages == 0:
                return number
        raise NoObjectSlot

    def _fill(self, record: MemoryObject, pages: u32, use: u16) -> None:
        """Give an object its frames.  Raises: OutOfMemory; it has those that were there by then."""
        node: u32 = 0
        for index in range(pages):
            if index % IN_NODE == 0:
                node = self._add_node(record, node, use)
            frame: u32 = self.frames.allocate_read_only(use)
            self.access.page(frame).bytes.clear()
            self._node(node).frames[index % IN_NODE] = frame
            record.pages += 1

    @rare
    def _add_node(self, record: MemoryObject, last: u32, use: u16) -> u32:
        """Add a node behind the last, 0: as the first; return it.  Raises: OutOfMemory; nothing has changed."""
        frame: u32 = self.frames.allocate_kernel(use)
        self.access.clear(frame)
        if last == 0:
            record.node = frame
        else:
            self._node(last).next = frame
        return frame

    def _node(self, frame: u32) -> ObjectNode:
        return view(self.ram, ObjectNode, self.access.place_of(frame))

    def frames_of(self, record: MemoryObject, start: u32, end: u32) -> Iterator[u32]:
        """Yield the frames of the pages [start, end) of an object, in order."""
        node: u32 = record.node
        for _ in range(start // IN_NODE):
            node = self._node(node).next
        for index in range(start, end):
            if index % IN_NODE == 0 and index > start:
                node = self._node(node).next
            yield self._node(node).frames[index % IN_NODE]

    # Who has it.

    def add_handle(self, number: u16) -> None:
        """Note that one more handle names an object."""
        self.table[number].handles += 1

    def drop_handle(self, number: u16) -> None:
        """Note that one handle less names an object."""
        record = self.table[number]
        record.handles -= 1
        self._free_unused(record)

    def join(self, number: u16, pages: u32) -> None:
        """Note that so many pages more show an object's."""
        self.table[number].shown += pages

    def leave(self, number: u16, pages: u32) -> None:
        """Note that so many pages less show an object's; they are not mapped any more."""
        record = self.table[number]
        record.shown -= pages
        self._free_unused(record)

    def discard(self, number: u16) -> None:
        """Free an object that nothing has ever named."""
        self._free_unused(self.table[number])

    def _free_unused(self, record: MemoryObject) -> None:
        if record.handles == 0 and record.shown == 0:
            self._free(record)

    @rare
    def _free(self, record: MemoryObject) -> None:
        """Free an object, as far as it was made, whose frames nobody shows."""
        if record.node != 0:
            for frame in self.frames_of(record, 0, record.pages):
                if record.is_kernels:
                    self.frames.entrust(frame, KERNEL)
                else:
                    self.frames.drop(frame, OBJECT)
        while record.node != 0:
            node: u32 = record.node
            listed: u32 = min(record.pages, IN_NODE)
            self._node(node).frames.fill(0, listed, 0)  # all zero, it need not be cleared for the next
            record.pages -= listed
            record.node = self._node(node).next
            self._node(node).next = 0
            self.frames.release_kernel(node)
        record.clear()
