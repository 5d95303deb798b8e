"""Hostile inputs by a seed: files of programs and libraries, payloads, lists of what to start, and what a loader gives.

Each starts as a good one, of which a few things are changed: most changes know the format and put a boundary of the
layout, a size that wraps, or the value of another field where it hurts; the others are random bytes.
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from keelback.image.payload import make_payload
from keelback.kernel.boot.boot_parameters import MOST_ENTRIES
from keelback.kernel.boot.options import LINE_SIZE
from keelback.kernel.layout import Layout
from keelback.kernel.loading.elf_file import MOST_LOADED, MOST_SEGMENTS
from keelback.machine.simulated.boot_loader import BiosEntry
from kernel.driven import Call
from support import EXECUTE, READ, WRITE

PAGE, WORD = 4096, 0xFFFF_FFFF
HEADER = ("type", "machine", "version", "entry", "segments", "sections", "flags", "header_size", "segment_size",
          "segment_count", "section_size", "section_count", "section_names")  # fmt: skip
SEGMENT = ("type", "offset", "address", "physical", "file_size", "memory_size", "flags", "alignment")
HEADER_KINDS = {32: "HHIIIIIHHHHHH", 64: "HHIQQQIHHHHHH"}
SEGMENTS = {
    32: (SEGMENT, "IIIIIIII"),
    64: (("type", "flags", "offset", "address", "physical", "file_size", "memory_size", "alignment"), "IIQQQQQQ"),
}
"""The fields of a program header in their order, and what each is for `struct`, by the bits of a word."""
SIZES = {32: (52, 32), 64: (64, 56)}
"""Bytes of the header and of a program header."""
MACHINES = {32: 3, 64: 62}
EXIT = bytes.fromhex("b80300000031dbcd80ebfe")
TYPES = (0, 1, 2, 3, 4, 6, 7, 0x6474E550, 0x6474E551, 0x6474E552, 0x70000000, WORD)
Segment = dict[str, int]


@dataclass
class Elf:
    """An ELF file in its parts; `write` makes bytes of it, whatever the parts say."""

    word_bits: int
    header: dict[str, int]
    segments: list[Segment]
    content: bytes

    def __post_init__(self) -> None:
        self.identification = bytearray(b"\x7fELF" + bytes((self.word_bits // 32, 1, 1)) + bytes(9))

    def write(self) -> bytes:
        """Return the file; of a value, each field has what fits."""
        header = _packed(HEADER, HEADER_KINDS[self.word_bits], self.header)
        table = b"".join(_packed(*SEGMENTS[self.word_bits], each) for each in self.segments)
        return bytes(self.identification) + header + table + self.content


def _packed(names: tuple[str, ...], kinds: str, values: dict[str, int]) -> bytes:
    masks = (256 ** struct.calcsize(kind) - 1 for kind in kinds)
    return struct.pack("<" + kinds, *(values[name] & mask for name, mask in zip(names, masks, strict=True)))


def last_word(layout: Layout) -> int:
    """Return the largest address that a register holds."""
    return (1 << layout.paging.word_bits) - 1


def good_elf(draw: random.Random, base: int, *, library: bool, word_bits: int = 32) -> Elf:
    """Return a good file: text, then up to seven more segments of data and zeros, each on pages of its own."""
    header_size, segment_size = SIZES[word_bits]
    count = draw.choice((1, 2, 3, 4, MOST_LOADED))
    kinds = [READ | EXECUTE, *(draw.choice((READ, READ | WRITE, WRITE, 0)) for _ in range(count - 1))]
    if library:
        kinds.insert(0, READ)
    start, content, segments = (0 if library else base), b"", []
    for flags in kinds:
        data = EXIT if flags & EXECUTE else draw.randbytes(draw.choice((0, 1, 100)))
        size = len(data) + draw.choice((0, 0, 1, PAGE, 3 * PAGE))
        if library:
            size = max(size, 1) + PAGE - 1 & -PAGE
        place = header_size + segment_size * len(kinds) + len(content)
        within = 0 if library or draw.random() < 0.7 else draw.choice((1, 0x7C0, PAGE - 1))
        values = (1, place, start + within, start + within, len(data), size, flags, PAGE)
        segments.append(dict(zip(SEGMENT, values, strict=True)))
        content += data
        start += (within + size + PAGE - 1 & -PAGE) + (0 if library else draw.choice((0, 0, PAGE)))
    entry = segments[0]["address"]
    values = (
        *(3 if library else 2, MACHINES[word_bits], 1, entry, header_size, 0, 0),
        *(header_size, segment_size, len(segments), 40, 0, 0),
    )
    return Elf(word_bits, dict(zip(HEADER, values, strict=True)), segments, content)


def hostile_elf(draw: random.Random, layout: Layout, *, library: bool, most: int) -> bytes:
    """Return the file of a program or a library after up to three changes, `most` bytes at most."""
    file = good_elf(draw, layout.image_base, library=library, word_bits=layout.paging.word_bits)
    changes: tuple[Callable[[random.Random, Elf, Layout], None], ...] = (
        _change_header, _change_segment, _change_segment, _change_segment, _move, _move, _move, _copy_field, _reorder,
        _crowd,
    )  # fmt: skip
    for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
        draw.choice(changes)(draw, file, layout)
    written = bytearray(file.write())
    if draw.random() < 0.1:
        written = written[: draw.randrange(len(written) + 1)]
    if draw.random() < 0.1:
        _scratch(draw, written)
    return bytes(written[:most])


def _scratch(draw: random.Random, content: bytearray) -> None:
    """Change a few random bytes, or a few in a row."""
    for _ in range(draw.randrange(1, 5)):
        if content:
            place = draw.randrange(len(content))
            content[place : place + 1] = draw.randbytes(1)


def points(layout: Layout) -> list[int]:
    """Return the addresses at which something starts or ends, and their neighbours."""
    edges = (0, layout.kernel_start, layout.records_end, layout.region_limit, layout.windows, layout.user_base,
             layout.image_start, layout.image_base, layout.stack_guard, layout.stack_bottom, layout.stack_top,
             layout.anonymous_base, layout.malloc_base, layout.malloc_limit, layout.image_limit, layout.user_end,
             1 << 31, 1 << 32, 1 << 47, 1 << 63)  # fmt: skip
    return sorted({each + step & last_word(layout) for each in edges for step in (-PAGE, -1, 0, 1, PAGE)})


def sizes(layout: Layout, segment: Segment) -> list[int]:
    """Return sizes that just fit, just do not, or wrap."""
    last = last_word(layout)
    ends = (layout.image_limit, layout.stack_bottom, layout.stack_top, layout.user_end, 1 << 32, last + 1)
    found = [0, 1, PAGE - 1, PAGE, PAGE + 1, 1 << 31, WORD, last, 1 << 32 - 12, segment["file_size"] - 1]
    found += [end - segment["address"] + step for end in ends for step in (-1, 0, 1)]
    return [each & last for each in found]


def _change_header(draw: random.Random, file: Elf, layout: Layout) -> None:
    name = draw.choice((*HEADER, "identification"))
    if name == "identification":
        file.identification[draw.randrange(8)] = draw.choice((0, 1, 2, 255))
        return
    last = last_word(layout)
    numbers = (0, 1, 2, 3, 4, 31, 32, 33, 52, 53, 55, 56, 62, 64, 0x8000, 0xFFFF, WORD, WORD - 3, last, last - 3)
    file.header[name] = draw.choice([*numbers, *points(layout)])


def _change_segment(draw: random.Random, file: Elf, layout: Layout) -> None:
    segment = draw.choice(file.segments)
    name = draw.choice(SEGMENT)
    header_size, segment_size = SIZES[file.word_bits]
    end = header_size + segment_size * len(file.segments) + len(file.content)
    choices = {
        "type": list(TYPES),
        "address": points(layout),
        "flags": [0, 1, 2, 3, 4, 5, 6, 7, 8, WORD],
        "offset": [0, 1, header_size - 1, header_size, len(file.content), end, *points(layout)],
        "file_size": sizes(layout, segment),
        "memory_size": sizes(layout, segment),
    }
    segment[name] = draw.choice(choices.get(name, points(layout)))


def _move(draw: random.Random, file: Elf, layout: Layout) -> None:
    """Move a segment and all after it, which may be all of the file, so that it starts or ends at an area's edge."""
    first = draw.choice((0, draw.randrange(len(file.segments))))
    segment = file.segments[first]
    edges = (layout.user_base, layout.image_start, layout.stack_guard, layout.stack_bottom, layout.stack_top,
             layout.image_limit, layout.malloc_limit, layout.user_end)  # fmt: skip
    target = draw.choice(edges) + draw.choice((-PAGE, 0, 0, PAGE))
    target -= draw.choice((0, 0, segment["memory_size"], segment["memory_size"] + PAGE - 1 & -PAGE))
    by = target - segment["address"]
    for each in file.segments[first:]:
        each["address"] = each["address"] + by & last_word(layout)
    if first == 0:
        file.header["entry"] = file.header["entry"] + by & last_word(layout)


