"""Regions: what a process's addresses are for, and the pages in them."""

from collections.abc import Iterator
from itertools import pairwise

from keelback.inspect.census import Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.walk import NO_EXECUTE, PAGE_SHIFT, USER, WRITABLE, Translation
from keelback.kernel.memory.space_records import FEW, SPARE, RegionKind
from keelback.kernel.x86.paging import EXECUTE
from keelback.lang import PAGE_SIZE, size_of


@invariant("regions are whole pages of user space, in order, none in the guard, and no two that touch are alike")
def _regions(census: Census) -> Iterator[str]:
    layout = census.kernel.layout
    for each in census.snapshot.all_spaces:
        whose, regions = each.whose, each.regions
        edges = [edge for region in regions for edge in (region.start, region.end)]
        empty = any(region.start == region.end for region in regions)
        if edges != sorted(edges) or empty or any(edge % PAGE_SIZE for edge in edges):
            yield f"{whose} has regions with the ends {[hex(edge) for edge in edges]}"
        if edges and not layout.user_base <= edges[0] <= edges[-1] <= layout.user_end:
            yield f"{whose} has a region outside user space"
        if any(max(each.start, layout.stack_guard) < min(each.end, layout.stack_bottom) for each in regions):
            yield f"{whose} has a region in the stack's guard"
        for one, other in pairwise(regions):
            if one.end == other.start and one[2:] == other[2:]:
                yield f"{whose} has two regions alike that touch at {other.start:#x}"


@invariant("regions lie side by side in a space's record, or in as few nodes of its own as hold them; the rest is zero")
def _nodes(census: Census) -> Iterator[str]:
    owner: dict[int, str] = {}
    in_node = census.kernel.regions.in_node
    region_words = size_of(census.kernel.regions.nowhere) // 4
    for each in census.snapshot.all_spaces:
        whose, space, nodes = each.whose, each.record, each.nodes
        needed = 0 if space.count <= FEW else -(-(space.count + SPARE) // in_node)
        if len(nodes) != needed or space.node != (nodes[0] << PAGE_SHIFT if nodes else 0):
            yield f"{whose} has {space.count} regions in the nodes {nodes}, the first {space.node:#x}"
        for number, frame in enumerate(nodes):
            if owner.setdefault(frame, whose) != whose or nodes.count(frame) > 1:
                yield f"frame {frame:#x} is a node of {owner[frame]} and of {whose}"
            if not census.is_for_kernel(frame):
                yield f"frame {frame:#x}, a node of {whose}, lies outside the zone"
            words, listed = census.frame(frame).tolist(), 0 if number else len(nodes)
            used_words = max(space.count - number * in_node, 0) * region_words
            if any(words[used_words : in_node * region_words] + words[in_node * region_words + listed :]):
                yield f"frame {frame:#x}, a node of {whose}, is not zero behind the last region, or the last node"
        unused = list(space.regions)[0 if nodes else space.count :]
        if any(each.end or each.start or each.kind or each.permissions or each.object for each in unused):
            yield f"the record of {whose} is not zero behind the last region"


@invariant("an image lies where images may, a library too, and a stack where the stack does")
def _areas(census: Census) -> Iterator[str]:
    layout = census.kernel.layout
    images, stack = (layout.image_start, layout.image_limit), (layout.stack_bottom, layout.stack_top)
    areas = {RegionKind.IMAGE: images, RegionKind.LIBRARY: images, RegionKind.STACK: stack}
    for space in census.snapshot.all_spaces:
        for region in space.regions:
            first, limit = areas.get(region.kind, (layout.user_base, layout.user_end))
            if not first <= region.start < region.end <= limit:
                yield f"{space.whose} has {region.kind.name} [{region.start:#010x}, {region.end:#010x})"


def _flags(census: Census, mapped: Translation) -> int:
    """Return what a page's entries allow, as a region has it; what a CPU can't forbid, nobody is asked about."""
    forbids = census.kernel.spaces.access.bits.no_execute
    return mapped.flags & (USER | WRITABLE) | (EXECUTE if forbids and not mapped.flags & NO_EXECUTE else 0)


@invariant("a page that is mapped lies in a region, and its entry allows no more than the region does")
def _pages_in_regions(census: Census) -> Iterator[str]:
    for space in census.snapshot.spaces.values():
        for each in space.user:
            region = space.region_of(each.page)
            if region is None:
                yield f"{space.whose} maps {each.page:#010x}, which is in no region"
            elif _flags(census, each) & ~region.permissions:
                yield f"{space.whose} may do more at {each.page:#010x} than its region allows"
