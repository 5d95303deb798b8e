"""What counts of a kernel's memory in a lab: what programs can tell of it, and what it must not lose.

Which frames become page tables, and in which order records are written, is a kernel's own affair.
"""

from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from keelback.inspect.doings import doing
from keelback.inspect.records import members
from keelback.inspect.snapshot import Snapshot
from keelback.inspect.snapshot.processes import Process
from keelback.inspect.traps import AnyRegisters, TrapFrames
from keelback.inspect.walk import ACCESSED, DIRTY, NO_EXECUTE, PAGE_SHIFT, USER, WRITABLE
from keelback.kernel.processes.processes import Ending, ProcessState
from keelback.kernel.processes.processes import Process as ProcessRecord
from keelback.view.changes import Changes

USED = ACCESSED | DIRTY
"""Bits that the CPU sets as it uses an entry."""
RIGHTS = ((USER, "for user mode"), (WRITABLE, "writable"))
MOST_SAID = 6


class Shown(NamedTuple):
    """A page that is mapped: its frame (0 where that does not count), rights, and a digest of what is in it."""

    frame: int
    flags: int
    digest: int

    def __str__(self) -> str:
        rights = [name for bit, name in RIGHTS if self.flags & bit] or ["only for the kernel"]
        rights += ["not executable"] * bool(self.flags & NO_EXECUTE)
        frame = f"frame {self.frame:#x}, " if self.frame else ""
        return f"{frame}{', '.join(rights)}"


class Observed(NamedTuple):
    """A kernel's memory at a moment: pages by process and address, processes, what threads go on with, free frames."""

    pages: dict[int, dict[int, Shown]]
    processes: dict[int, str]
    threads: dict[int, list[tuple[str, AnyRegisters]]]
    """What each thread of a process does, and its registers."""
    free: tuple[int, int]
    """User frames, and those of the kernel zone."""
    first: dict[int, dict[int, int]]
    """By process and address of a page, the first process that shows the page's frame.  It says why frames are free,
    and counts for nothing itself."""


def observe(snapshot: Snapshot, *, frames: bool) -> Observed:
    """Return what counts now; which frames pages are in only with `frames`.  Raises: Panic when tables lead nowhere."""
    counts = snapshot.kernel.memory.frames.counts
    processes = {pid: f"{_name(snapshot, each)}: {_state(each.record)}" for pid, each in snapshot.processes.items()}
    pages = {pid: dict(_pages(snapshot, space.root, frames)) for pid, space in snapshot.spaces.items()}
    threads = {pid: list(_threads(snapshot, each)) for pid, each in snapshot.processes.items()}
    return Observed(pages, processes, threads, (counts.user_free, counts.kernel_free), _first(snapshot))


def _threads(snapshot: Snapshot, process: Process) -> Iterator[tuple[str, AnyRegisters]]:
    """Yield what each thread does, and the registers that it goes on with; what trapped last is over by then."""
    frames, table = TrapFrames(snapshot.kernel), snapshot.kernel.threads.table
    for number in members(process.record.threads, snapshot.kernel.threads.lists):
        yield doing(snapshot.kernel, table[number]), frames.of(number)._replace(vector=0, error=0)


def _name(snapshot: Snapshot, process: Process) -> str:
    """Return what a process is called; one that is nothing yet has no thread that has started."""
    table, lists = snapshot.kernel.threads.table, snapshot.kernel.threads.lists
    has_started = any(table[number].serial != 0 for number in members(process.record.threads, lists))
    return process.name or ("without a name" if has_started else "half made")


def _state(record: ProcessRecord) -> str:
    is_alive = record.state == ProcessState.ALIVE
    return "alive" if is_alive else f"{Ending(record.ending).name.lower()} {record.exit_status}"


def _pages(snapshot: Snapshot, root: int, frames: bool) -> Iterator[tuple[int, Shown]]:
    """Yield every page of a space that its program may use, and in the kernel's part all with their rights."""
    ram, base = memoryview(snapshot.kernel.spaces.ram.contents), snapshot.kernel.layout.user_base
    for each in snapshot.walker.pages(root):
        flags = each.flags & (USER | WRITABLE | NO_EXECUTE)
        if each.page < base:
            yield each.page, Shown(0, flags, 0)
        else:
            place = each.frame << PAGE_SHIFT
            yield each.page, Shown(each.frame * frames, flags, crc32(ram[place : place + (1 << PAGE_SHIFT)]))


