"""Memory objects: who names and shows them, and that every page of a region that shows one is there."""

from collections import Counter
from collections.abc import Iterator

from keelback.inspect.census import Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.records import handle_table_of, handles_of, numbered
from keelback.inspect.snapshot.regions import Region
from keelback.inspect.walk import PAGE_SHIFT
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.messages.handle_table import HandleKind

KINDS = (RegionKind.SHARED, RegionKind.VIEW)


def _pages(region: Region) -> int:
    return (region.end - region.start) >> PAGE_SHIFT


def _handles(census: Census) -> Counter[int]:
    """Count the handles that name each object."""
    tables = [handle_table_of(census.kernel, each._index) for each in census.snapshot.process_records]
    named = [handle for table in tables for _, handle in handles_of(census.kernel, table)]
    return Counter(each.object for each in named if each.kind == HandleKind.MEMORY)


@invariant("a region names a memory object that there is if it shows one, and no other region does")
def _named(census: Census) -> Iterator[str]:
    for space in census.snapshot.all_spaces:
        for each in space.regions:
            if (each.kind in KINDS) != (each.object != 0) or (
                each.object and each.object not in census.snapshot.objects
            ):
                yield f"{space.whose} has at {each.start:#010x} {each.kind.name} of object {each.object}"


@invariant(
    "an object counts the pages that show its own, a space those of its own that show one, and an object is named"
)
def _counts(census: Census) -> Iterator[str]:
    handles, shown = _handles(census), Counter[int]()
    for space in census.snapshot.all_spaces:
        pages = {region: _pages(region) for region in space.regions if region.object}
        for region, count in pages.items():
            shown[region.object] += count
        if space.record.shared != sum(pages.values()):
            yield f"{space.whose} counts {space.record.shared} shared pages, and has {sum(pages.values())}"
    for number, each in census.snapshot.objects.items():
        if (each.handles, each.shown) != (handles[number], shown[number]):
            found, expected = f"{each.handles} and {each.shown}", f"{handles[number]} and {shown[number]}"
            yield f"object {number} counts {found} handles and pages that show it, and there are {expected}"
        if not each.shown and not each.handles:
            yield f"object {number} is neither named nor shown"


@invariant("every page of a region that shows an object is mapped to one of that object's frames")
def _shown(census: Census) -> Iterator[str]:
    for space in census.snapshot.all_spaces:
        regions = [each for each in space.regions if each.object in census.snapshot.objects]
        frames = {each.page: each.frame for each in space.user} if regions else {}
        for region in regions:
            found = {frames.get(page) for page in range(region.start, region.end, 1 << PAGE_SHIFT)}
            if found - {*census.snapshot.objects[region.object].frames}:
                yield f"{space.whose} has pages from {region.start:#010x} on that are not of object {region.object}"


@invariant("a place of an object that there is not is all zero, and an object's frames are its alone")
def _places(census: Census) -> Iterator[str]:
    owner: dict[int, int] = {}
    for number, record in numbered(census.kernel.objects.table) if census.kernel.objects is not None else ():
        if not record.pages and (record.handles or record.shown or record.node or record.is_kernels):
            yield f"the place of object {number} is not all zero"
    for number, each in census.snapshot.objects.items():
        for frame in (*each.frames, *each.nodes):
            if owner.setdefault(frame, number) != number:
                yield f"frame {frame:#x} is of object {owner[frame]} and of {number}"


@invariant("an object that has frames of the kernel's has those of the payload, and nothing else is in them")
def _payload(census: Census) -> Iterator[str]:
    record = census.kernel.payload.content.record
    start, end = record.base >> PAGE_SHIFT, -(-(record.base + record.count) >> PAGE_SHIFT)
    rest = bytes(census.kernel.spaces.ram.contents[record.base + record.count : end << PAGE_SHIFT])
    for number, each in census.snapshot.objects.items():
        if each.is_kernels and ([*each.frames] != [*range(start, end)] or any(rest)):
            yield f"object {number} has frames of the kernel's, and is not the payload"
