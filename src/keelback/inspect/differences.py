"""What differs between two machines of one layout, in the kernel's terms: fields, frames, mappings, pages' bytes.

    processes.table[2].state (pong (2)): READY → RUNNING
    frame 0x803: data of cow (1), 2 references → frame 0x803: free
    page 0x0804c000 of cow (1): frame 0x12, read only → frame 0x5, read and write
    page 0x0804c000 of cow (1): 4 bytes from +0x40 on: 01 00 00 00 → 02 00 00 00

1. A byte that differs is told once: by the field that it is in, else by the page that shows it, else by its frame.
2. What a frame's record says is told as the frame's use; an entry of a page table as the mapping that it makes.
3. Machines whose bytes differ are never called equal.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from keelback.inspect.memory_pair import PAGE, MemoryPair
from keelback.inspect.named import Names, NoName, value_at
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.walk import NOT_MAPPED, PAGE_SHIFT, Translation, said_mapping
from keelback.kernel.kernel import Kernel
from keelback.lang import text_of

SHOWN = 8
FRAMES, PROCESSES, THREADS = "memory.frames.table[", "processes.table[", "threads.table["

Range = tuple[int, int]


class Difference(NamedTuple):
    """What differs, and how both machines have it."""

    what: str
    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.what}: {self.one} → {self.other}"


class Differences:
    """What differs between two machines of one layout with as much memory; `ranges` are those that count."""

    def __init__(self, one: Snapshot, other: Snapshot, ranges: Sequence[Range] | None = None) -> None:
        self.both = one, other
        self.contents = tuple(memoryview(each.kernel.spaces.ram.bytes).cast("B") for each in self.both)
        if one.kernel.layout != other.kernel.layout or len(self.contents[0]) != len(self.contents[1]):
            raise ValueError("only machines of one layout with as much memory have differences in its terms")
        self.ranges = ranges if ranges is not None else [(0, len(self.contents[0]))]
        self._told: set[int] = set()
        """The frames whose bytes are told by other words than their own."""

    def first(self, most: int) -> list[str]:
        """Return the first differences in words, and how many lines there are besides."""
        found = list(islice(self.all(), most + 1))
        return [str(each) for each in found[:most]] + ["…"] * (len(found) > most)

    def all(self) -> Iterator[Difference]:
        """Yield all differences: of the kernel's records, of frames, of mappings, and of what pages hold."""
        places = list(self._places())
        frames = {start >> PAGE_SHIFT for start, _ in places}
        told = False
        for each in chain(self._fields(places), self._mappings(), self._pages(frames), self._rest(places)):
            told = True
            yield each
        if not told:  # what has no word of its own: padding, and bits that the CPU sets in page tables
            self._told.clear()
            yield from self._rest(places)

    # Bytes.

    def _places(self) -> Iterator[Range]:
        """Yield the differing parts of the ranges that count, none across the end of a page."""
        pair = MemoryPair(*self.contents)
        for start, end in self.ranges:
            yield from pair.differing(start, end)

    def _bytes(self, start: int, end: int) -> tuple[bytes, bytes]:
        return bytes(self.contents[0][start:end]), bytes(self.contents[1][start:end])

    # Records.

    def _fields(self, places: list[Range]) -> Iterator[Difference]:
        names, seen = Names(self.both[0].kernel), set[str]()
        for start, end in places:
            for address in _differing(start, *self._bytes(start, end)):
                name = names.at(address)
                if name is None or name.endswith("padding"):
                    continue
                self._told.add(address >> PAGE_SHIFT)
                name = name.partition("]")[0] + "]" if name.startswith(FRAMES) else _whole(names, name, address)
                if name not in seen:
                    seen.add(name)
                    yield self._frame(name) if name.startswith(FRAMES) else self._field(name, address)

    def _field(self, name: str, address: int) -> Difference:
        owner = _owner(self.both[1].kernel, name)
        what = f"{name} ({owner})" if owner else name
        try:
            one, other = (value_at(each.kernel, name) for each in self.both)
        except NoName:  # memory is damaged: what it holds is no value of such a field
            return _content(what, *self._bytes(address, address + 4))
        if isinstance(one, bytes) and not (_is_text(one) and _is_text(other)):
            is_alike = len(one) == len(other)  # else the record of a table says otherwise where it lies
            return _content(what, one, other) if is_alike else _content(what, *self._bytes(address, address + 4))
        return Difference(what, _said(one), _said(other))

    def _frame(self, name: str) -> Difference:
        number = int(name[len(FRAMES) : -1])
        one, other = (each.frames[number].said.partition(": ")[2] for each in self.both)
        return Difference(f"frame {number:#x}", one, other)

    # Mappings and pages.

    def _mappings(self) -> Iterator[Difference]:
        for snapshot in self.both:
            self._told |= {*snapshot.tables}
        for pid, maps in self._by_page().items():
            for page in sorted({*maps[0], *maps[1]}):
                one, other = (_mapped(each.get(page)) for each in maps)
                if one != other:
                    yield Difference(f"page {page:#010x} of {self._name(pid)}", one, other)

    def _pages(self, differing: set[int]) -> Iterator[Difference]:
        """Yield what pages hold that is not the same, once where several show the same frames."""
        seen = set[tuple[int, ...]]()
        for pid, maps in self._by_page().items():
            for page in sorted({*maps[0]} & {*maps[1]}):
                frames = tuple(each[page].frame for each in maps)
                if frames in seen or not differing & {*frames}:
                    continue
                seen.add(frames)
                self._told.update(frames)
                one, other = (self._page(index, frame) for index, frame in enumerate(frames))
                if one != other:
                    yield _content(f"page {page:#010x} of {self._name(pid)}", one, other)

    def _page(self, index: int, frame: int) -> bytes:
        return bytes(self.contents[index][frame << PAGE_SHIFT : frame + 1 << PAGE_SHIFT])

    def _by_page(self) -> dict[int, list[dict[int, Translation]]]:
        """Return the user pages of each process that is alive in both machines, of both, by their addresses."""
        return {
            pid: [{each.page: each for each in snapshot.spaces[pid].user} for snapshot in self.both]
            for pid in self.both[0].spaces
            if pid in self.both[1].spaces
        }

    def _name(self, pid: int) -> str:
        return self.both[1].name_of(pid)

    # All else.

    def _rest(self, places: list[Range]) -> Iterator[Difference]:
        for start, end in places:
            frame = start >> PAGE_SHIFT
            if frame in self._told:
                continue
            one, other = self._bytes(start, end)
            known = frame < len(self.both[1].frames)
            use = self.both[1].frames[frame].use if known else ""
            yield _content(f"frame {frame:#x} ({use})" if use else f"frame {frame:#x}", one, other, start % PAGE)


