"""The calls of the part `messages`: handles, endpoints and messages."""

from keelback.abi.errors import BadArgument, BadHandle, Closed, NotPermitted
from keelback.abi.handles import ALL, DESTROY, MOST_DATA, RECEIVE
from keelback.kernel.messages.handle_table import HandleKind
from keelback.kernel.messages.messages import Messages
from keelback.kernel.messages.short_path import ShortPath
from keelback.kernel.processes.threads import Thread
from keelback.lang import Component, u8, u16, u32, word


class MessageCalls(Component):
    """Serves them."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.short_path = ShortPath(messages)
        self.handles = messages.handles
        self.endpoints = messages.endpoints

    # Handles and endpoints.

    def endpoint_create(self, thread: Thread) -> word:
        """Make an endpoint, for messages with so many bytes at most; return a handle with all rights.

        Raises: BadArgument, NoEndpointSlot, TooManyHandles, OutOfMemory; nothing has changed.
        """
        asked = thread.frame.argument(0)
        if asked > MOST_DATA:
            raise BadArgument
        most: u16 = asked
        number: u32 = self.endpoints.free_one()
        handle: u32 = self.handles.add_endpoint(self.handles.of(thread), ALL, number, 0)
        self.endpoints.open(number, most)
        return handle

    def endpoint_destroy(self, thread: Thread) -> word:
        """Close the endpoint of a handle for all; the handles to it stay.

        Raises: BadHandle, NotPermitted, Closed; nothing has changed.
        """
        handle = self.handles.find_endpoint(self.handles.of(thread), thread.frame.argument(0), DESTROY)
        if not self.endpoints.table[handle.object].is_open:
            raise Closed
        self.endpoints.destroy(handle.object)
        return 0

    def mint(self, thread: Thread) -> word:
        """Make another handle to what one names, with some of its rights; return it.

        A badge other than 0 takes the place of an endpoint handle's own, which needs the right to receive.
        Raises: BadHandle, BadArgument, NotPermitted, TooManyHandles, OutOfMemory; nothing has changed.
        """
        table = self.handles.of(thread)
        handle = self.handles.find(table, thread.frame.argument(0))
        if handle.kind == HandleKind.REPLY:
            raise BadHandle
        rights = thread.frame.argument(1)
        if rights > ALL:
            raise BadArgument
        if rights & ~handle.rights:
            raise NotPermitted
        badge = thread.frame.argument(2)
        may_choose = handle.kind == HandleKind.ENDPOINT and handle.rights & RECEIVE != 0
        if badge != 0 and badge != handle.badge and not may_choose:
            raise NotPermitted
        given: u8 = rights
        return self.handles.add(table, handle.kind, given, handle.object, badge if badge != 0 else handle.badge)

    def drop(self, thread: Thread) -> word:
        """Give a handle back; who waits for what it alone could do is told so.  Raises: BadHandle."""
        table = self.handles.of(thread)
        number = thread.frame.argument(0)
        self.handles.find(table, number)
        self.handles.drop(table, number)
        return 0

    # Messages.

    def send(self, thread: Thread) -> word:
        """Send a message, and wait until it is received.

        Raises: BadAddress, BadArgument, BadHandle, NotPermitted, Closed, TooLarge, TimedOut; nothing has changed.
        """
        self.messages.send(thread)
        return 0

    def call(self, thread: Thread) -> word:
        """Send a message, and wait for the reply.

        Raises: as `send`; nothing has changed.  NoReply where nobody can reply; as `receive`, for what the reply has.
        """
        return self.short_path.call(thread)

    def receive(self, thread: Thread) -> word:
        """Wait for a message; return the handle to reply, 0 where no reply is awaited, NOTIFIED for bits.

        Raises: BadAddress, BadArgument, BadHandle, NotPermitted, Closed, TooManyHandles, TooLarge, TimedOut,
        OutOfMemory; nothing has changed.
        """
        return self.messages.receive(thread)

    def reply(self, thread: Thread) -> word:
        """Reply to a call; return UNHEARD where nobody waits for it any more, or can take it, else 0.

        Raises: BadAddress, BadArgument, BadHandle, NotPermitted; nothing has changed.
        """
        return self.messages.reply(thread)

    def reply_receive(self, thread: Thread) -> word:
        """Reply to a call, unless its handle is 0, and receive.

        Raises: as `reply`; nothing has changed.  As `receive`; the reply has gone out.
        """
        return self.short_path.reply_receive(thread)

    def signal(self, thread: Thread) -> word:
        """Set bits of an endpoint, which its next receiver takes.

        Raises: BadArgument, BadHandle, NotPermitted, Closed; nothing has changed.
        """
        self.messages.signal(thread)
        return 0
