"""Regions: what the memory of a process is for, and what the process may do there.

    user_base ┬ image: a region for each range of segments with the same permissions
              ┼ libraries, likewise
              ┼ anonymous memory
              ┼ malloc pages: one region, from the base of their area to the highest of them
              ┼ guard, part of no region
              ┼ stack: grows down to its limit as it is touched
    user_end  ┴

    up to FEW regions              more of them: nodes, each a frame of the kernel zone
    space ── regions side by side  space ── first node ┬─ regions 0 … 255
                                                       ├─ second node ── regions 256 … 511
                                                       ┴─ …               (half as many where words have 64 bits)

1. A region is whole pages of user space; no two overlap, and they are in the order of their addresses.
2. A page that is mapped lies in a region, and its entry allows no more than the region does.
3. Two regions that touch differ in kind, object or permissions.
4. Regions lie side by side from the first place on, and places behind the last are zero.
5. After each trap a space has as many nodes as its regions and SPARE places take, and its record none of the regions
   then; with FEW regions at most, it has no node.

A region is found by halving; a change moves those behind it by a place or more.  To change regions is three steps: take
the nodes for what will be (`reserve…`, which may fail), change, give back what is not needed (`settle`).
"""

from collections.abc import Iterator

from keelback.abi.errors import TooManyRegions
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frame_access import FrameAccess
from keelback.kernel.memory.frames import TABLE, Frames
from keelback.kernel.memory.space_records import FEW, SPARE, MemoryRegion, RegionKind, Space, purpose_of
from keelback.kernel.x86.paging import WRITABLE
from keelback.lang import (
    PAGE_SIZE,
    Array,
    Component,
    Region,
    Struct,
    inline,
    on_64_bits,
    rare,
    u8,
    u16,
    u32,
    view,
    word,
)

IN_NODE, IN_WIDE_NODE = 256, 128
"""How many regions a node has: where words have 32 bits, and 64."""
MOST_NODES = 256
NEAR = 16 * PAGE_SIZE


class Node(Struct):
    """A frame of regions; all zero means that it has none."""

    regions: Array[MemoryRegion] = inline(IN_NODE)
    nodes: Array[u32] = inline(MOST_NODES)  # in a space's first node: the addresses of all, in order, its own first


@on_64_bits(Node)
class WideNode(Struct):
    """The same, a frame long where words have 64 bits."""

    regions: Array[MemoryRegion] = inline(IN_WIDE_NODE)
    nodes: Array[u32] = inline(MOST_NODES)


