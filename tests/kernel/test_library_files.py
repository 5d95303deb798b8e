"""Files of libraries: good ones load and go again; wrong and hostile ones are an error. All RAM is as it was then.

The file is changed where it lies in a machine's RAM, so that no case needs a machine of its own.
"""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keelback.abi.errors import NoRoom, NotALibrary, OutOfMemory
from keelback.inspect.records import regions_of
from keelback.kernel.layout import MICROKERNEL
from keelback.kernel.x86.paging import USER
from kernel.driven import (
    BSS,
    BSS_PAGES,
    LIBRARY,
    LIBRARY_DATA,
    LIBRARY_FILE,
    LIVES,
    PAGE,
    SMALL,
    Call,
    Died,
    Driven,
    driven,
    program_of,
)
from kernel.traces import assert_equal, range_of, state
from support import EXECUTE, READ, WRITE, elf

BASE, LIMIT = MICROKERNEL.image_base, MICROKERNEL.image_limit
ROOM = LIMIT - (BSS + BSS_PAGES * PAGE)  # bytes for libraries behind the program's image
HEADERS = 52 + 3 * 32
FIELDS = {"type": 0, "offset": 4, "address": 8, "file_size": 16, "memory_size": 20, "flags": 24}


@cache
def machine(life: str) -> Driven:
    """Return a machine for all tests: none leaves anything behind."""
    made = driven("it", life=life)
    made.call(Call.GETPID)  # marks the pages that every call uses as accessed
    return made


@cache
def place(life: str) -> int:
    """Return where the library's file lies in RAM."""
    return machine(life).pc.ram.contents.find(LIBRARY_FILE)


def load(file: bytes, life: str = "interpreted") -> int:
    """Put a file, no longer than the library's, in its place, and load it; use it and unload it if it loads."""
    here, start = machine(life), place(life)
    here.put_file(start, file, len(LIBRARY_FILE))
    frame = range_of(here.thread(1).frame)
    before = state(here.pc, frame)
    result = here.call(Call.LOAD_LIBRARY, LIBRARY)
    here.check()
    if result > 0:
        regions = regions_of(here.lens, here.lens.libraries.table[0].space)
        for region, address in ((regions[0], regions[0].start), (regions[-1], regions[-1].end - 1)):
            if region.permissions & USER:
                here.read(result + address - BASE)
        assert here.call(Call.UNLOAD_LIBRARY, result) == 0
        here.check()
    assert_equal(here.pc, state(here.pc, frame), before)
    return result


def segment(number: int = 2, **change: int) -> bytes:
    """Return the good file with one program header changed, its data's unless said otherwise."""
    file = bytearray(LIBRARY_FILE)
    for name, value in change.items():
        at = 52 + 32 * number + FIELDS[name]
        file[at : at + 4] = value.to_bytes(4, "little")
    return bytes(file)


@pytest.mark.parametrize("life", LIVES)
def test_a_good_file_loads(life):
    assert load(LIBRARY_FILE, life) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"magic": 0}, {"bits": 2}, {"byte_order": 2}, {"type": 1}, {"type": 2}, {"machine": 62}, {"segment_size": 31},
        {"segment_count": 0}, {"segment_count": 17}, {"segments": 53}, {"segments": 0xFFFF_FFFC},
        {"segments": 0x8000_0000},
    ],
)  # fmt: skip
def test_a_wrong_header_is_refused(change):
    good = [(0, READ, b"link", PAGE), (PAGE, READ | EXECUTE, b"text", PAGE)]
    assert load(elf(good, entry=0, type=3)) > 0
    assert load(elf(good, entry=0, **({"type": 3} | change))) == NotALibrary.number


@pytest.mark.parametrize("size", [0, 1, 51, 52, 83, 84, HEADERS - 1, HEADERS, len(LIBRARY_FILE) - 1])
def test_a_truncated_file_is_refused(size):
    assert load(LIBRARY_FILE[:size]) == NotALibrary.number


