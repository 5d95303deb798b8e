"""ELF loading: right files load with their own permissions; wrong and hostile ones are an error, never a crash."""

import re
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keelback.abi.errors import NotExecutable, OutOfMemory
from keelback.inspect.invariants import check
from keelback.kernel.layout import MICROKERNEL, USERMODE, Layout
from keelback.kernel.loading.elf_file import RULES, Rule
from keelback.kernel.loading.elf_format import INTERPRETER, SHARED_OBJECT
from keelback.kernel.processes.processes import Ending
from keelback.kernel.x86.paging import USER, WRITABLE
from keelback.machine.simulated.interpreted import InterpretedPc
from kernel.driven import ARGUMENT, LIBRARY, LIVES, Call, driven
from support import (
    EXECUTE,
    FRAMES_OF_THE_KERNEL,
    MIB,
    READ,
    WRITE,
    code_program,
    console,
    elf,
    entry_at,
    frame_at,
    frames_used,
    make_pc,
    payload_programs,
    run,
)

BASE = MICROKERNEL.image_base
EXIT = bytes.fromhex("b80300000031dbcd80")  # exit(0)
GOOD = [(BASE, READ | EXECUTE, EXIT, len(EXIT)), (BASE + 0x1000, READ | WRITE, b"data", 0x2005)]
LIMIT = MICROKERNEL.image_limit
RULE = re.compile(r"keelback: can't start it. The file (.*)\.")


def frames_of_the_kernel(pc: InterpretedPc) -> tuple[int, int]:
    """Return the frames that are in use when no process is alive, in any size of memory.

    A region past 4 MiB needs one more table; without slots there are no tables of stacks, and no stack of idle's.
    """
    user, zone = FRAMES_OF_THE_KERNEL
    if not pc.layout.kernel_stack_slots:
        return user, zone - 4
    return user, zone + (pc.kernel.memory.bounds.region_top > 4 * MIB)


def broken(file: bytes, layout: Layout = MICROKERNEL) -> str:
    """Return the rule that a file breaks, empty when it starts and exits well; the kernel must be as it was then."""
    pc = run("it", programs={"it": file}, layout=layout, memory=8 * MIB if layout is MICROKERNEL else 16 * MIB)
    check(pc.kernel)
    assert frames_used(pc) == frames_of_the_kernel(pc)
    if not console(pc):
        assert pc.kernel.processes.table[1].ending == Ending.EXITED
        return ""
    [line] = console(pc)
    said = RULE.fullmatch(line)
    assert said is not None, line
    return said[1]


def test_a_good_file_loads():
    assert broken(elf(GOOD, BASE)) == ""


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (Rule.WHOLE, [{"magic": 0x464C457E}]),
        (Rule.CLASS, [{"bits": 2}, {"bits": 0}]),
        (Rule.BYTE_ORDER, [{"byte_order": 2}, {"byte_order": 0}]),
        (Rule.MACHINE, [{"machine": 62}]),
        (Rule.EXECUTABLE, [{"type": 1}, {"type": 3}]),
        (Rule.NO_HEADERS, [{"segment_count": 0}]),
        (Rule.HEADER_SIZE, [{"segment_size": 31}, {"segment_size": 0}]),
        (Rule.HEADER_COUNT, [{"segment_count": 17}, {"segment_count": 0xFFFF}]),
        (Rule.HEADER_PLACE, [{"segments": each} for each in (53, 0xFFFF_FFFC, 4000, 0x8000_0000)]),
        (Rule.ENTRY, [{"entry": each} for each in (0, BASE - 1, BASE + len(EXIT), BASE + 0x1000, 0x10_0000)]),
    ],
)
def test_a_wrong_header_is_refused_by_its_rule(rule, changes):
    for change in changes:
        assert broken(elf(GOOD, **({"entry": BASE} | change))) == RULES[rule]


