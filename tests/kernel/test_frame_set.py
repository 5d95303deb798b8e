"""Sets of frames against Python's own sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keelback.kernel.memory.frame_set import FrameSet
from keelback.kernel.memory.heap import BootHeap
from keelback.lang import Ram, Region
from support import MIB

COUNT = 40_000  # three levels are in use, the top ones partly


def make_set(count=COUNT, limit=1 << 20):
    ram = Ram(4 * MIB)
    records = Region(ram, 0x1000, 0x2000)
    heap = BootHeap(records)
    heap.start(0x10000, 4 * MIB)
    frames = FrameSet(records, limit)
    frames.place(heap, count)
    return frames


def content(frames):
    levels = [bytes(each.ram.bytes[each.record.base :][: 4 * len(each)]) for each in frames.levels]
    return [*levels, frames.first.index]


def members(frames):
    return {frame for frame in range(COUNT) if frames.has(frame)}


operations = st.lists(st.tuples(st.booleans(), st.integers(0, COUNT - 1) | st.integers(0, 70)), max_size=60)


@given(operations)
def test_a_set_does_what_a_python_set_does(steps):
    frames, model = make_set(), set()
    for adds, frame in steps:
        if adds and frame not in model:
            frames.add(frame)
            model.add(frame)
        elif not adds and frame in model:
            frames.remove(frame)
            model.remove(frame)
        assert frames.is_empty() == (not model)
        if model:
            assert frames.lowest() == min(model)
    assert all(frames.has(frame) for frame in model)


@given(st.sets(st.integers(0, COUNT - 1), max_size=40), st.randoms())
def test_bytes_depend_on_the_members_alone(wanted, random):
    first, second = make_set(), make_set()
    for frame in sorted(wanted):
        first.add(frame)
    extra = set(random.sample(range(COUNT), 20)) - wanted
    order = [*wanted, *extra]
    random.shuffle(order)
    for frame in order:
        second.add(frame)
    for frame in extra:
        second.remove(frame)
    assert content(first) == content(second)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (0, 32), (5, 7), (31, 33), (1, 1000), (33, COUNT), (64, 96), (9, 9)]
)
def test_a_range_is_what_its_frames_are_one_by_one(start, end):
    whole, single = make_set(), make_set()
    whole.add_range(start, end)
    for frame in range(start, end):
        single.add(frame)
    assert content(whole) == content(single)


@given(st.lists(st.tuples(st.integers(0, COUNT), st.integers(0, 3000)), max_size=5))
def test_ranges_add_to_what_is_there(ranges):
    frames, model = make_set(), set()
    for start, length in ranges:
        end = min(start + length, COUNT)
        frames.add_range(min(start, end), end)
        model |= set(range(start, end))
    assert (min(model) if model else None) == (None if frames.is_empty() else frames.lowest())
    assert int.from_bytes(content(frames)[0], "little") == sum(1 << frame for frame in model)


def test_the_whole_of_four_gib_fits():
    frames = make_set(1 << 20)
    assert frames.is_empty()
    frames.add((1 << 20) - 1)
    assert frames.lowest() == (1 << 20) - 1
    assert [len(level) for level in frames.levels] == [32768, 1024, 32, 1]


def test_who_may_have_more_has_more_levels():
    frames = make_set(1 << 24, 1 << 24)
    frames.add_range(1 << 20, (1 << 24) - 5)
    for frame in (3, (1 << 24) - 1):
        frames.add(frame)
    assert [len(level) for level in frames.levels] == [1 << 19, 1 << 14, 1 << 9, 1 << 4, 1]
    frames.remove(3)
    assert frames.lowest() == 1 << 20
    for frame in range(1 << 20, (1 << 20) + 40):
        frames.remove(frame)
    assert frames.lowest() == (1 << 20) + 40


def test_bytes_needed_is_what_placing_takes():
    for count in (1, 31, 32, 33, 2048, 65536, 1 << 20):
        ram = Ram(1 * MIB)
        records = Region(ram, 0x1000, 0x2000)
        heap = BootHeap(records)
        heap.start(0x10000, 1 * MIB)
        frames = FrameSet(records, 1 << 20)
        frames.place(heap, count)
        assert heap.bounds.next - 0x10000 == frames.bytes_needed(count)
