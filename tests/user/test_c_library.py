"""Programs that use the C library say what the same source says on this machine, compiled by its own compiler."""

import shlex
import subprocess
from pathlib import Path

import pytest

from keelback.image.programs import build_program
from keelback.kernel.layout import MICROKERNEL
from keelback.user import RUNTIME
from support import make_pc, sliced

SOURCES = sorted((Path(__file__).parent / "c").glob("*.c"))
ARGUMENTS = {
    "words": ("", "one", "one two  three ", "'one two' \"three 'four'\" fi've six'", "-n 5 --flag=x", "'' \"\""),
}


def here(source, argument, folder):
    """Return what a program prints on this machine, and its exit status."""
    program = folder / "program"
    subprocess.run(["gcc", "-w", "-fwrapv", "-o", program, source], check=True)
    done = subprocess.run([program, *shlex.split(argument)], capture_output=True, text=True, env={"TZ": "UTC"})
    return done.stdout, done.returncode


def there(source, argument="", layout=MICROKERNEL):
    """Return what a program prints on the simulated PC, and its exit status."""
    elf = build_program(source, runtime=RUNTIME, image_base=layout.image_base)
    pc = make_pc(f"it {argument}", programs={"it": elf}, layout=layout, memory=16 << 20)
    pc.boot()
    pc.run()
    _, _, console = pc.console.decode("latin-1").partition("\n")
    lines = [line for line in console.splitlines(True) if not line.startswith("keelback: ")]
    return "".join(lines), pc.kernel.processes.table[1].exit_status


@pytest.mark.parametrize(
    ("source", "argument"),
    sliced([(source, argument) for source in SOURCES for argument in ARGUMENTS.get(source.stem, ("",))], 4),
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_a_program_says_what_it_says_on_this_machine(source, argument, tmp_path):
    assert there(source, argument) == here(source, argument, tmp_path)
