"""The simulated PC, interpreted life: user programs on the emulated CPU, the kernel in this Python.

    run: ┌─> frame ─ trap_return ─> user mode ─ trap ─> frame in RAM ─ kernel.trap() ─┐
         └────────────────────────────────────────────────────────────────────────────┘

1. Virtual time is user instructions; the timer's tick comes before the first instruction that it is due at.
2. A trap writes what the CPU and the entry code would, where they would.
3. No state of the kernel is in a host object: RAM, registers and devices are the whole machine.
"""

import struct
from collections.abc import Callable
from enum import Enum

from unicorn import x86_const as x86

from keelback.kernel.header import ImageHeader
from keelback.kernel.kernel import make_kernel
from keelback.kernel.layout import Layout
from keelback.kernel.threads import TrapFrame
from keelback.lang import MISTAKES, HostObject, Panic, Ram, layout_of, view
from keelback.machine.boot_loader import BiosEntry, load_image, usual_memory_map, write_parameters
from keelback.machine.devices import DebugExit, InterruptController, IntervalTimer, PortBus, Serial
from keelback.machine.mmu import TlbModel
from keelback.machine.processor import Kind, Processor, Stop

INSTRUCTIONS_PER_SECOND = 10_000_000
"""How fast virtual time runs: a timer tick of 10 ms is 100,000 user instructions."""
PAGING = 1 << 31
TIMER_LINE = 0
PAGE = 4096
FRAME_SIZE = layout_of(TrapFrame).size
PUSHED_IN_RING_0 = layout_of(TrapFrame).field("esp").offset
PUSHAL_STACK = layout_of(TrapFrame).field("vector").offset


class Outcome(Enum):
    """How a run of the machine ended."""

    RUNNING = "still running"
    POWERED_OFF = "powered off"
    HALTED = "halted with nothing to wait for"
    REFUSED = "the kernel could not start"


