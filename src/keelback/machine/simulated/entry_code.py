"""What CPU and entry code do around a kernel that is interpreted, by the tables in RAM and the processor's registers.

A trap's frame lies where compiled entry code leaves it, and all that CPU and entry code write besides is written too.
"""

import struct

from keelback.kernel.layout import Layout
from keelback.kernel.x86.interrupts import STUB_SIZE, STUBS
from keelback.kernel.x86.segments import EFLAGS_FIXED
from keelback.kernel.x86.trap_frame import EFLAGS_INTERRUPTS, FROM_FAST_CALL, FROM_VIRTUAL_8086, TrapFrame
from keelback.kernel.x86.vectors import SYSTEM_CALL, Vector
from keelback.lang import Panic, Ram, layout_of
from keelback.machine.simulated.deliveries import delivery_of
from keelback.machine.simulated.delivery import TRAP_FLAG
from keelback.machine.simulated.models import SYSENTER_EIP, SYSENTER_ESP
from keelback.machine.simulated.processor import Processor
from keelback.machine.simulated.protected_mode import ESP0

FRAME = layout_of(TrapFrame)
PUSHED_IN_RING_0 = FRAME.field("esp").offset
PUSHAL_STACK = FRAME.field("vector").offset


class EntryCode:
    """The entry code of a 32-bit kernel, before which a loader has done all that is to be done."""

    frame_size = FRAME.size

    def __init__(self, layout: Layout, ram: Ram, processor: Processor) -> None:
        self.layout = layout
        self.ram = ram
        self.processor = processor
        self.delivery = delivery_of(processor)

    def start(self, parameters: int) -> bool:
        """Do what comes before the kernel's first call; return whether the CPU has what the kernel needs."""
        return True

    def write_frame(self, vector: int, error: int) -> int:
        """Write the frame of a trap, and return its address.  Raises: Panic when that is not in RAM."""
        cpu = self.processor.state
        if cpu.in_user_mode and not cpu.in_virtual_8086:
            self.processor.clean.take_flat_segments(cpu)
        if error & FROM_FAST_CALL:
            return self._write_call()
        di, si, bp, sp, bx, dx, cx, ax = cpu.general()
        if cpu.in_virtual_8086:
            vector |= FROM_VIRTUAL_8086
        words = [bx, dx, cx, ax, vector, error, cpu.ip, cpu.cs, cpu.flags]
        if cpu.in_user_mode:
            frame = self._trap_stack() - self.frame_size
            words += [sp, cpu.ss]
        else:
            frame = sp - PUSHED_IN_RING_0
        self._check(frame)
        struct.pack_into(f"<{4 + len(words)}I", self.ram.bytes, frame, di, si, bp, frame + PUSHAL_STACK, *words)
        return frame

    def _write_call(self) -> int:
        """Write the frame of a fast call, in which selectors are, and return its address.  Raises: as `write_frame`."""
        cpu = self.processor.state
        frame = self._trap_stack() - self.frame_size
        self._check(frame)
        flags, error = EFLAGS_FIXED | EFLAGS_INTERRUPTS, FROM_FAST_CALL
        if cpu.flags & TRAP_FLAG:
            flags, error = cpu.flags | EFLAGS_INTERRUPTS, 0
            self._write_step(cpu.flags & ~EFLAGS_INTERRUPTS)
        di, si, bp, _, bx, dx, cx, ax = cpu.general()
        words = di, si, bp, frame + PUSHAL_STACK, bx, dx, cx, ax, SYSTEM_CALL, error, dx
        struct.pack_into(f"<{len(words)}I", self.ram.bytes, frame, *words)
        struct.pack_into("<II", self.ram.bytes, frame + FRAME.field("eflags").offset, flags, cx)
        return frame

    def _write_step(self, flags: int) -> None:
        """Write what a single step of `sysenter` leaves on the entry stack, below the task state."""
        cpu, kernel = self.processor.state, self.processor.clean
        entry, end = kernel.msr(SYSENTER_EIP), kernel.msr(SYSENTER_ESP)
        pushed = cpu.bx, cpu.ax, Vector.DEBUG, 0, entry, kernel.cs, flags
        struct.pack_into("<7I", self.ram.bytes, end - 4 * len(pushed), *pushed)

    def _trap_stack(self) -> int:
        return int(struct.unpack_from("<I", self.ram.bytes, self.processor.clean.task + ESP0)[0])

    def _check(self, frame: int) -> None:
        if not 0 <= frame <= self.ram.size - self.frame_size:
            place = frame & self.processor.state.width.last
            raise Panic(f"the stack for traps is at {place:#x}, where there is no RAM")

    def stack_of(self, frame: int) -> int:
        """Return where the stack ends that entry code changes to, which the word behind a frame says."""
        size = self.processor.state.width.size
        place = frame + self.frame_size
        return int.from_bytes(self.ram.bytes[place : place + size], "little")

    def count_non_maskable(self) -> None:
        """Let a non-maskable interrupt come where the processor stands, and count it."""
        state = self.processor.state
        before = state.context.copy_of()
        self.delivery.note_kernel()
        self.delivery.deliver(Vector.NON_MASKABLE, 0)
        state.context.bytes[:] = before
        self.add_non_maskable()

    def add_non_maskable(self) -> None:
        """Count a non-maskable interrupt."""
        place = self.layout.text_end + 4 * Vector.NON_MASKABLE
        (count,) = struct.unpack_from("<I", self.ram.bytes, place)
        struct.pack_into("<I", self.ram.bytes, place, count + 1 & 0xFFFF_FFFF)

    def only_counts(self, vector: int) -> bool:
        """Say whether the gate of a vector leads to the stub that counts."""
        self.processor.ring0_memory.note_tables(self.processor.clean)
        low, high, *_ = self.processor.ring0_memory.gate(vector)
        stub = self.layout.kernel_start + STUBS + Vector.NON_MASKABLE * STUB_SIZE
        return (high & 0xFFFF_0000 | low & 0xFFFF) == stub