class Regions(Component):
    """The regions of all spaces, and the nodes that hold those of spaces with many."""

    def __init__(self, records: Region, layout: Layout, frames: Frames, access: FrameAccess) -> None:
        self.ram = records.ram
        self.frames = frames
        self.access = access
        self.reach = layout.paging.reach
        self.most = layout.regions
        self.few = min(layout.regions, FEW) - SPARE  # with so many any change leaves few enough
        self.in_node = IN_NODE if layout.paging.word_bits == 32 else IN_WIDE_NODE
        self.nowhere = records.struct(MemoryRegion)  # all zero, always

    # Looking.

    def at(self, space: Space, index: u32) -> MemoryRegion:
        """Return the place of the region of a number, the lowest 0."""
        if space.nodes == 0:
            return space.regions[index]
        return self._node_of(space, index).regions[index % self.in_node]

    def _node_of(self, space: Space, index: u32) -> Node:
        return view(self.ram, Node, view(self.ram, Node, space.node).nodes[index // self.in_node])

    def first_behind(self, space: Space, address: word) -> u32:
        """Return the number of the first region that ends behind an address; `count` when none does."""
        if space.nodes > 0:
            return self._first_in_nodes(space, address)
        for index in range(FEW + SPARE):  # the end of a free place is behind nothing
            if address < space.regions[index].end:
                return index
        return space.count

    def _first_in_nodes(self, space: Space, address: word) -> u32:
        """Return as `first_behind`, by halving the nodes, and then the regions of one."""
        nodes = view(self.ram, Node, space.node).nodes
        number: u32 = 0
        last: u32 = (max(space.count, 1) - 1) // self.in_node
        while number < last:
            middle: u32 = (number + last) // 2
            if view(self.ram, Node, nodes[middle]).regions[self.in_node - 1].end <= address:
                number = middle + 1
            else:
                last = middle
        regions = view(self.ram, Node, nodes[number]).regions
        low: u32 = 0
        high: u32 = min(space.count - number * self.in_node, self.in_node)
        while low < high:
            place: u32 = (low + high) // 2
            if regions[place].end <= address:
                low = place + 1
            else:
                high = place
        return number * self.in_node + low

    def find(self, space: Space, address: word) -> MemoryRegion:
        """Return the region that holds an address; one that is all zero when none does."""
        for place in range(FEW + SPARE):  # all of them free where there are nodes
            region = space.regions[place]
            if address < region.end:
                return region if region.start <= address else self.nowhere
        return self._find_in_nodes(space, address) if space.nodes > 0 else self.nowhere

    @rare
    def _find_in_nodes(self, space: Space, address: word) -> MemoryRegion:
        """Return as `find`, of a space with many regions."""
        index: u32 = self._first_in_nodes(space, address)
        found = self.at(space, index) if index < space.count else self.nowhere
        return found if found.start <= address else self.nowhere

    def within(self, space: Space, start: word, end: word) -> Iterator[MemoryRegion]:
        """Yield the regions that have a page of [start, end), lowest first."""
        for index in range(self.first_behind(space, start), space.count):
            region = self.at(space, index)
            if region.start >= end:
                break
            yield region

    def of(self, space: Space) -> Iterator[MemoryRegion]:
        """Yield all regions of a space, lowest first."""
        for index in range(space.count):
            yield self.at(space, index)

    def spans(self, space: Space) -> Iterator[tuple[word, word]]:
        """Yield ranges that hold all regions of a space, lowest first: near ones of one page table are one range."""
        index: u32 = 0
        while index < space.count:
            start: word = self.at(space, index).start
            end: word = self.at(space, index).end
            index += 1
            while index < space.count and self._is_near(end, self.at(space, index).start):
                end = self.at(space, index).end
                index += 1
            yield start, end

    def _is_near(self, end: word, start: word) -> bool:
        """Say whether it is less work to look at all pages between two regions than to find their table twice."""
        gap: word = start - end
        return gap <= NEAR and gap < start % self.reach

    def is_free(self, space: Space, start: word, end: word) -> bool:
        """Say whether no region has a page of [start, end)."""
        index: u32 = self.first_behind(space, start)
        return index == space.count or self.at(space, index).start >= end

    def has_library(self, space: Space, start: word, end: word) -> bool:
        """Say whether a library has a page of [start, end)."""
        for region in self.within(space, start, end):
            if region.kind == RegionKind.LIBRARY:
                return True
        return False

    def allow(self, space: Space, start: word, end: word, permissions: u8) -> bool:
        """Say whether every page of [start, end) lies in a region that can have some permissions."""
        position: word = start
        for region in self.within(space, start, end):
            if region.start > position or (region.kind == RegionKind.VIEW and permissions & WRITABLE):
                break
            position = region.end
        return position >= end

    # Room for what will be.

    def reserve(
        self, space: Space, start: word, end: word, kind: RegionKind, permissions: u8, object_: u16 = 0
    ) -> None:
        """Take nodes, so that [start, end) may become one region, or part of none (NONE).

        Raises: TooManyRegions, OutOfMemory; nothing has changed.
        """
        if space.count > self.few:
            purpose: u32 = purpose_of(kind, object_)
            self._reserve(space, self._count_after(space, start, end, purpose, purpose, permissions))

    def reserve_to_protect(self, space: Space, start: word, end: word, permissions: u8) -> None:
        """Take nodes, so that [start, end), all in regions, may have other permissions.  Raises: as `reserve`."""
        if space.count <= self.few:
            return
        kept: u32 = 0  # within the range only what differs in purpose stays apart
        first: u32 = self.find(space, start).purpose()
        last: u32 = first
        for region in self.within(space, start, end):
            if region.purpose() != last:
                kept += 1
            last = region.purpose()
        self._reserve(space, kept + self._count_after(space, start, end, first, last, permissions))

    def reserve_more(self, space: Space, count: u32) -> None:
        """Take nodes for so many regions more.  Raises: as `reserve`."""
        self._reserve(space, space.count + count)

    def _count_after(self, space: Space, start: word, end: word, first: u32, last: u32, permissions: u8) -> u32:
        """Count where regions will start: outside the range as now, and at its two edges, by their purposes there."""
        below: u32 = self._count_before(space, self.first_behind(space, start), start)
        index: u32 = self.first_behind(space, end)
        above: u32 = self._count_before(space, index, end + 1)
        count: u32 = space.count - (above - below)
        before = self.at(space, below - 1) if below > 0 else self.nowhere
        joins: bool = before.end >= start and before.purpose() == first and before.permissions == permissions
        if first != 0 and not joins:
            count += 1
        after = self.at(space, index) if above > index else self.nowhere
        if above > index and not (after.purpose() == last and after.permissions == permissions):
            count += 1
        return count

    def _count_before(self, space: Space, index: u32, address: word) -> u32:
        """Return how many regions start before an address, of which `index` end before it or there."""
        return index + 1 if index < space.count and self.at(space, index).start < address else index

    def _reserve(self, space: Space, count: u32) -> None:
        if count > self.most:
            raise TooManyRegions
        self._take_nodes(space, count)  # a call leaves few regions more, so it is one node at most

    def _take_nodes(self, space: Space, count: u32) -> None:
        """Take nodes for so many regions.  Raises: OutOfMemory; those taken by then are in the space."""
        while space.nodes < self._nodes_for(count):
            self._add_node(space)

    def _add_node(self, space: Space) -> None:
        frame: u32 = self.frames.allocate_kernel(TABLE | space.owner)
        self.access.clear(frame)
        address: word = self.access.place_of(frame)
        node = view(self.ram, Node, address)
        if space.nodes == 0:
            space.node = address
            node.regions.copy_from(0, space.regions, 0, FEW + SPARE)
            space.regions.clear()
        view(self.ram, Node, space.node).nodes[space.nodes] = address
        space.nodes += 1

    def settle(self, space: Space) -> None:
        """Give back the nodes that a space does not need."""
        while space.nodes > self._nodes_for(space.count):
            first = view(self.ram, Node, space.node)
            space.nodes -= 1
            frame: u32 = self.access.frame_at(first.nodes[space.nodes])
            first.nodes[space.nodes] = 0
            if space.nodes == 0:
                space.regions.copy_from(0, first.regions, 0, FEW + SPARE)
                space.node = 0
            self.frames.release_kernel(frame)

    # Changes, for which there is room.

    def add(self, space: Space, start: word, end: word, kind: RegionKind, permissions: u8, object_: u16 = 0) -> None:
        """Make [start, end), which is free, a region; it becomes one with neighbours that are alike."""
        index: u32 = self.first_behind(space, start)
        before = self.at(space, index - 1) if index > 0 else self.nowhere
        after = self.at(space, index) if index < space.count else self.nowhere
        joins = before.end == start and before.is_like(kind, permissions, object_)
        if after.start == end and after.is_like(kind, permissions, object_):
            if joins:
                before.end = after.end
                self._remove(space, index, index + 1)
            else:
                after.start = start
        elif joins:
            before.end = end
        else:
            self._insert(space, index)
            self.at(space, index).set(start, end, kind, permissions, object_)

    def carve(self, space: Space, start: word, end: word) -> None:
        """Take the pages of [start, end) out of all regions; one that goes on at both sides becomes two."""
        first: u32 = self.first_behind(space, start)
        if first < space.count and self.at(space, first).start < start:
            if self.at(space, first).end > end:
                self._split(space, end)
            self.at(space, first).end = start
            first += 1
        last: u32 = max(self.first_behind(space, end), first)
        if last < space.count and self.at(space, last).start < end:
            self.at(space, last).start = end
        self._remove(space, first, last)

    def protect(self, space: Space, start: word, end: word, permissions: u8) -> None:
        """Give [start, end), all in regions, other permissions."""
        self._split(space, start)
        self._split(space, end)
        first: u32 = self.first_behind(space, start)
        last: u32 = self.first_behind(space, end)
        for index in range(first, last):
            self.at(space, index).permissions = permissions
        self._join(space, max(first, 1) - 1, min(last + 1, space.count))

    def _split(self, space: Space, address: word) -> None:
        """Split a region that goes on at both sides of an address in two."""
        index: u32 = self.first_behind(space, address)
        if index < space.count and self.at(space, index).start < address:
            self._insert(space, index)
            below, above = self.at(space, index), self.at(space, index + 1)
            below.set(above.start, address, above.kind, above.permissions, above.object)
            above.start = address

    def _join(self, space: Space, first: u32, last: u32) -> None:
        """Join neighbours that are alike, of the regions [first, last)."""
        kept: u32 = first
        for index in range(first + 1, last):
            before, region = self.at(space, kept), self.at(space, index)
            if before.end == region.start and before.is_like(region.kind, region.permissions, region.object):
                before.end = region.end
            else:
                kept += 1
                self.at(space, kept).copy_from(region)
        self._remove(space, kept + 1, last)

    def _insert(self, space: Space, index: u32) -> None:
        """Move the regions from a number on up by a place, the last one first; what is in the gap is for the caller."""
        assert space.count < max(FEW + SPARE, space.nodes * self.in_node), "room for a region was reserved"
        place: u32 = space.count
        if space.nodes == 0:
            space.regions.copy_from(index + 1, space.regions, index, place - index)
            place = index
        while place > index:
            count: u32 = min(place - index, max(place % self.in_node, 1))
            place -= count
            self._copy(space, place + 1, place, count)
        space.count += 1

    def _remove(self, space: Space, first: u32, last: u32) -> None:
        """Move the regions from `last` on down to `first`."""
        if first == last:
            return
        to: u32 = first
        source: u32 = last
        if space.nodes == 0:
            space.regions.copy_from(to, space.regions, source, space.count - source)
            to += space.count - source
            source = space.count
        while source < space.count:
            left: u32 = self.in_node - max(source % self.in_node, to % self.in_node)
            count: u32 = min(space.count - source, left)
            self._copy(space, to, source, count)
            to += count
            source += count
        for index in range(to, space.count):
            self.at(space, index).clear()
        space.count = to

    def _copy(self, space: Space, to: u32, source: u32, count: u32) -> None:
        """Copy regions from one node to one, or within it."""
        regions = self._node_of(space, to).regions
        regions.copy_from(to % self.in_node, self._node_of(space, source).regions, source % self.in_node, count)

    # Whole spaces.

    def duplicate(self, child: Space, parent: Space) -> None:
        """Copy the regions of another space to a new one.  Raises: OutOfMemory; `release` gives back what it has."""
        self._take_nodes(child, parent.count)
        if parent.nodes == 0:
            child.regions.copy_from(0, parent.regions, 0, parent.count)
        for number in range(parent.nodes):
            node = self._node_of(child, number * self.in_node)
            node.regions.copy_from(0, self._node_of(parent, number * self.in_node).regions, 0, self.in_node)
        child.count = parent.count

    def release(self, space: Space) -> None:
        """Give back all nodes of a space that is to be none."""
        space.count = 0
        self.settle(space)

    def _nodes_for(self, count: u32) -> u32:
        """Return how many nodes so many regions of a space are in."""
        return 0 if count <= FEW else (count + SPARE + self.in_node - 1) // self.in_node
