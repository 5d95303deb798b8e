"""The RAM of one machine: its bytes, the static records placed in it, and who watches accesses.

1. No two static records overlap.
2. One view object stands for one struct at one address, so `is` compares places.
3. In strict RAM every access is shown to the machine first (`touch`), which panics where its MMU would fault.
"""

import mmap
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from struct import calcsize
from typing import Any

from keelback.lang.errors import Panic, calling_place

OWN = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
"""The kind of host memory in which a page that is only read takes no room."""


@dataclass
class Record:
    """One static record: its name (the attribute path, once frozen), address and size in bytes.

    It is one `struct`, or an array of `count` of them where `count` is not 0.
    """

    name: str
    address: int
    size: int
    struct: type
    count: int

    @property
    def end(self) -> int:
        """Return the first address after the record."""
        return self.address + self.size


class Ram:
    """Physical memory from address 0, `size` bytes, zero at first.

    `contents` may be any writable buffer, such as another machine's memory; without it the RAM owns an `mmap`.
    `homes` has, by struct class, the array whose elements a `Ref` counts.
    `touch(address, physical, size)` is called before an access in strict RAM: the kernel uses `address`, the bytes
    lie at `physical`.
    Raises: ValueError when `contents` is too short or read-only.
    """

    def __init__(self, size: int, *, word_bits: int = 32, strict: bool = False, contents: Any = None) -> None:
        self.size = size
        self.word_bits = word_bits
        self.strict = strict
        self.contents = mmap.mmap(-1, size, flags=OWN) if contents is None else contents
        self.bytes = memoryview(self.contents).cast("B")
        if self.bytes.nbytes < size or self.bytes.readonly:
            raise ValueError(f"{size:#x} bytes of RAM need as many bytes that can be written")
        self.integers: dict[str, memoryview] = {code: _integers(self.bytes, code) for code in "bBhHiIqQ"}
        """All of it, as integers of each type from address 0 on, by its `struct` format letter."""
        self.records: list[Record] = []
        """The static records, lowest first."""
        self.homes: dict[type, Any] = {}
        self.touch: Callable[[int, int, int], None] = self.inside
        self.views: dict[tuple[type, int], Any] = {}

    def use(self, address: int, physical: int, size: int) -> None:
        """Show an access to the machine.  Raises: Panic at the place in Kernel Python that made the access."""
        try:
            self.touch(address, physical, size)
        except Panic as panic:
            panic.file, panic.line = calling_place()
            raise

    def inside(self, address: int, physical: int, size: int) -> None:
        """Check that `size` bytes at a physical address are RAM.  Raises: Panic."""
        if not 0 <= physical <= self.size - size:
            raise Panic(f"no RAM at {physical:#x}: the machine has {self.size:#x} bytes")

    def add_record(self, record: Record) -> None:
        """Note a static record.  Raises: ValueError when it overlaps another."""
        index = self._index(record.address)
        for other in self.records[max(index - 1, 0) : index + 1]:
            if record.address < other.end and other.address < record.end:
                raise ValueError(f"[{record.address:#x}, {record.end:#x}) overlaps {other.name} at {other.address:#x}")
        self.records.insert(index, record)

    def name_record(self, address: int, struct: type, count: int, name: str) -> None:
        """Give the static record that is just this struct, or array of `count` structs, its name, once."""
        index = self._index(address)
        for record in self.records[index : index + 1]:
            if (record.address, record.struct, record.count, record.name) == (address, struct, count, ""):
                record.name = name

    def _index(self, address: int) -> int:
        """Return where in the list of records the first is that lies at an address or above."""
        return bisect_left(self.records, address, key=attrgetter("address"))


def _integers(bytes: memoryview, code: Any) -> memoryview:
    """Return memory as so many integers of a type as fit."""
    return bytes[: bytes.nbytes - bytes.nbytes % calcsize(code)].cast(code)
