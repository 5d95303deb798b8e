"""What the boot loader leaves in RAM, and that the kernel starts on any memory map or says why not."""

import random
import re
import struct
from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from keelback.image.images import make_image, most_payload
from keelback.image.kernel_image import ImageTooLarge
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect.lens import look
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.layout import MICROKERNEL, USERMODE
from keelback.kernel.memory.frames import RESERVED as RESERVED_OWNER
from keelback.lang import Ram
from keelback.machine.compare import compare
from keelback.machine.observed import Outcome
from keelback.machine.simulated import boot_loader
from keelback.machine.simulated.boot_loader import BiosEntry, load_image, usual_memory_map, write_parameters
from keelback.machine.simulated.compiled import CompiledPc
from keelback.machine.simulated.interpreted import InterpretedPc
from keelback.machine.simulated.pc import SimulatedPc
from support import MIB, code_program, console, make_pc, sliced, some_of

PAGE = 4096
GIB = 1 << 30
USABLE, RESERVED, ACPI = 1, 2, 3
BOUNDARIES = ("kernel_top", "bios_map", "kernel_map", "heap", "stack", "zone", "region_top")
REFUSAL = (
    r"keelback: can't start\. There is not enough memory: from 0x100000 on it ends at (0x[0-9a-f]+), "
    r"and (0x[0-9a-f]+) is needed"
)
ABSENT = (
    r"keelback: there is no memory from (0x[0-9a-f]+) on, though the memory map claims it up to (0x[0-9a-f]+); not used"
)
UNUSED = r"keelback: memory from 0x[0-9a-f]+ on is beyond what this layout uses; ignored"


# Image and parameters.


def test_the_parameters_lie_where_the_boot_protocol_says():
    entries = [
        BiosEntry(0, 0x9FC00, 1),
        BiosEntry(0x1_2345_6789, 0xFEDC_BA98_7654_3210, 2),
        BiosEntry(5, 0, 0xFFFF_FFFF),
    ]
    ram = Ram(1 * MIB)
    address = write_parameters(ram, tuple(entries))
    expected = bytearray(PAGE)
    expected[0x1E8] = 3
    struct.pack_into("<" + "IIIII" * 3, expected, 0x2D0,
        0, 0, 0x9FC00, 0, 1,
        0x2345_6789, 0x1, 0x7654_3210, 0xFEDC_BA98, 2,
        5, 0, 0, 0, 0xFFFF_FFFF,
    )  # fmt: skip
    assert ram.bytes[address : address + PAGE] == expected
    assert bytes(ram.bytes[:address]) == bytes(address)


def test_a_map_of_128_entries_is_handed_over_and_one_more_refused():
    ram = Ram(1 * MIB)
    address = write_parameters(ram, (BiosEntry(1, 2, 3),) * 128)
    assert ram.bytes[address + 0x1E8] == 128
    assert struct.unpack_from("<QQI", ram.bytes, address + 0x2D0 + 127 * 20) == (1, 2, 3)
    with pytest.raises(ValueError, match="at most 128 entries, not 129"):
        write_parameters(ram, (BiosEntry(1, 2, 3),) * 129)


def test_the_image_lies_whole_at_the_kernels_start():
    image = make_image(MICROKERNEL, make_payload({"etc/init": b""}))
    ram = Ram(8 * MIB)
    load_image(ram, MICROKERNEL, image)
    start = MICROKERNEL.kernel_start
    assert ram.bytes[start : start + len(image)] == image
    assert not any(ram.bytes[:start]) and not any(ram.bytes[start + len(image) :])


