"""What CPU and entry code of long mode do around a kernel that is interpreted.

1. The image's own entry code runs on the processor, up to where it calls the kernel: it leads into long mode.
2. Whatever stack the CPU pushes to, the frame lies where the task state has the stack for traps.
3. The program's data segments stay loaded in the kernel, and after `sysret`, unless the kernel drops them.
"""

import struct

from keelback.kernel.x86.segments64 import USER_CODE, USER_DATA
from keelback.kernel.x86.task_state import TaskState
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL, FROM_VIRTUAL_8086, TrapFrame
from keelback.lang import Panic, layout_of
from keelback.machine.simulated.boot_loader import stand_at_entry
from keelback.machine.simulated.engine import NO_EXCEPTION, OK
from keelback.machine.simulated.entry_code import EntryCode
from keelback.machine.simulated.processor import WITH_ERROR_CODE
from keelback.machine.simulated.system_registers import NO_TIME_STAMP

TASK = layout_of(TaskState, 64)
TRAP_STACK, USER_STACK = TASK.field("rsp0").offset, TASK.field("user_stack").offset
CALL_OF_NOTHING = 0
"""Where entry code calls a kernel that is interpreted."""
NOWHERE = 1 << 60
MOST_INSTRUCTIONS = 1 << 24
SAVED = ("r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "di", "si", "bp", "bx", "dx", "cx", "ax")
"""What entry code pushes, the last first."""


class LongModeEntryCode(EntryCode):
    """The entry code of a 64-bit kernel."""

    frame_size = layout_of(TrapFrame, 64).size

    def start(self, parameters: int) -> bool:
        """Run the entry code to the kernel's first call; return whether the CPU has what the kernel needs."""
        processor = self.processor
        stand_at_entry(processor, self.layout.kernel_start, parameters)
        processor.state.restore()
        stop = processor.engine.stop_at(CALL_OF_NOTHING)
        processor.hooks.in_ring0 = True
        status = processor.engine.run(processor.state.ip, MOST_INSTRUCTIONS, NOWHERE)
        processor.hooks.in_ring0 = False
        processor.engine.pass_by(stop)
        processor.state.save()
        if processor.engine.caught or status != OK:
            raise Panic(f"the entry code stopped at {processor.state.ip:#x}: {processor.engine.strerror(status)}")
        processor.clean.save()
        processor.clean.in_flight = NO_EXCEPTION  # the emulator met one where it looked at NOWHERE
        processor.clean.cr4 |= NO_TIME_STAMP
        return processor.state.ip == CALL_OF_NOTHING

    def write_frame(self, vector: int, error: int) -> int:
        """Write the frame of a trap, and return its address.  Raises: Panic when that is not in RAM."""
        cpu = self.processor.state
        self.processor.clean.take_data_segments(cpu)
        registers = {name: getattr(cpu, name) for name in SAVED}
        came_from = cpu.ip, cpu.selector("cs"), cpu.flags, cpu.sp, cpu.selector("ss")
        if error & FROM_FAST_CALL:
            registers |= {"cx": cpu.ip, "r11": cpu.flags}
            came_from = cpu.ip, USER_CODE, cpu.flags, cpu.sp, USER_DATA
            self._write(cpu.task + USER_STACK, cpu.sp)
            end = self._trap_stack()
        else:
            mark = FROM_VIRTUAL_8086 if cpu.in_virtual_8086 else 0
            end = self._deliver(vector, error, mark)
            vector |= mark
        frame = end - self.frame_size
        self._check(frame)
        struct.pack_into("<22Q", self.ram.bytes, frame, *registers.values(), vector, error, *came_from)
        return frame

    def _deliver(self, vector: int, error: int, mark: int) -> int:
        """Let the CPU push what it pushes; return where the frame ends.  Raises: Panic when it can't be delivered."""
        cpu = self.processor.state
        from_user, saved = cpu.in_user_mode, (cpu.cx, cpu.ax)
        self.delivery.note_kernel()
        self.delivery.deliver(vector, error)
        if self.delivery.entered[0] != vector:
            raise Panic(f"vector {self.delivery.entered[0]} comes instead of {vector}, which can't be delivered")
        pushed = 6 if vector in WITH_ERROR_CODE else 5
        end = cpu.sp + 8 * pushed
        if from_user and end != self._trap_stack():  # it has a stack of its own, from which entry code moves the frame
            self.processor.ring0_memory.push(cpu.sp - 32, (*saved, vector | mark, 0))
            return self._trap_stack()
        return end

    def _trap_stack(self) -> int:
        return int(struct.unpack_from("<Q", self.ram.bytes, self.processor.clean.task + TRAP_STACK)[0])

    def _write(self, place: int, value: int) -> None:
        struct.pack_into("<Q", self.ram.bytes, place, value)