def segment(**change):
    """Return the good file with the second segment's header changed."""
    file = bytearray(elf(GOOD, BASE))
    offsets = {"type": 0, "offset": 4, "address": 8, "file_size": 16, "memory_size": 20, "flags": 24}
    for name, value in change.items():
        place = 52 + 32 + offsets[name]
        file[place : place + 4] = value.to_bytes(4, "little")
    return bytes(file)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (Rule.PLACE, [
            {"address": each}
            for each in (0, 0x10_0000, 0x07FF_F000, 0xFFFF_F000, MICROKERNEL.stack_bottom - 0x2000, LIMIT, 0xFFFF_FFFF)
        ]),
        (Rule.PLACE, [{"memory_size": each} for each in (LIMIT - BASE - 0xFFF, 0xFFFF_FFFF, 0xF800_0000)]),
        (Rule.ORDER, [{"address": BASE - 0x1000}]),
        (Rule.PAGE, [{"address": BASE}, {"address": BASE + 0xFFF}]),
        (Rule.SIZE, [{"memory_size": 3}, {"file_size": 0xFFFF_FFFF}, {"memory_size": 0}]),
        (Rule.TRUNCATED, [{"file_size": 5, "offset": 0xFFFF_FFFF}, {"offset": 0xFFFF_FFFE}, {"offset": 0x1000}]),
        (Rule.TRUNCATED, [{"file_size": 0x2000}]),
    ],
)  # fmt: skip
def test_a_segment_that_lies_is_refused_by_its_rule(rule, changes):
    for change in changes:
        assert broken(segment(**change)) == RULES[rule]


def test_at_least_one_segment_is_loaded_and_at_most_eight():
    more = [(BASE + 0x1000 * number, READ | WRITE * (number % 2), b"", 1) for number in range(1, 9)]
    assert broken(elf([GOOD[0], *more[:-1]], BASE)) == ""
    assert broken(elf([GOOD[0], *more], BASE)) == RULES[Rule.LOADED_COUNT]
    assert broken(elf([(BASE, READ | EXECUTE, b"", 0)], BASE)) == RULES[Rule.NOTHING_LOADED]


def test_a_file_that_needs_a_linker_is_told_so_whatever_else_it_is():
    file = bytearray(elf([GOOD[0], (BASE + 0x1000, READ, b"/lib/ld.so\0", 11)], BASE))
    file[52 + 32] = INTERPRETER
    assert broken(bytes(file)) == RULES[Rule.LINKER]
    file[16] = SHARED_OBJECT
    assert broken(bytes(file)) == RULES[Rule.LINKER]


def test_where_no_byte_of_the_file_is_used_its_offset_may_be_any():
    """A linker puts a segment of zeros behind the file, and tools that strip sections cut the file there."""
    assert broken(segment(file_size=0, offset=0xFFFF_FFFF)) == ""


@pytest.mark.parametrize("where", ["kernel", "stack", "partly stack", "malloc", "end", "last page"])
@pytest.mark.parametrize("layout", [MICROKERNEL, USERMODE], ids=lambda each: each.name)
def test_an_image_lies_on_no_stack_and_in_no_other_area(layout, where):
    start, pages = {
        "kernel": (layout.user_base - 0x1000, 1),
        "stack": (layout.stack_bottom, 1),
        "partly stack": (layout.stack_bottom - 0x1000, 3),
        "malloc": (layout.malloc_base, 1),
        "end": (layout.image_limit - 0x1000, 2),
        "last page": (0xFFFF_F000, 1),
    }[where]
    file = elf([(start, READ | EXECUTE, EXIT, pages * 0x1000)], start)
    assert broken(file, layout) == RULES[Rule.PLACE]


@pytest.mark.parametrize("life", LIVES)
def test_no_process_can_start_an_image_on_its_stack(life):
    layout = replace(USERMODE, processes=8)
    start = layout.stack_bottom
    programs = {"libit": elf([(start, READ | EXECUTE, EXIT, 0x2000)], start)}
    machine = driven("it", life=life, layout=layout, memory=10 * MIB, programs=programs)
    name, argument = LIBRARY + machine.offset, ARGUMENT + machine.offset
    assert machine.call(Call.SPAWN, name, argument) == NotExecutable.number
    assert machine.call(Call.EXEC, name, argument) == NotExecutable.number
    machine.check()
    assert machine.lens.loader.file.image.broken == Rule.PLACE


@pytest.mark.parametrize("layout", [MICROKERNEL, USERMODE], ids=lambda each: each.name)
def test_an_image_may_lie_at_either_end_of_its_area(layout):
    for start in (layout.image_start, layout.image_limit - 0x1000):
        assert broken(elf([(start, READ | EXECUTE, EXIT, 0x1000)], start), layout) == ""


