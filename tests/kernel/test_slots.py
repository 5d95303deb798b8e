"""Free slots against Python's own sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.kernel.processes.slots import FreeSlots
from keelback.lang import Panic, Ram, Region
from support import MIB

COUNTS = (2, 8, 33, 512, 1024, 1025)


def make_slots(count, start=True):
    slots = FreeSlots(Region(Ram(MIB), 0x1000, 0x2000), count)
    if start:
        slots.start()
    return slots


def content(slots):
    return slots.bits.summary, list(slots.bits.words)


def expected(free, last):
    """Return the next free slot after one, going round; 0 for none."""
    return min((each for each in free if each > last), default=min(free, default=0))


@pytest.mark.parametrize("count", COUNTS)
def test_at_first_all_are_free_but_the_first(count):
    slots, free = make_slots(count), set(range(1, count))
    for last in range(count):
        assert slots.after(last) == expected(free, last)


@pytest.mark.parametrize("count", COUNTS)
@given(st.data())
def test_slots_are_found_as_in_a_python_set(count, data):
    slots, free = make_slots(count), set(range(1, count))
    taken = st.sets(st.integers(1, count - 1), max_size=40)
    for number in data.draw(taken) | data.draw(st.sampled_from([set(), set(range(1, min(count, 70)))])):
        slots.remove(number)
        free.discard(number)
    for last in data.draw(st.lists(st.integers(0, count - 1), max_size=20)) + [0, count - 1]:
        assert slots.after(last) == expected(free, last)


@pytest.mark.parametrize("count", COUNTS)
def test_when_all_are_taken_there_is_none(count):
    slots = make_slots(count)
    for number in range(1, count):
        assert slots.after(number - 1) == number
        slots.remove(number)
    assert [slots.after(last) for last in range(count)] == [0] * count
    slots.add(count - 1)
    assert [slots.after(last) for last in range(count)] == [count - 1] * count


@given(st.sets(st.integers(1, 511)), st.randoms())
def test_bytes_depend_on_the_free_slots_alone(free, random):
    first, second = make_slots(512, start=False), make_slots(512)
    for number in free:
        first.add(number)
    gone = [number for number in range(1, 512) if number not in free]
    random.shuffle(gone)
    for number in gone:
        second.remove(number)
    assert content(first) == content(second)


def test_a_table_has_at_most_1024_slots_that_can_be_free():
    with pytest.raises(Panic, match="a table has at most 1,024 slots"):
        make_slots(1026)
