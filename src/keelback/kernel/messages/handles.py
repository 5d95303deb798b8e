"""Handles: finding them by number, making them, giving them back.

An object is there as long as a handle names it: each change of a table is told to the objects (`endpoints.py`,
`memory/objects.py`: memory objects also stay as long as a process shows a page of theirs).  A line is bound only as
long as a handle names its interrupt.  A handle to reply names a thread, which says in whose table it is, and under
which number.  One that the thread says nothing of any more is stale: who made the call has ended, or waits no longer;
its number stays taken until it is used or dropped, so it is never that of another call.
"""

from keelback.abi.errors import BadHandle, NoReply, NotPermitted, TooManyHandles
from keelback.abi.handles import ALL, GRANT, MOST_DATA, MOST_HANDLES, NAMES, SEND
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frame_access import FrameAccess
from keelback.kernel.memory.frames import TABLE, Frames
from keelback.kernel.memory.objects import Objects
from keelback.kernel.messages.endpoints import Endpoints
from keelback.kernel.messages.handle_table import (
    FEW,
    IN_NODE,
    IN_WIDE_NODE,
    Handle,
    HandleKind,
    HandleNode,
    HandleTable,
)
from keelback.kernel.processes.holdings import Handles
from keelback.kernel.processes.threads import Thread, ThreadState
from keelback.lang import Ref, Region, i16, rare, u8, u16, u32, view, word