def test_segments_that_are_not_loaded_may_say_anything():
    assert broken(segment(type=0x6474E551, address=0, offset=0xFFFFFFFF, file_size=77)) == ""
    assert broken(segment(memory_size=0, file_size=0, address=0)) == ""


def test_memory_that_is_never_touched_takes_no_frame():
    """Only where it is promised must there be as much: a layout with overcommit promises any."""
    for size in (0x4000_0000, MICROKERNEL.malloc_base - BASE - 0x1000):
        file = segment(memory_size=size)
        assert console(run("it", programs={"it": file})) == [f"keelback: can't start it. {OutOfMemory.sentence}"]
        assert broken(file, replace(MICROKERNEL, overcommit=True)) == ""


def test_more_memory_than_the_machine_has_is_out_of_memory_and_leaves_nothing():
    """Seven segments show the same megabyte of the file, and each would have a copy."""
    size = 0x10_0000
    segments = [(BASE + 2 * number * size, READ | WRITE, b"", size) for number in range(1, 8)]
    file = bytearray(elf([GOOD[0], *segments], BASE)) + bytes(size)
    for number in range(1, 8):
        struct.pack_into("<2I", file, 52 + 32 * number + 4, len(file) - size, segments[number - 1][0])
        struct.pack_into("<I", file, 52 + 32 * number + 16, size)
    pc = run("it", programs={"it": bytes(file)})
    assert console(pc) == ["keelback: can't start it. There is not enough memory."]
    assert frames_used(pc) == frames_of_the_kernel(pc)


@pytest.mark.parametrize("size", [0, 1, 4, 51, 52, 60, 83, 84, 115, 116])
def test_a_truncated_file_is_refused(size):
    rule = Rule.WHOLE if size < 52 else Rule.HEADER_PLACE if size < 116 else Rule.TRUNCATED
    assert broken(elf(GOOD, BASE)[:size]) == RULES[rule]


@settings(max_examples=40)
@given(st.data())
def test_no_bytes_whatever_harm_the_kernel(data):
    """Bytes changed anywhere in the headers of a real program: it loads, or is refused; itself it may fault."""
    file = bytearray(payload_programs()["hello"])
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, 52 + 3 * 32 - 1))] = data.draw(st.integers(0, 255))
    pc = make_pc("it", programs={"it": bytes(file)})
    pc.boot()
    for _ in range(50):
        pc.step()
    if not pc.kernel.processes.counts.alive:
        assert frames_used(pc) == FRAMES_OF_THE_KERNEL


def test_each_segment_has_its_own_permissions_and_its_bytes():
    pc = make_pc("it", programs={"it": elf(GOOD, BASE)})
    pc.boot()
    space = pc.kernel.processes.table[1].space.directory
    walk = pc.processor.walker.walk
    text, data = walk(space << 12, BASE), walk(space << 12, BASE + 0x1000)
    assert [each.flags & (USER | WRITABLE) for each in (text, data)] == [USER, USER | WRITABLE]
    assert bytes(pc.ram.bytes[text.frame << 12 :][:4096]) == EXIT.ljust(4096, b"\0")
    assert bytes(pc.ram.bytes[data.frame << 12 :][:4096]) == b"data".ljust(4096, b"\0")
    offsets = (-0x1000, 0x2000, 0x3000, 0x4000)
    assert all(walk(space << 12, BASE + offset) is None for offset in offsets)
    space = pc.kernel.processes.table[1].space
    found = [pc.kernel.regions.find(space, BASE + offset).end != 0 for offset in offsets]
    assert found == [False, True, True, False]


def test_the_flags_of_a_segment_say_what_may_be_done_there():
    """On this machine what can be executed or written can be read, and what has no flag is no use at all."""
    parts = [(BASE + 0x1000 * number, flags, EXIT, 0x1000) for number, flags in enumerate((5, 0, 1, 2, 3, 4, 6, 7))]
    pc = make_pc("it", programs={"it": elf(parts, BASE)})
    pc.boot()
    space = pc.kernel.processes.table[1].space
    entries = [entry_at(pc.kernel, space.directory, BASE + 0x1000 * number) for number in range(8)]
    found = [(bool(entry & USER), bool(entry & WRITABLE)) for entry in entries]
    closed, read, write = (False, False), (True, False), (True, True)
    assert found == [read, closed, read, write, write, read, write, write]
    check(pc.kernel)


