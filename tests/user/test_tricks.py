"""Programs that try to get more than is theirs, and what they are told: on every life, and on QEMU."""

import re
from pathlib import Path

import pytest

from keelback.abi.records import ArgumentText, Ending
from keelback.image.images import make_image, make_image_file
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.image.programs import build_programs
from keelback.image.python_programs import build_python_program
from keelback.image.toolchain import NO_WARNINGS
from keelback.kernel.layout import MICROKERNEL
from keelback.lang import Ram, Region, freeze, i32, u32, word
from keelback.machine.qemu.qemu import Qemu
from keelback.user import RUNTIME
from keelback.user.calls import Kernel
from keelback.user.in_cpython import make_program
from keelback.user.system import Program
from support import MIB, console, payload_programs, sliced
from user.test_memory_programs import run_both

TRICKS = Path(__file__).with_name("tricks")
KILLED = r"keelback: process 1 \({name}\) killed: page fault: write to {address}, the stack is at its limit,"
SAID = ["before the fork; child", "parent; hello: I am process 3"]
ENDS = {"0": ["returned"], "1": ["exited"], "2": ["executed hello: I am process 1"]}
# line: what it says, as the start of each line, a pattern
SAYS = {
    "guard_page 4293910528": ["-2 -2 -2 -2", KILLED.format(name="guard_page", address="0xffefe005")],
    "guard_page 4293849088": ["-2 -2 -2 -2", KILLED.format(name="guard_page", address="0xffeef005")],
    "large_frame": ["0xffeaf000 is mapped below the guard", KILLED.format(name="large_frame", address="0xffefe...")],
    **{f"{name} {how}": SAID + ends for name in ("unfinished_line", "unfinished.py") for how, ends in ENDS.items()},
    "pid_one": ["-10 is what the first hears", "-9", "01"],
    "partial_answer": ["-2, and the word is 0xdeadbeef"],
}


class Unfinished(Program):
    """Does what unfinished_line.c does."""

    def __init__(self, ram: Ram, records: Region, kernel: Kernel | None) -> None:
        super().__init__(ram, records, kernel)
        self.hello = records.struct(ArgumentText)
        self.nothing = records.struct(ArgumentText)
        self.ending = records.struct(Ending)

    def main(self, argument: word) -> i32:
        how: u32 = self.number(argument, 0)
        self.hello.text.set_text("hello")
        self.output.write("before the fork; ")
        child: u32 = self.system.fork()
        if child == 0:
            self.output.write("child\n")
            return 0
        self.system.wait(child, self.ending)
        self.output.write("parent; ")
        self.system.wait(self.system.spawn(self.hello, self.nothing), self.ending)
        if how == 0:
            self.output.write("returned")
            return 0
        if how == 1:
            self.output.write("exited")
            self.system.exit(0)
        self.output.write("executed ")
        self.system.exec(self.hello, self.nothing)
        return 1


@pytest.fixture(scope="module")
def programs():
    sources = sorted(TRICKS.glob("*.c"))
    tricks = build_programs(sources, runtime=RUNTIME, image_base=MICROKERNEL.image_base, flags=NO_WARNINGS)
    program, ram = make_program(Unfinished)
    freeze(program)
    base = MICROKERNEL.image_base
    twin = build_python_program("unfinished", program, ram, runtime=RUNTIME, image_base=base)
    return payload_programs() | tricks | {"unfinished.py": twin}


def assert_says(line, found):
    assert len(found) == len(SAYS[line]), found
    for each, start in zip(found, SAYS[line], strict=True):
        assert re.match(start, each), found


@pytest.mark.parametrize("line", sliced(SAYS, 2))
def test_a_trick_is_told_the_same_in_both_lives(programs, line):
    assert_says(line, console(run_both(programs, line)))


@pytest.mark.parametrize("line", [line for line in SAYS if not line.endswith((" 0", " 1"))])
def test_a_trick_is_told_the_same_on_qemu(programs, line):
    image = make_image(MICROKERNEL, make_payload({"etc/init": line.encode(), **programs}), compiled(MICROKERNEL))
    with Qemu(make_image_file(MICROKERNEL, image), memory=16 * MIB) as machine:
        machine.wait()
        assert_says(line, bytes(machine.console).decode().splitlines()[1:])