def _first(snapshot: Snapshot) -> dict[int, dict[int, int]]:
    """Return by process and address of a user page which process is the first that shows the page's frame."""
    base, by_frame, found = snapshot.kernel.layout.user_base, dict[int, int](), dict[int, dict[int, int]]()
    for pid, space in sorted(snapshot.spaces.items()):
        pages = ((each.page, each.frame) for each in snapshot.walker.pages(space.root) if each.page >= base)
        found[pid] = {page: by_frame.setdefault(frame, pid) for page, frame in pages}
    return found


def differences(right: Observed, other: Observed, names: dict[int, str]) -> list[str]:
    """Return what differs in sentences, at most a few: processes, threads, pages, free frames."""
    found = [*_of_processes(right, other), *_of_threads(right, other, names), *_of_pages(right, other, names)]
    if right.free[0] != other.free[0]:
        found += _of_sharing(right, other, names)
    found += _of_frames(right, other)
    more = len(found) - MOST_SAID
    return found if more <= 0 else [*found[:MOST_SAID], f"… and {more:,} more"]


def _of_pages(right: Observed, other: Observed, names: dict[int, str]) -> Iterator[str]:
    for pid in sorted({*right.pages} & {*other.pages}):
        one, two = right.pages[pid], other.pages[pid]
        for page in sorted(page for page in {*one, *two} if one.get(page) != two.get(page)):
            yield f"page {page:#010x} of {names.get(pid, pid)} {_said(one.get(page), two.get(page))}"


def _said(right: Shown | None, other: Shown | None) -> str:
    """Say how a page differs."""
    if right is None:
        return f"should not be mapped, and is: {other}"
    if other is None:
        return f"should be mapped ({right}), and is not"
    if right._replace(digest=0) == other._replace(digest=0):
        return "has other bytes than it should"
    return f"should be {right}, and is {other}"


def _of_processes(right: Observed, other: Observed) -> Iterator[str]:
    for pid in sorted({*right.processes, *other.processes}):
        one, two = right.processes.get(pid), other.processes.get(pid)
        if one != two:
            yield f"process {pid} should be {one or 'free'}, and is {two or 'free'}"


def _of_threads(right: Observed, other: Observed, names: dict[int, str]) -> Iterator[str]:
    for pid in sorted({*right.threads} & {*other.threads}):
        one, two = right.threads[pid], other.threads[pid]
        if len(one) != len(two):
            yield f"{names.get(pid, pid)} should have {len(one)} threads, and has {len(two)}"
            continue
        for (does, registers), (found, others) in zip(one, two, strict=True):
            if does != found:
                yield f"{names.get(pid, pid)} should be {does}, and is {found}"
            for name, value, wrong in zip(registers._fields, registers, others, strict=True):
                if value != wrong:
                    yield f"{names.get(pid, pid)} should go on with {name} = {value:#x}, and does with {wrong:#x}"


def _of_sharing(right: Observed, other: Observed, names: dict[int, str]) -> Iterator[str]:
    """Say which pages that both map are in a frame of their own, or of another process, and should not be."""
    for pid in sorted({*right.first} & {*other.first}):
        one, two = right.first[pid], other.first[pid]
        for page in sorted(page for page in {*one} & {*two} if one[page] != two[page]):
            frames = ("a frame of its own" if each == pid else f"the frame of {names.get(each, each)}"
                      for each in (one[page], two[page]))  # fmt: skip
            yield f"page {page:#010x} of {names.get(pid, pid)} should be in {', and is in '.join(frames)}"


def _of_frames(right: Observed, other: Observed) -> Iterator[str]:
    for name, one, two in zip(("user frames", "frames of the kernel zone"), right.free, other.free, strict=True):
        if one != two:
            how = f"{one - two:,} too few" if two < one else f"{two - one:,} too many"
            yield f"{two:,} {name} are free, {how}"


def changes(right: Observed, other: Observed, frames: frozenset[int]) -> Changes:
    """Return which cells differ."""
    pages = []
    for pid in {*right.pages, *other.pages}:
        one, two = right.pages.get(pid, {}), other.pages.get(pid, {})
        pages.append((pid, frozenset(page for page in {*one, *two} if one.get(page) != two.get(page))))
    return Changes(frames, tuple(pages))
