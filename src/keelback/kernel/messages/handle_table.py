"""Handle tables: what a process may name, and by which numbers.

    up to FEW handles               more of them: nodes, each a frame of the kernel zone
    table ── handles side by side   table ─┬─ handles 1 … 512         (half as many where words have 64 bits)
                                           ├─ handles 513 … 1,024
                                           └─ …

1. A handle keeps its number as long as it is there; a new one gets the lowest that is free.
2. All numbers up to `full` are in use, and the next is free; `last` is the highest in use.
3. A table has as many nodes as numbers up to `last` take, and its record none of the handles then; with FEW numbers at
   most, it has no node.
4. Places of free numbers are zero.
"""

from enum import IntEnum

from keelback.lang import Array, Struct, inline, on_64_bits, u8, u16, u32, word

FEW = 6
IN_NODE, IN_WIDE_NODE = 512, 256
"""How many handles a node has: where words have 32 bits, and 64."""
MOST_NODES = 4


class HandleKind(IntEnum):
    """What a handle names."""

    NONE = 0
    ENDPOINT = 1
    REPLY = 2  # the one call of a thread that waits for its reply
    MEMORY = 3  # a memory object
    PROCESS = 4
    THREAD = 5
    INTERRUPT = 6  # that of a device, by its line


class Handle(Struct):
    """What a process may do with an object; all zero means that the number is free."""

    kind: HandleKind
    rights: u8  # those of abi/handles.py
    object: u16  # the number of what it names: an endpoint, …, a line; of one to reply the thread that made the call
    badge: word  # what receivers are told of who sends through it; 0: none; of a process or thread its serial number


class HandleNode(Struct):
    """A frame of handles; all zero means that it has none."""

    handles: Array[Handle] = inline(IN_NODE)


@on_64_bits(HandleNode)
class WideHandleNode(Struct):
    """The same, a frame long where words have 64 bits."""

    handles: Array[Handle] = inline(IN_WIDE_NODE)


class HandleTable(Struct):
    """The handles of a process; all zero means that there is no process."""

    owner: u16  # the process
    full: u16
    last: u16
    nodes: u16  # how many nodes the handles are in; 0: they are here
    node: Array[u32] = inline(MOST_NODES)  # their frames
    few: Array[Handle] = inline(FEW)
