"""The RAM of a QEMU that stands still, read from outside: by the file it lies in, or piece by piece.

file offset   0 ────────── split ───── size
address       0 ────────── split       4 GiB ─── …         the gap between is the devices'
"""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any, Protocol

from keelback.image.leftovers import scratch_folder
from keelback.inspect.lens import look
from keelback.inspect.sparse import PAGE, PIECE, filled_runs, make_memory
from keelback.kernel.layout import Layout
from keelback.kernel.memory.frames import OWNER_BITS, Role
from keelback.machine.qemu.qmp import QemuError, Qmp

HIGH = 1 << 32
MOST_PIECE = 64 << 20
"""Bytes that QEMU writes into a file of ours at a time, where RAM has no file of its own."""
GAP = 64
"""So many frames that are not used are read rather than asking anew."""
ROLE_SHIFT = 16 + OWNER_BITS
_RANGE = re.compile(r"^ +([0-9a-f]{16})-[0-9a-f]{16} \(prio -?\d+, ram\): (\S+)(?: @([0-9a-f]{16}))?", re.MULTILINE)


@dataclass(frozen=True)
class Places:
    """Where RAM lies: `size` bytes, of which those from `split` on have addresses from 4 GiB on."""

    name: str
    size: int
    split: int

    @property
    def end(self) -> int:
        """Return the first address after the last."""
        return HIGH + self.size - self.split if self.split < self.size else self.size

    @property
    def ranges(self) -> tuple[tuple[int, int, int], ...]:
        """Return each range: its start, its end, and what lies before its start in RAM's own order."""
        high = ((HIGH, self.end, self.split),) if self.split < self.size else ()
        return ((0, self.split, 0), *high)


class GuestMemory(Protocol):
    """RAM that can be read while the machine stands still."""

    places: Places

    def read(self, address: int, size: int) -> bytes:
        """Return bytes at a physical address; zeros, or fewer bytes, where there is no RAM."""

    def copy_into(self, contents: Any, layout: Layout) -> None:
        """Copy what a kernel of a layout uses into zeroed memory, each byte to its address, or all."""


@contextmanager
def memory_of(qmp: Qmp) -> Iterator[GuestMemory]:
    """Find the RAM of a machine.  Raises: QemuError; OSError."""
    places = _places(qmp)
    with ExitStack() as made:
        descriptor = _file_of(qmp, places)
        if descriptor >= 0:
            made.callback(os.close, descriptor)
            yield _InFile(places, descriptor)
        else:
            yield _ByMonitor(places, qmp, made.enter_context(scratch_folder()))


def _places(qmp: Qmp) -> Places:
    ranges = [
        (int(start, 16), name, int(at or "0", 16)) for start, name, at in _RANGE.findall(qmp.monitor("info mtree -f"))
    ]
    names = [name for start, name, _ in ranges if start == 0]
    if not names:
        raise QemuError("its QEMU tells of no RAM at address 0")
    size = int(qmp.command("query-memory-size-summary")["base-memory"])
    high = [at for start, name, at in ranges if start == HIGH and name == names[0]]
    return Places(names[0], size, high[0] if high else size)


def _file_of(qmp: Qmp, places: Places) -> int:
    """Return a descriptor of the file that RAM lies in, -1 where it has none that we can read, or a private one."""
    with suppress(QemuError, OSError):
        path, is_shared = (_property(qmp, places.name, each) for each in ("mem-path", "share"))
        if is_shared and os.path.isabs(path):
            descriptor = os.open(path, os.O_RDONLY)
            if os.fstat(descriptor).st_size == places.size:
                return descriptor
            os.close(descriptor)
    return -1


def _property(qmp: Qmp, name: str, what: str) -> Any:
    return qmp.command("qom-get", path=f"/objects/{name}", property=what)


class _InFile:
    """RAM in a file that QEMU shares: what was never written is a hole in it."""

    def __init__(self, places: Places, descriptor: int) -> None:
        self.places = places
        self._descriptor = descriptor

    def read(self, address: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, address)

    def copy_into(self, contents: Any, layout: Layout) -> None:
        for start, end, before in self.places.ranges:
            for first, last in self._written(before, before + end - start):
                for place in range(first, last, PIECE):
                    piece = os.pread(self._descriptor, min(PIECE, last - place), place)
                    contents[start + place - before : start + place - before + len(piece)] = piece

    def _written(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of a range of the file that are no holes."""
        place = start
        while place < end:
            try:
                first = os.lseek(self._descriptor, place, os.SEEK_DATA)
            except OSError:  # nothing but a hole
                return
            place = os.lseek(self._descriptor, first, os.SEEK_HOLE)
            if first < end:
                yield first, min(place, end)


class _ByMonitor:
    """RAM that QEMU writes into a file of ours, piece by piece."""

    def __init__(self, places: Places, qmp: Qmp, folder: Path) -> None:
        self.places = places
        self._qmp = qmp
        self._file = folder / "piece"

    def read(self, address: int, size: int) -> bytes:
        self._qmp.command("pmemsave", val=address, size=size, filename=str(self._file))
        return self._file.read_bytes()

    def copy_into(self, contents: Any, layout: Layout) -> None:
        end = min(layout.records_end, len(contents))
        self._copy(contents, 0, end)
        if end < layout.records_end:
            return
        table = look(layout, contents).memory.frames.table
        base, size = table.record.base, table.record.count * table.element_size
        if base + size > len(contents):  # a kernel that has not booted
            return
        self._copy(contents, base, base + size)
        for first, last in _used(memoryview(contents)[base : base + size].cast("I").tolist()):
            self._copy(contents, first * PAGE, min(last * PAGE, len(contents)))

    def _copy(self, contents: Any, start: int, end: int) -> None:
        for place in range(start, end, MOST_PIECE):
            piece = self.read(place, min(MOST_PIECE, end - place))
            for first, count in filled_runs(piece):
                part = piece[first * PAGE : (first + count) * PAGE]
                contents[place + first * PAGE : place + first * PAGE + len(part)] = part


def _used(records: list[int]) -> Iterator[tuple[int, int]]:
    """Yield runs [first, last) of frames that are in use, with gaps of a few that are not."""
    first = last = 0
    for number in compress(range(len(records)), records):
        if records[number] >> ROLE_SHIFT == Role.RESERVED:
            continue
        if number > last + GAP:
            if first < last:
                yield first, last
            first = number
        last = number + 1
    if first < last:
        yield first, last


def copy_of(memory: GuestMemory, layout: Layout) -> Any:
    """Return a copy of RAM as a kernel of a layout uses it, each byte at its address."""
    contents = make_memory(memory.places.end)
    memory.copy_into(contents, layout)
    return contents
