"""Promises: what pages may still need is counted and free."""

from collections.abc import Iterator

from keelback.inspect.census import Census
from keelback.inspect.invariants.sentences import invariant
from keelback.inspect.records import loaded_libraries
from keelback.inspect.walk import USER, WRITABLE
from keelback.kernel.memory.space_records import RegionKind
from keelback.kernel.processes.processes import Process
from keelback.lang import PAGE_SIZE


@invariant("a space counts as many promises as its pages have that may be written, and tables that may be needed")
def _space_promises(census: Census) -> Iterator[str]:
    for process in census.snapshot.alive:
        record = process.space.promised
        expected = _promises(census, process) if process.pid in census.snapshot.spaces else (0, 0)
        if (record.pages, record.tables) != expected:
            counted = f"{record.pages} pages and {record.tables} tables"
            should = f"{expected[0]} and {expected[1]}"
            yield f"process {process.pid} counts promises for {counted}, and should count {should}"
    for number, library in enumerate(loaded_libraries(census.kernel)):
        if library.space.promised.pages or library.space.promised.tables:
            yield f"library {number} counts promises, and should have none"


def _promises(census: Census, process: Process) -> tuple[int, int]:
    """Return how many pages of a process have a promise, and how many tables it has not that may be needed."""
    mapped = census.snapshot.spaces[process.pid]
    growth = census.kernel.layout.stack_top - census.kernel.layout.stack_promised * PAGE_SIZE
    zero = census.kernel.spaces.kernel.zero
    present = {each.page for each in mapped.user if each.frame != zero}
    tables = {(each.depth, each.base) for each in mapped.tables}
    pages, needed = 0, set[tuple[int, int]]()
    for region in mapped.regions:
        on_demand = range(region.start, region.end, PAGE_SIZE)
        if region.object:
            continue
        if region.kind in (RegionKind.MALLOC, RegionKind.SPARSE):
            on_demand = range(0)
        elif region.kind == RegionKind.STACK:
            on_demand = range(max(region.start, growth), max(region.end, growth), PAGE_SIZE)
        if region.permissions & WRITABLE:
            taken = sum(region.start <= page < region.end and page not in on_demand for page in present)
            pages += len(on_demand) + taken
        if region.permissions & USER and on_demand:
            for depth, level in enumerate(census.snapshot.walker.scheme.levels[:-1], 1):
                slots = range(on_demand.start >> level.shift, (on_demand.stop - 1 >> level.shift) + 1)
                needed.update((depth, slot << level.shift) for slot in slots)
    return pages, 0 if census.kernel.layout.eager_tables else len(needed - tables)


@invariant("the counts of promises are those of all spaces together")
def _promise_counts(census: Census) -> Iterator[str]:
    counts, records = census.kernel.memory.frames.counts, [each.space.promised for each in census.snapshot.alive]
    sums = sum(each.pages for each in records), sum(each.tables for each in records)
    if (counts.user_promised, counts.kernel_promised) != sums:
        counted = f"{counts.user_promised} and {counts.kernel_promised}"
        yield f"the counts of promised pages and tables are {counted}, and should be {sums[0]} and {sums[1]}"


@invariant("what pages may still need is free: user frames, and frames of the kernel zone for their tables")
def _promises_kept(census: Census) -> Iterator[str]:
    if census.kernel.layout.overcommit:
        return
    promises = [_promises(census, each) for each in census.snapshot.alive if each.pid in census.snapshot.spaces]
    answered = census.user_frames - census.marked_read_only
    user = sum(pages for pages, _ in promises) - len(answered)
    kernel = sum(tables for _, tables in promises)
    free = (census.free & ~census.zone).bit_count(), (census.free & census.zone).bit_count()
    if user > free[0] or kernel > free[1]:
        yield f"{user} user frames and {kernel} of the kernel zone are needed, {free[0]} and {free[1]} are free"
