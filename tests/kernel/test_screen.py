"""The screen and the two other places that the console's text goes to, against a small terminal of our own."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.kernel.devices.screen import COLUMNS, ROWS, SCREEN, Screen
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.frames import CONSOLE
from keelback.kernel.x86.paging import GLOBAL, USER, WRITABLE
from keelback.lang import Cpu, NoHardware, Ram, Region
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.devices import Device
from keelback.machine.simulated.interpreted import InterpretedPc
from support import MIB, c_program, payload_programs

SIZE = 2 * COLUMNS * ROWS
GREY = 0x07
PATTERN = bytes(range(251)) * 17


class Terminal:
    """An endless page of text of which the last rows are seen."""

    def __init__(self, text=b""):
        self.rows, self.column = [bytearray()], 0
        for byte in text:
            self.put(byte)

    def put(self, byte):
        if byte == ord("\r"):
            self.column = 0
            return
        if byte == ord("\b"):
            self.column = max(0, min(self.column, 79) - 1)
            return
        if byte == ord("\n") or self.column == 80:
            self.rows.append(bytearray())
            self.column = 0
        if byte != ord("\n"):
            self.rows[-1][self.column : self.column + 1] = bytes([byte])
            self.column += 1

    def seen(self):
        shown = [bytes(row).ljust(80) for row in self.rows[-25:]]
        return shown + [b" " * 80] * (25 - len(shown))


def rows_of(content):
    """Return the rows that a text mode shows."""
    memory = bytes(content[SCREEN : SCREEN + SIZE])
    assert set(memory[1::2]) == {GREY}
    return [memory[::2][start : start + 80] for start in range(0, 2000, 80)]


class NoPorts(NoHardware):
    """A PC in which nobody listens to the screen's controller."""

    def out8(self, port, value):
        pass


def shown(text):
    """Return the rows after a text was put on a screen that had something else on it."""
    ram = Ram(SCREEN + 4096)
    ram.bytes[SCREEN : SCREEN + 4096] = PATTERN[:4096]
    screen = Screen(Region(ram, 0x1000, 0x2000), Cpu(NoPorts()))
    screen.start()
    for byte in text:
        screen.put(byte)
    assert bytes(ram.bytes[SCREEN + SIZE :]) == PATTERN[SIZE:4096], "what lies behind the rows stays"
    return rows_of(ram.bytes)


def expected(*rows):
    return [row.ljust(80) for row in rows] + [b" " * 80] * (25 - len(rows))


CASES = {
    b"": (b"",),
    b"hello": (b"hello",),
    b"one\ntwo\n\nfour": (b"one", b"two", b"", b"four"),
    b"x" * 80: (b"x" * 80,),
    b"x" * 81: (b"x" * 80, b"x"),
    b"x" * 80 + b"\nnext": (b"x" * 80, b"next"),
    b"x" * 80 + b"\r\nnext": (b"x" * 80, b"next"),
    b"x" * 80 + b"\ry": (b"y" + b"x" * 79,),
    b"x" * 160 + b"\n": (b"x" * 80, b"x" * 80, b""),
    b"dos\r\nline": (b"dos", b"line"),
    b"old\rnew text": (b"new text",),
    b"older\rnew": (b"newer",),
    b"abc\b\bX": (b"aXc",),
    b"\b\bhi": (b"hi",),
    b"x" * 80 + b"\by": (b"x" * 78 + b"yx",),
    b"a\tb\0c\x7f\xff": (b"a\tb\0c\x7f\xff",),
}


@pytest.mark.parametrize("text", CASES)
def test_text_stands_where_a_terminal_puts_it(text):
    assert shown(text) == expected(*CASES[text]) == Terminal(text).seen()


def test_the_26th_row_scrolls_the_first_away():
    lines = [b"line %d" % number for number in range(1, 60)]
    assert shown(b"\n".join(lines[:25])) == expected(*lines[:25])
    assert shown(b"\n".join(lines[:26])) == expected(*lines[1:26])
    assert shown(b"\n".join(lines)) == expected(*lines[-25:])
    assert shown(b"\n".join(lines) + b"\n") == expected(*lines[-24:])


def test_a_row_that_is_full_scrolls_only_when_more_comes():
    text = b"\n" * 24 + b"x" * 80
    assert shown(text) == [b" " * 80] * 24 + [b"x" * 80]
    assert shown(text + b"y") == [b" " * 80] * 23 + [b"x" * 80, b"y".ljust(80)]


BITS = st.one_of(
    st.binary(max_size=10).map(lambda text: text.replace(b"\x1b", b"")),
    st.sampled_from([b"\n", b"\r", b"\r\n", b"x" * 79, b"y" * 80, b"z" * 81, b"\n" * 24, b"0123456789" * 40]),
)