class SimulatedPc(HostObject):
    """A PC with `memory` bytes of RAM and a kernel image loaded, ready for `boot`.

    `check` turns on strict RAM and the TLB model.  `output` is given every byte that the serial line sends.
    `before_trap` are called when a trap's frame is in RAM, `after_trap` when the kernel has served it.
    """

    def __init__(
        self,
        layout: Layout,
        image: bytes,
        *,
        memory: int,
        check: bool = False,
        memory_map: tuple[BiosEntry, ...] | None = None,
        output: Callable[[int], None] = lambda byte: None,
    ) -> None:
        if memory % PAGE:
            raise ValueError(f"a machine has whole pages of memory, not {memory:#x} bytes")
        self.layout = layout
        self.ram = Ram(memory, strict=check)
        load_image(self.ram, layout, image)
        self.parameters = write_parameters(self.ram, usual_memory_map(memory) if memory_map is None else memory_map)
        self.processor = Processor(self.ram.bytes)
        self.tlb = TlbModel(self.processor.walker)
        self.time = 0
        self.traps = 0
        self.frame = 0
        self.outcome = Outcome.RUNNING
        self.before_trap: list[Callable[[], None]] = []
        self.after_trap: list[Callable[[], None]] = []
        self._add_devices(output)
        self._gdt = 0
        self._task = 0
        self._paging = False
        self._return_length = 0
        self.kernel = make_kernel(layout, self.ram, self)
        self.header = view(self.ram, ImageHeader, layout.kernel_start)

    def _add_devices(self, output: Callable[[int], None]) -> None:
        self.console = bytearray()

        def send(byte: int) -> None:
            self.console.append(byte)
            output(byte)

        self.timer = IntervalTimer(INSTRUCTIONS_PER_SECOND, lambda: self.time)
        self.controller = InterruptController(0x20)
        self.exit = DebugExit()
        self.ports = PortBus(Serial(send), self.controller, InterruptController(0xA0), self.timer, self.exit)

    # Running.

    def boot(self) -> None:
        """Start the kernel; the machine then stands before its first user instruction.

        Raises: Panic when the kernel is wrong.
        """
        self.frame = self._in_kernel(lambda: self.kernel.boot(self.parameters))
        if self.frame == 0:
            self.outcome = Outcome.REFUSED

    def run(self) -> Outcome:
        """Run until the machine ends.  Raises: Panic when the kernel is wrong."""
        while self.outcome is Outcome.RUNNING:
            self.step()
        return self.outcome

    def step(self) -> None:
        """Run to the next trap and let the kernel serve it, or find that the machine has ended.

        Raises: Panic when the kernel is wrong.
        """
        if self.exit.status is not None:
            self.outcome = Outcome.POWERED_OFF
            return
        vector, error = self._run_to_trap()
        if self.outcome is not Outcome.RUNNING:
            return
        self.traps += 1
        self._write_frame(vector, error)
        for observer in self.before_trap:
            observer()
        self.frame = self._in_kernel(self.kernel.trap)
        for observer in self.after_trap:
            observer()

    def _in_kernel(self, entry: Callable[[], int]) -> int:
        try:
            return entry()
        except MISTAKES as error:
            raise Panic.of(error) from error

    def _run_to_trap(self) -> tuple[int, int]:
        """Restore the frame and run until something traps; return vector and error code."""
        if self.ram.strict and self._paging:
            self.tlb.before_user_mode()
        stop = self._enter()
        while True:
            if stop.kind is Kind.TRAP:
                return self._trap(stop)
            if stop.kind is Kind.TIME_STAMP:
                self.processor.finish_time_stamp(self.time)
            elif self._interrupt(stop):
                line = self.controller.pending()
                if line is not None:
                    return self.controller.acknowledge(line), 0
            else:
                self.outcome = Outcome.HALTED
                return 0, 0
            stop = self._counted(self.processor.go_on(self._budget()))

    def _enter(self) -> Stop:
        """Restore the trap frame by the image's own code; only what follows in user mode counts."""
        code = self.header.trap_return
        if not view(self.ram, TrapFrame, self.frame).cs & 3:
            return self.processor.enter(code, self.frame, 1 << 32)
        if not self._return_length:
            self._return_length = self._measure_return()
        stop = self.processor.enter(code, self.frame, self._return_length + self._budget())
        return self._counted(stop._replace(begun=stop.begun - self._return_length))

    def _measure_return(self) -> int:
        """Return how many instructions the return path has, by running ever more of it."""
        for count in range(2, 64):
            self.processor.enter(self.header.trap_return, self.frame, count)
            if self.processor.in_user_mode:
                return count
        raise Panic("the return path does not lead to user mode")

    def _budget(self) -> int:
        """Return how many instructions user mode may run before the timer's next tick."""
        return 1 << 32 if self.timer.due is None else max(self.timer.due - self.time, 0)

    def _counted(self, stop: Stop) -> Stop:
        """Add the instructions that user mode ran to virtual time; one that was begun and then cut off has not run."""
        self.time += max(stop.begun - (stop.kind is Kind.SLICE_END), 0)
        return stop

    def _trap(self, stop: Stop) -> tuple[int, int]:
        if not self.processor.in_user_mode:
            raise Panic(f"vector {stop.vector} in ring 0 at {self.processor.eip:#010x}, error {stop.error:#x}")
        return stop.vector, stop.error

    def _interrupt(self, stop: Stop) -> bool:
        """Let the timer tick that a slice ends at, or that an idle CPU waits for; say whether the CPU can go on."""
        if self.timer.due is None:
            return stop.kind is Kind.SLICE_END
        if stop.kind is Kind.HALT:
            if not self.processor.takes_interrupts or not self.controller.accepts(TIMER_LINE):
                return False
            self.time = max(self.time, self.timer.due)
        self.timer.tick()
        self.controller.raise_line(TIMER_LINE)
        return True

    def _write_frame(self, vector: int, error: int) -> None:
        """Write the trap frame as the CPU and the entry code do."""
        cpu = self.processor
        edi, esi, ebp, esp, ebx, edx, ecx, eax = cpu.registers()
        words = [ebx, edx, ecx, eax, vector, error, cpu.eip, cpu.cs, cpu.eflags]
        if cpu.in_user_mode:
            frame = struct.unpack_from("<I", self.ram.bytes, self._task + 4)[0] - FRAME_SIZE
            words += [esp, cpu.ss]
        else:
            frame = esp - PUSHED_IN_RING_0
        struct.pack_into(f"<{4 + len(words)}I", self.ram.bytes, frame, edi, esi, ebp, frame + PUSHAL_STACK, *words)
        if self.ram.strict:
            self.tlb.after_user_mode()

    # The hardware that the kernel's Cpu reaches (see `keelback.lang.cpu.Hardware`).

    def in8(self, port: int) -> int:
        """Read one byte from a port."""
        return self.ports.read(port)

    def out8(self, port: int, value: int) -> None:
        """Write one byte to a port."""
        self.ports.write(port, value)

    def out32(self, port: int, value: int) -> None:
        """Write four bytes to a port."""
        self.ports.write(port, value)

    def read_cr0(self) -> int:
        """Return control register 0."""
        return self.processor.read_control(x86.UC_X86_REG_CR0)

    def write_cr0(self, value: int) -> None:
        """Set control register 0; with paging on, strict RAM asks the page tables."""
        self.processor.write_control(x86.UC_X86_REG_CR0, value)
        self._paging = bool(value & PAGING)
        if self._paging and self.ram.strict:
            self.ram.touch = self._touch

    def read_cr2(self) -> int:
        """Return the address of the last page fault."""
        return self.processor.cr2

    def write_cr3(self, value: int) -> None:
        """Switch to a page directory."""
        self.processor.write_control(x86.UC_X86_REG_CR3, value)
        self.tlb.load_directory(value)

    def read_cr4(self) -> int:
        """Return control register 4."""
        return self.processor.read_control(x86.UC_X86_REG_CR4)

    def write_cr4(self, value: int) -> None:
        """Set control register 4."""
        self.processor.write_control(x86.UC_X86_REG_CR4, value)

    def invalidate_page(self, address: int) -> None:
        """Drop the translation of a page; the emulator, which has no such call, drops all that are not global."""
        self.tlb.invalidate_page(address)
        self.processor.write_control(x86.UC_X86_REG_CR3, self.tlb.directory)

    def load_gdt(self, base: int, limit: int, code: int, data: int) -> None:
        """Use a descriptor table."""
        self._gdt = base
        self.processor.load_gdt(base, limit, code, data)

    def load_idt(self, base: int, limit: int) -> None:
        """Use an interrupt descriptor table."""
        self.processor.load_idt(base, limit)

    def load_task_register(self, selector: int) -> None:
        """Use a task-state segment, and mark its descriptor busy as the CPU does."""
        low, high = struct.unpack_from("<II", self.ram.bytes, self._gdt + selector)
        base = low >> 16 | (high & 0xFF) << 16 | high >> 24 << 24
        struct.pack_into("<I", self.ram.bytes, self._gdt + selector + 4, high | 0x200)
        self.processor.load_task_register(selector, base, low & 0xFFFF)
        self._task = base

    def cpu_features(self) -> int:
        """Return CPUID leaf 1's edx of the emulated processor."""
        return self.processor.offsets.features

    def window_opened(self, address: int) -> None:
        """Forget the code of the frame that a window shows: the kernel may write to it."""
        self.processor.forget_code(address, PAGE)

    def _touch(self, address: int, physical: int, size: int) -> None:
        """Panic where the MMU would fault or lead elsewhere."""
        self.ram.inside(address, physical, size)
        for page in range(address >> 12, (address + size - 1 >> 12) + 1):
            place = (page << 12) + physical - address
            if self.tlb.use(max(address, page << 12)).frame != place >> 12:
                raise Panic(f"the kernel used page {page << 12:#010x}, which is not mapped to {place:#x}")
