"""Traps: the one way into the kernel, and the choice of who leaves it.

    user mode ──int 0x80, fault, timer──> trap frame in the thread's record ──> trap() ──> frame to restore

1. Interrupts are off from entry to return.
2. A trap from ring 0 is an interrupt, in the idle thread; an exception there is a bug of the kernel's.
3. Non-maskable interrupts do not come here: entry code counts them (`strays.py`).
"""

from keelback.kernel.calls.faults import Faults
from keelback.kernel.calls.stalls import Stalls
from keelback.kernel.calls.strays import Strays
from keelback.kernel.calls.system_calls import SystemCalls
from keelback.kernel.devices.power import DONE, Power
from keelback.kernel.messages.drivers import Drivers
from keelback.kernel.processes.scheduler import CpuState
from keelback.kernel.processes.threads import Thread, ThreadState
from keelback.kernel.x86.interrupts import Interrupts
from keelback.kernel.x86.trap_frame import FROM_VIRTUAL_8086
from keelback.kernel.x86.vectors import SYSTEM_CALL, TIMER, Vector, is_device, is_exception
from keelback.lang import PAGE_SHIFT, Component, ProcessFault, address_of, rare, u32, word


class Traps(Component):
    """Serves every trap."""

    def __init__(
        self,
        calls: SystemCalls,
        faults: Faults,
        interrupts: Interrupts,
        strays: Strays,
        stalls: Stalls | None,
        power: Power,
        drivers: Drivers | None,
    ) -> None:
        self.stalls = stalls
        self.calls = calls
        self.endings = calls.endings
        self.processes = calls.processes
        self.scheduler = calls.scheduler
        self.stacks = calls.scheduler.threads.stacks
        self.cpu = calls.scheduler.cpu
        self.spaces = calls.scheduler.spaces
        self.identity = calls.scheduler.identity
        self.faults = faults
        self.console = faults.console
        self.interrupts = interrupts
        self.strays = strays
        self.power = power
        self.drivers = drivers

    def trap(self, cpu: CpuState) -> word:
        """Serve the trap of a CPU whose frame was just saved in its current thread's record.

        Returns the address of the trap frame to restore.
        """
        if self.identity:
            self.cpu.write_cr3(self.spaces.kernel.directory << PAGE_SHIFT)
        if cpu.left_stack != 0:
            self._release_stack(cpu)
        thread = self.scheduler.interrupted(cpu)
        try:
            if thread.frame.vector == SYSTEM_CALL:
                self.calls.serve(thread)
            else:
                self._serve(thread)
        except ProcessFault:
            self._end(thread)
        if thread.state != ThreadState.RUNNING:
            thread = self._next(cpu, thread)
        return self._leave(cpu, thread)

    @rare
    def _release_stack(self, cpu: CpuState) -> None:
        """Free the stack that a CPU has left, on which its last trap was served."""
        self.stacks.release(cpu.left_stack)
        cpu.left_stack = 0

    @rare
    def _end(self, thread: Thread) -> None:
        """End the process of a thread, whose fault it was."""
        process = self.processes.of(thread)
        self.faults.report(process, thread)
        self.endings.die(process)

    def _next(self, cpu: CpuState, thread: Thread) -> Thread:
        """Return who runs next where a thread does not go on: whom a message made the current one, or who is chosen."""
        current = self.scheduler.interrupted(cpu)
        if current is thread:
            return self._choose(cpu)
        self.scheduler.use_space(cpu, self.processes.of(current).space.directory)
        return current

    def _leave(self, cpu: CpuState, thread: Thread) -> word:
        """Return the address of a thread's trap frame; from here on the kernel touches nothing but its own part."""
        if self.identity:
            self.cpu.write_cr3(cpu.directory << PAGE_SHIFT)
        return address_of(thread.frame)

    @rare
    def _serve(self, thread: Thread) -> None:
        """Serve what is no system call.  Raises: ProcessFault."""
        vector = thread.frame.vector
        if vector == Vector.PAGE_FAULT:
            self.faults.take_page_fault(self.processes.of(thread), thread.frame)
        elif is_device(vector):
            self._serve_device(thread, vector)
        elif vector >= FROM_VIRTUAL_8086:
            self._serve_virtual_8086(thread, vector - FROM_VIRTUAL_8086)
        elif is_exception(vector):
            assert thread.pid != 0, "the kernel itself does not fault"
            self.faults.take(self.processes.of(thread), thread.frame)
        else:
            self.strays.take(vector, self.console)

    @rare
    def _serve_virtual_8086(self, thread: Thread, vector: u32) -> None:
        """Serve what interrupted virtual-8086 mode; the process that entered it ends there."""
        if is_device(vector):
            self._serve_device(thread, vector)
        elif not is_exception(vector):
            self.strays.take(vector, self.console)
        self.faults.take_virtual_8086(self.processes.of(thread), thread.frame)

    def _serve_device(self, thread: Thread, vector: u32) -> None:
        if vector == TIMER:
            self.scheduler.timer.tick()
            self.scheduler.wake_sleepers()
            self.scheduler.give_way(thread)
            self.strays.tell(self.console)
            self.console.tell()
        elif self.drivers is None or not self.drivers.take(vector):
            self.strays.take(vector, self.console)
        self.interrupts.finish(vector)

    def resume(self, cpu: CpuState) -> word:
        """Choose who runs next on a CPU and return the address of the trap frame to restore."""
        return self._leave(cpu, self._choose(cpu))

    def _choose(self, cpu: CpuState) -> Thread:
        """Choose who runs next on a CPU, in its address space."""
        thread = self.scheduler.choose(cpu)
        if thread.pid != 0:
            self.scheduler.use_space(cpu, self.processes.of(thread).space.directory)
        else:
            self._rest()
        return thread

    @rare
    def _rest(self) -> None:
        """End the machine, which is idle, if no process is left, or none that can ever run again."""
        if self.processes.counts.alive == 0:
            self.power.off(DONE)
        elif self.stalls is not None:
            self.stalls.end_if_stalled()