def test_a_program_is_no_library():
    assert load(program_of()) == NotALibrary.number


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize(
    "change",
    [
        # Sizes.
        {"file_size": 2 * PAGE + 1}, {"file_size": 0xFFFF_FFFF}, {"file_size": 9}, {"offset": 0xFFFF_FFFF},
        {"offset": 0x8000}, {"memory_size": 7}, {"memory_size": 0xFFFF_FFFF}, {"memory_size": 0x8000_0000},
        {"memory_size": LIMIT - BASE - LIBRARY_DATA + 1},
        # Overlaps, gaps, and an order that falls.
        {"address": 0}, {"address": PAGE}, {"address": LIBRARY_DATA - 1}, {"address": LIBRARY_DATA + PAGE},
        {"number": 1, "address": 0}, {"number": 1, "address": PAGE - 1}, {"number": 1, "memory_size": PAGE + 1},
        {"number": 1, "type": 0}, {"number": 1, "memory_size": 0, "file_size": 0},
        # With the address that it is loaded from on, beyond 4 GiB, or where no image may be.
        {"address": 0xFFFF_F000}, {"address": 0x1_0000_0000 - BASE}, {"address": 0x1_0000_0000 - BASE - PAGE},
        {"address": LIMIT - BASE}, {"address": LIMIT - BASE - PAGE}, {"address": 0xFFFF_FFFF},
        {"number": 0, "address": 0xFFFF_F000}, {"number": 0, "address": 0x1_0000_0000 - BASE},
        # A first segment that is not at 0.
        {"number": 0, "address": PAGE}, {"number": 0, "type": 0}, {"number": 0, "memory_size": 0, "file_size": 0},
    ],
)  # fmt: skip
def test_a_segment_that_lies_is_refused(change, life):
    assert load(segment(**change), life) == NotALibrary.number


def test_a_link_page_alone_is_no_library():
    assert load(elf([(0, READ, b"link", PAGE)], entry=0, type=3)) == NotALibrary.number
    assert load(elf([(0, READ, b"link", PAGE + 1)], entry=0, type=3)) > 0


def test_memory_that_is_never_touched_takes_no_frame_but_room_and_a_promise():
    most = ROOM - LIBRARY_DATA
    assert load(segment(memory_size=most)) == OutOfMemory.number
    for size, result in ((most, 0), (most + 1, NoRoom.number), (LIMIT - BASE - LIBRARY_DATA, NoRoom.number)):
        file = segment(memory_size=size)
        here = driven("it", layout=replace(SMALL, overcommit=True), programs={"libit": file})
        assert min(here.call(Call.LOAD_LIBRARY, LIBRARY), 0) == result
        here.check()


def test_a_library_without_a_byte_of_its_own_loads():
    assert load(elf([(0, READ, b"", PAGE), (PAGE, READ | WRITE, b"", PAGE)], entry=0, type=3)) > 0


@pytest.mark.parametrize("segments", [8, 9])
def test_so_many_segments_are_loaded_and_no_more(segments):
    parts = [(number * PAGE, READ | (WRITE if number % 2 else 0), b"x", PAGE) for number in range(segments)]
    assert (load(elf(parts, entry=0, type=3)) > 0) == (segments == 8)


def test_more_memory_than_the_machine_has_is_out_of_memory():
    parts = [(number * PAGE, READ, b"x", PAGE) for number in range(4)]
    file = elf(parts, entry=0, type=3)
    here = driven("it", layout=replace(SMALL, overcommit=True), programs={"libit": file})
    free = here.counts.user_free
    assert here.call(Call.MALLOC_PAGES, free - 3) & 0xFFFF_FFFF == MICROKERNEL.malloc_base
    assert here.call(Call.LOAD_LIBRARY, LIBRARY) == OutOfMemory.number
    assert here.counts.user_free == 3
    here.check()
    assert here.call(Call.FREE_PAGES, MICROKERNEL.malloc_base, 1) == 0
    assert here.call(Call.LOAD_LIBRARY, LIBRARY) > 0
    here.check()


@settings(max_examples=60)
@given(st.data())
def test_no_bytes_whatever_harm_the_kernel(data):
    """Bytes changed anywhere in the headers: the library loads, or it is refused, and in both cases goes whole."""
    file = bytearray(LIBRARY_FILE)
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, HEADERS - 1))] = data.draw(st.integers(0, 255))
    load(bytes(file), data.draw(st.sampled_from(LIVES)))


@pytest.mark.parametrize("life", LIVES)
def test_a_page_without_permissions_is_nobodys_to_read(life):
    here = driven("it", life=life, programs={"libit": segment(flags=0)})
    address = here.call(Call.LOAD_LIBRARY, LIBRARY)
    assert here.read(address) == ord("a")
    here.check()
    child = here.fork()
    here.check()
    with pytest.raises(Died):
        here.read(address + LIBRARY_DATA, pid=child)
    assert here.call(Call.UNLOAD_LIBRARY, address) == 0
    here.check()