@settings(max_examples=80)
@given(st.lists(BITS, max_size=40).map(b"".join))
@example(b"\n" * 60 + b"x" * 3000)
def test_any_bytes_look_as_on_a_terminal(text):
    assert shown(text) == Terminal(text).seen()


# On a machine.


class Adapter(Device):
    """The screen's controller: keeps what is written to it."""

    first, count = 0x3D4, 2

    def __init__(self):
        self.written = []

    def write(self, offset, value):
        self.written.append((offset, value))


def interpreted_life(payload, command_line):
    image = make_image(MICROKERNEL, payload)
    return InterpretedPc(MICROKERNEL, image, memory=8 * MIB, check=True, command_line=command_line)


def compiled_life(payload, command_line):
    image = make_image(MICROKERNEL, payload, compiled(MICROKERNEL))
    return CompiledPc(MICROKERNEL, image, memory=8 * MIB, command_line=command_line)


LINES = ("hello you", "ping 20", "pong 20", "null", "speak")
SPEAK = 'int main(void) { print("halves\\rwhole\\n"); for (int i = 0; i < 200; i++) print("x"); return 0; }'


def programs():
    return payload_programs() | {"speak": c_program(SPEAK)}


@pytest.fixture(params=[interpreted_life, compiled_life])
def run(request):
    """Return what runs the lines above with a command line, in each life."""

    def run_to_end(command_line=""):
        payload = make_payload({"etc/init": "".join(line + "\n" for line in LINES).encode(), **programs()})
        pc = request.param(payload, command_line)
        pc.adapter, pc.pattern = Adapter(), PATTERN[:4096]
        pc.ports.ports |= {port: (pc.adapter, port - 0x3D4) for port in (0x3D4, 0x3D5)}
        pc.ram.bytes[SCREEN : SCREEN + 4096] = pc.pattern
        pc.boot()
        pc.run()
        return pc

    return run_to_end


def log_of(pc):
    log = pc.kernel.console.log
    return bytes(log.text)[: log.written]


HIDDEN = [(0, 0x0A), (1, 0x20)]
"""The controller's register 0Ah, cursor start, gets its bit 5: no cursor."""


def test_text_goes_to_both_the_log_too(run):
    for pc in (run(), run("console=both")):
        assert pc.console.startswith(b"keelback: microkernel layout, ") and len(pc.console) > 25 * 20
        assert rows_of(pc.ram.bytes) == Terminal(pc.console).seen()
        assert log_of(pc) == pc.console
        assert pc.adapter.written == HIDDEN


def test_console_serial_leaves_the_screen_alone(run):
    pc = run("console=serial")
    assert b"ping 20\n" in pc.console and log_of(pc) == pc.console
    assert bytes(pc.ram.bytes[SCREEN : SCREEN + 4096]) == pc.pattern
    assert pc.adapter.written == []


def test_console_screen_leaves_the_line_alone(run):
    pc = run("console=screen")
    assert pc.console == b""
    assert pc.ports.ports[0x3F8][0].registers == [0] * 8, "not even set up"
    assert rows_of(pc.ram.bytes) == Terminal(log_of(pc)).seen()
    assert b"ping 20\n" in log_of(pc) and pc.adapter.written == HIDDEN


def test_the_screens_page_is_the_kernels_in_every_space():
    payload = make_payload({"etc/init": b"sleeper 5\nhello\n", **payload_programs()})
    pc = interpreted_life(payload, "")
    pc.boot()
    kernel, walker = pc.kernel, pc.processor.walker
    frame = kernel.memory.frames.table[SCREEN >> 12]
    assert (frame.use, frame.references) == (CONSOLE, 1)
    assert not kernel.memory.frames.user_zone.has(SCREEN >> 12)
    spaces = [kernel.spaces.kernel.directory, *(kernel.processes.table[pid].space.directory for pid in (1, 2))]
    for space in spaces:
        found = walker.walk(space << 12, SCREEN)
        assert (found.frame, found.flags & (WRITABLE | USER | GLOBAL)) == (SCREEN >> 12, WRITABLE | GLOBAL)
        assert walker.walk(space << 12, SCREEN - 1) is None and walker.walk(space << 12, SCREEN + 4096) is None


def test_a_program_that_writes_to_the_screen_dies():
    code = c_program("int main(void) { *(volatile char *)0xb8000 = 'x'; return 0; }")
    pc = interpreted_life(make_payload({"etc/init": b"paint\n", "paint": code}), "")
    pc.boot()
    pc.run()
    assert b"keelback: process 1 (paint) killed: page fault: write to 0x000b8000, protected, " in pc.console
