"""The lines that programs serve, over the simulated devices, in both lives: one bench for each, which must agree."""

import pytest
from unicorn import UC_HOOK_INSN
from unicorn import x86_const as x86

from compiler.native import RECORDS, RECORDS_END, SIZE, Failed, Native
from keelback.abi.errors import BadArgument
from keelback.kernel.devices.console import Console, Sink
from keelback.kernel.devices.lines import Lines, Phase
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.x86.interrupts import Interrupts
from keelback.kernel.x86.vectors import FIRST_DEVICE
from keelback.lang import Component, Cpu, KernelError, NoHardware, Ram, Region, freeze
from keelback.lang.strict import words_of
from keelback.machine.simulated.devices import Device, InterruptController, PortBus
from keelback.machine.simulated.keyboard import Keyboard
from keelback.machine.simulated.serial import Serial

KEYBOARD, SERIAL = 1, 4
ENTRIES = ("open", "close", "take", "done", "read", "write")
NO_KEYBOARD = b"keelback: there is no keyboard: its controller does not answer\n"
NO_SERIAL_LINE = b"keelback: there is no serial line: nothing keeps what is written to it\n"
START = ((0x20, 0x11), (0x21, FIRST_DEVICE), (0x21, 4), (0x21, 1), (0x21, 0xFE))
"""What the kernel writes to the main controller: all lines but the timer's are masked."""


class Board:
    """A keyboard, a serial port and the main interrupt controller, with their ports; `nobody` is in place of one."""

    def __init__(self, nobody):
        self.sent = bytearray()
        self.controller = InterruptController(0x20)
        self.serial = Serial(self.sent.append, lambda is_up: self.controller.set_level(SERIAL, is_up))
        self.keyboard = Keyboard(lambda is_up: self.controller.set_level(KEYBOARD, is_up))
        there = [each for each in (self.serial, self.keyboard) if nobody is None or each.first != nobody.first]
        self.bus = PortBus(self.controller, *there, *([nobody] if nobody is not None else []))
        for port, value in START:
            self.bus.write(port, value)


class Nobody(Device):
    """A bus on which each read brings the same."""

    def __init__(self, first, count, value):
        self.first, self.count, self.value = first, count, value

    def read(self, offset):
        return self.value


class OnBoard(NoHardware):
    """The hardware of an interpreted kernel: the ports of a board."""

    def in8(self, port):
        return self.board.bus.read(port)

    def out8(self, port, value):
        self.board.bus.write(port, value)


class Root(Component):
    """The component under test, and what it stands on."""

    def __init__(self, records, hardware):
        cpu = Cpu(hardware)
        self.console = Console(records, cpu)
        self.lines = Lines(records, Interrupts(records, MICROKERNEL, cpu), self.console)


class Both:
    """Both lives, each with a board of its own; `call` makes a call of both, which have to agree."""

    def __init__(self, word_bits):
        self.hardware, self.ram = OnBoard(), Ram(SIZE, word_bits=word_bits)
        with words_of(word_bits):
            self.root = Root(Region(self.ram, RECORDS, RECORDS_END), self.hardware)
        freeze(self.root)
        self.lines = self.root.lines
        self.native = Native(self.root, self.ram, {name: getattr(self.lines, name) for name in ENTRIES})
        hook = self.native.uc.hook_add
        hook(UC_HOOK_INSN, self._read, None, 1, 0, x86.UC_X86_INS_IN)
        hook(UC_HOOK_INSN, self._written, None, 1, 0, x86.UC_X86_INS_OUT)

    def _read(self, _uc, port, _size, _data):
        return self.boards[1].bus.read(port)

    def _written(self, _uc, port, _size, value, _data):
        self.boards[1].bus.write(port, value)

    def start(self, sink=Sink.SERIAL, nobody=None):
        """Start both anew, with the console's text going somewhere."""
        self.boards = [Board(nobody), Board(nobody)]
        self.hardware.board = self.boards[0]
        self.ram.bytes[RECORDS:RECORDS_END] = bytes(RECORDS_END - RECORDS)
        self.root.console.state.sink = sink
        self.take_over()
        return self

    def take_over(self):
        """Give the compiled life the records of the interpreted one."""
        self.native.uc.mem_write(RECORDS, bytes(self.ram.bytes[RECORDS:RECORDS_END]))

    def call(self, name, *arguments):
        """Return what a call of both returns, or the class of the error that it raises."""
        try:
            first = getattr(self.lines, name)(*arguments)
        except KernelError as error:
            first = error.number
        try:
            second = self.native.call(name, *arguments)
        except Failed as failed:
            second = failed.code
        assert first == second
        assert bytes(self.ram.bytes[RECORDS:RECORDS_END]) == self.native.records()
        one, other = self.boards
        assert [each.kept() for each in one.bus.devices] == [each.kept() for each in other.bus.devices]
        assert one.sent == other.sent
        return first

    def come(self, name, *data):
        """Let bytes come by the keyboard or the serial port of both."""
        for board in self.boards:
            for byte in data:
                assert getattr(board, name).room()
                getattr(board, name).receive(byte)

    def interrupt(self):
        """Let the CPU of both take the interrupt that waits; return its vector, None where none does."""
        [line] = {board.controller.pending() for board in self.boards}
        if line is None:
            return None
        [vector] = {board.controller.acknowledge(line) for board in self.boards}
        return vector

    def end(self):
        """Let both end the interrupt that is served."""
        for board in self.boards:
            board.bus.write(0x20, 0x20)

    def phase(self, line):
        return self.lines.table.lines[line].phase


@pytest.fixture(scope="module", params=[32, 64])
def lives(request):
    return Both(request.param)


@pytest.fixture
def make(lives):
    return lives.start