def _copy_field(draw: random.Random, file: Elf, _layout: Layout) -> None:
    """Give a field the value of another, of the same program header or of another one."""
    one, other = draw.choice(file.segments), draw.choice(file.segments)
    one[draw.choice(SEGMENT)] = other[draw.choice(SEGMENT)]


def _reorder(draw: random.Random, file: Elf, _layout: Layout) -> None:
    """Swap two segments, take one away, or repeat one."""
    one, other = (draw.randrange(len(file.segments)) for _ in range(2))
    file.segments[one], file.segments[other] = file.segments[other], file.segments[one]
    if draw.random() < 0.5:
        file.segments.append(dict(draw.choice(file.segments)))
        file.header["segment_count"] += 1


def _crowd(draw: random.Random, file: Elf, layout: Layout) -> None:
    """Have very many segments, each a page further than the one before, or all the same."""
    count = draw.choice((MOST_LOADED, MOST_LOADED + 1, MOST_SEGMENTS, MOST_SEGMENTS + 1, 300))
    last, step = file.segments[-1], draw.choice((0, PAGE, 2 * PAGE, 0x1000_0000))
    moved = (dict(last, address=last["address"] + number * step & last_word(layout)) for number in range(1, count))
    file.segments.extend(moved)
    file.header["segment_count"] = len(file.segments)


