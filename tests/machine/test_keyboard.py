"""A keyboard and its controller do what a PC's do, as far as a kernel can tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.machine.simulated.keyboard import Keyboard


class Bench:
    """A keyboard with a driver's view of it: `asks` says whether it interrupts, `rises` how often it began to."""

    def __init__(self):
        self.asks, self.rises = False, 0
        self.keyboard = Keyboard(self.hear)
        self.read, self.write = self.keyboard.read, self.keyboard.write

    def hear(self, is_up):
        self.rises += is_up and not self.asks
        self.asks = is_up

    def listen(self):
        self.write(4, 0x60)
        self.write(0, 0x65)
        return self

    def answers(self):
        """Return all that is to be read."""
        found = []
        while self.read(4) & 1:
            found.append(self.read(0))
        return found


@pytest.fixture
def bench():
    return Bench()


def test_it_is_silent_until_it_is_let_send(bench):
    assert bench.keyboard.room() == 0 and bench.read(4) == 0x10
    bench.write(4, 0xAE)
    assert bench.keyboard.room() == 1
    bench.keyboard.receive(0x1E)
    assert not bench.asks and bench.read(4) & 1
    bench.write(4, 0xAD)
    assert bench.read(0) == 0x1E and bench.keyboard.room() == 0


def test_each_scan_code_asks_anew_and_is_read_once(bench):
    bench.listen()
    for number, code in enumerate((0x1E, 0x9E), 1):
        bench.keyboard.receive(code)
        assert (bench.asks, bench.rises, bench.keyboard.room(), bench.read(4) & 1) == (True, number, 0, 1)
        assert bench.read(0) == code
        assert (bench.asks, bench.keyboard.room(), bench.read(4) & 1) == (False, 1, 0)
    assert bench.read(0) == 0x9E, "an empty buffer still has its last byte"


def test_the_settings_are_read_back(bench):
    bench.write(4, 0x60)
    assert bench.read(4) & 0x08
    bench.write(0, 0x74)
    assert not bench.read(4) & 0x08 and bench.read(4) & 0x04
    bench.write(4, 0x20)
    assert bench.answers() == [0x74]
    bench.write(4, 0xAE)
    bench.write(4, 0x20)
    assert bench.answers() == [0x64]


@pytest.mark.parametrize(("command", "answer"), [(0xAA, [0x55]), (0xAB, [0]), (0x20, [0x70]), (0xFE, []), (0xC0, [])])
def test_the_controller_answers(bench, command, answer):
    bench.write(4, command)
    assert bench.answers() == answer


@pytest.mark.parametrize(
    ("commands", "answer"),
    [
        ((0xEE,), [0xEE]),
        ((0xF2,), [0xFA, 0xAB, 0x41]),
        ((0xFF,), [0xFA, 0xAA]),
        ((0xED, 0x07), [0xFA, 0xFA]),
        ((0xF3, 0x20), [0xFA, 0xFA]),
        ((0xF5, 0xF4), [0xFA, 0xFA]),
        ((0xF6,), [0xFA]),
        ((0x00,), [0xFE]),
    ],
)
def test_the_keyboard_answers(bench, commands, answer):
    bench.listen()
    for command in commands:
        bench.write(0, command)
    assert bench.answers() == answer and bench.rises == len(answer)


def test_a_keyboard_that_rests_sends_no_keys_until_it_scans_again(bench):
    bench.listen()
    bench.write(0, 0xF5)
    bench.answers()
    assert bench.keyboard.room() == 0
    bench.write(0, 0xF4)
    bench.answers()
    assert bench.keyboard.room() == 1


def test_a_value_for_the_output_port_is_no_command_to_the_keyboard(bench):
    bench.write(4, 0xD1)
    bench.write(0, 0xFF)
    assert bench.answers() == []


@given(st.lists(st.tuples(st.sampled_from(["read", "write", "come"]), st.sampled_from([0, 4]), st.integers(0, 255))))
def test_whatever_a_driver_does_it_asks_while_there_is_a_byte_and_the_settings_say_so(steps):
    bench = Bench()
    for what, port, value in steps:
        if what == "read":
            assert 0 <= bench.read(port) <= 0xFF
        elif what == "write":
            bench.write(port, value)
        elif bench.keyboard.room():
            bench.keyboard.receive(value)
        assert bench.asks is bool(bench.read(4) & 1 and bench.keyboard.settings & 1)
        assert not bench.keyboard.answers or bench.keyboard.is_full
