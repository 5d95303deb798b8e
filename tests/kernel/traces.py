"""What a request leaves in RAM: all that counts, to be compared byte by byte with what was there before."""

from keelback.inspect.snapshot import Snapshot
from keelback.kernel.calls.starting_calls import StartingCalls
from keelback.kernel.devices.screen import SCREEN
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.threads import ThreadState
from keelback.lang import PAGE_SHIFT, PAGE_SIZE, Struct, address_of, layout_of, name_of, size_of
from keelback.lang.struct import struct_of
from keelback.machine.compare import FREE, IGNORED, STACK
from keelback.machine.simulated.pc import SimulatedPc

Range = tuple[int, int]
ZEROS = bytes(PAGE_SIZE)


def range_of(record: Struct, *names: str) -> Range:
    """Return where a record lies in RAM, or its fields from one to another."""
    start, layout = address_of(record), layout_of(struct_of(record), record._ram.word_bits)
    if not names:
        return start, start + size_of(record)
    first, last = layout.field(names[0]), layout.field(names[-1])
    return start + first.offset, start + last.offset + last.kind.size


def scratch(kernel: Kernel) -> list[Range]:
    """Return where the notes lie that say only what the kernel looked at last, and the injection itself."""
    calls = kernel.calls
    notes = [kernel.programs.command, kernel.loader.file.image, calls.buffer, calls.counts, calls.time]
    notes += [kernel.libraries.loaded.request] if kernel.libraries is not None else []
    notes += [kernel.waiting.ending] if kernel.waiting is not None else []
    notes += [walk for process in kernel.processes.table if process.space.directory for walk in process.space.walks]
    notes += [kernel.word_waits.key] if kernel.word_waits is not None else []
    notes += [kernel.joining.ended] if kernel.joining is not None else []
    for each in kernel.calls_of_parts:
        if isinstance(each, StartingCalls):
            notes += [each.facts, each.given]
    if kernel.messages is not None:
        notes += [kernel.messages.parcels.came]
        for thread in kernel.threads.table:
            if thread.state != ThreadState.WAITING:  # only then it counts
                notes += [thread.exchange, kernel.messages.parcels.of(thread)]
    return [range_of(each) for each in (*notes, kernel.memory.frames.injection)]


def console(kernel: Kernel) -> list[Range]:
    """Return what changes when something is written to the console."""
    return [range_of(kernel.console.state), range_of(kernel.console.screen.state), (SCREEN, SCREEN + PAGE_SIZE)]


def state(pc: SimulatedPc, *more: Range) -> bytearray:
    """Return RAM, to the last frame in use, with zeros where it does not count.

    That is what is ignored, scratch, free frames, kernel stacks.
    """
    kernel = pc.kernel
    bounds, table = kernel.memory.bounds, kernel.memory.frames.table
    owners = memoryview(pc.ram.bytes)[table.record.base :][: 4 * len(table)].cast("H")[1::2].tolist()
    zone = range(bounds.zone >> PAGE_SHIFT, bounds.region_top >> PAGE_SHIFT)
    end = 1 + max(frame for frame, owner in enumerate(owners) if owner != FREE)
    content = bytearray(memoryview(pc.ram.bytes)[: end << PAGE_SHIFT])
    for frame, owner in enumerate(owners[:end]):
        if owner == FREE or (owner == STACK and frame in zone):
            content[frame << PAGE_SHIFT : frame + 1 << PAGE_SHIFT] = ZEROS
    for start, end in (*(place(kernel) for place in IGNORED.values()), *scratch(kernel), *more):
        content[start:end] = bytes(end - start)
    return content


def assert_equal(pc: SimulatedPc, found: bytearray, expected: bytearray) -> None:
    if found != expected:
        words = [at for at in range(0, len(found), 4) if found[at : at + 4] != expected[at : at + 4]]
        lines = [
            f"{name_of(pc.ram, at)}: {found[at : at + 4].hex()}, not {expected[at : at + 4].hex()}" for at in words
        ]
        raise AssertionError("\n".join(["the failure left a trace:", *lines[:20]]))


def memory(lens: Kernel, pid: int) -> dict[int, bytes]:
    """Return what a process would read in its regions, page by page, but for pages of zeros, there or not."""
    found, contents = {}, lens.spaces.ram.contents
    for each in Snapshot(lens).processes[pid].pages():
        start = each.mapping.frame << PAGE_SHIFT
        content = bytes(contents[start : start + PAGE_SIZE])
        if any(content) and each.region:
            found[each.address] = content
    return found
