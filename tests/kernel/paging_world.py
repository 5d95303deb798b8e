"""A small world of address spaces, by any paging scheme, in both lives: frames, tables, and one space with regions.

0x00100000  static records                   0x00180000  kernel zone: tables
0x00140000  frame table, sets of free frames 0x001e0000  the compiled life's stack
0x00400000  user frames: numbers only, for the code under test never touches what is in them
"""

from dataclasses import dataclass, fields
from functools import cache

from compiler.native import SIZE, Failed, Native
from keelback.abi.errors import OutOfMemory
from keelback.inspect.walk import Walker, reader
from keelback.kernel.layout import MICROKERNEL, Layout
from keelback.kernel.memory.frames import Frames
from keelback.kernel.memory.heap import BootHeap
from keelback.kernel.memory.promises import Promises
from keelback.kernel.memory.regions import Regions
from keelback.kernel.memory.space_records import RegionKind, Space, Walk
from keelback.kernel.memory.spaces import AddressSpaces
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.kernel.x86.paging import I386, NO_EXECUTE, PAE, X86_64, PagingScheme
from keelback.lang import (
    PAGE_SIZE,
    Component,
    Cpu,
    HostObject,
    KernelError,
    Panic,
    Ram,
    Region,
    address_of,
    freeze,
    size_of,
    u8,
    u16,
    u32,
    word,
)  # fmt: skip
from keelback.lang.strict import words_of
from kernel.quick import FLAGS

RECORDS, HEAP, ZONE, TOP = 0x10_0000, 0x14_0000, 0x18_0000, 0x1E_0000
USER_FRAMES, FRAMES = 0x400, 0x800
OWNER = 7


class PartOfLayout(Layout):
    """A layout of which only what page tables need has a meaning, so no kernel could be built for it."""

    def __post_init__(self) -> None:
        """Check nothing."""


@dataclass(frozen=True)
class Shape:
    """A scheme, and where the kernel part ends."""

    scheme: PagingScheme
    kernel_limit: int
    user_end: int = 0xFFFF_F000

    @property
    def layout(self) -> Layout:
        """Return a layout with that limit."""
        limit = self.kernel_limit
        far = max(limit, 0x4000_0000) + 0x4000_0000
        changes = dict(
            owned_start=RECORDS, kernel_start=RECORDS, places=HEAP, text_end=HEAP, kernel_limit=limit,
            windows=limit - 2 * PAGE_SIZE, image_start=limit, image_base=limit, malloc_base=far, malloc_limit=far,
            stack_top=self.user_end, user_end=self.user_end, paging=self.scheme,
        )  # fmt: skip
        return PartOfLayout(**{each.name: getattr(MICROKERNEL, each.name) for each in fields(Layout)} | changes)

    def __str__(self) -> str:
        return f"{self.scheme.name}-{self.kernel_limit:#x}"


SHAPES = (
    Shape(I386, 0x0800_0000),
    Shape(PAE, 0x4000_0000),  # the root's entries are shared
    Shape(PAE, 0x0800_0000),
    Shape(PAE, 0x6000_0000),  # one of them is, the next is not
    Shape(X86_64, 0x0800_0000, 0x7FFF_FFFF_F000),
    Shape(X86_64, 1 << 30, 0x7FFF_FFFF_F000),
)


class NoTranslations(HostObject):
    """The hardware of a CPU that keeps no translation."""

    def invalidate_page(self, address: int) -> None:
        """Do nothing."""

    def read_cr3(self) -> int:
        """Tell that no space is in use."""
        return 0

    def write_cr3(self, value: int) -> None:
        """Do nothing."""