# Payloads and what is to be started.


def hostile_payload(draw: random.Random, members: dict[str, bytes], size: int) -> bytes:
    """Return an archive of members, and of a list of what to start, after some changes; `size` bytes at most."""
    archive = bytearray(make_payload({"etc/init": hostile_list(draw, list(members)), **members})[:size])
    headers = [place for place in range(0, len(archive), 512) if archive[place + 257 : place + 262] == b"ustar"]
    for _ in range(draw.choice((0, 0, 1, 2))):
        header = draw.choice(headers)
        start, end = draw.choice(((0, 100), (124, 136), (124, 136), (156, 157), (257, 265)))
        left = len(archive) - header - 512
        sizes = (b"0" * 11, b"7" * 12, b"37777777777", b"40000000000", b"777777777", b"\x80" + bytes(10) + b"\1",
                 b"\xff" * 12, b" " * 11, b"%011o" % left, b"%011o" % (left + 1),
                 b"%012o" % (left + (1 << 32)))  # fmt: skip
        new = draw.choice(sizes) if start == 124 else draw.randbytes(draw.randrange(1, end - start + 1))
        archive[header + start : header + start + len(new)] = new[: end - start]
    if draw.random() < 0.2:
        _scratch(draw, archive)
    if draw.random() < 0.2:
        archive = archive[: draw.randrange(len(archive) + 1)]
    return bytes(archive)


def hostile_list(draw: random.Random, names: list[str]) -> bytes:
    """Return a list of what to start: good lines, and others."""
    lines: list[bytes] = []
    for _ in range(draw.choice((0, 1, 3, 3, 40))):
        name = draw.choice(names).encode()
        lines.append(
            draw.choice(
                (
                    name,
                    name + b" argument",
                    name + b"  " + b"x" * draw.choice((253, 254, 255, 256, 5000)),
                    draw.choice((b"x" * 30, b"x" * 31, b"x" * 32, b"x" * 33, b"x" * 5000)),
                    b"",
                    b" " + name,
                    name + b"\0" + draw.randbytes(3),
                    name + b"\r",
                    draw.randbytes(draw.randrange(60)),
                )
            )
        )
    return b"\n".join(lines) + draw.choice((b"\n", b"", b"\0"))


# System calls.


NAMED = (Call.EXEC, Call.SPAWN, Call.LOAD_LIBRARY)


