"""A serial port does what a 16550A does, as far as a kernel can tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.machine.simulated.serial import Serial

RATE = 7_812_500
BYTE = 10 * RATE // 115_200


class Bench:
    """A port with a driver's view of it: `asks` says whether it interrupts, `time` is set by the test."""

    def __init__(self):
        self.sent, self.asks, self.time, self.rises = bytearray(), False, 0, 0
        self.port = Serial(self.sent.append, self.hear, lambda: self.time, RATE)
        self.port.write(4, 0x08)

    def hear(self, is_up):
        self.rises += is_up and not self.asks
        self.asks = is_up

    def come(self, *data):
        for byte in data:
            assert self.port.room() > 0
            self.port.receive(byte)

    def with_fifo(self, trigger=0):
        self.port.write(2, trigger << 6 | 1)
        self.port.write(3, 0x80)
        self.port.write(0, 1)
        self.port.write(1, 0)
        self.port.write(3, 3)
        self.port.write(1, 1)
        return self


@pytest.fixture
def bench():
    return Bench()


# What is sent.


@pytest.fixture
def serial():
    sent: list[int] = []
    return Serial(sent.append), sent


def test_a_byte_written_to_the_data_port_is_sent(serial):
    line, sent = serial
    for byte in b"a\0\xff":
        line.write(0, byte)
    assert bytes(sent) == b"a\0\xff"


def test_with_the_divisor_latch_the_data_port_is_the_divisor(serial):
    line, sent = serial
    line.write(3, 0x80)
    line.write(0, 1)
    assert line.read(0) == 1
    line.write(1, 0x12)
    assert (line.read(1), line.divisor) == (0x12, 0x1201)
    line.write(3, 0x03)
    assert line.read(1) == 0
    line.write(0, 65)
    assert sent == [65]


def test_the_line_is_always_free_whatever_is_written_to_its_status(serial):
    line, _ = serial
    line.write(5, 0)
    assert line.read(5) & 0x60 == 0x60


def test_the_line_control_reads_back(serial):
    line, _ = serial
    line.write(3, 0x1B)
    assert line.read(3) == 0x1B


# What comes.


def test_a_byte_that_comes_is_read_once(bench):
    port = bench.port
    assert port.read(5) == 0x60
    bench.come(0x41)
    assert port.read(5) == 0x61 and port.read(0) == 0x41 and port.read(5) == 0x60


def test_without_a_fifo_there_is_room_for_one_and_with_it_for_16(bench):
    assert bench.port.room() == 1
    bench.come(1)
    assert bench.port.room() == 0
    assert bench.with_fifo().port.room() == 16, "what was there is gone"
    bench.come(*range(16))
    assert bench.port.room() == 0
    assert [bench.port.read(0) for _ in range(16)] == [*range(16)]


def test_it_asks_only_where_it_is_enabled_and_wired(bench):
    bench.come(1)
    assert not bench.asks
    bench.port.write(1, 1)
    assert bench.asks and bench.port.read(2) == 0x04
    bench.port.write(4, 0)
    assert not bench.asks
    bench.port.write(4, 8)
    assert bench.asks
    bench.port.read(0)
    assert not bench.asks and bench.port.read(2) == 0x01


@pytest.mark.parametrize(("code", "trigger"), [(0, 1), (1, 4), (2, 8), (3, 14)])
def test_a_fifo_asks_at_its_trigger_and_no_more_below_it(bench, code, trigger):
    port = bench.with_fifo(code).port
    for number in range(1, 17):
        bench.come(number)
        assert bench.asks is (number >= trigger)
        assert port.read(2) == (0xC4 if number >= trigger else 0xC1)
    for left in range(15, -1, -1):
        port.read(0)
        assert bench.asks is (left >= trigger)


def test_fewer_than_the_trigger_ask_when_nothing_comes_for_four_bytes_time(bench):
    port = bench.with_fifo(3).port
    bench.time = 1000
    bench.come(1)
    assert port.due == 1000 + 40 * RATE // 115_200
    bench.time += BYTE
    bench.come(2)
    assert port.due == bench.time + 40 * RATE // 115_200 and not bench.asks
    port.come()
    assert bench.asks and port.read(2) == 0xCC and port.due is None
    bench.come(3)
    assert bench.asks and port.due is None
    assert port.read(0) == 1 and not bench.asks and port.due is not None
    port.read(0), port.read(0)
    assert port.due is None and not bench.asks


def test_clearing_the_fifo_loses_what_is_in_it_and_setting_it_up_does_not(bench):
    port = bench.with_fifo().port
    bench.come(1, 2)
    port.write(2, 0x01)
    assert bench.asks and port.read(5) & 1
    port.write(2, 0xC7)
    assert not bench.asks and port.read(5) == 0x60


# That all is sent.


def test_it_asks_once_each_time_that_all_is_sent(bench):
    port = bench.port
    port.write(1, 2)
    assert bench.asks and port.read(2) == 0x02
    assert not bench.asks and port.read(2) == 0x01
    port.write(0, 65)
    assert bench.asks and bench.rises == 2
    port.write(1, 2)
    port.read(2)
    port.write(1, 2)
    assert not bench.asks, "it was enabled already"


def test_what_came_is_more_urgent_than_that_all_is_sent(bench):
    bench.port.write(1, 3)
    bench.come(1)
    assert bench.port.read(2) == 0x04 and bench.port.read(2) == 0x04
    bench.port.read(0)
    assert bench.port.read(2) == 0x02 and bench.port.read(2) == 0x01


WRITES = st.tuples(st.sampled_from([0, 1, 2, 3, 4, 7]), st.integers(0, 255))
READS = st.tuples(st.sampled_from(["read"]), st.integers(0, 7))
COMES = st.tuples(st.just("come"), st.integers(0, 255))


@given(st.lists(WRITES | READS | COMES, max_size=60))
def test_whatever_a_driver_does_the_line_says_what_the_registers_say(steps):
    bench = Bench()
    port = bench.port
    for what, value in steps:
        if what == "read":
            assert 0 <= port.read(value) <= 0xFF
        elif what == "come":
            if port.room() > 0:
                bench.come(value)
        else:
            port.write(what, value)
        asks, kept = bench.asks, port.kept()
        why = port.read(2) & 0x0F
        assert asks is (why != 0x01 and bool(port.registers[4] & 0x08))
        port.put_back(kept)
        bench.asks = asks
