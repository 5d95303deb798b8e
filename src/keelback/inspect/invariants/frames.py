"""Frames: how often each is used, by whom, and which are free."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from keelback.inspect.census import Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.records import bits, raw, zones_of
from keelback.inspect.snapshot.spaces import Space
from keelback.inspect.walk import PAGE_SHIFT, WRITABLE
from keelback.kernel.memory.frames import OWNER_BITS, Role
from keelback.lang import PAGE_SIZE

ZEROS = bytes(PAGE_SIZE)


@invariant("a frame's references are the entries and kernel uses that name it, and a page table's its present entries")
def _references(census: Census) -> Iterator[str]:
    for frame, (references, _owner), (uses, _user) in census.differing_frames:
        if references != uses:
            yield f"frame {frame:#x} counts {references} references, and should count {uses}"


@invariant("a frame's role and owner are those of who uses it, and a frame that nobody uses has none")
def _owners(census: Census) -> Iterator[str]:
    for frame, (_references, use), (_uses, expected) in census.differing_frames:
        if use != expected:
            yield f"frame {frame:#x} is {_said(use)}, and should be {_said(expected)}"


def _said(use: int) -> str:
    """Return a frame's role, as its number where there is no such role, and whose it is."""
    role, owner = use >> OWNER_BITS, use & (1 << OWNER_BITS) - 1
    name = Role(role).name if role in set(Role) else str(role)
    return f"{name} {owner}" if role == Role.OBJECT else f"{name} of process {owner}" if owner else name


@invariant("a page that may be written is in a frame that nobody else has, but where regions show a memory object")
def _writable_alone(census: Census) -> Iterator[str]:
    for space in census.snapshot.spaces.values():
        for each in space.user:
            if each.flags & WRITABLE and census.uses[each.frame] != 1 and not _is_shared(space, each.page):
                yield f"{space.whose} may write {each.page:#010x} in frame {each.frame:#x}, which others have too"


def _is_shared(space: Space, page: int) -> bool:
    region = space.region_of(page)
    return region is not None and region.object != 0


@invariant("a user frame that a page shows which can't be written, or of an object, is read-only, and all are counted")
def _read_only(census: Census) -> Iterator[str]:
    counts, found = census.kernel.memory.frames.counts, census.marked_read_only
    for frame in (census.read_only - found) | (found - census.user_frames):
        marked = (
            "is marked read-only, and should not be" if frame in found else "should be marked read-only, and is not"
        )
        yield f"frame {frame:#x} {marked}"
    if counts.read_only != len(found):
        yield f"the count of read-only frames is {counts.read_only}, and should be {len(found)}"


@invariant("the sets of free frames hold exactly the frames of their zones without a reference")
def _free_sets(census: Census) -> Iterator[str]:
    expected = {"user frames": census.free & ~census.zone, "kernel zone": census.free & census.zone}
    for name, found in zones_of(census.kernel).items():
        free = expected[name]
        wrong = bits(found) ^ free
        if wrong:
            frame = (wrong & -wrong).bit_length() - 1
            is_free = bool(free >> frame & 1)
            said = "has no reference, and is not" if is_free else "has references, and is"
            yield f"frame {frame:#x} {said} in the set of free frames of the {name}"


@invariant("a free frame of the kernel zone whose first word is 0 is all zero")
def _blank_frames(census: Census) -> Iterator[str]:
    for frame, words in _free_in_zone(census, 0):
        if words.tobytes() != ZEROS:
            yield f"frame {frame:#x} is free and begins with 0, and should be all zero, but is not"


@invariant("a free frame of the kernel zone that begins as the kernel's own table at KLIMIT is as that")
def _parted_frames(census: Census) -> Iterator[str]:
    snapshot, limit = census.snapshot, census.kernel.layout.kernel_limit
    *_, own = snapshot.walker.tables(snapshot.kernel_root, limit, limit + PAGE_SIZE)
    expected = census.frame(own.place >> PAGE_SHIFT)
    for frame, words in _free_in_zone(census, expected[0]):
        if words != expected:
            yield f"frame {frame:#x} is free and begins as the kernel's own table, and should be as that, but is not"


def _free_in_zone(census: Census, word: int) -> Iterator[tuple[int, memoryview]]:
    """Yield the free frames of the kernel zone that begin with a word, with all of theirs."""
    bounds, words = census.kernel.memory.bounds, census.kernel.spaces.ram.integers["I"]
    start, end, step = bounds.zone >> PAGE_SHIFT, bounds.region_top >> PAGE_SHIFT, PAGE_SIZE // 4
    for frame, first in enumerate(words[start * step : end * step : step], start):
        if first == word and census.free >> frame & 1:
            yield frame, census.frame(frame)


@invariant("a word of a free set's upper level has a bit for each word below that is not zero")
def _set_levels(census: Census) -> Iterator[str]:
    for free in zones_of(census.kernel).values():
        for number, (lower, upper) in enumerate(pairwise(free.levels)):
            summary = sum(1 << index for index, word in enumerate(lower.elements) if word)
            if summary != int.from_bytes(raw(upper), "little"):
                yield f"level {number + 1} does not sum level {number} up"


@invariant("a free set notes which of its words is the first that is not zero")
def _first_words(census: Census) -> Iterator[str]:
    for free in zones_of(census.kernel).values():
        members = bits(free)
        first = (members & -members).bit_length() - 1 if members else 32 * len(free.words)
        if free.first.index != first // 32:
            yield f"the first word noted is {free.first.index}, and should be {first // 32}"


@invariant("the counts of free frames are the sizes of the sets")
def _free_counts(census: Census) -> Iterator[str]:
    frames = census.kernel.memory.frames
    counted = (frames.counts.kernel_free, frames.counts.user_free)
    zones = {name: bits(free).bit_count() for name, free in zones_of(census.kernel).items()}
    sizes = (zones.get("kernel zone", 0), zones["user frames"])
    if sizes != counted:
        yield (
            f"the counts of free frames, of zone and user, are {counted[0]} and {counted[1]}, "
            f"and should be {sizes[0]} and {sizes[1]}"
        )


@invariant("the counts of frames by owner are those of the frame table, and so is the count of full ones")
def _used_counts(census: Census) -> Iterator[str]:
    frames = census.kernel.memory.frames
    kinds, full = [0] * len(Role), 0
    for record, count in Counter(memoryview(census.snapshot.frames.records).cast("I").tolist()).items():
        references, owner = record & 0xFFFF, record >> 16
        if record:  # a page table that waits for its first entry has no reference
            kinds[owner >> OWNER_BITS] += count
            full += count if references == frames.most_references and owner >> OWNER_BITS != Role.TABLE else 0
    if (list(frames.counts.used), frames.counts.full) != (kinds, full):
        counted = f"{list(frames.counts.used)} and {frames.counts.full}"
        yield f"the counts of frames by owner, and of full ones, are {counted}, and should be {kinds} and {full}"
