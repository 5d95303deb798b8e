"""What QEMU's own monitor says about a machine's page tables, as data."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from keelback.debug.debugger import find_gdb
from keelback.machine.qemu.qemu import WAIT, Qemu

TLB_LINE = re.compile(r"([0-9a-f]+): ([0-9a-f]+) ([-XGPDACTUW]{9})")
MEM_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) ([0-9a-f]+) ([-urw]{3})")


@dataclass(frozen=True)
class Translation:
    """A page as `info tlb` shows it: G global, D dirty, A accessed, U user, W writable; others are for other CPUs."""

    page: int
    frame: int
    flags: frozenset[str]


@dataclass(frozen=True)
class Range:
    """A stretch [start, end) of pages with the same permissions, as `info mem` shows it: `urw`, `-r-`."""

    start: int
    end: int
    permissions: str


@dataclass(frozen=True)
class SpaceInQemu:
    """An address space as QEMU walks it."""

    translations: dict[int, Translation]
    ranges: list[Range]


def read_tlb(text: str) -> dict[int, Translation]:
    """Return what `info tlb` says, by pages."""
    found = TLB_LINE.findall(text)
    # Before the address stands what else is in the entry's high word.
    places = ((int(page, 16), int(at, 16) & (1 << 52) - 1, flags) for page, at, flags in found)
    lines = [Translation(page, place >> 12, frozenset(flags) - {"-"}) for page, place, flags in places]
    return {each.page: each for each in lines}


def read_mem(text: str) -> list[Range]:
    """Return what `info mem` says."""
    found = [(int(start, 16), int(end, 16), int(size, 16), what) for start, end, size, what in MEM_LINE.findall(text)]
    assert all(end - start == size for start, end, size, _what in found)
    return [Range(start, end, what) for start, end, _size, what in found]


class Gdb:
    """gdb at the socket of a machine, which stands still meanwhile; a context at whose end the machine ends too."""

    def __init__(self, socket: Path) -> None:
        # fmt: off
        self.process = subprocess.Popen(
            [find_gdb(), "-nx", "-quiet"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
        )
        # fmt: on
        self.says("set confirm off")
        self.says(f"target remote {socket}")

    def says(self, line: str) -> str:
        """Return what gdb says to a line."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{line}\necho \\n<end>\\n\n")
        return "".join(iter(self.process.stdout.readline, "<end>\n"))

    def __enter__(self) -> "Gdb":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate("kill\nquit\n", timeout=WAIT)


def walk(machine: Qemu, gdb: Gdb, directory: int) -> SpaceInQemu:
    """Return what a stopped machine makes of the page directory in a frame, which gdb puts into cr3."""
    gdb.says(f"set $cr3 = (long) {directory << 12:#x}")
    assert re.search(rf" CR3=0*{directory << 12:x} ", machine.monitor("info registers"))
    return SpaceInQemu(read_tlb(machine.monitor("info tlb")), read_mem(machine.monitor("info mem")))
