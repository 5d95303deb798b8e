"""The mover: a kernel that lies below 1 MiB is loaded above, and moves itself down, wherever the rest was put."""

import struct
from functools import cache

import pytest
from unicorn import UC_ARCH_X86, UC_MODE_32, Uc
from unicorn import x86_const as x86

from keelback.image import iso
from keelback.image.boot_protocol import SETUP_SIZE
from keelback.image.image_file import UNIT, ImageFile
from keelback.image.image_reader import BadImageFile, read_image_file
from keelback.image.images import make_image, make_image_file
from keelback.image.payload import make_payload
from keelback.kernel.boot.boot_parameters import BootParameters
from keelback.lang import layout_of
from keelback.machine.qemu.qemu import Medium, Qemu, Verdict
from kernel.course import COURSE
from kernel.quick import compiled_quickly
from support import MIB, payload_programs

PAGE, LOADED = 4096, 0x10_0000
COMMAND_LINE = layout_of(BootParameters).field("command_line").offset
TEXT = b"init=hello and=more\0"


@cache
def image() -> bytes:
    members = {"etc/init": b"hello you\n", "hello": payload_programs(COURSE.image_base)["hello"]}
    return make_image(COURSE, make_payload(members), compiled_quickly(COURSE))


@cache
def file() -> bytes:
    return make_image_file(COURSE, image())


def test_the_file_is_loaded_at_1_mib_and_entered_behind_the_payload():
    found = ImageFile(file())
    assert found.kernel == image() and found.field("pref_address") == LOADED
    entry = found.field("code32_start") - LOADED
    assert entry % 16 == 0 and 0 <= entry - len(image()) < 16
    assert found.mover == file()[SETUP_SIZE + entry : -UNIT] and read_image_file(file(), COURSE).layout is COURSE
    assert found.field("init_size") >= len(file()) - SETUP_SIZE + 2 * PAGE


@pytest.mark.parametrize("behind", [1, 16, 100])
def test_a_mover_that_is_not_ours_is_refused(behind):
    content = bytearray(file())
    content[ImageFile(file()).field("code32_start") - LOADED + SETUP_SIZE + behind] ^= 1
    with pytest.raises(BadImageFile, match="what moves its kernel to 0x40000 is not ours"):
        read_image_file(bytes(content), COURSE)


END, LIMIT = COURSE.kernel_start + PAGE, COURSE.region_limit
PLACES = [0x1000, 0x1_0000, 0x3_E000, 0x3_F004, 0x4_0000, 0x7_F000, 0x9_0000, 0x9_E000, 0x9_EFFC, 0x9_F000, 0x18_0000]
"""Where a loader may put things: below the kernel region, at its edges, in it, above the image."""


@pytest.mark.parametrize("parameters", PLACES)
@pytest.mark.parametrize("line", [0, *(place + 0x300 for place in PLACES)])
def test_parameters_and_command_line_arrive_wherever_they_were(parameters, line):
    uc = Uc(UC_ARCH_X86, UC_MODE_32)
    uc.mem_map(0, 2 * MIB)
    uc.mem_write(LOADED, file()[SETUP_SIZE:])
    given = bytes(number * 7 % 251 for number in range(PAGE))
    given = given[:COMMAND_LINE] + struct.pack("<I", line) + given[COMMAND_LINE + 4 :]
    uc.mem_write(parameters, given)
    is_over = line and parameters - len(TEXT) < line < parameters + PAGE
    if line and not is_over:
        uc.mem_write(line, TEXT)
    uc.reg_write(x86.UC_X86_REG_ESI, parameters)
    uc.emu_start(ImageFile(file()).field("code32_start"), COURSE.kernel_start)
    assert bytes(uc.mem_read(COURSE.kernel_start, len(image()))) == image()
    found = uc.reg_read(x86.UC_X86_REG_ESI)
    copied = bytes(uc.mem_read(found, PAGE))
    [at] = struct.unpack_from("<I", copied, COMMAND_LINE)
    assert copied[:COMMAND_LINE] + copied[COMMAND_LINE + 4 :] == given[:COMMAND_LINE] + given[COMMAND_LINE + 4 :]
    assert at == line == 0 or is_over or bytes(uc.mem_read(at, len(TEXT))) == TEXT
    for place in (found, at):
        assert place + PAGE <= COURSE.kernel_start or place >= LIMIT or place == 0, "the kernel may use all its region"


@pytest.mark.parametrize("memory", [2, 3, 4, 16])
def test_qemu_boots_it_with_however_little_memory(memory):
    with Qemu(file(), memory=memory * MIB, command_line="init=hello") as machine:
        assert machine.wait() is Verdict.DONE
        lines = bytes(machine.console).decode().splitlines()
    beyond = ["keelback: memory from 0x200000 on is beyond what this layout uses; ignored"] * (memory > 2)
    assert lines[: len(beyond)] == beyond and lines[-1] == "hello: I am process 1"
    assert lines[len(beyond)].startswith("keelback: course layout, ")


@pytest.mark.parametrize("command", ["linux", "linux16"])
def test_grub_boots_it_with_either_command(command, monkeypatch):
    monkeypatch.setattr(iso, "MENU", iso.MENU.replace("  linux ", f"  {command} "))
    monkeypatch.setattr(iso, "MODULES", iso.MODULES.replace("linux", command, 1))
    with Qemu(iso.build_iso(file(), "init=hello"), memory=32 * MIB, medium=Medium.DISC) as machine:
        assert machine.wait() is Verdict.DONE
        lines = bytes(machine.console).decode().splitlines()
    assert lines[-1] == "hello: I am process 1" and any(line.startswith("keelback: course layout, ") for line in lines)
