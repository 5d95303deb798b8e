"""Pages of images, of malloc and of libraries: where they are, and what they hold."""

from collections import Counter
from collections.abc import Iterator

from keelback.inspect.census import AS_LOADED, Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.loaded_pages import loaded_page
from keelback.inspect.records import loaded_libraries, mapped_libraries, members, numbered
from keelback.inspect.snapshot.regions import Region
from keelback.inspect.walk import PAGE_SHIFT, WRITABLE
from keelback.kernel.memory.space_records import RegionKind
from keelback.lang import PAGE_SIZE


@invariant("a process's record says which frame the first page of its image has now")
def _image_frame(census: Census) -> Iterator[str]:
    for process in census.snapshot.alive:
        image = process.space.image
        mapped = census.snapshot.processes[process.pid].pages(image.base, image.base + PAGE_SIZE)
        frame = next((each.mapping.frame for each in mapped), 0)
        if image.size and image.frame != frame:
            yield f"process {process.pid} records frame {image.frame:#x}, and has {frame:#x} there"


@invariant("every process is in the list of those that run its program, and its image is that file")
def _images(census: Census) -> Iterator[str]:
    processes, index = census.kernel.processes, census.kernel.payload.members
    expected = {each.pid: each.program - 1 for each in census.snapshot.alive}
    lists = [(slot, [*members(each, processes.runners)]) for slot, each in numbered(processes.running.elements)]
    for pid in sorted({*expected}.union(*(each for _, each in lists))):
        own, slot = [each for each, pids in lists for other in pids if other == pid], expected.get(pid, -1)
        if own != [slot] * (pid in expected):
            runs = f"runs the program of slot {slot}" if slot >= 0 else "runs no program"
            yield f"process {pid} {runs}, and is listed for {', '.join(f'slot {each}' for each in own) or 'none'}"
    for pid, slot in expected.items():
        found, start = processes.table[pid].space.image.file, index[slot].start
        if found != start:
            yield f"process {pid} has the file at {found:#x}, and should have the one at {start:#x}"


@invariant("a page that is marked as loaded can't be written, and is as its file has it")
def _loaded(census: Census) -> Iterator[str]:
    ram = census.kernel.spaces.ram.contents
    for space in census.snapshot.spaces.values():
        for each in space.user:
            if each.flags & AS_LOADED:
                start = each.frame << PAGE_SHIFT
                if each.flags & WRITABLE:
                    yield f"{space.whose} may write page {each.page:#010x}, which is marked as loaded"
                if ram[start : start + PAGE_SIZE] != loaded_page(census.kernel, space.record.image.file, each.page):
                    yield f"{space.whose} has at page {each.page:#010x}, marked as loaded, something else than its file"


@invariant("in the malloc area is nothing but malloc pages: one region, from its base to the end of the highest")
def _malloc_region(census: Census) -> Iterator[str]:
    base, limit = census.kernel.layout.malloc_base, census.kernel.layout.malloc_limit
    for process in census.snapshot.alive:
        regions = census.snapshot.processes[process.pid].regions
        there = [
            each for each in regions if each.kind == RegionKind.MALLOC or max(each.start, base) < min(each.end, limit)
        ]
        found = [(each.kind, each.start, each.end) for each in there]
        taken = _malloc_pages(census, process.pid)
        if found != ([(RegionKind.MALLOC, base, max(taken) + PAGE_SIZE)] if taken else []):
            said = ", ".join(f"{kind.name} [{start:#010x}, {end:#010x})" for kind, start, end in found)
            yield f"process {process.pid} has {said or 'no region'} for malloc pages: {len(taken)}"


@invariant("a process's record counts its malloc pages, and none is free before where it looks first")
def _malloc_record(census: Census) -> Iterator[str]:
    base = census.kernel.layout.malloc_base
    for process in census.snapshot.alive:
        record, taken = process.space.malloc, _malloc_pages(census, process.pid)
        if record.count != len(taken):
            yield f"process {process.pid} counts {record.count} malloc pages, and has {len(taken)}"
        if free := set(range(base, base + record.first * PAGE_SIZE, PAGE_SIZE)) - taken:
            yield f"process {process.pid} looks behind {min(free):#010x}, which is free"


def _malloc_pages(census: Census, pid: int) -> set[int]:
    return {each.address for each in census.snapshot.processes[pid].malloc_pages()}


@invariant("a library is loaded as long as a process lists it, and no process lists one twice")
def _library_users(census: Census) -> Iterator[str]:
    users: Counter[int] = Counter()
    for process in census.snapshot.alive:
        listed = [library for library, _address in mapped_libraries(process)]
        users.update(each._index for each in listed if each is not None)
        if None in listed or len(set(map(id, listed))) != len(listed):
            yield f"process {process.pid} lists {len(listed)} libraries, not all of them or one of them twice"
    for number, library in enumerate(loaded_libraries(census.kernel)):
        if (library.users, library.space.directory != 0) != (users[number], users[number] > 0):
            yield f"library {number} has {library.users} users, and {users[number]} list it"


@invariant("a library lies in its process's regions as it was loaded, and its process's other regions are no library's")
def _library_regions(census: Census) -> Iterator[str]:
    for process in census.snapshot.alive:
        pages: dict[int, int] = {}
        whose = census.snapshot.processes[process.pid]
        for library, address in whose.libraries:
            pages |= _pages(library.space.regions, address - library.space.record.image.base)
        if pages != _pages(whose.regions, 0):
            yield f"process {process.pid} lists other pages than it has"


def _pages(listed: list[Region], offset: int) -> dict[int, int]:
    """Return the pages of a space's library regions, moved by an offset, and their permissions."""
    regions = [each for each in listed if each.kind == RegionKind.LIBRARY]
    return {page + offset: each.permissions for each in regions for page in range(each.start, each.end, PAGE_SIZE)}
