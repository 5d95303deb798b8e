"""The frame table: owners, references, zones."""

from dataclasses import replace
from functools import partial

import pytest

from keelback.abi.errors import OutOfMemory
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.memory.frames import KERNEL, NOBODY, OWNER_BITS, SHARED, TABLE
from keelback.lang import Panic


def snapshot(kernel):
    bounds = kernel.memory.bounds
    return bytes(kernel.memory.frames.table.ram.bytes[kernel.layout.text_end : bounds.stack])


def test_the_lowest_free_frame_comes_first_and_comes_again(kernel):
    frames = kernel.memory.frames
    assert [frames.allocate_user(5) for _ in range(3)] == [1, 2, 3]
    frames.drop(2, 5)
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
    release = frames.release_kernel if zone == "kernel" else partial(frames.drop, holder=KERNEL)
    taken = []
    while getattr(frames.counts, f"{zone}_free"):
        taken.append(allocate(KERNEL))
    before = snapshot(kernel)
    with pytest.raises(OutOfMemory):
        allocate(KERNEL)
    assert snapshot(kernel) == before
    for frame in taken:
        release(frame)
    assert [allocate(KERNEL) for _ in taken] == taken


def test_allocating_and_releasing_leaves_every_byte_as_before(kernel):
    frames, before = kernel.memory.frames, snapshot(kernel)
    taken = [frames.allocate_user(3) for _ in range(100)]
    for frame in reversed(taken):
        frames.drop(frame, 3)
    assert snapshot(kernel) == before


def test_a_frame_is_free_when_its_last_reference_goes(kernel):
    frames = kernel.memory.frames
    frame = frames.allocate_user(3)
    frames.share(frame)
    frames.drop(frame, 4)
    assert (frames.table[frame].use, frames.table[frame].references) == (3, 1)
    frames.drop(frame, 3)
    assert (frames.table[frame].use, frames.table[frame].references) == (NOBODY, 0)


def test_a_frame_that_its_owner_leaves_to_others_is_owned_by_them_together(kernel):
    frames = kernel.memory.frames
    frame = frames.allocate_user(3)
    frames.share(frame)
    frames.share(frame)
    frames.drop(frame, 3)
    assert (frames.table[frame].use, frames.table[frame].references) == (SHARED, 2)
    frames.drop(frame, 4)
    assert (frames.table[frame].use, frames.table[frame].references) == (SHARED, 1)
    assert frames.take_over(frame, 5) and frames.table[frame].use == 5


def test_the_short_way_to_drop_is_for_what_changes_nothing_but_the_count(kernel):
    frames = kernel.memory.frames
    frame = frames.allocate_user(3)
    frames.share(frame)
    frames.share(frame)
    assert not frames.drop_other(frame, 3)
    assert frames.drop_other(frame, 4) and frames.drop_other(frame, 4) and not frames.drop_other(frame, 4)
    assert (frames.table[frame].use, frames.table[frame].references) == (3, 1)


def test_sharing_a_free_frame_is_a_panic(kernel):
    with pytest.raises((Panic, AssertionError), match="a shared frame is in use"):
        kernel.memory.frames.share(5)


def test_nobody_takes_over_a_frame_that_others_hold(kernel):
    frames = kernel.memory.frames
    frame = frames.allocate_user(3)
    frames.share(frame)
    before = snapshot(kernel)
    assert not frames.take_over(frame, 4) and not frames.take_over(frame, 3)
    assert snapshot(kernel) == before


def test_used_frames_are_counted_by_the_kind_of_their_owner(kernel):
    frames = kernel.memory.frames
    before = list(frames.counts.used)
    frame = frames.allocate_user(3)
    frames.share(frame)
    assert difference(frames, before) == {3 >> OWNER_BITS: 1}
    frames.drop(frame, 3)
    assert difference(frames, before) == {SHARED >> OWNER_BITS: 1}
    frames.take_over(frame, 4)
    assert difference(frames, before) == {4 >> OWNER_BITS: 1}
    frames.drop(frame, 4)
    frames.allocate_kernel(TABLE)
    assert difference(frames, before) == {TABLE >> OWNER_BITS: 1}


def difference(frames, before):
    counts = zip(frames.counts.used, before, strict=True)
    return {kind: now - then for kind, (now, then) in enumerate(counts) if now != then}


def test_a_frame_is_full_with_as_many_references_as_its_record_can_count(kernel):
    frames = kernel.memory.frames
    frame, most = frames.allocate_user(3), kernel.layout.most_references
    frames.table[frame].references = most - 1
    assert (frames.is_full(frame), frames.counts.full) == (False, 0)
    assert frames.share(frame)
    assert (frames.table[frame].references, frames.is_full(frame), frames.counts.full) == (0xFFFE, True, 1)
    before = snapshot(kernel)
    assert not frames.share(frame) and not frames.drop_other(frame, 4)
    assert snapshot(kernel) == before
    frames.drop(frame, 4)
    assert (frames.is_full(frame), frames.counts.full) == (False, 0)


@pytest.mark.parametrize("most", [1, 0x10000])
def test_a_layout_where_no_frame_can_be_shared_or_counted_is_refused(most):
    with pytest.raises(ValueError, match="a frame may be shared"):
        replace(MICROKERNEL, most_references=most)


@pytest.mark.parametrize("zone", ["user", "kernel"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_injected_failure_fails_that_allocation_alone(kernel, zone, count):
    frames = kernel.memory.frames
    allocate = getattr(frames, f"allocate_{zone}")
    before = snapshot(kernel)
    frames.injection.countdown = count
    taken = [allocate(KERNEL) for _ in range(count - 1)]
    with pytest.raises(OutOfMemory):
        allocate(KERNEL)
    for frame in taken:
        frames.release_kernel(frame) if zone == "kernel" else frames.drop(frame, KERNEL)
    assert snapshot(kernel) == before and frames.injection.countdown == 0


def test_dropping_a_free_frame_is_a_panic(kernel):
    with pytest.raises((Panic, AssertionError), match="a dropped frame had a reference"):
        kernel.memory.frames.drop(5, 1)
