"""Escape sequences, against a terminal of our own that reads all text at once, by a regular expression."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.kernel.devices.screen import SCREEN, Screen
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import Cpu, NoHardware, Ram, Region
from keelback.machine.compare import compare
from keelback.machine.simulated.compiled import CompiledPc
from support import MIB, c_program, make_pc

SIZE = 2 * 80 * 25
GREY = 0x07
TOKEN = re.compile(
    rb"""
    \x1b\[ (?P<parameters>[0-9;]*) (?P<final>[@-~])      # a control sequence
  | \x1b\[ [\ -?]* (?: [@-\xff] | (?P<cut>[^\n\r\x1b])? ) # one that is private, damaged or cut off
  | \x1b [PX\]^_] [\ -\xff]* [^\n\r\x1b]?              # a control string
  | \x1b [\ -/]* (?: [0-\xff] | [^\n\r\x1b]? )          # another sequence
  | (?P<shown>[^\x1b])
    """,
    re.VERBOSE | re.DOTALL,
)


class Terminal:
    """A page of 25 rows of 80 cells: (character, attribute)."""

    def __init__(self, text):
        self.rows = [[(32, GREY)] * 80 for _ in range(25)]
        self.row = self.column = 0
        self.text_colour, self.behind, self.bright, self.reverse = 7, 0, 0, False
        for token in TOKEN.finditer(text):
            if token["shown"]:
                self.show(token["shown"][0])
            elif token["final"]:
                self.obey(token["parameters"], token["final"])

    def show(self, byte):
        if byte == 13:
            self.column = 0
            return
        if byte == 8:
            self.column = max(0, min(self.column, 79) - 1)
            return
        if byte == 10 or self.column == 80:
            self.column = 0
            self.row += 1
        if self.row == 25:
            self.rows, self.row = [*self.rows[1:], [(32, GREY)] * 80], 24
        if byte != 10:
            front, back = (self.behind, self.text_colour) if self.reverse else (self.text_colour, self.behind)
            self.rows[self.row][self.column] = (byte, front + 8 * self.bright + 16 * back)
            self.column += 1

    def obey(self, text, final):
        numbers = [min(int(each or b"0"), 9999) for each in text.split(b";")][:8]
        if final == b"H":
            place = [max(each, 1) for each in [*numbers, 1][:2]]
            self.row, self.column = min(place[0], 25) - 1, min(place[1], 80) - 1
        elif final == b"J" and numbers[0] == 2:
            self.rows = [[(32, GREY)] * 80 for _ in range(25)]
        elif final == b"K" and numbers[0] == 0:
            self.rows[self.row][self.column :] = [(32, GREY)] * (80 - self.column)
        elif final == b"m":
            for each in numbers:
                self.style(each)

    def style(self, code):
        by_ansi = {0: 0, 1: 4, 2: 2, 3: 6, 4: 1, 5: 5, 6: 3, 7: 7, 9: None}
        tens, ones = divmod(code, 10)
        if code == 0:
            self.text_colour, self.behind, self.bright, self.reverse = 7, 0, 0, False
        elif code == 1:
            self.bright = 1
        elif code == 7:
            self.reverse = True
        elif tens == 3 and ones in by_ansi:
            self.text_colour = 7 if ones == 9 else by_ansi[ones]
        elif tens == 4 and ones in by_ansi:
            self.behind = 0 if ones == 9 else by_ansi[ones]

    def memory(self):
        return bytes(byte for row in self.rows for cell in row for byte in cell)


class NoPorts(NoHardware):
    """A PC in which nobody listens to the screen's controller."""

    def out8(self, port, value):
        pass


def shown(text):
    """Return the screen's memory after a text; in front of the record and behind it nothing has changed."""
    ram = Ram(SCREEN + 4096)
    screen = Screen(Region(ram, 0x1000, 0x2000), Cpu(NoPorts()))
    screen.start()
    for byte in text:
        screen.put(byte)
    for rest in (ram.bytes[0x1100:SCREEN], ram.bytes[SCREEN + SIZE :]):
        assert rest.tobytes() == bytes(len(rest))
    return bytes(ram.bytes[SCREEN : SCREEN + SIZE])


def row_of(text):
    """Return the first row's characters without the blanks at its end, and the attributes that are not grey."""
    memory = shown(text)
    return memory[:160:2].rstrip(), bytes(each for each in memory[1:160:2] if each != GREY)


@pytest.mark.parametrize(
    ("text", "characters", "attributes"),
    [
        (b"\x1b[31mred", b"red", b"\x04" * 3),
        (b"\x1b[34mb\x1b[mg", b"bg", b"\x01"),
        (b"\x1b[1;33;44mx", b"x", b"\x1e"),
        (b"\x1b[1mx\x1b[39my\x1b[0mz", b"xyz", b"\x0f\x0f"),
        (b"\x1b[30;47mx\x1b[39;49my", b"xy", b"\x70"),
        (b"\x1b[7mx\x1b[1;31my", b"xy", b"\x70\x48"),
        (b"\x1b[38mx\x1b[48my\x1b[2;5;90;137mz", b"xyz", b""),
        (b"\x1b[1;3Hc\x1b[;1Ha\x1b[0;0;9Hb", b"b c", b""),
        (b"\x1b[25;80Hx\x1b[Hy", b"y", b""),
        (b"abcdef\x1b[1;3H\x1b[K", b"ab", b""),
        (b"abc\x1b[1;2H\x1b[1K\x1b[2K\x1b[J\x1b[0J", b"abc", b""),
        (b"abc\x1b[2Jd", b"   d", b""),
        (b"x" * 80 + b"\x1b[K", b"x" * 80, b""),
        (b"a\x1b[?25lb\x1b[1;31!pc\x1b[>cd", b"abcd", b""),
        (b"a\x1b]0;title\x07b\x1bPq#\x1b\\c\x1b_x\x18d", b"abcd", b""),
        (b"a\x1bXb\x1b\\c\x1b^d\x1b\\e", b"ace", b""),
        (b"a\x1b(Bb\x1b7c\x1bcd\x1b(\x1b[31m\x1b[me", b"abcde", b""),
        (b"a\x1b[31\x18mb", b"amb", b""),
        (b"a\x1b[3\rb\x1b]never ends\rc", b"c", b""),
        (b"a\x1b[31\x7fb\x1b[31\xe9c", b"abc", b""),
        (b"\x1b[1;1;1;1;1;1;1;1;31mx", b"x", b"\x0f"),
        (b"\x1b[0000000000000000000031mx", b"x", b"\x04"),
        (b"\x1b[65567mx\x1b[99999999999999999999999H", b"x", b""),
    ],
)
def test_sequences_do_what_they_say_or_nothing_and_are_not_shown(text, characters, attributes):
    assert row_of(text) == (characters, attributes)
    assert shown(text) == Terminal(text).memory()


def test_a_row_that_scrolls_in_is_grey_whatever_the_colour():
    text = b"\x1b[41m" + b"line\n" * 30
    memory = shown(text)
    assert memory == Terminal(text).memory()
    assert memory[-160:] == b" \x07" * 80 and memory[-320:-160] == b"l\x47i\x47n\x47e\x47" + b" \x07" * 76


def test_every_colour_is_the_adapters():
    text = b"".join(b"\x1b[%d;%dmx" % (30 + number, 47 - number) for number in range(8))
    assert [*shown(text)[1:16:2]] == [0x70, 0x34, 0x52, 0x16, 0x61, 0x25, 0x43, 0x07]


NUMBER = st.sampled_from(b" 0 1 2 7 25 26 31 39 44 49 80 81 12345".split(b" "))
PARAMETERS = st.lists(NUMBER, max_size=10).map(b";".join)
SEQUENCE = st.builds(
    lambda begin, parameters, middle, final: begin + parameters + middle + final,
    st.sampled_from([b"\x1b[", b"\x1b[", b"\x1b[", b"\x1b]", b"\x1b", b"\x1bP", b"\x1b("]),
    PARAMETERS,
    st.sampled_from([b"", b"", b"", b"?", b" ", b":", b"\x7f", b"\n", b"\x18"]),
    st.sampled_from([b"H", b"m", b"J", b"K", b"A", b"\x1b\\", b"\r", b""]),
)
BITS = st.one_of(SEQUENCE, SEQUENCE, st.binary(max_size=6), st.sampled_from([b"word", b"\n", b"x" * 80, b"\n" * 24]))


@settings(max_examples=100)
@given(st.lists(BITS, max_size=30).map(b"".join))
@example(b"\x1b[7m\x1b[1;44m" + b"y" * 2100 + b"\x1b[12;40H\x1b[Kz")
def test_any_bytes_look_as_on_the_terminal(text):
    assert shown(text) == Terminal(text).memory()


ODD = (
    "\\033[2J\\033[3;5H\\033[1;33;44mbox\\033[7m!\\033[0m\\033[99;999Hx\\033[K\\033[12345678901;;;;;;;;;;31m"
    "\\033[?25l\\033]title\\a\\033(B\\033[31\\030m\\033["
)


def test_all_lives_show_the_same():
    programs = {"draw": c_program(f'int main(void) {{ print("{ODD}"); return 0; }}')}
    first = make_pc("draw", programs=programs, check=False)
    image = make_image(MICROKERNEL, make_payload({"etc/init": b"draw\n", **programs}), compiled(MICROKERNEL))
    second = CompiledPc(MICROKERNEL, image, memory=8 * MIB)
    assert compare(first, second).difference is None
    memory = bytes(second.ram.bytes[SCREEN : SCREEN + SIZE])
    assert memory == Terminal(second.console).memory()
    assert b"b\x1eo\x1ex\x1e!\x69" in memory
