"""Windows: pages through which any frame is reached."""

import pytest

from keelback.kernel.memory.windows import EntryBits, Window
from keelback.kernel.x86.paging import NO_EXECUTE
from keelback.lang import (
    PAGE_SHIFT,
    PAGE_SIZE,
    Array,
    Cpu,
    HostObject,
    Page,
    Panic,
    Ram,
    Region,
    Struct,
    address_of,
    freeze,
    inline,
    u32,
)

ADDRESS, FLAGS, INDEX = 0x0800_0000 - PAGE_SIZE, 0x163, 5
FRAMES = 16


class Table(Struct):
    entries: Array[u32] = inline(8)


class Watcher(HostObject):
    """Hardware that notes, in order, what entry stood in RAM when it was told something."""

    def __init__(self, ram):
        self.ram = ram
        self.told = []

    def invalidate_page(self, address):
        self.told.append(("invalidate", address, self.entry()))

    def window_opened(self, address):
        self.told.append(("opened", address, self.entry()))

    def entry(self):
        return int.from_bytes(self.ram.bytes[4 * INDEX : 4 * INDEX + 4], "little")


@pytest.fixture
def ram():
    return Ram(FRAMES * PAGE_SIZE, strict=True)


@pytest.fixture
def hardware(ram):
    return Watcher(ram)


@pytest.fixture
def bits(ram):
    return Region(ram, PAGE_SIZE, 2 * PAGE_SIZE).struct(EntryBits)


@pytest.fixture
def window(ram, hardware, bits):
    entries = Region(ram, 0, PAGE_SIZE).struct(Table).entries
    made = Window(ram, Cpu(hardware), entries, INDEX, ADDRESS, bits, 1)
    freeze(made)
    return made


def test_open_writes_the_entry_then_invalidates_then_shows(window, hardware):
    window.open(3)
    assert hardware.told == [("invalidate", ADDRESS, 0x3163), ("opened", ADDRESS, 0x3163)]


def test_a_page_is_the_frames_bytes_seen_at_the_windows_address(window, ram):
    page = window.open(3)
    assert address_of(page) == ADDRESS and len(page.bytes) == PAGE_SIZE
    page.bytes[0], page.bytes[PAGE_SIZE - 1] = 1, 2
    assert (ram.bytes[3 << PAGE_SHIFT], ram.bytes[(4 << PAGE_SHIFT) - 1]) == (1, 2)
    ram.bytes[3 * PAGE_SIZE + 7] = 9
    assert page.bytes[7] == 9


def test_the_next_open_shows_another_frame(window, ram):
    window.open(3).bytes.fill(0, PAGE_SIZE, 3)
    window.open(4).bytes.fill(0, PAGE_SIZE, 4)
    assert bytes(ram.bytes[3 * PAGE_SIZE : 5 * PAGE_SIZE]) == b"\3" * PAGE_SIZE + b"\4" * PAGE_SIZE
    assert window.open(3).bytes[0] == 3


def test_strict_ram_sees_both_addresses_and_the_size(window, ram):
    seen = []
    page = window.open(3)
    ram.touch = lambda *access: seen.append(access)
    page.bytes[5] = 1
    page.bytes.fill(16, 8, 1)
    page.bytes.clear()
    assert seen == [
        (ADDRESS + 5, 0x3005, 1),
        (ADDRESS + 16, 0x3010, 8),
        (ADDRESS, 0x3000, PAGE_SIZE),
    ]


def test_two_windows_copy_between_frames(window, ram, hardware, bits):
    other = Window(ram, Cpu(hardware), window.words, INDEX + 1, ADDRESS + PAGE_SIZE, bits, 1)
    window.open(3).bytes.fill(0, PAGE_SIZE, 7)
    other.open(4).bytes.copy_from(0, window.open(3).bytes, 0, PAGE_SIZE)
    assert bytes(ram.bytes[4 * PAGE_SIZE : 5 * PAGE_SIZE]) == b"\7" * PAGE_SIZE


def test_what_a_window_shows_is_no_static_view(window, ram):
    window.open(3)
    assert not any(struct is Page for struct, _ in ram.views)


def test_a_frame_without_ram_panics(window):
    with pytest.raises(Panic, match=f"^no RAM at 0x10000: the machine has {FRAMES * PAGE_SIZE:#x} bytes"):
        window.open(FRAMES)


@pytest.mark.parametrize("frame", [1 << 20, -1])
def test_a_frame_number_that_does_not_fit_an_entry_panics(window, frame):
    with pytest.raises(Panic, match=f"^{frame << PAGE_SHIFT} does not fit low in _show: u32|^-1 does not fit frame"):
        window.open(frame)


def test_a_window_of_wide_entries_stores_both_halves(ram, hardware, bits):
    entries = Region(ram, 0, PAGE_SIZE).struct(Table).entries
    Window(ram, Cpu(hardware), entries, 2, ADDRESS, bits, 2).open(3)
    assert list(entries)[2:4] == [3 << PAGE_SHIFT | FLAGS, 0]
    bits.no_execute = NO_EXECUTE
    with pytest.raises(Panic):
        Window(ram, Cpu(hardware), entries, 2, ADDRESS, bits, 2).open(0x12_3456)
    assert list(entries)[2:4] == [0x2_3456 << PAGE_SHIFT | FLAGS, NO_EXECUTE | 1]
