"""A kernel's records, read as they lie in RAM: tables, sets, regions and queues as plain lists."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

from keelback.inspect.walk import PAGE_SHIFT
from keelback.kernel.kernel import Kernel
from keelback.kernel.loading.loaded_libraries import Library
from keelback.kernel.memory.frame_set import FrameSet
from keelback.kernel.memory.objects import IN_NODE, MemoryObject, ObjectNode
from keelback.kernel.memory.regions import Node
from keelback.kernel.memory.space_records import MemoryRegion
from keelback.kernel.memory.space_records import Space as SpaceRecord
from keelback.kernel.messages.handle_table import Handle, HandleNode, HandleTable
from keelback.kernel.processes.processes import Process
from keelback.kernel.processes.queues import Queue, Queues
from keelback.lang import Table, address_of, view

TOGETHER = 32
"""How many records are looked at together for one that is not zero."""


class Range(Protocol):
    """What has a start and an end."""

    @property
    def start(self) -> int:
        """Return the first address."""

    @property
    def end(self) -> int:
        """Return the first address after it."""


AnyRegion = TypeVar("AnyRegion", bound=Range)


def raw(table: Table[Any]) -> bytes:
    """Return the bytes of a table.  Raises: Panic when it is not in RAM."""
    start, size = table.record.base, table.record.count * table.element_size
    table.ram.inside(start, start, size)
    return bytes(table.ram.bytes[start : start + size])


def loaded_libraries(kernel: Kernel) -> Sequence[Library]:
    """Return the kernel's table of loaded libraries; none where its layout has no such part."""
    return list(kernel.libraries.table) if kernel.libraries is not None else []


def mapped_libraries(process: Process) -> list[tuple[Library | None, int]]:
    """Return the libraries that a process lists, each with the address of its link page; None: it should name one."""
    listed = process.libraries
    return [(each.library, each.address) for each in list(listed.slots)[: listed.count]]


def used(array: Any) -> list[Any]:
    """Return the structs of an array of which a byte is not zero; most of a process table is free, which is zero."""
    return [each for _, each in numbered(array)]


def numbered(array: Any) -> list[tuple[int, Any]]:
    """Return the same structs, each behind its index."""
    start, size = address_of(array), array._element_size()
    content = bytes(array._ram.bytes[start : start + len(array) * size])
    return [(place // size, array[place // size]) for place in _filled(content, size)]


def _filled(content: bytes, size: int) -> Iterator[int]:
    """Yield the places of those pieces of a size that are not zero; most are, so many are looked at together."""
    zero, zeros = bytes(size), bytes(TOGETHER * size)
    for start in range(0, len(content), len(zeros)):
        if content[start : start + len(zeros)] != zeros:
            places = range(start, min(start + len(zeros), len(content)), size)
            yield from [place for place in places if content[place : place + size] != zero]


def nodes_of(kernel: Kernel, space: SpaceRecord) -> list[int]:
    """Return the frames that hold the regions of a space, in order; none where its record holds them."""
    if not space.nodes:
        return []
    return [each >> PAGE_SHIFT for each in list(view(kernel.regions.ram, Node, space.node).nodes)[: space.nodes]]


def regions_of(kernel: Kernel, space: SpaceRecord) -> list[MemoryRegion]:
    """Return the regions of a space, lowest first."""
    nodes = (view(kernel.regions.ram, Node, frame << PAGE_SHIFT) for frame in nodes_of(kernel, space))
    count = space.count
    if space.nodes:
        return [each for node in nodes for each in node.regions][:count]
    return [space.regions[index] for index in range(count)]


def handle_table_of(kernel: Kernel, pid: int) -> HandleTable | None:
    """Return the table of a process's handles; None where the layout has no such part."""
    return kernel.handles.tables[pid] if kernel.handles is not None else None


def handle_nodes_of(table: HandleTable | None) -> list[int]:
    """Return the frames that hold the handles of a table, in order; none where it holds them itself."""
    return list(table.node)[: table.nodes] if table is not None else []


def handles_of(kernel: Kernel, table: HandleTable | None) -> list[tuple[int, Handle]]:
    """Return the handles of a table, each behind its number."""
    if table is None:
        return []
    nodes = [view(kernel.regions.ram, HandleNode, frame << PAGE_SHIFT) for frame in handle_nodes_of(table)]
    arrays = [node.handles for node in nodes] or [table.few]
    places = [
        (start * len(each) + index + 1, handle) for start, each in enumerate(arrays) for index, handle in numbered(each)
    ]
    return places


def frames_of_object(kernel: Kernel, record: MemoryObject) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the frames of a memory object's pages, and those of the nodes that list them.

    A node that is met again ends the list.  Raises: Panic when one is not in RAM.
    """
    frames: list[int] = []
    nodes: list[int] = []
    node = record.node
    while node and node not in nodes and len(frames) < record.pages:
        nodes.append(node)
        listed = view(kernel.regions.ram, ObjectNode, node << PAGE_SHIFT)
        frames += list(listed.frames)[: min(record.pages - len(frames), IN_NODE)]
        node = listed.next
    return tuple(frames), tuple(nodes)


def holder(listed: list[AnyRegion], address: int) -> AnyRegion | None:
    """Return which of the regions of a space holds an address."""
    index = bisect_right(listed, address, key=lambda each: each.end)
    return listed[index] if index < len(listed) and listed[index].start <= address else None


def bits(frames: FrameSet) -> int:
    """Return the members of a set, as a bitmap."""
    return int.from_bytes(raw(frames.levels[0]), "little")


def zones_of(kernel: Kernel) -> dict[str, FrameSet]:
    """Return the set of free frames of each zone, by its name; a layout with one pool has no kernel zone."""
    frames = kernel.memory.frames
    zones = {"kernel zone": frames.kernel_zone, "user frames": frames.user_zone}
    return {name: free for name, free in zones.items() if free is not None}


def members(queue: Queue, queues: Queues) -> list[int]:
    """Return the numbers of a queue's elements, in order; one that is met again ends it."""
    found: list[int] = []
    number = queue.first
    while number and number not in found:
        found.append(number)
        number = queues.link(number).next
    return found
