"""Programs that try to get more than is theirs, and what they are told: on every life, and on QEMU."""

from pathlib import Path

import pytest

from keelback.image.payload import make_payload
from keelback.image.programs import build_programs
from keelback.image.toolchain import NO_WARNINGS
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.images import make_image, make_image_file
from keelback.machine.kernels import compiled
from keelback.machine.qemu import Qemu
from keelback.user import RUNTIME
from support import MIB, console, payload_programs
from user.test_memory_programs import run_both

TRICKS = Path(__file__).with_name("tricks")
KILLED = "keelback: process 1 ({name}) killed: page fault: write to {address}, the stack is at its limit, instruction"
# line: what it says, to the start of each line
SAYS = {
    "guard_page 4293910528": ["-2 -2 -2 -2", KILLED.format(name="guard_page", address="0xffefe005")],
    "guard_page 4293849088": ["-2 -2 -2 -2", KILLED.format(name="guard_page", address="0xffeef005")],
    "large_frame": ["0xffeaf000 is mapped below the guard", KILLED.format(name="large_frame", address="0xffefe818")],
    "pid_one": ["-10 is what the first hears", "-9", "01"],
    "partial_answer": ["-2, and the word is 0xdeadbeef"],
}


@pytest.fixture(scope="module")
def programs():
    sources = sorted(TRICKS.glob("*.c"))
    tricks = build_programs(sources, runtime=RUNTIME, image_base=MICROKERNEL.image_base, flags=NO_WARNINGS)
    return payload_programs() | tricks


def assert_says(line, found):
    assert len(found) == len(SAYS[line]), found
    for each, start in zip(found, SAYS[line], strict=True):
        assert each.startswith(start), found


@pytest.mark.parametrize("line", SAYS)
def test_a_trick_is_told_the_same_in_both_lives(programs, line):
    assert_says(line, console(run_both(programs, line)))


@pytest.mark.parametrize("line", SAYS)
def test_a_trick_is_told_the_same_on_qemu(programs, line):
    image = make_image(MICROKERNEL, make_payload({"etc/init": line.encode(), **programs}), compiled(MICROKERNEL))
    with Qemu(make_image_file(MICROKERNEL, image), memory=16 * MIB) as machine:
        machine.wait()
        assert_says(line, bytes(machine.console).decode().splitlines()[1:])
