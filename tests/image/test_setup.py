"""Setup code and boot sector, each instruction executed, between a BIOS stand-in and the 32-bit entry."""

import struct

import pytest
from unicorn.x86_const import UC_X86_REG_GDTR

from image.bios import SMAP, Bios
from keelback.image.image_file import FIELDS, SECTOR, SETUP_SIZE, KernelInRam, build_image_file
from keelback.kernel.boot.boot_parameters import BootParameters
from keelback.lang import layout_of

KERNEL = 0x10_0000
SEGMENT = 0x1000  # where a boot loader puts boot sector and setup code, as QEMU does
BASE = 16 * SEGMENT
PARAMETERS, END = BASE + 0x1000, BASE + 0x8000
COMMAND_LINE = 0x2_0000
USABLE, RESERVED = 1, 2
UNUSED_VECTOR = 0x200  # of int 80h: where the A20 gate is tried
CARRY, DIRECTION, INTERRUPTS = 0x001, 0x400, 0x200
GARBAGE = dict.fromkeys(("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"), 0xDEADBEEF)
KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture(scope="module")
def file() -> bytes:
    return build_image_file(KernelInRam(KERNEL, bytes(64), 32, 4096, "Keelback, the setup test's"))


@pytest.fixture
def bios(file):
    """Return a machine as a boot loader leaves it: setup loaded, the loader's fields of the header filled in."""
    loaded = bytearray(file[:SETUP_SIZE])
    loaded[0x210] = 0xB0  # type_of_loader: QEMU
    struct.pack_into("<I", loaded, 0x228, COMMAND_LINE)
    machine = Bios(bytes(loaded), BASE)
    machine.e820 = [(0, 639 * KIB, USABLE), (MIB, 63 * MIB, USABLE)]
    return machine


def set_up(bios: Bios) -> None:
    """Run the setup code to the kernel's first instruction; registers start as bad as the protocol lets them."""
    bios.run(SEGMENT + 0x20, 0, until=KERNEL, ds=SEGMENT, es=0x1234, fs=0x5678, gs=0x9ABC, ss=0x8000, sp=0x0100,
             eflags=2 | INTERRUPTS | DIRECTION | CARRY, **GARBAGE)  # fmt: skip
    assert bios.read("eip") == KERNEL


def memory_map(bios: Bios) -> list[tuple[int, int, int]]:
    layout = layout_of(BootParameters)
    [count] = bios.uc.mem_read(PARAMETERS + layout.field("map_entries").offset, 1)
    content = bios.uc.mem_read(PARAMETERS + layout.field("map").offset, 20 * count)
    return list(struct.iter_unpack("<QQI", content))


# The 32-bit entry.


def test_the_kernel_is_entered_as_the_32_bit_boot_protocol_says(bios):
    set_up(bios)
    assert bios.read("cr0") & 1 and not bios.read("cr0") >> 31, "protected mode, no paging"
    assert [bios.read(name) for name in ("cs", "ds", "es", "fs", "gs", "ss")] == [0x10, *[0x18] * 5]
    assert [bios.read(name) for name in ("ebp", "edi", "ebx")] == [0, 0, 0]
    assert bios.read("esi") == PARAMETERS
    assert bios.read("sp") == END - BASE, "setup has moved to its own stack, and left nothing on it"
    assert not bios.read("eflags") & (INTERRUPTS | DIRECTION)
    assert bios.ports == [(0x70, 0x80)], "NMI off, and the gate was open"


def test_the_segments_are_flat(bios):
    set_up(bios)
    _, base, limit, _ = bios.uc.reg_read(UC_X86_REG_GDTR)
    assert limit == 4 * 8 - 1
    null, unused, code, data = struct.unpack("<4Q", bios.uc.mem_read(base, 32))
    assert (null, unused) == (0, 0)
    for entry, kind in ((code, 0x9B), (data, 0x93)):
        assert entry & 0xFFFF == 0xFFFF and entry >> 48 & 0xF == 0xF, "limit"
        assert entry >> 16 & 0xFF_FFFF == 0 and entry >> 56 == 0, "base"
        assert entry >> 40 & 0xFF == kind and entry >> 52 & 0xF == 0xC, "present, ring 0; 32 bits, 4 KiB units"


