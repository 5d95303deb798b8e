"""Promises: with any number of frames left, a call is refused and changes nothing, or all that it gave is there."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from keelback.kernel.errors import OutOfMemory
from keelback.kernel.frames import KERNEL
from keelback.kernel.processes import Reason
from kernel.driven import (
    ANYWHERE,
    ARGUMENT,
    BSS,
    BSS_PAGES,
    DATA,
    LIBRARY,
    LIBRARY_DATA,
    LIBRARY_ZEROS,
    MALLOC,
    NAME,
    PAGE,
    SMALL,
    STACK,
    TEXT,
    Call,
    Died,
    Driven,
    driven,
)
from kernel.traces import assert_equal, range_of, state

READ, WRITE, SPARSE = 1, 2, 4
LAST = ANYWHERE + 0x4000_0000 - PAGE
PROMISED = (DATA, *range(BSS, BSS + BSS_PAGES * PAGE, PAGE), *range(STACK - 3 * PAGE, STACK + PAGE, PAGE))
"""All pages that a process may write when it starts, but the stack's growth."""
MOST = 24
"""More frames of either zone than any of these calls needs."""


@dataclass
class Held:
    """Frames of both zones that are taken out of a machine, so that others do without."""

    machine: Driven
    user: list[int] = field(default_factory=list)
    kernel: list[int] = field(default_factory=list)

    def leave(self, user: int, kernel: int) -> None:
        """Let at most so many frames be neither in use nor promised."""
        frames = self.machine.kernel.memory.frames
        while self.machine.spare()[0] > user:
            self.user.append(frames.allocate_read_only(1))
        while self.machine.spare()[1] > kernel:
            self.kernel.append(frames.allocate_kernel(KERNEL))

    def give_back(self) -> None:
        frames = self.machine.kernel.memory.frames
        for frame in self.user:
            frames.drop(frame, 1)
        for frame in self.kernel:
            frames.release_kernel(frame)


