"""The model of interrupts: handles to them, the endpoints that they are bound to, and what they tell there."""

from keelback.abi.errors import BadArgument, NotPermitted
from keelback.abi.handles import CHANGE, DESTROY, GRANT, RECEIVE
from kernel.exchange.handles import Endpoint, Errors, Handle, Interrupt
from kernel.exchange.messages import Exchange
from kernel.exchange.world import GUARD, error

KEYBOARD, SERIAL = LINES = (1, 4)
READABLE = {KEYBOARD: {0, 4}, SERIAL: {*range(8)}}
"""The registers that a driver may read; it may write the first alone."""
CONTENT = {(SERIAL, 5): 0x60, (SERIAL, 7): 0xA5}
"""What registers have that are asked for, while nothing comes: ready to send; what was written there last."""


class Lines(Exchange):
    """Processes that drive devices."""

    def interrupt_handle(self, line: int) -> None:
        me = self.me
        wrong: Errors = [] if line in LINES else [BadArgument]
        if me.process.pid != GUARD or self.has_handle(line):
            wrong.append(NotPermitted)
        if wrong:
            return self.answer(me, error(*wrong))
        made = Handle(self.interrupts.setdefault(line, Interrupt(line)), RECEIVE | CHANGE | GRANT | DESTROY)
        return self.answer(me, self.add(me.process, made))

    def has_handle(self, line: int) -> bool:
        return any(isinstance(each.thing, Interrupt) and each.thing.line == line for each in self.all_handles())

    def line_bind(self, number: int, interrupt: int) -> None:
        wrong, endpoint = self.endpoint_at(number, RECEIVE)
        missing, line = self.interrupt_at(interrupt, RECEIVE)
        wrong = wrong + missing + ([NotPermitted] if line and line.endpoint else [])
        if wrong or line is None:
            return self.answer(self.me, error(*wrong))
        line.endpoint, line.is_asking = endpoint, False
        return self.answer(self.me, 0)

    def interrupt_at(self, number: int, right: int) -> tuple[Errors, Interrupt | None]:
        handle = self.me.process.handles.get(number)
        is_one = handle is not None and isinstance(handle.thing, Interrupt)
        return self.wrong_with(number, Interrupt, right), handle.thing if handle and is_one else None

    def bound_at(self, number: int, right: int) -> tuple[Errors, Interrupt]:
        """Return what is wrong with a handle that has to name an interrupt that is bound, and that."""
        wrong, line = self.interrupt_at(number, right)
        return wrong + ([] if line is None or line.endpoint else [NotPermitted]), line or Interrupt(0)

    def line_unbind(self, number: int) -> None:
        wrong, line = self.bound_at(number, DESTROY)
        if wrong:
            return self.answer(self.me, error(*wrong))
        self.free_order = True
        self.answer(self.me, 0)
        return self.unbind(line)

    def line_done(self, number: int) -> None:
        wrong, line = self.bound_at(number, RECEIVE)
        line.is_asking = line.is_asking and bool(wrong)
        self.answer(self.me, error(*wrong) if wrong else 0)

    def line_read(self, number: int, register: int) -> None:
        wrong, line = self.bound_at(number, RECEIVE)
        wrong = wrong + ([] if register in READABLE.get(line.line, ()) else [BadArgument])
        self.answer(self.me, error(*wrong) if wrong else CONTENT[line.line, register])

    def line_write(self, number: int, register: int, value: int) -> None:
        wrong, _ = self.bound_at(number, CHANGE)
        wrong = wrong + ([] if register == 0 and value < 256 else [BadArgument])
        self.answer(self.me, error(*wrong) if wrong else 0)

    def open_lines(self) -> list[Interrupt]:
        """Return those that may interrupt: they are bound, and who is told has been done since."""
        return [each for each in self.interrupts.values() if each.endpoint and not each.is_asking]

    def take(self, line: int) -> None:
        """Let a device interrupt: its line asks, and who receives at its endpoint is told."""
        interrupt = self.interrupts[line]
        endpoint: Endpoint = interrupt.endpoint
        interrupt.is_asking = True
        self.tell(endpoint, 1 << line)
