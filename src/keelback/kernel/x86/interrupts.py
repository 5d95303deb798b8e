"""Interrupts: the descriptor table of 256 gates, and the two interrupt controllers.

Source: Intel SDM volume 3, sections 6.11 (gates), 6.14.1 (64-bit) and 6.15 (double faults); Intel 8259A data sheet
(initialisation, end of interrupt, default interrupts).
"""

from keelback.kernel.layout import Layout
from keelback.kernel.x86.segments import DOUBLE_FAULT_TASK, KERNEL_CODE
from keelback.kernel.x86.segments64 import OWN_STACKS
from keelback.kernel.x86.vectors import FIRST_DEVICE, SYSTEM_CALL, Vector
from keelback.lang import Array, Component, Cpu, Region, Struct, address_of, inline, on_64_bits, size_of, u8, u32

GATES = 256
STUBS = 0x1000  # from kernel_start
STUB_SIZE = 16
FAST_CALL = 0x0E00  # from kernel_start: the entry of `sysenter`, in long mode of `syscall`
INTERRUPT_GATE = 0x8E00  # present, ring 0, interrupts off on entry
TASK_GATE = 0x8500  # present, ring 0: the CPU changes to another task, whatever state the stack is in
FOR_USERS = 0x6000  # ring 3: an `int` instruction may name it

MAIN = 0x20
SECOND = 0xA0
END_OF_INTERRUPT = 0x20
READ_REQUESTS, READ_IN_SERVICE = 0x0A, 0x0B
LAST_LINE = 7


class Gate(Struct):
    """One interrupt gate; all zero is not present."""

    low: u32  # selector and the low half of the offset
    high: u32  # the high half of the offset and the gate's kind


@on_64_bits(Gate)
class Gate64(Struct):
    """One interrupt gate of long mode; all zero is not present."""

    low: u32
    high: u32  # and the number of the stack that it changes to; 0: the one that any does
    top: u32  # the rest of the offset: 0, as the kernel lies in the lowest 2 GiB
    unused: u32


class GateTable(Struct):
    """The interrupt descriptor table."""

    gates: Array[Gate] = inline(GATES)


class Interrupts(Component):
    """The gates of all vectors and the controllers that devices interrupt through."""

    def __init__(self, records: Region, layout: Layout, cpu: Cpu) -> None:
        self.cpu = cpu
        self.stubs = layout.kernel_start + STUBS
        self.table = records.struct(GateTable)

    def start(self) -> None:
        """Point the gate of every vector at its stub."""
        for vector in range(GATES):
            self._set(vector, vector, INTERRUPT_GATE)
        self._set_own_stacks()
        for vector in (Vector.BREAKPOINT, Vector.OVERFLOW, SYSTEM_CALL):
            self._set(vector, vector, INTERRUPT_GATE | FOR_USERS)
        self.cpu.load_idt(address_of(self.table), size_of(self.table) - 1)

    def _set_own_stacks(self) -> None:
        """Give double faults a task of their own."""
        self.table.gates[Vector.DOUBLE_FAULT].low = DOUBLE_FAULT_TASK << 16
        self.table.gates[Vector.DOUBLE_FAULT].high = TASK_GATE

    def start_controllers(self) -> None:
        """Set up both controllers, with only the timer's line open; what any line asked for before is forgotten."""
        self._start_controller(MAIN, FIRST_DEVICE, 1 << 2, 0xFE)
        self._start_controller(SECOND, FIRST_DEVICE + 8, 2, 0xFF)

    def _set(self, vector: u32, entered: u32, kind: u32) -> None:
        """Point the gate of a vector at the stub of one."""
        stub = self.stub_of(entered)
        gate = self.table.gates[vector]
        gate.low = KERNEL_CODE << 16 | stub & 0xFFFF
        gate.high = stub & 0xFFFF_0000 | kind

    def stub_of(self, vector: u32) -> u32:
        """Return the address of the entry code of a vector."""
        return self.stubs + vector * STUB_SIZE

    def _start_controller(self, port: u8, first_vector: u8, cascade: u8, mask: u8) -> None:
        self.cpu.out8(port, 0x11)
        self.cpu.out8(port + 1, first_vector)
        self.cpu.out8(port + 1, cascade)
        self.cpu.out8(port + 1, 1)
        self.cpu.out8(port + 1, mask)

    def mask(self, line: u8) -> None:
        """Mask a line of the main controller; what it asks for meanwhile is remembered."""
        self.cpu.out8(MAIN + 1, self.cpu.in8(MAIN + 1) | 1 << (line & 7))

    def unmask(self, line: u8) -> None:
        """Unmask a line of the main controller."""
        self.cpu.out8(MAIN + 1, self.cpu.in8(MAIN + 1) & ~(1 << (line & 7)))

    def lets_devices_in(self) -> bool:
        """Say whether a line of the main controller may interrupt beside the timer's."""
        return self.cpu.in8(MAIN + 1) | 1 != 0xFF

    def is_requested(self, vector: u32) -> bool:
        """Say whether a line of the main controller asks for its interrupt."""
        self.cpu.out8(MAIN, READ_REQUESTS)
        return self.cpu.in8(MAIN) >> (vector & 7) & 1 != 0

    def count(self, vector: u32) -> None:
        """Count a vector as a non-maskable interrupt is, by entry code alone, while the kernel starts."""
        self._set(vector, Vector.NON_MASKABLE, INTERRUPT_GATE)

    def take(self, vector: u32) -> None:
        """Point the gate of a vector at its own stub again."""
        self._set(vector, vector, INTERRUPT_GATE)

    def finish(self, vector: u32) -> None:
        """Tell the controllers that a device's interrupt is served.

        A request that goes away before the CPU takes it comes as the controller's last line, which is then not in
        service: ending that would end another's.  The main controller has still seen the second one's request.
        """
        if vector >= FIRST_DEVICE + 8:
            self._finish(SECOND, vector - FIRST_DEVICE - 8)
            self.cpu.out8(MAIN, END_OF_INTERRUPT)
        else:
            self._finish(MAIN, vector - FIRST_DEVICE)

    def _finish(self, controller: u8, line: u32) -> None:
        if line == LAST_LINE and not self._serves_last_line(controller):
            return
        self.cpu.out8(controller, END_OF_INTERRUPT)

    def _serves_last_line(self, controller: u8) -> bool:
        self.cpu.out8(controller, READ_IN_SERVICE)
        return self.cpu.in8(controller) >> LAST_LINE != 0


class Interrupts64(Interrupts):
    """The same in long mode, where a gate names a stack."""

    def _set_own_stacks(self) -> None:
        """Give some a stack of their own."""
        for vector, stack in OWN_STACKS:
            self._set(vector, vector, INTERRUPT_GATE | stack)