def write(machine: Driven, pages: tuple[int, ...], *pids: int) -> None:
    for page in pages:
        for pid in pids:
            machine.write(page + PAGE // 2, 1, pid)  # behind the names


def end(machine: Driven, child: int) -> None:
    assert machine.call(Call.KILL, child) == 0 and machine.call(Call.WAIT, child, 0) == child


def use_child(machine: Driven, child: int) -> None:
    write(machine, PROMISED, 1, child)
    end(machine, child)


def use_forked(machine: Driven, child: int) -> None:
    machine.park(child)
    use_child(machine, child)


def use_self(machine: Driven, _: int) -> None:
    write(machine, PROMISED, 1)


def use_map(machine: Driven, start: int) -> None:
    write(machine, tuple(range(start, start + 0x1_0000, PAGE)), 1)
    assert machine.call(Call.UNMAP, start, 0x1_0000) == 0


def read_map(machine: Driven, start: int) -> None:
    assert {machine.read(page) for page in (start, start + 0x40_0000)} == {0}
    assert machine.call(Call.UNMAP, start, 0x80_0000) == 0


def use_library(machine: Driven, start: int) -> None:
    write(machine, (start + LIBRARY_DATA, start + LIBRARY_ZEROS), 1)
    assert machine.call(Call.UNLOAD_LIBRARY, start) == 0


def use_text(machine: Driven, _: int) -> None:
    machine.write(TEXT + PAGE - 1, 1)
    assert machine.call(Call.PROTECT, TEXT, PAGE, READ) == 0


def use_malloc(machine: Driven, start: int) -> None:
    write(machine, tuple(range(MALLOC, MALLOC + 4 * PAGE, PAGE)), 1)
    assert machine.call(Call.FREE_PAGES, start, 4) == 0


REQUESTS: dict[str, tuple[tuple[int, ...], Callable[[Driven, int], None]]] = {
    "fork": ((Call.FORK,), use_forked),
    "spawn": ((Call.SPAWN, NAME, ARGUMENT), use_child),
    "exec": ((Call.EXEC, NAME, ARGUMENT), use_self),
    "map": ((Call.MAP, ANYWHERE, 0x1_0000, WRITE), use_map),
    "map of memory that is read": ((Call.MAP, ANYWHERE, 0x80_0000, READ), read_map),
    "load_library": ((Call.LOAD_LIBRARY, LIBRARY), use_library),
    "protect": ((Call.PROTECT, TEXT, PAGE, WRITE), use_text),
    "malloc_pages": ((Call.MALLOC_PAGES, 4), use_malloc),
}


def attempt(machine: Driven, request: tuple[int, ...], use: Callable[[Driven, int], None]) -> bool:
    """Make a request of process 1; say whether it was met, and then use all that it gave."""
    assert machine.call(Call.GETPID) == 1
    frame = range_of(machine.thread(1).frame)
    before = state(machine.pc, frame)
    result = machine.call(*request)
    if result == OutOfMemory.number:
        assert_equal(machine.pc, state(machine.pc, frame), before)
        return False
    assert result >= 0 or result < -255
    use(machine, result & 0xFFFF_FFFF)
    return True


@pytest.mark.parametrize(
    ("life", "zone"),
    [("interpreted", "user"), ("interpreted", "kernel"), ("interpreted", "both"), ("compiled", "both")],
)
@pytest.mark.parametrize("name", REQUESTS)
def test_a_call_is_refused_or_keeps_its_word_with_any_number_of_frames_left(name, life, zone):
    machine = driven("it", "it", life=life)
    request, use = REQUESTS[name]
    held, met = Held(machine), []
    for count in range(MOST, -1, -1 if life == "interpreted" else -3):
        held.leave(10_000 if zone == "kernel" else count, 10_000 if zone == "user" else count)
        met.append(attempt(machine, request, use))
    held.give_back()
    machine.check()
    assert met[0] and met == sorted(met, reverse=True)


def test_sparse_memory_is_had_without_a_frame_and_only_its_touch_finds_none(life):
    machine = driven("it", "it", life=life)
    held = Held(machine)
    held.leave(1, 1)
    assert machine.call(Call.MAP, ANYWHERE, 0x4000_0000, WRITE | SPARSE, pid=2) == ANYWHERE
    machine.write(LAST, 1, 2)
    assert machine.spare() == (0, 0)
    write(machine, PROMISED, 1, 2)
    with pytest.raises(Died):
        machine.write(LAST - PAGE, 1, 2)
    assert machine.process(2).fault.reason == Reason.OUT_OF_MEMORY
    held.give_back()
    machine.check()


def test_the_stack_grows_only_as_far_as_there_is_memory(life):
    machine = driven("it", "it", life=life)
    held = Held(machine)
    held.leave(1, 0)
    write(machine, (*PROMISED, STACK - 4 * PAGE), 1)
    with pytest.raises(Died):
        machine.write(STACK - 4 * PAGE, 1, 2)
    assert machine.process(2).fault.reason == Reason.OUT_OF_MEMORY
    held.give_back()
    machine.check()


def test_what_could_be_written_before_can_be_again_without_memory(life):
    machine = driven("it", "it", life=life)
    machine.write(BSS, 7)
    held = Held(machine)
    held.leave(0, 0)
    for permissions in (READ, WRITE, 0, WRITE):
        assert machine.call(Call.PROTECT, BSS, PAGE, permissions) == 0
    machine.write(BSS, 8)
    held.give_back()
    machine.check()


def test_a_shared_page_that_one_may_not_write_leaves_the_other_its_promise(life):
    """The frame is read-only then, so that the other's promise is for its copy."""
    machine = driven("it", "it", life=life)
    machine.write(BSS, 7)
    child = machine.fork()
    held = Held(machine)
    held.leave(0, 0)
    assert machine.call(Call.PROTECT, BSS, PAGE, READ, pid=child) == 0
    held.leave(0, 0)
    write(machine, PROMISED, 1)
    assert machine.read(BSS, child) == 7
    held.give_back()
    machine.check()


def test_a_layout_with_overcommit_promises_more_than_there_is(life):
    machine = driven("it", "it", life=life, layout=replace(SMALL, overcommit=True))
    assert machine.call(Call.MAP, ANYWHERE, 0x1000_0000, WRITE, pid=2) == ANYWHERE
    assert machine.fork(2) > 0
    with pytest.raises(Died):
        for page in range(ANYWHERE, ANYWHERE + 0x100_0000, PAGE):
            machine.write(page, 1, 2)
    assert machine.process(2).fault.reason == Reason.OUT_OF_MEMORY
    machine.check()
