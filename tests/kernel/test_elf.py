"""ELF loading: right files load with their own permissions; wrong and hostile ones are an error, never a crash."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keelback.kernel.errors import NotExecutable
from keelback.kernel.layout import MICROKERNEL
from support import (
    EXECUTE,
    FRAMES_OF_THE_KERNEL,
    READ,
    WRITE,
    code_program,
    console,
    elf,
    frames_used,
    make_pc,
    payload_programs,
    run,
)

BASE = MICROKERNEL.image_base
EXIT = bytes.fromhex("b80300000031dbcd80")  # exit(0)
GOOD = [(BASE, READ | EXECUTE, EXIT, len(EXIT)), (BASE + 0x1000, READ | WRITE, b"data", 0x2005)]
REFUSAL = "keelback: can't start it. The file is not a program that this machine can run."


def loads(file: bytes) -> bool:
    """Say whether a file starts and exits well; the kernel must stay as it was in any case."""
    pc = run("it", programs={"it": file})
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL
    if console(pc) == [REFUSAL]:
        return False
    assert console(pc) == []
    return True


def test_a_good_file_loads():
    assert loads(elf(GOOD, BASE))


@pytest.mark.parametrize(
    "change",
    [
        {"magic": 0x464C457E}, {"bits": 2}, {"bits": 0}, {"byte_order": 2}, {"type": 1}, {"type": 3}, {"machine": 62},
        {"segment_size": 31}, {"segment_size": 0}, {"segment_count": 0}, {"segment_count": 17},
        {"segment_count": 0xFFFF},
        {"segments": 53}, {"segments": 0xFFFF_FFFC}, {"segments": 4000}, {"segments": 0x8000_0000},
        {"entry": 0}, {"entry": BASE - 1}, {"entry": BASE + len(EXIT)}, {"entry": BASE + 0x1000}, {"entry": 0x10_0000},
    ],
)  # fmt: skip
def test_a_wrong_header_is_refused(change):
    assert not loads(elf(GOOD, **({"entry": BASE} | change)))


def segment(**change):
    """Return the good file with the second segment's header changed."""
    file = bytearray(elf(GOOD, BASE))
    offsets = {"type": 0, "offset": 4, "address": 8, "file_size": 16, "memory_size": 20, "flags": 24}
    for name, value in change.items():
        place = 52 + 32 + offsets[name]
        file[place : place + 4] = value.to_bytes(4, "little")
    return bytes(file)


@pytest.mark.parametrize(
    "change",
    [
        {"address": 0}, {"address": 0x10_0000}, {"address": 0x07FF_F000}, {"address": BASE}, {"address": BASE + 0xFFF},
        {"address": BASE - 0x1000}, {"address": 0xFFFF_F000}, {"address": MICROKERNEL.stack_bottom - 0x2000},
        {"address": MICROKERNEL.malloc_base}, {"memory_size": MICROKERNEL.malloc_base - BASE - 0xFFF},
        {"address": 0xFFFF_FFFF}, {"memory_size": 3}, {"memory_size": 0xFFFF_FFFF}, {"memory_size": 0xF800_0000},
        {"file_size": 0xFFFF_FFFF}, {"file_size": 5, "offset": 0xFFFF_FFFF}, {"offset": 0xFFFF_FFFE},
        {"offset": 0x1000}, {"file_size": 0x2000},
    ],
)  # fmt: skip
def test_a_segment_that_lies_is_refused(change):
    assert not loads(segment(**change))


def test_segments_that_are_not_loaded_may_say_anything():
    assert loads(segment(type=0x6474E551, address=0, offset=0xFFFFFFFF, file_size=77))
    assert loads(segment(memory_size=0, file_size=0, address=0))


def test_memory_that_is_never_touched_takes_no_frame():
    assert loads(segment(memory_size=0x4000_0000))
    assert loads(segment(memory_size=MICROKERNEL.malloc_base - BASE - 0x1000))


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
    assert frames_used(pc) == FRAMES_OF_THE_KERNEL


@pytest.mark.parametrize("size", [0, 1, 4, 51, 52, 60, 83, 84, 115, 116])
def test_a_truncated_file_is_refused(size):
    assert not loads(elf(GOOD, BASE)[:size])


@settings(max_examples=40, deadline=None)
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
    assert (text.writable, text.user, data.writable, data.user) == (False, True, True, True)
    assert bytes(pc.ram.bytes[text.frame << 12 :][:4096]) == EXIT.ljust(4096, b"\0")
    assert bytes(pc.ram.bytes[data.frame << 12 :][:4096]) == b"data".ljust(4096, b"\0")
    offsets = (-0x1000, 0x2000, 0x3000, 0x4000)
    assert all(walk(space << 12, BASE + offset) is None for offset in offsets)
    regions = pc.kernel.processes.table[1].space
    assert [regions.find(BASE + offset) == regions.count for offset in offsets] == [True, False, False, True]


def test_a_frame_that_held_something_is_zero_around_the_content():
    pc = make_pc("it", programs={"it": code_program(EXIT)})
    pc.ram.bytes[0x1000:0x9000] = b"\xaa" * 0x8000
    pc.boot()
    frame = pc.kernel.spaces.lookup(pc.kernel.processes.table[1].space.directory, BASE) >> 12
    assert bytes(pc.ram.bytes[frame << 12 :][:4096]) == EXIT.ljust(4096, b"\0")


def test_a_segment_may_start_within_a_page():
    code = EXIT.rjust(16, b"\x90")
    assert loads(elf([(BASE + 0x123, READ | EXECUTE, code, len(code))], BASE + 0x123))


def test_a_refused_file_is_refused_before_anything_is_taken(kernel):
    kernel.programs.command.name.set_text("etc/init")
    before = bytes(kernel.memory.frames.table.ram.bytes[kernel.memory.bounds.heap : kernel.memory.bounds.zone])
    with pytest.raises(NotExecutable):
        kernel.programs.spawn(0)
    assert bytes(kernel.memory.frames.table.ram.bytes[kernel.memory.bounds.heap : kernel.memory.bounds.zone]) == before
