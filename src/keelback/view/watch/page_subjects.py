"""What of a page may change: where it leads, the record of its frame, and what is in it."""

from keelback.inspect.walk import PAGE_SHIFT
from keelback.kernel.kernel import Kernel
from keelback.machine.recorded.subjects import Subject, frame_record, mapping, memory, subject_of
from keelback.view.cells import PAGE, Spot


def subjects_of(kernel: Kernel, spot: Spot) -> list[Subject]:
    """Return what there is to a page: where it leads, the record of its frame, and what is in it."""
    if spot.pid:
        held = frame_record(kernel, spot.pid, spot.address)
        return [mapping(kernel, spot.pid, spot.address), held, _content(kernel, spot)]
    found = []
    if spot.address >> PAGE_SHIFT < len(kernel.memory.frames.table):
        found.append(subject_of(kernel, f"memory.frames.table[{spot.address >> PAGE_SHIFT}]"))
    if spot.address + PAGE <= kernel.spaces.ram.size:
        found.append(memory(kernel, spot.address, spot.address + PAGE))
    return found


def _content(kernel: Kernel, spot: Spot) -> Subject:
    """Return what a process's page has in it; nothing where it is not mapped to RAM."""
    where, ram = mapping(kernel, spot.pid, spot.address), kernel.spaces.ram

    def read() -> bytes:
        found = where.read()
        start = found[0] << PAGE_SHIFT if found is not None else ram.size
        return bytes(ram.bytes[start : start + PAGE])

    def say(value: bytes) -> str:
        return memory(kernel, 0, PAGE).say(value) if value else "nothing"

    return Subject(f"the content of {where.name}", read, say)
