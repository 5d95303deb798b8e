"""Address spaces: page tables, the kernel's part, what user pages may reach."""

from collections.abc import Iterator

from keelback.inspect.census import Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.walk import (
    ACCESSED,
    LOW_FLAGS,
    NO_EXECUTE,
    PAGE_SHIFT,
    PRESENT,
    USER,
    WRITABLE,
    Table,
    Translation,
)
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.memory.space_records import REMEMBERED
from keelback.lang import PAGE_SIZE


@invariant("page 0, the last page and what is above are mapped nowhere")
def _null_pages(census: Census) -> Iterator[str]:
    walker, last = census.snapshot.walker, census.kernel.layout.paging.user_limit - PAGE_SIZE
    for whose, root in _roots(census):
        for each in (walker.walk(root, 0), *walker.pages(root, last)):
            if each is not None:
                yield f"{whose} maps page {each.page:#010x}, which should be mapped nowhere"


def _roots(census: Census) -> list[tuple[str, int]]:
    """Return every address space: whose it is, and what cr3 has for it."""
    snapshot = census.snapshot
    return [("the kernel", snapshot.kernel_root), *((each.whose, each.root) for each in snapshot.all_spaces)]


@invariant("the kernel part is the same in every address space")
def _kernel_part(census: Census) -> Iterator[str]:
    expected = _kernel_tables(census, census.snapshot.kernel_root)
    for space in census.snapshot.all_spaces:
        if _kernel_tables(census, space.root) != expected:
            yield f"{space.whose} has other entries in the kernel part than the kernel"
    for space in census.snapshot.all_spaces if census.kernel.layout.kernel_limit % _reach(census) else ():
        if _kernel_pages(census, space.root) != _kernel_pages(census, census.snapshot.kernel_root):
            yield f"{space.whose} has other pages in the kernel part than the kernel"


def _kernel_tables(census: Census, root: int) -> list[Table]:
    """Return the tables of a space that are for addresses below the limit alone, with the entries that lead there.

    Entries above those lead to tables that are a space's own.
    """
    limit, walker = census.kernel.layout.kernel_limit, census.snapshot.walker
    tables = [each for each in walker.tables(root, 0, limit) if walker.end_of(each) <= limit]
    return [each._replace(way=each.way[-1:]) for each in tables]


def _reach(census: Census) -> int:
    """Return the bytes that a lowest table is for."""
    return 1 << census.snapshot.walker.scheme.levels[-2].shift


def _kernel_pages(census: Census, root: int) -> list[Translation]:
    return census.snapshot.walker.pages(root, 0, census.kernel.layout.kernel_limit)


@invariant("no page of the kernel part is open to user mode, but the screen's where the layout says so")
def _kernel_supervisor(census: Census) -> Iterator[str]:
    for each in census.snapshot.walker.pages(census.snapshot.kernel_root, having=USER):
        if each.page != SCREEN or not census.kernel.layout.user_screen:
            yield f"the kernel's page {each.page:#010x} is open to user mode"


@invariant("a kernel that serves traps in a space of its own maps all memory there, at its own addresses")
def _identity(census: Census) -> Iterator[str]:
    if census.kernel.layout.identity:
        found = [
            (each.page >> PAGE_SHIFT, each.frame) for each in census.snapshot.walker.pages(census.snapshot.kernel_root)
        ]
        if found != [(frame, frame) for frame in range(1, len(census.snapshot.frames))]:
            yield f"the kernel's own space has {len(found)} pages, and not each frame of the machine's once"


@invariant("of the kernel part its text alone can be executed, and its text can't be written")
def _kernel_text(census: Census) -> Iterator[str]:
    layout, forbids = census.kernel.layout, census.kernel.spaces.access.bits.no_execute
    for each in census.snapshot.walker.pages(census.snapshot.kernel_root):
        if layout.kernel_start <= each.page < layout.text_end and each.flags & WRITABLE:
            yield f"the kernel may write its own text at {each.page:#010x}"
        is_text = layout.kernel_start <= each.page < layout.places
        if forbids and bool(each.flags & NO_EXECUTE) == is_text:
            yield f"the kernel may {'not ' * is_text}execute {each.page:#010x}"


