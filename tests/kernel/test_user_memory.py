"""Copy-in and copy-out: what a process may hand to the kernel."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keelback.abi.errors import BadAddress
from keelback.inspect.records import regions_of
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.x86.paging import USER, WRITABLE
from kernel.driven import BSS, LIVES, Call, driven
from support import frame_at, make_pc

BASE, PAGE, TOP = 0x0900_0000, 4096, 0xFFFF_F000


@pytest.fixture(scope="module")
def machine():
    """Return a machine and a space with pages BASE (writable), +1 (writable), +2 (read-only), +4 (writable), top."""
    pc = make_pc()
    pc.boot()
    kernel, space = pc.kernel, pc.kernel.programs.next
    space.directory, space.owner = kernel.spaces.create(7), 1
    for page, rights in ((BASE, WRITABLE), (BASE + PAGE, WRITABLE), (BASE + 2 * PAGE, 0), (BASE + 4 * PAGE, WRITABLE)):
        kernel.regions.add(space, page, page + PAGE, RegionKind.IMAGE, USER | rights)
    kernel.regions.add(space, TOP - PAGE, TOP, RegionKind.STACK, USER | WRITABLE)
    kernel.promises.take_all(space)
    for region in regions_of(kernel, space):
        for page in range(region.start, region.end, PAGE):
            kernel.virtual_memory.map_zeros(space, page, region.permissions)
    return pc, space


def buffer_of(pc):
    return pc.kernel.calls.buffer.bytes


@settings(max_examples=60)
@given(st.integers(0, 2 * PAGE - 1), st.binary(min_size=1, max_size=4096))
def test_what_goes_out_comes_in_again(machine, offset, content):
    pc, space = machine
    content = content[: 2 * PAGE - offset]
    memory, buffer = pc.kernel.user_memory, buffer_of(pc)
    for index, byte in enumerate(content):
        buffer[index] = byte
    memory.copy_out(space, BASE + offset, len(content), buffer)
    buffer.clear()
    memory.copy_in(space, BASE + offset, len(content), buffer)
    assert bytes(buffer)[: len(content)] == content


def test_consecutive_pages_need_not_be_consecutive_frames(machine):
    pc, space = machine
    frames = [frame_at(pc.kernel, space.directory, page) for page in (BASE, TOP - PAGE)]
    assert frames[0] != frames[1]
    physical = frames[0] << 12
    pc.ram.bytes[physical + 10 : physical + 13] = b"abc"
    pc.kernel.user_memory.copy_in(space, BASE + 10, 3, buffer_of(pc))
    assert bytes(buffer_of(pc))[:3] == b"abc"


BAD_IN = [
    (BASE + 3 * PAGE, 1), (BASE + 3 * PAGE - 1, 2), (BASE - 1, 2), (0, 1), (0x100000, 4), (0x07FF_FFFF, 2),
    (TOP, 1), (TOP - 1, 2), (0xFFFF_FFFF, 1), (BASE, 0xFFFF_FFFF), (TOP - 16, 0xFFFF_FFF0), (0, 0),
]  # fmt: skip


@pytest.mark.parametrize(("address", "count"), BAD_IN)
def test_a_bad_range_is_refused_in_both_directions(machine, address, count):
    pc, space = machine
    with pytest.raises(BadAddress):
        pc.kernel.user_memory.copy_in(space, address, count, buffer_of(pc))
    with pytest.raises(BadAddress):
        pc.kernel.user_memory.copy_out(space, address, count, buffer_of(pc))


def test_read_only_pages_are_read_and_not_written(machine):
    pc, space = machine
    pc.kernel.user_memory.copy_in(space, BASE + 2 * PAGE, PAGE, buffer_of(pc))
    for address, count in ((BASE + 2 * PAGE, 1), (BASE + 2 * PAGE - 1, 2)):
        with pytest.raises(BadAddress):
            pc.kernel.user_memory.copy_out(space, address, count, buffer_of(pc))


def test_nothing_is_copied_for_a_count_of_zero(machine):
    pc, space = machine
    pc.kernel.user_memory.copy_in(space, BASE + 3 * PAGE, 0, buffer_of(pc))
    pc.kernel.user_memory.copy_in(space, TOP, 0, buffer_of(pc))


# Exactly the bytes of an answer, in both lives.

ANSWER = 56  # bytes of what frame_counts writes
FILL = 0xA5


@pytest.fixture(scope="module", params=LIVES)
def writer(request):
    """Return a machine whose process has three pages of its own, all of one byte."""
    driven_machine = driven(life=request.param)
    for page in range(3):
        driven_machine.write(BSS + page * PAGE, FILL)
        place = driven_machine.frame(BSS + page * PAGE) * PAGE
        driven_machine.pc.ram.bytes[place : place + PAGE] = bytes([FILL]) * PAGE
    return driven_machine


@pytest.mark.parametrize("offset", [0, 1, 2, 3, 4, 100, PAGE - ANSWER, PAGE - ANSWER + 1, PAGE - 1, 2 * PAGE - ANSWER])
def test_an_answer_changes_no_byte_before_or_behind_it(writer, offset):
    places = [writer.frame(BSS + page * PAGE) * PAGE for page in range(3)]
    assert writer.call(Call.FRAME_COUNTS, BSS + offset) == 0
    left = b"".join(bytes(writer.pc.ram.bytes[place : place + PAGE]) for place in places)
    assert left[:offset] == bytes([FILL]) * offset
    assert left[offset + ANSWER :] == bytes([FILL]) * (3 * PAGE - offset - ANSWER)
    assert any(left[offset : offset + ANSWER])
    for place in places:
        writer.pc.ram.bytes[place : place + PAGE] = bytes([FILL]) * PAGE


@settings(max_examples=40)
@given(st.integers(0, 2 * PAGE - 1), st.integers(1, 4096))
def test_copies_change_no_byte_behind_their_end(machine, offset, count):
    pc, space = machine
    count = min(count, 2 * PAGE - offset)
    memory, buffer = pc.kernel.user_memory, buffer_of(pc)
    places = [(frame_at(pc.kernel, space.directory, BASE + page)) * PAGE for page in (0, PAGE)]
    for place in places:
        pc.ram.bytes[place : place + PAGE] = bytes([FILL]) * PAGE
    buffer.fill(0, len(buffer), 0x3C)
    memory.copy_in(space, BASE + offset, count, buffer)
    assert bytes(buffer) == bytes([FILL]) * count + bytes([0x3C]) * (len(buffer) - count)
    buffer.fill(0, len(buffer), 0x77)
    memory.copy_out(space, BASE + offset, count, buffer)
    left = b"".join(bytes(pc.ram.bytes[place : place + PAGE]) for place in places)
    assert left == bytes([FILL]) * offset + b"\x77" * count + bytes([FILL]) * (2 * PAGE - offset - count)