def hostile_call(draw: random.Random, layout: Layout, names: list[int], known: list[int]) -> tuple[int, ...]:
    """Return the number of a system call, any but `exit`, and three arguments.

    Where a name is asked for it is most often one of `names`; other arguments may be what the test knows to be right.
    """
    number = draw.choice(
        (*range(1, len(Call) + 1), *range(11, len(Call) + 1), *NAMED, 0, len(Call) + 1, 255, 1 << 31, WORD)
    )
    small = (0, 1, 2, 3, 4, PAGE, 2 * PAGE, WORD, WORD - 1, last_word(layout))
    places = [*points(layout), *(layout.anonymous_base + step * PAGE for step in range(-2, 8))]

    def argument() -> int:
        if number in NAMED and draw.random() < 0.7:
            return draw.choice(names)
        size = draw.choice(sizes(layout, {"address": draw.choice(places), "file_size": 0}))
        return draw.choice((draw.choice(places), draw.choice(places), size, draw.choice(small), draw.choice(known)))

    return (number if number != Call.EXIT else Call.GETPID, argument(), argument(), argument())


# What a boot loader gives.


def hostile_command_line(draw: random.Random, names: list[str]) -> bytes:
    """Return a command line; one that is too long has no end where the kernel's room for it does."""
    values = (
        b"",
        b"0",
        b"4K",
        b"1M",
        b"3M",
        b"4M",
        b"8M",
        b"12M",
        b"4G",
        b"5G",
        b"18446744073709551616",
        b"9" * 60,
        b"12MM",
        b"both",
        b"serial",
        b"screen",
        b"none",
        draw.choice(names).encode(),
        draw.choice(names).encode() + b" argument",
        b"x" * 32,
        b'"',
        b'""',
        draw.randbytes(draw.randrange(8)),
    )
    words = []
    for _ in range(draw.choice((0, 1, 2, 5, 30))):
        names_of = (b"init", b"init", b"console", b"console", b"memory", b"BOOT_IMAGE", b"", b"x" * 20)
        name, value = draw.choice(names_of), draw.choice(values)
        words.append(
            draw.choice(
                (
                    name + b"=" + value,
                    name + b'="' + value + b'"',
                    b'"' + name + b"=" + value + b'"',
                    name,
                    value,
                    name + b'="' + value,
                    b"==",
                    b"\n",
                )
            )
        )
    line = draw.choice((b" ", b" ", b"  ", b"\t")).join(words).replace(b"\0", b"?")
    return line + b"y" * draw.choice((0, 0, 0, max(LINE_SIZE - len(line), 0), LINE_SIZE + 100))


def hostile_map(draw: random.Random, layout: Layout, memory: int) -> list[BiosEntry]:
    """Return a BIOS memory map: good, then with entries added, moved, cut, retyped, or of memory that is not there."""
    entries = [BiosEntry(0, 0x9FC00, 1), BiosEntry(0x9FC00, 0x400, 2), BiosEntry(0x10_0000, memory - 0x10_0000, 1)]
    edges = (0, 0xA_0000, layout.kernel_start, layout.records_end, layout.region_least, layout.owned_end, memory)
    places = [max(each + step, 0) for each in edges for step in (-PAGE, -1, 0, 1, PAGE, 0x10_0000)]
    places += [1 << 31, (1 << 32) - PAGE, (1 << 32) - 1, 1 << 32, 1 << 40]
    for _ in range(draw.choice((0, 0, 0, 1, 1, 2, 5, 200))):
        start, end = sorted((draw.choice(places), draw.choice(places)))
        kind = draw.choice((1, 1, 2, 3, 0, 77, WORD))
        size = draw.choice((end - start, end - start, 0, WORD, 1 << 63, (1 << 64) - 1 - start))
        entries.insert(draw.randrange(len(entries) + 1), BiosEntry(start, size, kind))
    if draw.random() < 0.1:
        del entries[draw.randrange(len(entries))]
    return entries[:MOST_ENTRIES]


def hostile_pointer(draw: random.Random, memory: int) -> int:
    """Return where a loader might say that something lies: nowhere, at an edge of memory, or where there is none."""
    edges = (0, PAGE, 0xA_0000, 0xB_8000, memory, 1 << 31, 1 << 32)
    return draw.choice(edges) + draw.choice((-PAGE, -4, -1, 0, 0, 1, 2, 4)) & WORD
