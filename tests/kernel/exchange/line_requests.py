"""Random requests of those that drive devices, and interrupts."""

from hypothesis import strategies as st

from keelback.abi.handles import RECEIVE
from kernel.driven import Call
from kernel.exchange.handles import Interrupt
from kernel.exchange.lines import CONTENT, LINES, SERIAL
from kernel.exchange.message_requests import MessageRequests
from kernel.exchange.themes import SELDOM, asked


class LineRequests(MessageRequests):
    """What drivers ask for."""

    def interrupt(self, data: st.DataObject) -> int:
        return self.mostly(data, self.handles_to(Interrupt), "interrupt", [0, 9, *self.me.process.handles])

    @asked("lines", SELDOM)
    def interrupt_handle(self, data: st.DataObject) -> None:
        self.request(Call.INTERRUPT_HANDLE, self.draw(data, [*LINES, 0, 3], "line"))

    @asked("lines", due=lambda self: self.handles_to(Interrupt, RECEIVE))
    def line_bind(self, data: st.DataObject) -> None:
        self.request(Call.LINE_BIND, self.handle(data, RECEIVE), self.interrupt(data))

    @asked("lines", SELDOM)
    def line_unbind(self, data: st.DataObject) -> None:
        self.request(Call.LINE_UNBIND, self.interrupt(data))

    @asked("lines", due=lambda self: any(self.thing(each).is_asking for each in self.handles_to(Interrupt)))
    def line_done(self, data: st.DataObject) -> None:
        self.request(Call.LINE_DONE, self.interrupt(data))

    @asked("lines", SELDOM)
    def line_read(self, data: st.DataObject) -> None:
        number = self.interrupt(data)
        is_serial = number in self.handles_to(Interrupt) and self.thing(number).line == SERIAL
        registers = [register for _, register in CONTENT] if is_serial else [3, 8]
        self.request(Call.LINE_READ, number, self.draw(data, [*registers, 8], "register"))

    @asked("lines", SELDOM)
    def line_write(self, data: st.DataObject) -> None:
        """Write an end of a line to the serial line, or what is no byte."""
        number = self.interrupt(data)
        is_serial = number in self.handles_to(Interrupt) and self.thing(number).line == SERIAL
        value = self.draw(data, [ord("\n"), 256], "value") if is_serial else 256
        self.request(Call.LINE_WRITE, number, self.draw(data, [0, 0, 1, 8], "register"), value)

    @asked("lines", due=lambda self: self.world.open_lines())
    def device(self, data: st.DataObject) -> None:
        """Let a device interrupt, whose line is open."""
        lines = [each.line for each in self.world.open_lines()]
        if lines:
            self.interrupt_by(self.draw(data, lines, "line"))
            self.let_guard_give_way()
