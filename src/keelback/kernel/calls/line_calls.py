"""The calls of the part `messages` by which programs drive devices (`drivers.py`).

A handle to the interrupt of a device stands for the device: who has it says which endpoint is told, and reads and
writes the device's registers.  A program that the kernel itself started makes the first one, and nobody another as long
as that or one made of it is there.
"""

from keelback.abi.errors import Closed, NotPermitted
from keelback.abi.handles import CHANGE, DESTROY, GRANT, RECEIVE
from keelback.kernel.devices.lines import REGISTERS
from keelback.kernel.messages.drivers import Drivers
from keelback.kernel.messages.handle_table import HandleKind
from keelback.kernel.processes.processes import BY_KERNEL, Processes
from keelback.kernel.processes.threads import Thread
from keelback.lang import Component, u8, u16, u32, word

UNANSWERED = 1


class LineCalls(Component):
    """Serves them."""

    def __init__(self, processes: Processes, drivers: Drivers) -> None:
        self.processes = processes
        self.drivers = drivers
        self.lines = drivers.lines
        self.handles = drivers.messages.handles

    def interrupt_handle(self, thread: Thread) -> word:
        """Make a handle to the interrupt of a line, with all rights; return it.

        Raises: BadArgument (no line that has a device), NotPermitted (the kernel did not start the caller, or somebody
        has a handle to it), TooManyHandles, OutOfMemory; nothing has changed.
        """
        line: u32 = self.lines.check(thread.frame.argument(0))
        if self.processes.of(thread).parent != BY_KERNEL or self.lines.has_handle(line):
            raise NotPermitted
        rights: u8 = RECEIVE | CHANGE | GRANT | DESTROY
        return self.handles.add(self.handles.of(thread), HandleKind.INTERRUPT, rights, line, 0)

    def line_bind(self, thread: Thread) -> word:
        """Bind the line of an interrupt to an endpoint; return 1 where no device answers, and the console says so.

        Raises: BadHandle, NotPermitted (also where the line is bound), Closed; nothing has changed.
        """
        table = self.handles.of(thread)
        endpoint: u16 = self.handles.find_endpoint(table, thread.frame.argument(0), RECEIVE).object
        line: u32 = self._find_line(thread, thread.frame.argument(1), RECEIVE)
        if not self.handles.endpoints.table[endpoint].is_open:
            raise Closed
        if self.lines.driver_of(line) != 0:
            raise NotPermitted
        return 0 if self.drivers.bind(line, endpoint) else UNANSWERED

    def line_unbind(self, thread: Thread) -> word:
        """Take a line from the endpoint that it is bound to.

        Raises: BadHandle, NotPermitted (also where the line is not bound); nothing has changed.
        """
        self.drivers.endpoints.unbind(self._find_bound(thread, thread.frame.argument(0), DESTROY))
        return 0

    def line_done(self, thread: Thread) -> word:
        """Allow a line to interrupt again, all of whose input was read.

        Raises: BadHandle, NotPermitted (also where the line is not bound).
        """
        self.drivers.done(self._find_bound(thread, thread.frame.argument(0), RECEIVE))
        return 0

    def line_read(self, thread: Thread) -> word:
        """Return one byte from a register of a line's device.

        Raises: as `line_done`, and BadArgument (no register that can be read).
        """
        line: u32 = self._find_bound(thread, thread.frame.argument(0), RECEIVE)
        return self.lines.read(line, self._read_register(thread))

    def line_write(self, thread: Thread) -> word:
        """Write one byte to a register of a line's device.

        Raises: as `line_done`, and BadArgument (no register that can be written, or no byte); nothing has changed.
        """
        line: u32 = self._find_bound(thread, thread.frame.argument(0), CHANGE)
        value: u32 = min(thread.frame.argument(2), 256)
        self.lines.write(line, self._read_register(thread), value)
        return 0

    def _find_bound(self, thread: Thread, number: word, right: u8) -> u32:
        """Return the line, which is bound, that `_find_line` finds.  Raises: BadHandle, NotPermitted."""
        line: u32 = self._find_line(thread, number, right)
        if self.lines.driver_of(line) == 0:
            raise NotPermitted
        return line

    def _find_line(self, thread: Thread, number: word, right: u8) -> u32:
        """Return the line whose interrupt a handle names, with a right.  Raises: BadHandle, NotPermitted."""
        return self.handles.find_with(right, HandleKind.INTERRUPT, self.handles.of(thread), number).object

    def _read_register(self, thread: Thread) -> u32:
        """Return the register that a call names, or a number that is no register's."""
        return min(thread.frame.argument(1), REGISTERS)
