"""The devices do what a kernel can tell of real ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.machine.simulated.devices import DebugExit, InterruptController, IntervalTimer, PortBus
from keelback.machine.simulated.keyboard import Keyboard
from keelback.machine.simulated.serial import Serial

END_OF_INTERRUPT = 0x20


# The interrupt controller.


@pytest.fixture
def controller():
    made = InterruptController(0x20)
    start(made)
    return made


def start(controller: InterruptController, mask: int = 0) -> None:
    for offset, value in ((0, 0x11), (1, 0x20), (1, 4), (1, 1), (1, mask)):
        controller.write(offset, value)


def test_nothing_interrupts_before_initialisation():
    controller = InterruptController(0x20)
    controller.raise_line(0)
    assert controller.pending() is None


def test_the_second_word_is_the_vector_and_the_words_after_it_are_not_the_mask(controller):
    assert (controller.vector, controller.read(1)) == (0x20, 0)
    controller.write(1, 0xFE)
    assert (controller.vector, controller.read(1)) == (0x20, 0xFE)


def test_a_new_initialisation_forgets_requests_and_what_is_served(controller):
    controller.raise_line(3)
    controller.acknowledge(3)
    controller.raise_line(2)
    start(controller)
    assert (controller.requested, controller.in_service, controller.mask) == (0, 0, 0)


@pytest.mark.parametrize(("first", "words"), [(0x11, 3), (0x13, 2), (0x10, 2), (0x12, 1)])
def test_the_first_word_says_how_many_follow(first, words):
    controller = InterruptController(0x20)
    controller.write(0, first)
    for word in [0x40, 4, 1][:words]:
        controller.write(1, word)
    controller.write(1, 0xAB)
    assert (controller.vector, controller.mask) == (0x40, 0xAB)


def test_the_vector_of_a_line_is_the_base_plus_its_number(controller):
    for line in range(8):
        controller.raise_line(line)
        assert controller.pending() == line
        assert controller.acknowledge(line) == 0x20 + line
        controller.write(0, END_OF_INTERRUPT)


def test_a_masked_line_waits_until_it_is_let_through(controller):
    controller.write(1, 0x01)
    controller.raise_line(0)
    assert controller.pending() is None
    assert controller.read(0) == 1
    controller.write(1, 0x00)
    assert controller.pending() == 0


def test_the_lowest_line_is_first(controller):
    for line in (5, 1, 3):
        controller.raise_line(line)
    assert controller.pending() == 1


def test_a_line_is_not_interrupted_by_itself_or_a_less_urgent_one_until_its_end(controller):
    controller.raise_line(3)
    controller.acknowledge(3)
    controller.raise_line(3)
    controller.raise_line(4)
    assert controller.pending() is None
    controller.raise_line(1)
    assert controller.pending() == 1
    controller.acknowledge(1)
    controller.write(0, END_OF_INTERRUPT)
    assert controller.pending() is None
    controller.write(0, END_OF_INTERRUPT)
    assert controller.pending() == 3


def test_an_end_ends_the_most_urgent_and_a_specific_one_the_line_it_names(controller):
    for line in (6, 2):
        controller.acknowledge(line)
    controller.write(0, 0x60 | 6)
    assert controller.in_service == 1 << 2
    controller.write(0, END_OF_INTERRUPT)
    assert controller.in_service == 0
    controller.write(0, END_OF_INTERRUPT)
    assert controller.in_service == 0


def test_a_read_command_ends_nothing(controller):
    controller.acknowledge(2)
    controller.write(0, 0x0A)
    controller.write(0, 0x2A)
    assert controller.in_service == 1 << 2


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_what_is_pending_is_the_first_request_that_nothing_holds_back(requested, mask, in_service):
    controller = InterruptController(0x20)
    controller.requested, controller.mask, controller.in_service = requested, mask, in_service
    expected = None
    for line in range(8):
        if in_service >> line & 1:
            break
        if requested >> line & 1 and not mask >> line & 1:
            expected = line
            break
    assert controller.pending() == expected


def test_a_line_asks_where_it_rises_and_takes_that_back_where_it_falls(controller):
    controller.set_level(4, True)
    assert controller.pending() == 4 and controller.acknowledge(4) == 0x24
    controller.set_level(4, True)
    assert not controller.requested, "it is up already"
    controller.set_level(4, False)
    controller.set_level(4, True)
    assert controller.requested == 0x10
    controller.set_level(4, False)
    assert not controller.requested


def test_a_new_initialisation_forgets_a_request_but_not_that_the_line_is_up(controller):
    controller.set_level(1, True)
    start(controller)
    controller.set_level(1, True)
    assert controller.pending() is None
    controller.set_level(1, False)
    controller.set_level(1, True)
    assert controller.pending() == 1


# The interval timer.


class Time:
    now = 0


@pytest.fixture
def timer():
    Time.now = 0
    return IntervalTimer(10_000_000, lambda: Time.now)


def set_divisor(timer: IntervalTimer, divisor: int) -> None:
    timer.write(3, 0x34)
    timer.write(0, divisor & 0xFF)
    timer.write(0, divisor >> 8)


def test_the_timer_rests_until_both_halves_of_the_divisor_are_there(timer):
    assert timer.due is None
    timer.write(3, 0x34)
    timer.write(0, 0x9B)
    assert timer.due is None
    timer.write(0, 0x2E)
    assert timer.due is not None


@pytest.mark.parametrize("divisor", [1, 2, 255, 256, 11931, 65535])
def test_the_period_is_the_divisor_in_instructions_rounded_down(timer, divisor):
    Time.now = 777
    set_divisor(timer, divisor)
    assert timer.period == divisor * 10_000_000 // 1_193_182
    assert timer.due == 777 + timer.period


def test_a_divisor_of_0_means_65536(timer):
    set_divisor(timer, 0)
    assert timer.period == 65536 * 10_000_000 // 1_193_182


def test_a_period_is_never_0():
    slow = IntervalTimer(1, lambda: 0)
    set_divisor(slow, 1)
    assert slow.period == 1


def test_ticks_are_a_period_apart_however_late_they_are_taken(timer):
    set_divisor(timer, 11931)
    first = timer.due
    Time.now = 10 * timer.period + 5
    timer.tick()
    assert timer.due == first + timer.period


def test_a_timer_at_rest_does_not_tick(timer):
    timer.tick()
    assert timer.due is None


def test_a_control_word_stops_the_timer_and_forgets_half_a_divisor(timer):
    set_divisor(timer, 11931)
    timer.write(3, 0x34)
    assert timer.due is None
    timer.write(0, 1)
    set_divisor(timer, 0x200)
    assert timer.period == 0x200 * 10_000_000 // 1_193_182


@pytest.mark.parametrize("control", [0x74, 0xB6, 0x00, 0xC2])
def test_other_channels_and_the_latch_command_leave_it_running(timer, control):
    set_divisor(timer, 11931)
    due = timer.due
    timer.write(3, control)
    assert timer.due == due


# Power and the bus.


def test_the_exit_port_remembers_what_was_written():
    port = DebugExit()
    assert port.status is None
    port.write(0, 0)
    assert port.status == 0


def test_a_port_without_a_device_reads_ones_and_takes_anything():
    bus = PortBus()
    bus.write(0x80, 0xFFFF_FFFF)
    assert [bus.read(port) for port in (0, 0x60, 0x3F8, 0xFFFF)] == [0xFF] * 4


def test_the_bus_leads_to_each_device_at_its_ports():
    sent: list[int] = []
    main, second, power = InterruptController(0x20), InterruptController(0xA0), DebugExit()
    bus = PortBus(Serial(sent.append), main, second, power)
    bus.write(0x3F8, 7)
    bus.write(0x21, 0x55)
    bus.write(0xA1, 0x66)
    bus.write(0xF7, 3)
    assert (sent, main.mask, second.mask, power.status) == ([7], 0x55, 0x66, 3)
    assert (bus.read(0x21), bus.read(0xA1), bus.read(0x3FD), bus.read(0x22), bus.read(0x400)) == (
        0x55, 0x66, 0x60, 0xFF, 0xFF,
    )  # fmt: skip


def test_no_two_devices_of_the_pc_share_a_port():
    devices = [Serial, Keyboard, IntervalTimer, DebugExit]
    ports = [each.first + offset for each in devices for offset in range(each.count)] + [0x20, 0x21, 0xA0, 0xA1]
    assert len(set(ports)) == len(ports)


def test_what_is_in_service_is_read_once_it_was_asked_for(controller):
    controller.raise_line(7)
    assert controller.read(0) == 0x80
    controller.acknowledge(7)
    assert controller.read(0) == 0
    controller.write(0, 0x0B)
    assert (controller.read(0), controller.read(0)) == (0x80, 0x80)
    controller.write(0, 0x08)  # no register is chosen
    assert controller.read(0) == 0x80
    controller.write(0, 0x0A)
    assert controller.read(0) == 0
