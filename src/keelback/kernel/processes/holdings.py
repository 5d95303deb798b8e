"""Holdings: what the parts above this folder keep of processes, as far as processes that begin and end need to know."""

from keelback.lang import Component, i16, u16


class Handles(Component):
    """The handles of processes; `messages/` says what they are."""

    def begin(self, pid: u16) -> None:
        """Note that there is a process, which has no handles yet."""
        raise NotImplementedError

    def start(self, pid: u16, parent: i16) -> None:
        """Give a process that runs a program the handle that all have, from its parent or (0) the kernel."""
        raise NotImplementedError

    def inherit(self, child: u16, parent: u16) -> None:
        """Give a process that has no handles those of another, but for those that are to be used once.

        Raises: OutOfMemory; `release` gives back what it has by then.
        """
        raise NotImplementedError

    def release(self, pid: u16) -> None:
        """Give back all handles of a process."""
        raise NotImplementedError
