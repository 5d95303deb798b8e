"""ELF files of 64 bits: the rules of 32 hold by their own headers, and no width is taken for the other."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keelback.cli.program_files import elf_problem
from keelback.inspect.executables import broken_rule
from keelback.kernel.layout import MICROKERNEL, MICROKERNEL_64
from keelback.kernel.loading.elf_file import Rule
from keelback.kernel.loading.elf_format import INTERPRETER
from support import EXECUTE, READ, WRITE, elf, wide_elf

LAYOUT = MICROKERNEL_64
BASE, LIMIT = LAYOUT.image_base, LAYOUT.image_limit
EXIT = bytes.fromhex("b80300000031db0f05")  # exit(0)
GOOD = [(BASE, READ | EXECUTE, EXIT, len(EXIT)), (BASE + 0x1000, READ | WRITE, b"data", 0x2005)]
HEADER, SEGMENT = 64, 56
OFFSETS = {
    "type": (0, 4), "flags": (4, 4), "offset": (8, 8), "address": (16, 8), "file_size": (32, 8), "memory_size": (40, 8),
}  # fmt: skip
MOST = (1 << 64) - 1


def segment(**change):
    """Return the good file with the second segment's header changed."""
    file = bytearray(wide_elf(GOOD, BASE))
    for name, value in change.items():
        offset, size = OFFSETS[name]
        place = HEADER + SEGMENT + offset
        file[place : place + size] = value.to_bytes(size, "little")
    return bytes(file)


def test_a_good_file_breaks_no_rule():
    assert broken_rule(wide_elf(GOOD, BASE), LAYOUT) == Rule.NONE
    high = LIMIT - 0x1000  # far above 4 GiB
    assert broken_rule(wide_elf([(high, READ | EXECUTE, EXIT, 0x1000)], high), LAYOUT) == Rule.NONE


def test_a_file_of_the_other_width_is_refused_and_told_in_a_line():
    narrow, wide = elf([(BASE, READ | EXECUTE, EXIT, len(EXIT))], BASE), wide_elf(GOOD, BASE)
    assert broken_rule(narrow, LAYOUT) == Rule.WIDE_CLASS
    assert broken_rule(wide, MICROKERNEL) == Rule.CLASS
    said = "an ELF file for i386, 32-bit, little-endian; this machine is x86-64, 64-bit, little-endian"
    assert elf_problem(narrow, LAYOUT) == said
    said = "an ELF file for x86-64, 64-bit, little-endian; this machine is i386, 32-bit, little-endian"
    assert elf_problem(wide, MICROKERNEL) == said


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (Rule.WHOLE, [{"magic": 0x464C457E}]),
        (Rule.WIDE_CLASS, [{"bits": 1}, {"bits": 0}]),
        (Rule.BYTE_ORDER, [{"byte_order": 2}, {"byte_order": 0}]),
        (Rule.WIDE_MACHINE, [{"machine": 3}]),
        (Rule.EXECUTABLE, [{"type": 1}, {"type": 3}]),
        (Rule.NO_HEADERS, [{"segment_count": 0}]),
        (Rule.WIDE_HEADER_SIZE, [{"segment_size": 32}, {"segment_size": 57}, {"segment_size": 0}]),
        (Rule.HEADER_COUNT, [{"segment_count": 17}, {"segment_count": 0xFFFF}]),
        (Rule.WIDE_HEADER_PLACE, [{"segments": each} for each in (68, 1 << 32 | 64, MOST - 7, 4000, 1 << 63)]),
        (Rule.ENTRY, [{"entry": each} for each in (0, BASE - 1, BASE + len(EXIT), 1 << 32 | BASE, MOST)]),
    ],
)
def test_a_wrong_header_is_refused_by_its_rule(rule, changes):
    for change in changes:
        assert broken_rule(wide_elf(GOOD, **({"entry": BASE} | change)), LAYOUT) == rule


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (Rule.PLACE, [
            {"address": each}
            for each in (0, 0x10_0000, 0x07FF_F000, LIMIT, LAYOUT.stack_bottom, 1 << 47, 0xFFFF_8000_0000_0000, MOST)
        ]),
        (Rule.PLACE, [{"memory_size": each} for each in (LIMIT - BASE - 0xFFF, 1 << 63, MOST)]),
        (Rule.ORDER, [{"address": BASE - 0x1000}]),
        (Rule.PAGE, [{"address": BASE}, {"address": BASE + 0xFFF}]),
        (Rule.SIZE, [{"memory_size": 3}, {"file_size": MOST}, {"file_size": 1 << 32 | 4}, {"memory_size": 0}]),
        (Rule.TRUNCATED, [{"file_size": 5, "offset": MOST}, {"offset": MOST - 1}, {"offset": 1 << 32}]),
        (Rule.TRUNCATED, [{"file_size": 0x2000}]),
        (Rule.LINKER, [{"type": INTERPRETER}]),
    ],
)  # fmt: skip
def test_a_segment_that_lies_is_refused_by_its_rule(rule, changes):
    for change in changes:
        assert broken_rule(segment(**change), LAYOUT) == rule


@pytest.mark.parametrize("size", [0, 51, 52, 63, 64, 119, 175])
def test_a_truncated_file_is_refused(size):
    rule = Rule.WHOLE if size < HEADER else Rule.WIDE_HEADER_PLACE
    narrow_is_seen = size >= 52
    assert broken_rule(wide_elf(GOOD, BASE)[:size], LAYOUT) == rule
    assert broken_rule(wide_elf(GOOD, BASE)[:size], MICROKERNEL) == (Rule.CLASS if narrow_is_seen else Rule.WHOLE)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, HEADER + 2 * SEGMENT - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_whatever_the_headers_hold_a_rule_is_told_or_kept(changes):
    """A value of 64 bits that were cut to 32, or did not fit, would be a panic here."""
    file = bytearray(wide_elf(GOOD, BASE))
    for place, value in changes:
        file[place] = value
    assert broken_rule(bytes(file), LAYOUT) in Rule


POWERS = [1 << number for number in (31, 32, 47, 63)]
PLACES = [0, BASE, LIMIT, LAYOUT.image_start, LAYOUT.stack_bottom, LAYOUT.user_end, *POWERS]
EDGES = sorted({(place + step) & MOST for place in PLACES for step in (-0x1000, -1, 0, 1, 0x1000)})
FIELDS = st.dictionaries(st.sampled_from(["offset", "address", "file_size", "memory_size"]), st.sampled_from(EDGES))


@settings(max_examples=300)
@given(FIELDS, st.sampled_from([BASE, *EDGES]))
def test_what_is_believed_lies_in_the_file_and_where_images_may(changes, entry):
    file = bytearray(segment(**changes))
    file[24:32] = entry.to_bytes(8, "little")
    if broken_rule(bytes(file), LAYOUT) != Rule.NONE:
        return
    assert BASE <= entry < BASE + len(EXIT)
    _, _, offset, address, _, in_file, size = struct.unpack_from("<2I5Q", file, HEADER + SEGMENT)
    if size:
        assert address >= BASE + 0x1000 and address + size <= LIMIT and in_file <= size
    assert not in_file or offset + in_file <= len(file)
