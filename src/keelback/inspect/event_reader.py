"""The stream of events of a machine, read from RAM where a trap begins and where it ends."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from keelback.inspect.call_decoding import Arguments, call_of, result_of
from keelback.inspect.events import (
    Event,
    Fault,
    Interrupt,
    PageFault,
    Result,
    Returned,
    SystemCall,
    TrapBegun,
    TrapEnded,
)
from keelback.inspect.lens import walker_of
from keelback.inspect.page_faults import Faulted, PageFaults
from keelback.inspect.traps import AnyRegisters, Registers, TrapFrames
from keelback.inspect.walk import PAGE_SHIFT
from keelback.kernel.kernel import Kernel
from keelback.kernel.processes.processes import Reason
from keelback.kernel.processes.threads import ThreadState
from keelback.kernel.x86.trap_frame import FROM_VIRTUAL_8086
from keelback.kernel.x86.vectors import SYSTEM_CALL, Vector, is_exception
from keelback.lang import text_of


class EventReader:
    """Reads events of a kernel, which stays as it is; each goes to `listener` as soon as it is known.

    `clock` returns virtual time; `fault_address` what the CPU has in cr2.
    """

    def __init__(
        self,
        kernel: Kernel,
        listener: Callable[[Event], None],
        *,
        clock: Callable[[], int],
        fault_address: Callable[[], int],
    ) -> None:
        self._kernel = kernel
        self._listener = listener
        self._clock = clock
        self._fault_address = fault_address
        self._frames = TrapFrames(kernel)
        self._page_faults = PageFaults(kernel)
        self._arguments = Arguments(kernel, walker_of(kernel))
        self._registers: AnyRegisters = Registers()
        self._who: dict[str, Any] = {}
        self._call: SystemCall | None = None
        self._faulted: Faulted | None = None
        self._waiting: dict[int, tuple[SystemCall, int, int]] = {}
        """The calls that wait, by thread, where each was made, and the thread's serial number."""

    def begin(self) -> None:
        """Read a trap whose frame is in RAM."""
        thread = self._frames.current()
        self._registers = registers = self._frames.of(thread)
        pid = self._kernel.threads.table[thread].pid
        process = self._kernel.processes.table[pid]
        program = text_of(process.name) if pid else "idle"
        self._who = {"time": self._clock(), "pid": pid, "program": program, "thread": thread}
        self._call = self._faulted = None
        if registers.vector == SYSTEM_CALL:
            call = call_of(registers.number)
            arguments = self._arguments.of(call, registers, process.space.directory << PAGE_SHIFT)
            name = call.name if call else f"system call {registers.number}"
            self._call = SystemCall(**self._who, number=registers.number, name=name, arguments=arguments)
        elif registers.vector == Vector.PAGE_FAULT:
            record = self._kernel.threads.table[thread]
            self._faulted = self._page_faults.begin(process, record, self._fault_address())
        self._listener(TrapBegun(**self._who, vector=registers.vector, instruction=registers.instruction))

    def end(self) -> None:
        """Read what became of the trap that was begun last."""
        if not self._who:
            return
        self._listener(self._served())
        if (returned := self._returned()) is not None:
            self._listener(returned)
        self._listener(TrapEnded(**self._who | {"time": self._clock()}))

    def _served(self) -> Event:
        registers = self._registers
        if self._call is not None:
            return self._finished(self._call)
        if self._faulted is not None:
            return self._page_fault(self._faulted)
        if registers.vector & FROM_VIRTUAL_8086:
            return Fault(**self._who, vector=Vector.GENERAL_PROTECTION, instruction=registers.instruction, error=0,
                         reason=Reason.VIRTUAL_8086)  # fmt: skip
        if is_exception(registers.vector):
            return Fault(**self._who, vector=registers.vector, instruction=registers.instruction, error=registers.error)
        return Interrupt(**self._who, vector=registers.vector)

    def _page_fault(self, faulted: Faulted) -> PageFault:
        served = self._page_faults.end(self._kernel.processes.table[self._who["pid"]], faulted)
        before = faulted.before.frame if faulted.before else None
        return PageFault(
            **self._who,
            instruction=self._registers.instruction,
            address=faulted.address,
            access=faulted.access,
            action=served.action,
            frame=served.frame,
            before=before,
            reason=served.reason,
        )

    def _finished(self, call: SystemCall) -> SystemCall:
        """Return a call with what came of it: its result; that it waits; or that it will not return."""
        record, now = self._kernel.threads.table[call.thread], self._frames.of(call.thread)
        has_ended = record.pid != call.pid or record.state in (ThreadState.FREE, ThreadState.ENDED)
        if has_ended or now.instruction != self._registers.instruction:  # or it is another program
            return replace(call, is_over=True)
        if record.state in (ThreadState.WAITING, ThreadState.SLEEPING):
            self._waiting[call.thread] = call, self._registers.instruction, record.serial
            return call
        return replace(call, result=self._result(call, now), is_over=True)

    def _result(self, call: SystemCall, now: AnyRegisters) -> Result:
        return result_of(call_of(call.number), now.result, self._kernel.layout.paging.word_bits)

    def _returned(self) -> Returned | None:
        """Return the call that the thread that runs next had waited in, if it had."""
        thread = self._frames.current()
        if thread not in self._waiting or self._kernel.threads.table[thread].state != ThreadState.RUNNING:
            return None
        call, place, serial = self._waiting.pop(thread)
        now, record = self._frames.of(thread), self._kernel.threads.table[thread]
        if record.serial != serial or now.instruction != place:
            return None  # who waited has ended, and the thread is another
        result = self._result(call, now)
        return Returned(self._clock(), call.pid, call.program, thread, call.name, result)