def test_a_frame_that_held_something_is_zero_around_the_content():
    pc = make_pc("it", programs={"it": code_program(EXIT)})
    pc.ram.bytes[0x1000:0x9000] = b"\xaa" * 0x8000
    pc.boot()
    frame = frame_at(pc.kernel, pc.kernel.processes.table[1].space.directory, BASE)
    assert bytes(pc.ram.bytes[frame << 12 :][:4096]) == EXIT.ljust(4096, b"\0")


@pytest.mark.parametrize(
    "parts",
    [
        # As `readelf -lW` tells of a C file with constants, data, zeros and a thread's variable, linked by:
        # lld
        [(6, 0x34, 0x34, 0x120, 0x120, 4), (1, 0, 0, 0x1BC, 0x1BC, 4), (1, 0x1BC, 0x11BC, 0x80, 0x80, 5),
         (1, 0x23C, 0x223C, 4, 4, 6), (1, 0x240, 0x3240, 0x1F40, 0x4E20, 6), (7, 0x23C, 0x223C, 4, 4, 4),
         (0x6474_E552, 0x23C, 0x223C, 4, 0xDC4, 4), (0x6474_E551, 0, 0, 0, 0, 6), (4, 0x154, 0x154, 0x18, 0x18, 4)],
        # GNU ld
        [(1, 0, 0, 0x178, 0x178, 4), (1, 0x1000, 0x1000, 0x85, 0x85, 5), (1, 0x2000, 0x2000, 0x40, 0x40, 4),
         (1, 0x2FFC, 0x3FFC, 0x1F64, 0x4E44, 6), (4, 0x154, 0x154, 0x24, 0x24, 4), (7, 0x2FFC, 0x3FFC, 4, 4, 4),
         (0x6474_E551, 0, 0, 0, 0, 6), (0x6474_E552, 0x2FFC, 0x3FFC, 4, 4, 4)],
        # GNU ld -N: everything in one segment
        [(1, 0x114, 0x114, 0x2060, 0x4F40, 7), (4, 0x114, 0x114, 0x24, 0x24, 4), (0x6474_E551, 0, 0, 0, 0, 6)],
        # lld -z separate-loadable-segments, its zeros alone, cut by a tool that strips sections
        [(1, 0, 0, 0x1BC, 0x1BC, 4), (1, 0x1000, 0x1000, 0x80, 0x80, 5), (1, 0x2_0000, 0x2000, 0, 0x2EE0, 6)],
    ],
    ids=["lld", "ld", "ld -N", "lld, stripped"],
)  # fmt: skip
def test_what_common_linkers_write_loads(parts):
    header = bytearray(elf([], BASE + parts[0][2], segment_count=len(parts)))
    content = bytearray(0x6000)
    code = next(part for part in parts if part[0] == 1 and part[5] & EXECUTE)
    header[24:28] = (BASE + code[2] + 0x40).to_bytes(4, "little")
    content[code[1] + 0x40 : code[1] + 0x40 + len(EXIT)] = EXIT
    for kind, offset, start, size, memory, flags in parts:
        start = start + BASE if kind != 0x6474_E551 else 0
        header += struct.pack("<8I", kind, offset, start, start, size, memory, flags, 0x1000)
    content[: len(header)] = header
    assert broken(bytes(content)) == ""


def test_a_segment_may_start_within_a_page():
    code = EXIT.rjust(16, b"\x90")
    assert broken(elf([(BASE + 0x123, READ | EXECUTE, code, len(code))], BASE + 0x123)) == ""


def test_a_refused_file_is_refused_before_anything_is_taken(kernel):
    kernel.programs.command.name.set_text("etc/init")
    before = bytes(kernel.memory.frames.table.ram.bytes[kernel.memory.bounds.heap : kernel.memory.bounds.zone])
    with pytest.raises(NotExecutable):
        kernel.programs.spawn(0, kernel.programs.command)
    assert bytes(kernel.memory.frames.table.ram.bytes[kernel.memory.bounds.heap : kernel.memory.bounds.zone]) == before