def test_a_loader_may_move_the_entry(bios):
    bios.uc.mem_write(BASE + 0x214, struct.pack("<I", KERNEL + 0x1_0000))
    bios.run(SEGMENT + 0x20, 0, until=KERNEL + 0x1_0000, ds=SEGMENT)
    assert bios.read("eip") == KERNEL + 0x1_0000


def test_boot_parameters_are_zero_but_for_the_header_as_the_loader_left_it_and_the_map(bios):
    bios.uc.mem_write(BASE + SETUP_SIZE, b"\xa5" * 0x4000)
    header = bytes(bios.uc.mem_read(BASE + FIELDS[0].offset, FIELDS[-1].offset + 4 - FIELDS[0].offset))
    set_up(bios)
    parameters = bytearray(bios.uc.mem_read(PARAMETERS, 0x1000))
    assert struct.unpack_from("<I", parameters, 0x228) == (COMMAND_LINE,)
    assert parameters[0x210] == 0xB0
    assert parameters[0x1F1 : 0x1F1 + len(header)] == header
    for start, size in ((0x1F1, len(header)), (0x1E8, 1), (0x2D0, 2 * 20)):
        parameters[start : start + size] = bytes(size)
    assert not any(parameters)


def test_nothing_is_written_outside_the_memory_that_the_loader_leaves_to_setup(bios):
    bios.a20_open, bios.a20_by = False, "keyboard"
    bios.uc.mem_write(0, bytes(range(256)) * (BASE // 256))
    bios.uc.mem_write(END, b"\x5a" * (KERNEL - END))
    set_up(bios)
    assert bios.uc.mem_read(0, BASE) == bytes(range(256)) * (BASE // 256)
    assert bios.uc.mem_read(END, KERNEL - END) == b"\x5a" * (KERNEL - END)


# The memory map.


def ranges(count: int) -> list[tuple[int, int, int]]:
    """Return entries of which no two are equal, with high halves in use."""
    return [((index << 33) + index, (index + 1) << 31 | 7, index % 5 + 1) for index in range(count)]


@pytest.mark.parametrize("ends_by_carry", [False, True])
@pytest.mark.parametrize("count", [1, 2, 20, 127, 128])
def test_the_map_is_the_bios_map(bios, count, ends_by_carry):
    bios.e820, bios.ends_by_carry = ranges(count), ends_by_carry
    set_up(bios)
    assert memory_map(bios) == ranges(count)


def test_of_more_than_128_entries_the_first_128_are_taken(bios):
    bios.e820 = ranges(200)
    set_up(bios)
    assert memory_map(bios) == ranges(128)
    assert not any(bios.uc.mem_read(PARAMETERS + 0x2D0 + 128 * 20, 0x1000 - 0x2D0 - 128 * 20))


LOW = (0, 639 * KIB, USABLE)
FIFTEEN = (MIB, 15 * MIB, USABLE)
KIB_15 = 15 * KIB


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize(
    ("e801", "e88", "expected"),
    [
        ((KIB_15, 0x300, 0, 0), None, [LOW, FIFTEEN, (16 * MIB, 48 * MIB, USABLE)]),
        ((0, 0, KIB_15, 0x300), None, [LOW, FIFTEEN, (16 * MIB, 48 * MIB, USABLE)]),
        ((1, 2, KIB_15, 0xEF00), None, [LOW, FIFTEEN, (16 * MIB, 0xEF00 * 64 * KIB, USABLE)]),
        ((KIB_15, 0x300), None, [LOW, FIFTEEN, (16 * MIB, 48 * MIB, USABLE)]),
        ((7 * KIB, 0, 0, 0), None, [LOW, (MIB, 7 * MIB, USABLE)]),
        ((0, 0, 0, 0), 31 * KIB, [LOW, (MIB, 31 * MIB, USABLE)]),
        (None, 63 * KIB, [LOW, (MIB, 63 * MIB, USABLE)]),
        (None, 0xFFFF, [LOW, (MIB, 0xFFFF * KIB, USABLE)]),
    ],
)
def test_a_bios_without_e820_is_asked_by_the_older_calls(bios, silent, e801, e88, expected):
    bios.e820, bios.e801, bios.e88, bios.silent = None, e801, e88, silent
    set_up(bios)
    assert memory_map(bios) == expected


def test_a_bios_that_knows_nothing_but_conventional_memory_leaves_that(bios):
    bios.e820, bios.conventional = None, 512
    bios.a20_open, bios.a20_by = False, "bios"
    set_up(bios)
    assert memory_map(bios) == [(0, 512 * KIB, USABLE)]
    assert bios.calls == ["e820", "conventional", "e801", "e88", "open_a20"]


def test_an_answer_without_the_signature_is_no_map(bios, monkeypatch):
    """What came before it is forgotten too: such a BIOS does not mean what it says."""
    succeed = bios._succeed
    answers = []

    def forget_signature(**results):
        answers.append(results)
        succeed(**{**results, "eax": SMAP if len(answers) < 2 else 0} if "eax" in results else results)

    monkeypatch.setattr(bios, "_succeed", forget_signature)
    bios.e820, bios.e801 = ranges(3), (KIB_15, 0, 0, 0)
    set_up(bios)
    assert memory_map(bios) == [LOW, FIFTEEN]


# The A20 gate.

BY_KEYBOARD = [(0x64, 0xD1), (0x60, 0xDF)]
NO_NMI = [(0x70, 0x80)]


@pytest.mark.parametrize(
    ("way", "ports"),
    [("bios", NO_NMI), ("keyboard", BY_KEYBOARD + NO_NMI), ("port", [*BY_KEYBOARD, (0x92, 0x02), *NO_NMI])],
)
def test_a_closed_gate_is_opened(bios, way, ports):
    bios.a20_open, bios.a20_by = False, way
    bios.uc.mem_write(UNUSED_VECTOR, b"\x12\x34\x56\x78")
    set_up(bios)
    assert bios.a20_open and bios.ports == ports
    assert bios.calls == ["e820", "e820", "open_a20"]
    assert bios.uc.mem_read(UNUSED_VECTOR, 4) == b"\x12\x34\x56\x78"


def test_an_open_gate_is_left_alone_when_memory_happens_to_be_equal_1_mib_higher(bios):
    bios.uc.mem_write(UNUSED_VECTOR, b"\x05\0\0\0")
    bios.uc.mem_write(MIB + UNUSED_VECTOR, b"\x06\0\0\0")  # equal after the first try
    set_up(bios)
    assert bios.calls == ["e820", "e820"]


def test_a_gate_that_stays_closed_is_said(bios):
    bios.a20_open = False
    bios.run(SEGMENT + 0x20, 0, until=KERNEL, ds=SEGMENT)
    assert bios.screen == b"Keelback can't reach the memory above 1 MiB: the A20 gate stays closed.\r\n"
    assert bios.read("cr0") & 1 == 0 and bios.uc.mem_read(16 * bios.read("cs") + bios.read("eip") - 1, 1) == b"\xf4"


# The boot sector alone.


@pytest.mark.parametrize(("segment", "offset"), [(0, 0x7C00), (0x07C0, 0)])
def test_a_bios_that_takes_the_file_for_a_boot_disk_gets_a_message(file, segment, offset):
    bios = Bios(file[:SECTOR], 0x7C00)
    bios.run(segment, offset, ds=0x40, es=0, ss=0x9000, sp=0xFFF0, eflags=2 | INTERRUPTS | DIRECTION, **GARBAGE)
    assert bios.screen == b"Keelback needs a boot loader, such as GRUB. Remove the disk and press a key.\r\n"
    assert bios.calls[-2:] == ["key", "restart"] and bios.restarted
    assert bios.read("ss") == 0 and bios.read("sp") == 0x7C00