class World(Component):
    """What the tests call, in both lives."""

    def __init__(self, records: Region, shape: Shape) -> None:
        self.frames = Frames(records, shape.layout)
        self.heap = BootHeap(records)
        self.spaces = AddressSpaces(records, shape.layout, Cpu(NoTranslations()), self.frames)
        self.tables = self.spaces.tables
        self.promises = Promises(self.spaces, Regions(records, shape.layout, self.frames, self.spaces.access))
        self.memory = VirtualMemory(records, self.promises, None)
        self.space = records.struct(Space)
        self.other = records.struct(Space)  # clear but for a call

    def start(self) -> None:
        """Give out frames and make the kernel's tables."""
        self.heap.start(HEAP, ZONE)
        self.frames.table.place(self.heap.allocate(FRAMES * self.frames.table.element_size), FRAMES)
        self.frames.read_only.place(self.heap.allocate(FRAMES), FRAMES)
        self.frames.kernel_zone.place(self.heap, FRAMES)
        self.frames.user_zone.place(self.heap, FRAMES)
        self.frames.add_kernel_range(ZONE // PAGE_SIZE, TOP // PAGE_SIZE)
        self.frames.add_user_range(USER_FRAMES, FRAMES)
        self.frames.counts.user_promised = 0
        self.spaces.start(TOP, NO_EXECUTE if self.spaces.scheme.no_execute else 0)

    def create(self) -> u32:
        """Return a new space."""
        return self.spaces.create(7)

    def destroy(self, root: u32) -> None:
        """Give a space back."""
        self.spaces.destroy(root)

    def map(self, root: u32, page: word, permissions: u32, owner: u16) -> u32:
        """Map a page to a new frame, which is returned.  Raises: OutOfMemory; nothing has changed."""
        frame: u32 = self.frames.allocate_user(owner)
        try:
            self.spaces.enter(self.tables.reserve(root, page), page, frame, permissions)
        except OutOfMemory:
            self.frames.drop(frame, owner)
            raise
        return frame

    def enter(self, root: u32, page: word, frame: u32, permissions: u32) -> None:
        """Map a page to a frame of any number."""
        self.spaces.enter(self.tables.reserve(root, page), page, frame, permissions)

    def change(self, root: u32, page: word, frame: u32, permissions: u32) -> None:
        """Let a page that is mapped mean another frame."""
        entry = self.tables.find(root, page)
        assert entry is not None, "the page is mapped"
        self.spaces.change(entry, page, frame, permissions)

    def unmap(self, root: u32, start: word, end: word, owner: u16) -> bool:
        """Unmap a range."""
        self.other.directory = root
        self.other.owner = owner
        emptied = self.spaces.unmap(self.other, start, end)
        self.other.clear()
        return emptied

    def reserve(self, root: u32, page: word) -> None:
        """Make the way to a page."""
        self.tables.reserve(root, page)

    def reserve_like(self, root: u32, other: u32, start: word, end: word) -> None:
        """Make tables as another space has them."""
        self.spaces.reserve_like(root, other, start, end)

    def prune(self, root: u32, page: word) -> None:
        """Give empty tables back."""
        self.tables.prune(root, page)

    def share(self, root: u32, other: u32, start: word, end: word) -> None:
        """Map what another space maps."""
        self.spaces.share(root, other, start, end)

    def limit(self, root: u32, start: word, end: word, permissions: u32, owner: u16) -> None:
        """Take rights away."""
        self.spaces.restrict(root, start, end, permissions, owner)

    def frame(self, root: u32, page: word) -> u32:
        """Return the frame of a page."""
        return self.spaces.frame(root, page)

    def pages(self, root: u32, start: word, end: word) -> word:
        """Return a sum of the pages that are mapped, each by its place in their order."""
        found: word = 0
        place: word = 1
        for page, _ in self.spaces.mappings(root, start, end):
            found = (found + (page >> 12) * place) & 0xFFFF_FFFF
            place += 1
        return found

    def begin(self) -> None:
        """Make the space with regions, which has none yet."""
        self.space.directory = self.spaces.create(7)
        self.space.owner = 7

    def map_memory(self, address: word, size: u32, permissions: u8) -> None:
        """Make anonymous memory a region of that space, as `map` does."""
        self.memory.map(self.space, address, size, RegionKind.ANONYMOUS, permissions)

    def unmap_memory(self, address: word, size: u32) -> None:
        """Take memory out of its regions, as `unmap` does."""
        self.memory.unmap(self.space, address, size)

    def protect_memory(self, address: word, size: u32, permissions: u8) -> None:
        """Give memory other permissions, as `protect` does."""
        self.memory.protect(self.space, address, size, permissions)

    def read_memory(self, address: word) -> u32:
        """Read a page, as a page fault does; return its frame, the one of zeros."""
        return self.memory.make_readable(self.space, address)

    def shown_frame(self, address: word) -> u32:
        """Return the frame of a page that can be read at once.  Raises: BadAddress."""
        return self.tables.frame_of(self.memory.shown(self.space, address))

    def fail(self, number: u32) -> None:
        """Let the next allocation but so many fail; 0: none."""
        self.frames.injection.countdown = number


CALLS = (
    "create", "destroy", "map", "enter", "change", "unmap", "reserve", "reserve_like", "prune", "share", "limit",
    "frame", "pages", "fail", "begin", "map_memory", "unmap_memory", "protect_memory", "read_memory", "shown_frame",
)  # fmt: skip


class Lives:
    """A world in both lives; a call is made in both, and all their memory must be equal then."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.scheme = shape.scheme
        self.ram = Ram(SIZE, word_bits=shape.scheme.word_bits)
        self.world = World(Region(self.ram, RECORDS, HEAP), shape)
        freeze(self.world)
        self.native = _native(shape, self.world, self.ram)
        self.native.call("start")
        self._interpreted("start")
        self._compare("start")

    def call(self, name: str, *arguments: int) -> int:
        """Make a call in both lives.  Raises: what both raise, a KernelError or a Panic."""
        outcomes = [_outcome(life, name, arguments) for life in (self._interpreted, self.native.call)]
        assert outcomes[0] == outcomes[1], (name, arguments)
        self._compare(name)
        kind, value = outcomes[0]
        if kind == "result":
            return value or 0
        raise value[0](*value[1:])

    def _interpreted(self, name: str, *arguments: int) -> object:
        with words_of(self.scheme.word_bits):
            return getattr(self.world, name)(*arguments)

    def _compare(self, name: str) -> None:
        assert self.memory() == bytes(self.native.uc.mem_read(RECORDS, TOP - RECORDS)), name

    def memory(self) -> bytes:
        """Return all memory that the code under test may change."""
        return bytes(self.ram.bytes[RECORDS:TOP])

    def state(self) -> bytes:
        """Return all memory but what free frames have, and walks that are remembered: what an undone change leaves."""
        free, walks = self.world.frames.kernel_zone, self.world.space.walks
        zone = range(ZONE // PAGE_SIZE, TOP // PAGE_SIZE)
        used = (self.ram.bytes[n * PAGE_SIZE : (n + 1) * PAGE_SIZE] for n in zone if not free.has(n))
        records = bytearray(self.ram.bytes[RECORDS:ZONE])
        start, size = address_of(walks[0]) - RECORDS, len(walks) * size_of(Walk)
        records[start : start + size] = bytes(size)
        return bytes(records) + b"".join(map(bytes, used))

    def free(self) -> int:
        """Return how many frames of the kernel zone are free."""
        return self.world.frames.counts.kernel_free

    def count(self, table: int) -> int:
        """Return how many present entries the record of a table counts."""
        return self.world.frames.table[table].references

    @property
    def base(self) -> int:
        """Return the lowest user address."""
        return self.shape.kernel_limit


def _outcome(life, name, arguments):
    try:
        return "result", life(name, *arguments)
    except KernelError as error:
        return "error", (type(error),)
    except Failed as failed:
        [kind] = [each for each in KernelError.__subclasses__() if each.number == failed.code]
        return "error", (kind,)
    except Panic as panic:
        return "error", (Panic, panic.message.partition(" (")[0], ("", panic.line))


@cache
def _compiled(shape: Shape) -> tuple[Native, bytes]:
    ram = Ram(SIZE, word_bits=shape.scheme.word_bits)
    world = World(Region(ram, RECORDS, HEAP), shape)
    freeze(world)
    native = Native(world, ram, {name: getattr(world, name) for name in ("start", *CALLS)}, ["-w", *FLAGS])
    return native, bytes(native.uc.mem_read(0, SIZE))


def _native(shape: Shape, world: World, ram: Ram) -> Native:
    """Return the compiled life of a new world; its code is compiled once."""
    native, start = _compiled(shape)
    native.uc.mem_write(0, start)
    return native


def walker(lives: Lives) -> Walker:
    """Return what reads the tables of a world, on its own terms."""
    return Walker(lives.scheme.name, reader(lives.ram.bytes))


def entry(lives: Lives, root: int, page: int) -> int:
    """Return the entry of the lowest table for a page, which is there."""
    *_, table = walker(lives).tables(root * PAGE_SIZE, page, page + 1)
    assert table.depth == len(lives.scheme.levels) - 1
    return dict(walker(lives).present(table)).get((page - table.base) // PAGE_SIZE, 0)


def tables_of(lives: Lives, root: int) -> dict[int, int]:
    """Return every table of a space, the kernel's shared ones too, and how many present entries it has."""
    walk = walker(lives)
    return {each.place // PAGE_SIZE: len(walk.present(each)) for each in walk.tables(root * PAGE_SIZE)}


def mappings(lives: Lives, root: int) -> dict[int, tuple[int, int]]:
    """Return the user pages that a space maps, by address: the frame, and the flags of all entries together."""
    return {each.page: (each.frame, each.flags) for each in walker(lives).pages(root * PAGE_SIZE, lives.base)}
