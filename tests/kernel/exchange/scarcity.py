"""Machines whose frames are taken away and given back: what calls may fail for want of memory then.

When a call fails so, the docs leave open; that it may be told so, who is told, and that nothing else changes, they say.
"""

from keelback.abi.errors import OutOfMemory
from keelback.kernel.processes.threads import ThreadState
from kernel.driven import CALL, Call, DrivenThreads, register
from kernel.exchange.world import Thread
from kernel.scarce import Held
from kernel.traces import assert_equal, range_of, state
from support import entry_place

ENOUGH = (40, 20)
"""With so many frames left of both zones, no request of the model fails for want of memory."""
PLAIN = {
    Call.FORK, Call.EXEC, Call.PAGE_ALLOC, Call.MAP, Call.UNMAP, Call.PROTECT, Call.MALLOC_PAGES, Call.THREAD_CREATE,
    Call.ENDPOINT_CREATE, Call.MINT, Call.PROCESS_HANDLE, Call.THREAD_HANDLE, Call.OBJECT_CREATE, Call.OBJECT_MAP,
}  # fmt: skip
"""Calls that do one thing: where there is no memory for it, the caller is told so, and nothing has changed."""


class Scarcity:
    """Frames that are taken out of a machine, and whom a call has told that there are none."""

    def __init__(self, machine: DrivenThreads) -> None:
        self.machine = machine
        self.held = Held(machine)
        self.caller = 0
        self.before: bytearray | None = None
        self.has_stack = False
        self.spare = machine.spare()

    @property
    def is_there(self) -> bool:
        """Say whether frames are taken."""
        return bool(self.held.user or self.held.kernel)

    def leave(self, user: int, kernel: int) -> None:
        """Let at most so many frames of both zones be neither in use nor promised."""
        self.end()
        self.held.leave(user, kernel)

    def end(self) -> None:
        """Give all frames back."""
        self.held.give_back()

    def note(self, caller: int) -> None:
        """Note how the machine is before a call, and all that it has, if that may fail for want of memory."""
        self.spare = self.machine.spare()
        may_fail = self.is_there and any(left < enough for left, enough in zip(self.spare, ENOUGH, strict=True))
        self.caller = caller
        self.has_stack = self.machine.lens.first_cpu.left_stack != 0
        self.before = self.kept() if may_fail else None

    def kept(self) -> bytearray:
        """Return all RAM but the caller's registers, what the CPU notes of its text, and what does not count."""
        lens = self.machine.lens
        caller = lens.threads.table[self.caller]
        entry = entry_place(lens, self.machine.process(caller.pid).space.directory, CALL + self.machine.offset)
        return state(self.machine.pc, range_of(caller.frame), (entry, entry + 1))

    def told(self, me: Thread, others: list[Thread]) -> frozenset[int]:
        """Return whom the call has told that there is no memory: its caller, or those that waited before it."""
        if self.before is None:
            return frozenset()
        return frozenset(each.number for each in (me, *others) if self.is_told(each.number))

    def is_told(self, number: int) -> bool:
        thread = self.machine.lens.threads.table[number]
        is_ready = thread.state in (ThreadState.READY, ThreadState.RUNNING)
        return is_ready and register(thread.frame, "ax") == OutOfMemory.number % (1 << self.machine.word_bits)

    def check_unchanged(self) -> None:
        """Check that a call which does one thing, and failed, has left all as it was.

        The stack of a thread that has ended goes at the next trap, whatever call that is.
        """
        if self.before is not None and not self.has_stack:
            assert_equal(self.machine.pc, self.kept(), self.before)

    def check_spare(self) -> None:
        """Check that a call which failed has taken no frames for good: what it touched had promises of them."""
        if not self.has_stack:
            assert self.machine.spare() == self.spare, "so many frames are to spare, as before the call that failed"