def test_an_image_for_which_the_machine_is_too_small_is_refused_with_both_sizes():
    image = bytes(3 * MIB)
    ram = Ram(4 * MIB)
    with pytest.raises(boot_loader.TooLittleMemory, match=r"need [\d,]+ KiB, the machine has 4,096 KiB"):
        load_image(ram, MICROKERNEL, image)
    assert not any(ram.bytes[:: PAGE // 2])


def test_a_text_that_does_not_fit_its_room_is_refused():
    with pytest.raises(ImageTooLarge, match=r"the kernel's text has .* bytes; there is room for 4,096"):
        make_image(replace(MICROKERNEL, places=MICROKERNEL.kernel_start + PAGE), b"")


def test_a_payload_that_leaves_no_room_for_what_follows_it_is_refused():
    most = most_payload(USERMODE)
    with pytest.raises(ImageTooLarge) as refused:
        make_image(USERMODE, bytes(most + 1))
    assert str(refused.value) == (
        f"the programs take {most + 1:,} bytes; in the usermode layout there is room for {most:,}"
    )
    pc = InterpretedPc(USERMODE, make_image(USERMODE, bytes(most - 16 * PAGE)), memory=10 * MIB)
    pc.boot()
    assert pc.outcome is Outcome.RUNNING and console(pc) == ["keelback: the payload has no list of programs to start"]


def test_the_usual_map_is_a_pcs():
    assert usual_memory_map(64 * MIB) == (
        (0, 0x9FC00, USABLE),
        (0x9FC00, 0x400, RESERVED),
        (0xF0000, 0x10000, RESERVED),
        (0x100000, 63 * MIB, USABLE),
    )
    assert usual_memory_map(512 * 1024)[3].size == 0


# Memory maps.


def boot(entries: tuple[BiosEntry, ...], memory: int = 16 * MIB) -> SimulatedPc:
    pc = make_pc(programs={}, memory=memory, memory_map=entries)
    pc.boot()
    return pc


def usable_frames(entries: tuple[BiosEntry, ...], end: int) -> set[int]:
    """Return the frames below `end` that some usable entry holds whole and no other kind of entry touches."""
    usable: set[int] = set()
    touched: list[tuple[int, int]] = []
    for base, size, kind in entries:
        if kind == USABLE:
            usable.update(range(min(-(-base // PAGE), end), min((base + size) // PAGE, end)))
        elif size:
            touched.append((base // PAGE, -(-(base + size) // PAGE)))
    for first, last in touched:
        usable.difference_update(range(first, min(last, end)))
    return usable - set(range(0xA0, 0x100))


def free_frames(pc: SimulatedPc) -> set[int]:
    """Return the frames that the kernel's frame table calls free, read from RAM."""
    record = pc.kernel.memory.frames.table.record
    records = struct.unpack_from(f"<{record.count}I", pc.ram.bytes, record.base)
    return {number for number, word in enumerate(records) if word == 0}


def reserved_frames(pc: SimulatedPc) -> set[int]:
    record = pc.kernel.memory.frames.table.record
    records = struct.iter_unpack("<HH", pc.ram.bytes[record.base : record.base + 4 * record.count])
    return {number for number, (_, owner) in enumerate(records) if owner == RESERVED_OWNER}


def check_booted(pc: SimulatedPc, entries: tuple[BiosEntry, ...]) -> None:
    bounds = pc.kernel.memory.bounds
    places = [getattr(bounds, name) for name in BOUNDARIES]
    header = pc.kernel.memory.header
    image_end = header.payload + header.payload_size
    kernel_top, bios_map, kernel_map, heap, stack, zone, region_top = places
    assert image_end <= kernel_top <= bios_map < kernel_map < heap < stack == zone < region_top
    assert region_top <= MICROKERNEL.region_limit
    usable, free, counts = usable_frames(entries, pc.ram.size // PAGE), free_frames(pc), pc.kernel.memory.frames.counts
    assert free <= usable - {0}
    assert set(range(MICROKERNEL.kernel_start // PAGE, region_top // PAGE)) <= usable
    assert counts.user_free + counts.kernel_free == len(free)
    assert counts.kernel_free == sum(zone // PAGE <= frame < region_top // PAGE for frame in free)
    if all(entry.size for entry in entries):
        unusable = set(range(pc.kernel.memory.frames.table.record.count)) - (usable - {0})
        assert reserved_frames(pc) == unusable - {SCREEN // PAGE}


def check_refused(pc: SimulatedPc) -> None:
    assert pc.outcome is Outcome.REFUSED
    *absent, line = pc.console.decode().splitlines()
    assert all(re.fullmatch(f"{ABSENT}|{UNUSED}", each) for each in absent)
    said = re.fullmatch(REFUSAL, line)
    assert said and int(said[1], 16) < int(said[2], 16)
    assert pc.run() is Outcome.REFUSED


SIZES = st.one_of(
    st.integers(0, 16 * MIB),
    st.integers(0, 16).map(lambda count: count * MIB),
    st.integers(0, 3 * PAGE),
    st.sampled_from([0, 1, PAGE - 1, 4 * GIB, (1 << 64) - 1, (1 << 63) + 5, 1 << 32]),
)
BASES = st.one_of(
    st.integers(0, 16 * MIB),
    st.integers(0, 16 * MIB // PAGE).map(lambda frame: frame * PAGE),
    st.sampled_from(
        [0, 0x10_0000, 0x9FC00, 4 * GIB - PAGE, 4 * GIB - 1, 4 * GIB, 5 * GIB, (1 << 64) - 1, (1 << 64) - PAGE]
    ),
)
ENTRIES = st.builds(BiosEntry, BASES, SIZES, st.sampled_from([USABLE, USABLE, USABLE, RESERVED, ACPI, 0, 0xFFFF_FFFF]))
ALL_CLAIMED = BiosEntry(8 * MIB, 4088 * MIB, USABLE)
GOOD = BiosEntry(0x10_0000, 15 * MIB, USABLE)


@settings(max_examples=60)
@given(st.lists(ENTRIES, max_size=8), st.booleans(), st.randoms(use_true_random=False))
@example([BiosEntry(0, (1 << 64) - 1, USABLE)], False, None)
@example([BiosEntry(0x18_0000, 0, RESERVED), BiosEntry(0x70_0000, 1, RESERVED)], True, None)
@example([BiosEntry(4 * GIB, 60 * GIB, USABLE), BiosEntry(0, 0x9F800, USABLE)], True, None)
@example([BiosEntry(0x40_0800, 0x800, USABLE), BiosEntry(0x40_0000, 0x800, USABLE)], True, None)
def test_on_any_memory_map_the_kernel_uses_usable_memory_alone_or_says_that_it_is_too_little(entries, sound, shuffle):
    entries = [*entries, GOOD] if sound else entries
    if shuffle:
        shuffle.shuffle(entries)
    pc = boot(tuple(entries))
    if pc.outcome is Outcome.REFUSED:
        check_refused(pc)
    else:
        check_booted(pc, tuple(entries))


@settings(max_examples=30)
@given(st.lists(st.builds(BiosEntry, BASES, SIZES, st.just(RESERVED)), max_size=3), st.integers(4 * MIB, 15 * MIB))
def test_programs_run_to_their_end_on_whatever_memory_there_is(holes, size):
    entries = (BiosEntry(0x10_0000, size, USABLE), BiosEntry(0, 0x9FC00, USABLE), *holes)
    pc = make_pc("hello", memory=16 * MIB, memory_map=entries, check=False)
    pc.boot()
    assume(pc.outcome is Outcome.RUNNING)
    assert pc.run() is Outcome.POWERED_OFF


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (BiosEntry(0, 0x9FC00, USABLE),),
        (BiosEntry(0x20_0000, 14 * MIB, USABLE),),
        (BiosEntry(0x10_0000, 15 * MIB, RESERVED),),
        (GOOD, BiosEntry(0x10_0000, 1, RESERVED)),
        (GOOD, BiosEntry(0x28_0000, PAGE, ACPI)),
        (BiosEntry(4 * GIB, 60 * GIB, USABLE),),
        (BiosEntry(0x10_0000, 0, USABLE),),
        (BiosEntry(0, 2 * MIB, USABLE),),
        (BiosEntry(0x10_0000, (1 << 64) - 1, RESERVED), GOOD),
    ],
)
def test_a_map_without_enough_usable_memory_from_1_mib_on_is_refused_in_one_line(entries):
    check_refused(boot(entries))


def test_the_kernel_region_ends_below_a_hole():
    """Many PCs have one from 15 MiB to 16 MiB; what is beyond it is user frames."""
    entries = (BiosEntry(0x10_0000, 14 * MIB, USABLE), BiosEntry(16 * MIB, 240 * MIB, USABLE))
    pc = boot(entries, memory=256 * MIB)
    check_booted(pc, entries)
    assert pc.kernel.memory.bounds.region_top == 15 * MIB
    assert pc.kernel.memory.frames.user_zone.has(16 * MIB // PAGE)


def test_machines_of_any_size_start_or_refuse():
    started = []
    for memory in range(1 * MIB, 8 * MIB, MIB // 4):
        try:
            pc = make_pc(programs={}, memory=memory)
        except boot_loader.TooLittleMemory:
            continue
        pc.boot()
        if pc.outcome is Outcome.REFUSED:
            check_refused(pc)
        else:
            started.append(memory)
            check_booted(pc, usual_memory_map(memory))
    assert started and started == list(range(started[0], 8 * MIB, MIB // 4))


def test_the_kernel_keeps_the_map_as_it_was_given():
    entries = (BiosEntry(4 * GIB, 1, USABLE), GOOD, BiosEntry(7, 9, 77))
    pc = boot(entries)
    place = pc.kernel.memory.bounds.bios_map
    assert [struct.unpack_from("<QQI", pc.ram.bytes, place + 20 * index) for index in range(3)] == list(entries)


@pytest.mark.parametrize("life", [InterpretedPc, CompiledPc])
@pytest.mark.parametrize("layout", some_of([MICROKERNEL, USERMODE], [MICROKERNEL]), ids=lambda layout: layout.name)
@pytest.mark.parametrize(
    ("claims", "said"),
    sliced(
        [
            ([(MIB, 63 * MIB)], [(16 * MIB, 64 * MIB)]),
            ([(MIB, 15 * MIB + PAGE)], [(16 * MIB, 16 * MIB + PAGE)]),
            ([(MIB, 15 * MIB)], []),
            ([(MIB, 14 * MIB), (16 * MIB, MIB), (32 * MIB, MIB)], [(16 * MIB, 17 * MIB), (32 * MIB, 33 * MIB)]),
            ([(MIB, 15 * MIB), (64 * MIB, 4096 * MIB)], [(64 * MIB, 4096 * MIB)]),
            ([(MIB, 4095 * MIB)], [(16 * MIB, 4096 * MIB)]),
        ],
        2,
    ),
)
def test_memory_that_the_map_claims_and_that_is_not_there_is_left_out(layout, life, claims, said):
    payload = make_payload({"etc/init": b"stop", "stop": code_program("b803000000 31db cd80", layout.image_base)})
    image = make_image(layout, payload, compiled(layout) if life is CompiledPc else None)
    entries = (BiosEntry(0, 0x9FC00, USABLE), *(BiosEntry(base, size, USABLE) for base, size in claims))
    pc = life(layout, image, memory=16 * MIB, memory_map=entries)
    before = bytes(pc.ram.bytes[:0xA0000])
    pc.bring_up()
    assert bytes(pc.ram.bytes[:0xA0000]) == before, "what was there is there again"
    pc.begin()
    assert pc.run() is Outcome.POWERED_OFF
    lines = pc.console.decode().splitlines()[:-1]
    unused = [line for line in lines if re.fullmatch(UNUSED, line)]
    assert len(unused) == any(base + size > layout.physical_limit for base, size in claims)
    absent = [re.fullmatch(ABSENT, line) for line in lines if line not in unused]
    expected = [(start, min(end, layout.physical_limit)) for start, end in said]
    assert [(int(each[1], 16), int(each[2], 16)) for each in absent if each] == expected and all(absent)
    kernel = look(layout, pc.ram.contents)
    ends = [each.end << 12 for each in list(kernel.memory.kernel_map.table)[: kernel.memory.kernel_map.fill.count]]
    assert ends == sorted(ends) and ends[-1] == min(
        16 * MIB, max(base + size for base, size in claims if base < 16 * MIB)
    )


# Boot parameters that are wrong.


def start_with(change, memory_map=None):
    """Return both lives of a machine whose boot parameters a test has changed, booted."""
    payload = make_payload({"etc/init": b"stop", "stop": code_program("b803000000 31db cd80")})
    pcs = []
    for life, kernel in ((InterpretedPc, None), (CompiledPc, compiled(MICROKERNEL))):
        pc = life(MICROKERNEL, make_image(MICROKERNEL, payload, kernel), memory=8 * MIB, memory_map=memory_map)
        change(pc)
        pcs.append(pc)
    assert compare(*pcs).difference is None
    return pcs[0].console.decode().splitlines()


def put(pc, offset, content):
    pc.ram.bytes[pc.parameters + offset : pc.parameters + offset + len(content)] = content


NO_LINE = (
    "keelback: there is no usable memory at {:#010x}, where the boot loader says that the command line is; ignored"
)


@pytest.mark.parametrize(
    "place", [1, 0x9FBFF, 0x9FC00, 0xA0000, 0xFFFFF, 0x7F_FFFF, 0x80_0000, 0x200_0000, 0x7FFF_FFFF, 0xFFFF_FFFF]
)
def test_a_command_line_outside_usable_memory_is_said_and_ignored(place):
    claims = (*usual_memory_map(8 * MIB), BiosEntry(32 * MIB, MIB, USABLE))  # of which no byte is there
    lines = start_with(lambda pc: put(pc, 0x228, struct.pack("<I", place)), claims)
    refused = not (place < 0x9FC00 or 0x10_0000 <= place < 0x80_0000)
    assert (NO_LINE.format(place) in lines) == refused


@pytest.mark.parametrize("text", [b"x" * 2047, b"x" * 2048, b"x" * 9000])
def test_a_command_line_that_is_too_long_is_cut_and_said(text):
    def change(pc):
        pc.ram.bytes[0x12000 : 0x12000 + len(text)] = text
        put(pc, 0x228, struct.pack("<I", 0x12000))

    lines = start_with(change)
    cut = "keelback: the command line has more than 2047 bytes; the others are ignored"
    assert (cut in lines) == (len(text) > 2047)
    assert f"keelback: option {'x' * 2047} is unknown; ignored" in lines


def test_more_ranges_than_there_are_places_is_said():
    lines = start_with(lambda pc: put(pc, 0x1E8, b"\xc8"))
    assert lines[0] == (
        "keelback: the boot loader tells of 200 ranges of memory; 128 are the most, the others are ignored"
    )
    assert len(lines) == 2


@pytest.mark.parametrize("seed", range(4))
def test_a_page_of_rubbish_is_refused_or_survived_in_both_lives_alike(seed):
    rubbish = random.Random(seed).randbytes(PAGE)
    lines = start_with(lambda pc: put(pc, 0, rubbish))
    assert all(line.startswith("keelback: ") for line in lines)


@pytest.mark.parametrize("place", [0x80_0000, 0x7F_F004, 0x1_0002, 0xFFFF_F004, 0xFFFF_FFFF, 0xA000_0000])
def test_boot_parameters_that_are_not_in_memory_are_refused(place):
    lines = start_with(lambda pc: setattr(pc, "parameters", place), (*usual_memory_map(8 * MIB), ALL_CLAIMED))
    assert lines == [
        f"keelback: can't start. There are no boot parameters at {place:#010x}, "
        "where the boot loader says: no memory is there"
    ]


def test_the_greeting_counts_the_free_memory():
    pc = boot(usual_memory_map(16 * MIB))
    kib = len(free_frames(pc)) * 4
    greeting = pc.console.decode().splitlines()[0]
    assert abs(int(greeting.split()[-3]) - kib) <= 64
    assert console(pc) == []