def _differing(start: int, one: bytes, other: bytes) -> Iterator[int]:
    """Yield the addresses at which bytes from an address on differ."""
    return (start + index for index, (left, right) in enumerate(zip(one, other, strict=True)) if left != right)


def _content(what: str, one: bytes, other: bytes, offset: int = 0) -> Difference:
    """Return a difference of bytes: how many, and the first."""
    places = list(_differing(0, one, other))
    first = places[0]
    count = f"{len(places)} byte{'s' * (len(places) != 1)}"
    left, right = (each[first : first + SHOWN].hex(" ") for each in (one, other))
    return Difference(f"{what}: {count} from +{first + offset:#x} on", left, right)


def _mapped(page: Translation | None) -> str:
    return said_mapping(page.frame, page.flags) if page is not None else NOT_MAPPED


def _whole(names: Names, name: str, address: int) -> str:
    """Return the name of a whole array of bytes where the name of an address is that of one of them."""
    is_byte = name.endswith("]") and name != names.at(address ^ 1)
    return name.rpartition("[")[0] if is_byte else name


def _owner(kernel: Kernel, name: str) -> str:
    """Return whose a record is, where it is a process's or a thread's that has one."""
    number = name.partition("[")[2].partition("]")[0]
    if name.startswith(PROCESSES):
        return text_of(kernel.processes.table[int(number)].name)
    pid = kernel.threads.table[int(number)].pid if name.startswith(THREADS) else 0
    return f"{text_of(kernel.processes.table[pid].name)} ({pid})" if pid else ""


def _is_text(content: bytes) -> bool:
    """Say whether bytes are a text that fills them, or ends with zeros."""
    text = content.rstrip(b"\0")
    return text.isascii() and text.decode().isprintable()


def _said(value: Any) -> str:
    if isinstance(value, bytes):
        return repr(value.rstrip(b"\0").decode())
    return getattr(value, "name", f"{value:#x}" if type(value) is int and value > 9 else str(value))
