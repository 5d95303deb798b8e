"""Comparison: two machines that run the same programs have equal RAM, byte for byte, after every trap.

    boot ── compare ── begin ── compare ──┬─> step ── step ── compare ──┐
                                          └─────────────────────────────┘

Ignored, and nothing else: `IGNORED` for ever, and in the kernel zone the frames that are kernel stacks, as the frame
table says, or the boot stack, and those that are free and were last one of these.
Trap frames count; so do time, console and how the run ends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from keelback.inspect.differences import Differences
from keelback.inspect.lens import look
from keelback.inspect.memory_pair import PAGE, MemoryPair
from keelback.inspect.named import Names
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.walk import PAGE_SHIFT
from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.kernel import Kernel
from keelback.kernel.memory.frames import STACK, Role
from keelback.kernel.x86.trap_frame import FROM_VIRTUAL_8086
from keelback.kernel.x86.vectors import SYSTEM_CALL, TIMER, Vector, is_device, is_exception
from keelback.lang import Panic, address_of, layout_of, size_of
from keelback.machine.observed import Outcome
from keelback.machine.simulated.pc import SimulatedPc

FRAME_RECORD = 4
ROLES: dict[int, str] = {
    Role.KERNEL: "the kernel",
    Role.TABLE: "a page table",
    Role.LIBRARY: "a library",
    Role.ZEROS: "the zero frame",
}
ROLES |= {Role.CONSOLE: "the console", Role.SHARED: "several", Role.RESERVED: "reserved", Role.STACK: "a kernel stack"}
ROLES |= {Role.OBJECT: "a memory object"}
MACHINE_PARTS = ("traps", "time", "frame", "outcome")
MOST_FIELD_BYTES = 8
MOST_LINES = 20
"""Of what differs, as many are told."""

Range = tuple[int, int]


def _build_id(kernel: Kernel) -> Range:
    field = layout_of(ImageHeader).field("build_id")
    start = kernel.layout.kernel_start + field.offset
    return start, start + field.kind.size


def _text(kernel: Kernel) -> Range:
    return kernel.layout.kernel_start + size_of(ImageHeader), kernel.layout.text_end


def _entry_stack(kernel: Kernel) -> Range:
    return kernel.layout.records_limit, kernel.layout.records_end


def _log(kernel: Kernel) -> Range:
    log = kernel.console.log
    return address_of(log), address_of(log) + size_of(log)


def _windows(kernel: Kernel) -> Range:
    layout, table = kernel.layout, kernel.spaces.access.window_table
    if table is None:
        return 0, 0
    start = address_of(table)
    start += layout.paging.entry_size * layout.paging.table.index(layout.windows)
    return start, start + layout.paging.entry_size * layout.window_count


IGNORED: dict[str, Callable[[Kernel], Range]] = {
    "build id": _build_id,
    "text": _text,
    "entry stack": _entry_stack,
    "console log": _log,
    "window entries": _windows,
}
"""What is ignored, by name, and where it lies."""
FREE = 0


@dataclass(frozen=True)
class Difference:
    """The first difference: what it is called, where it lies (0: not in RAM), both values, and when it was there."""

    name: str
    address: int
    values: tuple[Any, Any]
    trap: int  # how many traps were served; 0: before the first
    during: str

    def __str__(self) -> str:
        one, other = (f"{each:#x}" if isinstance(each, int) else str(each) for each in self.values)
        return f"{self.name} is {one} in the one and {other} in the other after trap {self.trap} ({self.during})"


@dataclass(frozen=True)
class Report:
    """What a comparison found: traps served, bytes compared in all, and the first difference if there is one.

    `described` has all that differs at that trap, or the first of it, in the kernel's terms.
    """

    traps: int
    bytes: int
    difference: Difference | None
    described: tuple[str, ...] = ()


def compare(first: SimulatedPc, second: SimulatedPc) -> Report:
    """Run two machines, which are not booted yet, side by side to their end or to the first difference.

    Raises: ValueError when they can't be compared; Panic when a kernel is wrong.
    """
    if (first.layout, first.ram.size) != (second.layout, second.ram.size):
        raise ValueError("only machines of the same layout and with as much memory can be compared")
    return Comparison(first, second).run()


class Comparison:
    """Two machines in lockstep; `difference` compares them as they stand."""

    def __init__(self, first: SimulatedPc, second: SimulatedPc) -> None:
        self.machines = (first, second)
        self.contents = [pc.ram.bytes for pc in self.machines]
        self._pair = MemoryPair(*self.contents)
        self.kernel = look(first.layout, first.ram.bytes)
        self.ram = self.kernel.spaces.ram
        self.bytes = 0
        self.during = "boot"
        self._zone_records = b""
        self._stacks: set[int] = set()
        self._ranges: list[Range] = []
        first.before_trap.append(self._note_trap)
        first.after_trap.append(self._note_stacks)

    def run(self) -> Report:
        """Run both to their end or to the first difference."""
        difference = self._after(SimulatedPc.bring_up)
        if difference is None:
            self.during = "the start of programs"
            difference = self._after(SimulatedPc.begin)
        while difference is None and self.machines[0].outcome is Outcome.RUNNING:
            difference = self._after(SimulatedPc.step)
        self.machines[0].before_trap.remove(self._note_trap)
        self.machines[0].after_trap.remove(self._note_stacks)
        described = self._described() if difference is not None else ()
        return Report(self.machines[0].traps, self.bytes, difference, described)

    def _described(self) -> tuple[str, ...]:
        """Return what differs now, in words; nothing where page tables lead nowhere."""
        snapshots = [Snapshot.of(pc.layout, pc.ram.bytes) for pc in self.machines]
        try:
            return tuple(Differences(snapshots[0], snapshots[1], self.compared()).first(MOST_LINES))
        except Panic:
            return ()

    def _after(self, step: Callable[[SimulatedPc], None]) -> Difference | None:
        """Step both machines, and compare them."""
        for pc in self.machines:
            step(pc)
        return self.difference()

    def _note_trap(self) -> None:
        frame = self.kernel.scheduler.current(self.kernel.first_cpu).frame
        number, instruction = frame.number(), frame.instruction()
        state = f"vector {frame.vector:#x}, number {number:#x}, instruction at {instruction:#010x}"
        self.during = f"{self._server(frame.vector, number)}, {state}"

    def _server(self, vector: int, number: int) -> str:
        """Return the name of the kernel's function that serves a trap."""
        calls = self.kernel.calls
        served: Callable[..., Any] = self.kernel.faults.take
        if vector == SYSTEM_CALL:
            served = calls.calls[number] if 0 < number < len(calls.calls) else calls.serve
        elif vector == Vector.PAGE_FAULT:
            served = self.kernel.faults.take_page_fault
        elif is_device(vector):
            served = self.kernel.interrupts.finish if vector != TIMER else self.kernel.timer.tick
        elif not is_exception(vector & ~FROM_VIRTUAL_8086):
            served = self.kernel.strays.take
        return served.__qualname__

    def difference(self) -> Difference | None:
        """Return the first difference that there is now."""
        for name in MACHINE_PARTS:
            values = [getattr(pc, name) for pc in self.machines]
            if values[0] != values[1]:
                return self._found(f"the machine's {name}", 0, values)
        if self.machines[0].console != self.machines[1].console:
            return self._found("the console", 0, [bytes(pc.console[-80:]) for pc in self.machines])
        for start, end in self.compared():
            self.bytes += end - start
            if self._pair.differs(start, end):
                return self._name(self._first_difference(start, end))
        return None

    def is_equal(self) -> bool:
        """Say whether there is no difference now."""
        one, other = self.machines
        if any(getattr(one, name) != getattr(other, name) for name in MACHINE_PARTS) or one.console != other.console:
            return False
        return not any(self._pair.differs(start, end) for start, end in self.compared())

    # What is compared.

    def compared(self) -> list[Range]:
        """Return the ranges of RAM that count now."""
        self._note_stacks()
        if not self._ranges:
            ignored = [(frame << PAGE_SHIFT, frame + 1 << PAGE_SHIFT) for frame in self._stacks]
            ignored += [place(self.kernel) for place in IGNORED.values()]
            self._ranges = list(_gaps(sorted(ignored), self.ram.size))
        return self._ranges

    def _note_stacks(self) -> None:
        """Note which frames are the boot stack or kernel stacks now, and which are free and were last one.

        What became a page table and was freed, all by one trap, still counts as the stack that it was before.
        """
        bounds = self.kernel.memory.bounds
        top = max(bounds.region_top, bounds.stack + self.kernel.layout.boot_stack) >> PAGE_SHIFT
        first, zone = bounds.stack >> PAGE_SHIFT, bounds.zone >> PAGE_SHIFT
        table = self.kernel.memory.frames.table.record.base
        records = bytes(self.ram.bytes[table + FRAME_RECORD * first : table + FRAME_RECORD * top]) if table else b""
        if records != self._zone_records:
            if not self._zone_records:  # the machines may have left their boot stack before they were compared
                self._stacks = set(range(first, first + (self.kernel.layout.boot_stack >> PAGE_SHIFT)))
            self._zone_records = records
            uses = dict(enumerate(memoryview(records).cast("H")[1::2], first))
            stacks = {frame for frame, use in uses.items() if use == STACK or frame < zone}
            self._stacks = stacks | {frame for frame in self._stacks if uses.get(frame) == FREE}
            self._ranges = []

    # What a difference is called.

    def _first_difference(self, start: int, end: int) -> int:
        """Return the first address in a range at which the machines differ."""
        one, other = self.contents
        first, last = next(self._pair.differing(start, end))
        return next(each for each in range(first, last) if one[each] != other[each])

    def _name(self, address: int) -> Difference:
        """Return the difference at an address: the whole field that lies there, or the word."""
        name_of = Names(self.kernel).at
        name = name_of(address)
        if name is None:
            address &= ~3
            start, end, name = address, address + 4, self._frame_name(address)
        else:
            start = end = address
            while address - start < MOST_FIELD_BYTES and name_of(start - 1) == name:
                start -= 1
            while end - start < MOST_FIELD_BYTES and name_of(end) == name:
                end += 1
        values = [int.from_bytes(each[start:end], "little") for each in self.contents]
        return self._found(name, start, values)

    def _found(self, name: str, address: int, values: list[Any]) -> Difference:
        return Difference(name, address, (values[0], values[1]), self.machines[0].traps, self.during)

    def _frame_name(self, address: int) -> str:
        """Return where in which frame a word lies, and whose that is."""
        frame, table = address >> PAGE_SHIFT, self.kernel.memory.frames.table
        owner, role = (table[frame].owner, table[frame].role) if frame < len(table) else (0, Role.RESERVED)
        whose = ROLES.get(role, f"process {owner}" if owner else "nobody")
        return f"frame {frame:#x} ({whose}) at {address % PAGE:#x}"


def _gaps(ignored: list[Range], end: int) -> Iterator[Range]:
    """Yield what lies between sorted ranges, from address 0 to an end; a range may lie behind it."""
    position = 0
    for start, stop in [*ignored, (end, end)]:
        if position < min(start, end):
            yield position, min(start, end)
        position = max(position, stop)