@invariant("an entry that the CPU loads with cr3 says that a table is there, and nothing of rights")
def _pointers(census: Census) -> Iterator[str]:
    walker = census.snapshot.walker
    if walker.scheme.levels[0].has_rights:
        return
    for whose, root in _roots(census):
        for number, entry in walker.present(next(walker.tables(root))):
            if entry & (LOW_FLAGS | NO_EXECUTE) & ~ACCESSED != PRESENT:  # which QEMU sets, against the manual
                yield f"page-directory pointer {number} of {whose} is {entry:#x}"


@invariant("in the area for global mappings are kernel stacks alone, each whole in its slot, the guards not mapped")
def _kernel_stacks(census: Census) -> Iterator[str]:
    layout = census.kernel.layout
    mapped = {each.page: each for each in census.snapshot.global_mappings}
    for end in census.snapshot.kernel_stacks if layout.kernel_stack_slots else ():
        if (end - layout.globals_start) % layout.kernel_stack_slot or not layout.globals_start < end:
            yield f"the stack below {end:#010x} lies in no slot"
        for page in range(end - layout.kernel_stack, end, PAGE_SIZE):
            if not mapped.pop(page, Translation(0, 0, 0)).flags & WRITABLE:
                yield f"page {page:#010x}, of the stack below {end:#010x}, can't be written"
    for page in mapped:
        yield f"page {page:#010x} is mapped, and is of no stack"


@invariant("no user mapping reaches a frame of the kernel's, but to read one of the payload")
def _user_frames(census: Census) -> Iterator[str]:
    memory, first = census.kernel.memory, census.kernel.layout.owned_start >> PAGE_SHIFT
    usable = range(1, len(memory.frames.table))
    for space in census.snapshot.all_spaces:
        for each in space.user:
            may_be_read = each.frame == census.kernel.spaces.kernel.zero or each.frame in census.lent
            if may_be_read and not each.flags & WRITABLE:
                continue
            if each.frame not in usable or first <= each.frame < memory.owned_end() >> PAGE_SHIFT:
                yield f"{space.whose} maps frame {each.frame:#x}, the kernel's, at {each.page:#010x}"


@invariant("a page table belongs to one address space, and lies in the kernel zone")
def _tables(census: Census) -> Iterator[str]:
    owner: dict[int, str] = {}
    for space in census.snapshot.all_spaces:
        for table in [each.place >> PAGE_SHIFT for each in space.tables]:
            if table in owner:
                yield f"frame {table:#x} is a table of {owner[table]} and of {space.whose}"
            if not census.is_for_kernel(table):
                yield f"frame {table:#x}, a table of {space.whose}, lies outside the zone"
            owner[table] = space.whose


@invariant("a walk that a space remembers led to one of its lowest tables, which is still there")
def _walks(census: Census) -> Iterator[str]:
    depth = len(census.snapshot.walker.scheme.levels) - 1
    for space in census.snapshot.all_spaces:
        lowest = {each.base: each.place for each in space.tables if each.depth == depth}
        for place, walk in enumerate(space.record.walks):
            base = (walk.number & ~REMEMBERED) * _reach(census)
            there = lowest.get(base)
            if walk.number and (walk.table != there or walk.number % len(space.record.walks) != place):
                has = "no table" if there is None else f"{there:#x}"
                yield f"{space.whose} remembers table {walk.table:#x} for {base:#010x}, and has {has} there"


@invariant("a page table that is there maps something, but where a process has all of them from its start")
def _no_empty_tables(census: Census) -> Iterator[str]:
    for space in census.snapshot.all_spaces if not census.kernel.layout.eager_tables else ():
        for table in space.tables:
            if not census.snapshot.walker.present(table):
                yield f"{space.whose} has an empty table in frame {table.place >> PAGE_SHIFT:#x}"