class HandleTables(Handles):
    """The handles of all processes."""

    def __init__(
        self,
        records: Region,
        layout: Layout,
        frames: Frames,
        access: FrameAccess,
        endpoints: Endpoints,
        objects: Objects,
    ) -> None:
        self.ram = records.ram
        self.frames = frames
        self.access = access
        self.endpoints = endpoints
        self.objects = objects
        self.threads = endpoints.threads
        self.scheduler = endpoints.scheduler
        self.tables = records.array(HandleTable, layout.processes)
        self.in_node = IN_NODE if layout.paging.word_bits == 32 else IN_WIDE_NODE

    # Looking.

    def of(self, thread: Thread) -> HandleTable:
        """Return the handles of a thread's process."""
        return self.tables[thread.pid]

    def at(self, table: HandleTable, number: u32) -> Handle:
        """Return the place of a number for which the table has room."""
        index: u32 = number - 1
        if table.nodes == 0:
            return table.few[index]
        return self._node(table, index // self.in_node).handles[index % self.in_node]

    def _node(self, table: HandleTable, index: u32) -> HandleNode:
        return view(self.ram, HandleNode, self.access.place_of(table.node[index]))

    def find(self, table: HandleTable, number: word) -> Handle:
        """Return the handle of a number.  Raises: BadHandle."""
        if not 0 < number <= table.last:
            raise BadHandle
        handle = self.at(table, number)
        if handle.kind == HandleKind.NONE:
            raise BadHandle
        return handle

    def find_of(self, kind: HandleKind, table: HandleTable, number: word) -> Handle:
        """Return the handle of a number, which is of a kind.  Raises: BadHandle."""
        handle = self.find(table, number)
        if handle.kind != kind:
            raise BadHandle
        return handle

    def find_with(self, right: u8, kind: HandleKind, table: HandleTable, number: word) -> Handle:
        """Return the handle of a number, which is of a kind and has a right.  Raises: BadHandle, NotPermitted."""
        handle = self.find_of(kind, table, number)
        if handle.rights & right == 0:
            raise NotPermitted
        return handle

    def find_endpoint(self, table: HandleTable, number: word, right: u8) -> Handle:
        """Return the handle of a number, which names an endpoint and has a right.  Raises: BadHandle, NotPermitted."""
        return self.find_with(right, HandleKind.ENDPOINT, table, number)

    def caller(self, table: HandleTable, number: u32) -> Ref[Thread]:
        """Return the thread that waits for the reply of a handle to reply; None: it waits no longer."""
        thread = self.threads.table[self.at(table, number).object]
        if thread.exchange.holder != table.owner or thread.exchange.right != number:
            return None
        waits = thread.state == ThreadState.WAITING and self.scheduler.wait_queues.is_of_callers(thread.queue)
        return thread if waits else None

    # Changing.

    def reserve(self, table: HandleTable) -> u32:
        """Return the lowest free number, for which there is room from now on; it has to be used at once.

        Raises: TooManyHandles, OutOfMemory; nothing has changed.
        """
        number: u32 = table.full + 1
        if number > table.last:
            if number > MOST_HANDLES:
                raise TooManyHandles
            self._grow(table, number)
        return number

    def put(self, table: HandleTable, number: u32, kind: HandleKind, rights: u8, object_: u16, badge: word) -> None:
        """Make a handle under a free number for which there is room."""
        handle = self.at(table, number)
        handle.kind = kind
        handle.rights = rights
        handle.object = object_
        handle.badge = badge
        if number > table.last:
            table.last = number
        if number == table.full + 1:
            self._fill(table)

    def _fill(self, table: HandleTable) -> None:
        """Note that the number behind those that are all in use is so too."""
        full: u32 = table.full + 1
        while full < table.last and self.at(table, full + 1).kind != HandleKind.NONE:
            full += 1
        table.full = full

    def add_endpoint(self, table: HandleTable, rights: u8, number: u16, badge: word) -> u32:
        """Make a handle to an endpoint; return its number.

        Raises: TooManyHandles, OutOfMemory; nothing has changed.
        """
        return self.add(table, HandleKind.ENDPOINT, rights, number, badge)

    def add(self, table: HandleTable, kind: HandleKind, rights: u8, number: u16, badge: word) -> u32:
        """Make a handle to anything but a reply; return its number.

        Raises: TooManyHandles, OutOfMemory; nothing has changed.
        """
        place: u32 = self.reserve(table)
        self.put(table, place, kind, rights, number, badge)
        self._hold(kind, number, rights)
        return place

    def _hold(self, kind: HandleKind, number: u16, rights: u8) -> None:
        """Tell what is there as long as handles name it that one more does."""
        if kind == HandleKind.MEMORY:
            self.objects.add_handle(number)
        elif kind == HandleKind.ENDPOINT:
            self.endpoints.add_handle(number, rights)
        elif kind == HandleKind.INTERRUPT:
            self.endpoints.lines.add_handle(number)

    def remove(self, table: HandleTable, number: u32) -> None:
        """Free a number, of whose handle nothing is left to do."""
        self.at(table, number).clear()
        if number <= table.full:
            table.full = number - 1
        if number == table.last:
            last: u32 = number - 1
            while last > table.full and self.at(table, last).kind == HandleKind.NONE:
                last -= 1
            table.last = last
            if table.nodes > 0:
                self.settle(table)

    def drop(self, table: HandleTable, number: u32) -> None:
        """Give a handle back.  Who waits for what it alone could do is told so."""
        handle = self.at(table, number)
        if handle.kind != HandleKind.REPLY:
            kind: HandleKind = handle.kind
            named: u16 = handle.object
            rights: u8 = handle.rights
            self.remove(table, number)
            if kind == HandleKind.MEMORY:
                self.objects.drop_handle(named)
            elif kind == HandleKind.ENDPOINT:
                self.endpoints.drop_handle(named, rights)
            elif kind == HandleKind.INTERRUPT:
                self.endpoints.drop_interrupt(named)
        else:
            caller = self.caller(table, number)
            self.remove(table, number)
            if caller is not None:
                self.scheduler.refuse(caller, NoReply.number)

    def add_reply(self, table: HandleTable, caller: Thread) -> u32:
        """Make the handle to reply to a thread's call; return its number.

        Raises: TooManyHandles, OutOfMemory; nothing has changed.
        """
        number: u32 = self.reserve(table)
        self.put(table, number, HandleKind.REPLY, 0, caller.number, 0)
        return number

    def note_reply(self, table: HandleTable, number: u32, caller: Thread) -> None:
        """Note for a caller who has the handle to reply to it, and by which number."""
        caller.exchange.holder = table.owner
        caller.exchange.right = number

    def check_given(self, table: HandleTable, number: word, rights: u8) -> None:
        """Check that a handle may be given with some rights.  Raises: BadHandle, NotPermitted."""
        handle = self.find(table, number)
        lacks: u32 = (rights | GRANT) & ~handle.rights
        if handle.kind != HandleKind.REPLY and lacks != 0:
            raise NotPermitted

    def copy(self, source: HandleTable, number: u32, target: HandleTable) -> None:
        """Give a handle that may be given to another process.

        Raises: OutOfMemory, BadHandle (one to reply, which moves only with a message); nothing has changed.
        """
        handle = self.at(source, number)
        if handle.kind == HandleKind.REPLY:
            raise BadHandle
        self.add(target, handle.kind, handle.rights, handle.object, handle.badge)

    def give(self, source: HandleTable, number: u32, rights: u8, target: HandleTable, place: u32) -> None:
        """Make a handle as another, with some rights or (0) all, under a number that was reserved.

        One to reply moves, with all that it has.
        """
        handle = self.at(source, number)
        if handle.kind != HandleKind.REPLY:
            given: u8 = rights if rights != 0 else handle.rights
            self.put(target, place, handle.kind, given, handle.object, handle.badge)
            self._hold(handle.kind, handle.object, given)
            return
        caller = self.caller(source, number)
        self.put(target, place, HandleKind.REPLY, 0, handle.object, 0)
        self.remove(source, number)
        if caller is not None:
            self.note_reply(target, place, caller)

    # Room.

    def _grow(self, table: HandleTable, number: u32) -> None:
        """Take the nodes that a number needs.  Raises: OutOfMemory; `settle` gives back those taken by then."""
        while table.nodes < self._nodes_for(number):
            self._add_node(table)

    @rare
    def _add_node(self, table: HandleTable) -> None:
        """Take one node more.  Raises: OutOfMemory; nothing has changed."""
        frame: u32 = self.frames.allocate_kernel(TABLE | table.owner)
        self.access.clear(frame)
        table.node[table.nodes] = frame
        table.nodes += 1
        if table.nodes == 1:
            self._node(table, 0).handles.copy_from(0, table.few, 0, FEW)
            table.few.clear()

    def settle(self, table: HandleTable) -> None:
        """Give back the nodes that a table does not need."""
        while table.nodes > self._nodes_for(table.last):
            table.nodes -= 1
            frame: u32 = table.node[table.nodes]
            if table.nodes == 0:
                handles = view(self.ram, HandleNode, self.access.place_of(frame)).handles
                table.few.copy_from(0, handles, 0, FEW)
                for index in range(FEW):
                    handles[index].clear()
            table.node[table.nodes] = 0
            self.frames.release_kernel(frame)

    def _nodes_for(self, last: u32) -> u32:
        """Return how many nodes the handles of a table are in whose highest number in use is given."""
        return 0 if last <= FEW else (last + self.in_node - 1) // self.in_node

    # Processes.

    def begin(self, pid: u16) -> None:
        """Note that there is a process, which has no handles yet."""
        self.tables[pid].owner = pid

    def start(self, pid: u16, parent: i16) -> None:
        """Give a process that runs a program the handle to names: its parent's, if that may be given.

        The first process, which the kernel starts, may receive there; others that it starts may not, nor may children.
        """
        if parent == 0:
            self._start_by_kernel(pid)
        elif self.tables[parent].last > 0:
            handle = self.at(self.tables[parent], NAMES)
            if handle.kind == HandleKind.ENDPOINT and handle.rights & GRANT:
                self.add_endpoint(self.tables[pid], handle.rights & (SEND | GRANT), handle.object, handle.badge)

    def _start_by_kernel(self, pid: u16) -> None:
        if self.endpoints.table[NAMES].handles > 0:
            self.add_endpoint(self.tables[pid], SEND | GRANT, NAMES, 0)
        else:
            self.add_endpoint(self.tables[pid], ALL, NAMES, 0)
            self.endpoints.open(NAMES, MOST_DATA)

    def inherit(self, child: u16, parent: u16) -> None:
        """Give a process that has no handles those of another, but for those to reply.

        Raises: OutOfMemory; `release` gives back what it has by then.
        """
        source, target = self.tables[parent], self.tables[child]
        if source.nodes == 0:
            target.few.copy_from(0, source.few, 0, FEW)
        else:
            self._grow(target, source.last)
        for index in range(source.nodes):
            handles = self._node(target, index).handles
            handles.copy_from(0, self._node(source, index).handles, 0, self.in_node)
        target.full = source.full
        target.last = source.last
        number: u32 = source.last
        while number > 0:  # the highest first, for nodes may go with it
            handle = self.at(target, number)
            if handle.kind == HandleKind.REPLY:
                self.remove(target, number)
            elif handle.kind != HandleKind.NONE:
                self._hold(handle.kind, handle.object, handle.rights)
            number = min(number - 1, target.last)

    def release(self, pid: u16) -> None:
        """Give back all handles of a process."""
        table = self.tables[pid]
        while table.last > 0:
            self.drop(table, table.last)
        if table.nodes > 0:
            self.settle(table)
        table.owner = 0
