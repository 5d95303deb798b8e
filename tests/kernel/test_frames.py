"""The frame table: owners, references, zones."""

import pytest

from keelback.kernel.errors import OutOfMemory
from keelback.kernel.frames import KERNEL, NOBODY, TABLE
from keelback.lang import Panic


def snapshot(kernel):
    bounds = kernel.memory.bounds
    return bytes(kernel.memory.frames.table.ram.bytes[kernel.layout.text_end : bounds.stack])


def test_the_lowest_free_frame_comes_first_and_comes_again(kernel):
    frames = kernel.memory.frames
    assert [frames.allocate_user(5) for _ in range(3)] == [1, 2, 3]
    frames.release_user(2)
    assert frames.allocate_user(6) == 2


def test_user_frames_lie_below_and_above_the_kernel_region(kernel):
    frames, layout = kernel.memory.frames, kernel.layout
    taken = [frames.allocate_user(1) for _ in range(frames.counts.user_free)]
    region = range(layout.kernel_start >> 12, kernel.memory.bounds.region_top >> 12)
    assert taken == [frame for frame in [*range(1, 0x9F), *range(0x100, 0x800)] if frame not in region]


def test_kernel_frames_come_from_the_zone(kernel):
    frames, bounds = kernel.memory.frames, kernel.memory.bounds
    while frames.counts.kernel_free:
        assert bounds.zone >> 12 <= frames.allocate_kernel(TABLE) < bounds.region_top >> 12


@pytest.mark.parametrize("zone", ["user", "kernel"])
def test_a_zone_that_is_empty_raises_and_changes_nothing(kernel, zone):
    frames = kernel.memory.frames
    allocate = getattr(frames, f"allocate_{zone}")
    taken = []
    while getattr(frames.counts, f"{zone}_free"):
        taken.append(allocate(KERNEL))
    before = snapshot(kernel)
    with pytest.raises(OutOfMemory):
        allocate(KERNEL)
    assert snapshot(kernel) == before
    for frame in taken:
        getattr(frames, f"release_{zone}")(frame)
    assert [allocate(KERNEL) for _ in taken] == taken


def test_allocating_and_releasing_leaves_every_byte_as_before(kernel):
    frames, before = kernel.memory.frames, snapshot(kernel)
    taken = [frames.allocate_user(3) for _ in range(100)]
    for frame in reversed(taken):
        frames.release_user(frame)
    assert snapshot(kernel) == before


def test_a_frame_is_free_when_its_last_reference_goes(kernel):
    frames = kernel.memory.frames
    frame = frames.allocate_user(3)
    frames.table[frame].references += 1
    frames.release_user(frame)
    assert (frames.table[frame].owner, frames.table[frame].references) == (3, 1)
    frames.release_user(frame)
    assert (frames.table[frame].owner, frames.table[frame].references) == (NOBODY, 0)


def test_dropping_a_free_frame_is_a_panic(kernel):
    with pytest.raises(Panic, match="a dropped frame had a reference"):
        kernel.memory.frames.release_user(5)
