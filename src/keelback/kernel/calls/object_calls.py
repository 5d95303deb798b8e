"""The calls of the part `messages` that are about memory objects."""

from keelback.abi.errors import BadArgument, NotPermitted
from keelback.abi.handles import CHANGE, GRANT, MAP
from keelback.abi.rights import WRITE
from keelback.kernel.calls.mapping_calls import permissions_for
from keelback.kernel.loading.payload import Payload
from keelback.kernel.memory.shared_memory import SharedMemory
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.messages.handle_table import HandleKind
from keelback.kernel.messages.handles import HandleTables
from keelback.kernel.processes.processes import BY_KERNEL, Processes
from keelback.kernel.processes.threads import Thread
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Component, KernelError, u8, u16, u32, word


class ObjectCalls(Component):
    """Serves them."""

    def __init__(
        self, processes: Processes, handles: HandleTables, shared_memory: SharedMemory, payload: Payload
    ) -> None:
        self.payload = payload
        self.processes = processes
        self.handles = handles
        self.shared_memory = shared_memory
        self.objects = shared_memory.objects
        self.scheme = processes.layout.paging

    def object_create(self, thread: Thread) -> word:
        """Make a memory object of so many pages of zeros; return a handle with all rights that it can have.

        Raises: BadArgument, OutOfMemory, TooManyHandles, NoObjectSlot; nothing has changed.
        """
        pages = thread.frame.argument(0)
        if pages == 0:
            raise BadArgument
        return self._name(thread, self.objects.create(pages), MAP | CHANGE | GRANT)

    def payload_object(self, thread: Thread) -> word:
        """Return a handle to a memory object that is the payload, which nobody may write to.

        Raises: NotPermitted (the caller is no program that the kernel started), OutOfMemory, TooManyHandles,
        NoObjectSlot; nothing has changed.
        """
        if self.processes.of(thread).parent != BY_KERNEL:
            raise NotPermitted
        first: u32 = self.payload.address(0) >> PAGE_SHIFT
        return self._name(thread, self.objects.of_kernels(first, self.payload.show()), MAP | GRANT)

    def _name(self, thread: Thread, number: u16, rights: u8) -> word:
        """Return a handle to an object, which is freed if nobody has it.  Raises: OutOfMemory, TooManyHandles."""
        try:
            return self.handles.add(self.handles.of(thread), HandleKind.MEMORY, rights, number, 0)
        except KernelError:
            self.objects.discard(number)
            raise

    def object_map(self, thread: Thread) -> word:
        """Map pages of a memory object at an address, or where there is room (0); return where they start.

        The last argument is the offset of the first, which starts a page, and the rights, in its low bits.
        Raises: BadArgument, BadAddress, OutOfMemory, TooManyRegions, NotPermitted, NoRoom, BadHandle; nothing has
        changed.
        """
        frame = thread.frame
        handle = self.handles.find_of(HandleKind.MEMORY, self.handles.of(thread), frame.argument(0))
        asked: word = frame.argument(3) % PAGE_SIZE
        permissions = permissions_for(self.scheme, asked)
        if handle.rights & MAP == 0 or (asked & WRITE != 0 and handle.rights & CHANGE == 0):
            raise NotPermitted
        kind: RegionKind = RegionKind.SHARED if handle.rights & CHANGE else RegionKind.VIEW
        offset: word = frame.argument(3) - asked
        space = self.processes.of(thread).space
        return self.shared_memory.map(
            space, handle.object, kind, frame.argument(1), frame.argument(2), offset, permissions
        )

    def object_size(self, thread: Thread) -> word:
        """Return how many pages the memory object of a handle has.  Raises: BadHandle."""
        handle = self.handles.find_of(HandleKind.MEMORY, self.handles.of(thread), thread.frame.argument(0))
        return self.objects.table[handle.object].pages