PORTS = {KEYBOARD: "keyboard", SERIAL: "serial"}


@pytest.mark.parametrize("line", PORTS)
def test_a_line_interrupts_once_until_its_driver_is_done(make, line):
    both, port = make(), PORTS[line]
    assert both.phase(line) is Phase.CLOSED and both.call("open", line) is True
    assert both.phase(line) is Phase.OPEN and both.interrupt() is None
    both.come(port, 0x1E)
    vector = both.interrupt()
    assert vector == FIRST_DEVICE + line and both.call("take", vector) is True
    both.end()
    assert both.phase(line) is Phase.ASKING
    assert both.call("read", line, 0) == 0x1E
    both.come(port, 0x9E)
    assert both.interrupt() is None, "masked until the driver is done"
    assert both.call("read", line, 0) == 0x9E
    assert both.call("done", line) is False and both.phase(line) is Phase.OPEN
    assert both.interrupt() is None
    both.come(port, 0x30)
    assert both.call("take", both.interrupt()) is True
    assert both.lines.table.lines[line].told == 2


@pytest.mark.parametrize("line", PORTS)
def test_a_driver_that_leaves_something_is_told_again_at_once(make, line):
    both, port = make(), PORTS[line]
    both.call("open", line)
    both.come(port, 1)
    both.call("take", both.interrupt())
    both.end()
    assert both.call("done", line) is True and both.phase(line) is Phase.ASKING and both.interrupt() is None
    both.call("read", line, 0)
    assert both.call("done", line) is False
    assert both.lines.table.lines[line].told == 2


@pytest.mark.parametrize("line", PORTS)
def test_a_closed_line_is_masked_and_takes_nothing(make, line):
    both, port = make(), PORTS[line]
    assert both.call("take", FIRST_DEVICE + line) is False
    both.call("open", line)
    both.come(port, 1)
    both.call("close", line)
    assert both.phase(line) is Phase.CLOSED and both.interrupt() is None
    assert both.call("take", FIRST_DEVICE + line) is False
    assert both.call("done", line) is False
    assert both.boards[0].bus.read(0x21) == 0xFE
    assert both.lines.table.lines[line].told == 0


@pytest.mark.parametrize("line", PORTS)
def test_a_line_that_is_open_stays_as_it_is(make, line):
    both, port = make(), PORTS[line]
    both.call("open", line)
    both.come(port, 7)
    assert both.call("open", line) is True
    assert both.call("take", both.interrupt()) is True and both.call("open", line) is True
    assert both.phase(line) is Phase.ASKING and both.call("read", line, 0) == 7


def test_what_the_serial_line_brought_before_it_was_opened_is_not_lost(make):
    both = make()
    for board in both.boards:
        board.bus.write(0x3FA, 0xC7)
    both.come("serial", *b"early")
    assert both.interrupt() is None
    both.call("open", SERIAL)
    assert both.call("take", both.interrupt()) is True
    assert bytes(both.call("read", SERIAL, 0) for _ in range(5)) == b"early"


def test_the_line_is_set_up_where_the_console_has_not(make):
    both = make(Sink.SCREEN)
    both.call("open", SERIAL)
    assert (both.boards[0].serial.divisor, both.boards[0].serial.registers[3]) == (1, 3)


def test_the_console_and_a_driver_share_the_serial_line(make):
    both = make()
    both.call("open", SERIAL)
    both.come("serial", *b"ab")
    both.root.console.write("text\n")
    assert both.boards[0].sent == b"text\n"
    both.boards[1].sent[:] = both.boards[0].sent
    both.take_over()
    assert both.call("write", SERIAL, 0, ord("!")) is None
    assert both.boards[1].sent == b"text\n!" and both.call("read", SERIAL, 0) == ord("a")


def test_the_keyboard_listens_and_forgets_what_was_there(make):
    both = make()
    for board in both.boards:
        board.bus.write(0x64, 0xAE)
    both.come("keyboard", 0x1C)
    both.call("open", KEYBOARD)
    keyboard = both.boards[0].keyboard
    assert (keyboard.settings, keyboard.is_full) == (0x65, False) and both.interrupt() is None


@pytest.mark.parametrize("value", [0, 0xFF])
@pytest.mark.parametrize(
    ("line", "first", "count", "told"), [(KEYBOARD, 0x60, 5, NO_KEYBOARD), (SERIAL, 0x3F8, 8, NO_SERIAL_LINE)]
)
def test_a_device_that_does_not_answer_is_said_and_stays_closed(make, line, first, count, told, value):
    both = make(Sink.SCREEN, Nobody(first, count, value))
    assert both.call("open", line) is False and both.phase(line) is Phase.CLOSED
    assert bytes(both.root.console.log.text)[: len(told)] == told
    assert both.boards[0].bus.read(0x21) == 0xFE


READABLE = {KEYBOARD: (0, 4), SERIAL: range(8)}


def test_only_a_drivers_own_registers_are_read_and_written(make):
    both = make()
    for line in (0, 1, 2, 4, 7, 8, 0xFFFF_FFFF):
        for register in (*range(9), 32, 64, 0xFFFF_FFFF):
            may_read, may_write = register in READABLE.get(line, ()), line in READABLE and register == 0
            assert (both.call("read", line, register) == BadArgument.number) is not may_read
            for value in (0xED, 256, 0xFFFF_FFFF):
                failed = both.call("write", line, register, value) == BadArgument.number
                assert failed is not (may_write and value < 256)


@pytest.mark.parametrize("line", [0, 2, 3, 5, 8, 0xFFFF_FFFF])
def test_a_line_without_a_device_can_not_be_opened(make, line):
    both = make()
    assert both.call("open", line) == BadArgument.number
    assert both.call("close", line) is None and both.call("done", line) is False
