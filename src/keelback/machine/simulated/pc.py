"""The simulated PC, as far as its lives are one: RAM, devices, time, and user programs on the emulated CPU.

    boot: bring_up ─ the kernel is up ─ begin ─ its programs are started
    run: ┌─> frame ─ trap_return ─> user mode ─ trap ─> frame in RAM ─ the kernel serves it ─┐
         └───────────────────────────────────────────────────────────────────────────────────┘

The lives differ in who runs the kernel: `interpreted.py`, this Python; `compiled.py`, the emulated CPU in ring 0.

1. Virtual time is user instructions and a fixed time for each trap; the timer's tick, and what is typed, come before
   the first instruction that they are due at.
2. No state of the kernel is in a host object: RAM, registers and devices are the whole machine.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from keelback.kernel.boot.header import ImageHeader
from keelback.kernel.kernel import Kernel
from keelback.kernel.layout import Layout
from keelback.kernel.x86.trap_frame import FROM_FAST_CALL
from keelback.kernel.x86.vectors import FIRST_DEVICE, KEYBOARD, SERIAL, SYSTEM_CALL, TIMER, Vector
from keelback.lang import HostObject, Panic, Ram, view
from keelback.lang.strict import words_of
from keelback.machine.clock import INSTRUCTIONS_PER_SECOND
from keelback.machine.observed import Outcome
from keelback.machine.simulated.boot_loader import (
    BiosEntry,
    claimed_end,
    load_image,
    usual_memory_map,
    write_descriptors,
    write_parameters,
)
from keelback.machine.simulated.devices import DebugExit, InterruptController, IntervalTimer, PortBus
from keelback.machine.simulated.failing import FailingAllocation
from keelback.machine.simulated.idleness import Idleness
from keelback.machine.simulated.incoming import Incoming
from keelback.machine.simulated.kept import Kept
from keelback.machine.simulated.keyboard import Keyboard
from keelback.machine.simulated.models import USUAL, Model
from keelback.machine.simulated.processor import Kind, Processor, Stop
from keelback.machine.simulated.serial import Serial
from keelback.machine.simulated.way_back import WayBack

TRAP_TIME = 500
"""What a trap takes of virtual time, in instructions, whatever the kernel does: about what many take on QEMU."""
TIMER_LINE, KEYBOARD_LINE, SERIAL_LINE = (each - FIRST_DEVICE for each in (TIMER, KEYBOARD, SERIAL))
PAGE = 4096


class SimulatedPc(Kept, HostObject, ABC):
    """A PC with `memory` bytes of RAM and a kernel image loaded, ready for `boot`.

    `check` turns on strict RAM, where the kernel is interpreted.  `model` is that of the CPU, else one that suits the
    page tables.  `output` is given every byte that the serial line sends.
    `at_booted` are called when the kernel is up and has started no program, `before_trap` when the frame of a trap is
    in RAM, `after_trap` when the kernel has served it.
    `arriving` are vectors that interrupt what runs next, nobody knows why: a glitch, a local APIC, or non-maskable.
    `input` is what comes in by its devices.  `failing` is an allocation that is to fail, if there is one.
    `time` is virtual time, `instructions` how many user mode has run of it.
    `kernel` is the running kernel's parts, or those of a kernel that only reads the same RAM.
    """

    KEPT: ClassVar[tuple[str, ...]] = ("time", "instructions", "traps", "frame", "arriving", "outcome")

    def __init__(
        self,
        layout: Layout,
        image: bytes,
        *,
        memory: int,
        check: bool = False,
        memory_map: tuple[BiosEntry, ...] | None = None,
        command_line: str = "",
        model: Model | None = None,
        output: Callable[[int], None] = lambda byte: None,
    ) -> None:
        if memory % PAGE:
            raise ValueError(f"a machine has whole pages of memory, not {memory:#x} bytes")
        self.layout = layout
        self.ram = Ram(memory, word_bits=layout.paging.word_bits, strict=check)
        load_image(self.ram, layout, image)
        write_descriptors(self.ram)
        bios_map = usual_memory_map(memory) if memory_map is None else memory_map
        self.parameters = write_parameters(self.ram, bios_map, command_line)
        self._claimed = claimed_end(bios_map)
        self.header = view(self.ram, ImageHeader, layout.kernel_start)
        self.time = 0
        self.instructions = 0
        self.traps = 0
        self.trap_time = TRAP_TIME
        self.frame = 0
        self.arriving: list[int] = []
        self.failing: FailingAllocation | None = None
        self.outcome = Outcome.RUNNING
        self.at_booted: list[Callable[[], None]] = []
        self.before_trap: list[Callable[[], None]] = []
        self.after_trap: list[Callable[[], None]] = []
        self.image = image
        self.output = output
        self._add_devices()
        self.processor = Processor(self.ram.bytes, self.ports, model or USUAL[layout.paging.name])
        self._way_back = WayBack(layout, self.ram, self.processor, self.header.trap_return)
        self.kernel = self._make_kernel()
        self._idleness = Idleness(self.kernel, self.contents)

    @property
    def contents(self) -> Any:
        """Return RAM, a writable buffer of bytes whose reads leave no trace."""
        return self.ram.contents

    def fault_address(self) -> int:
        """Return the address of the last page fault."""
        return int(self.processor.state.cr2)

    def parts(self) -> list[Kept]:
        """Return what keeps state between traps, besides RAM and the console."""
        return [
            self,
            *self.ports.devices,
            *self.input.feeds.values(),
            self._idleness,
            self._way_back,
            *self.processor.parts(),
            *([self.failing] if self.failing is not None else []),
        ]

    def _add_devices(self) -> None:
        self.console = bytearray()
        self.timer = IntervalTimer(INSTRUCTIONS_PER_SECOND, lambda: self.time)
        self.controller = InterruptController(0x20)
        self.controller.when_asked = self._poll_timer
        self.exit = DebugExit()
        self.serial = Serial(self._send, self._wire(SERIAL_LINE), lambda: self.time, INSTRUCTIONS_PER_SECOND)
        self.keyboard = Keyboard(self._wire(KEYBOARD_LINE))
        second = InterruptController(0xA0)
        self.ports = PortBus(self.serial, self.keyboard, self.controller, second, self.timer, self.exit)
        self.input = Incoming(self.serial, self.keyboard)

    def _wire(self, line: int) -> Callable[[bool], None]:
        """Return what a device says the level of its line by."""
        return lambda is_up: self.controller.set_level(line, is_up)

    def _send(self, byte: int) -> None:
        self.console.append(byte)
        self.output(byte)

    def _poll_timer(self) -> None:
        """Count the timer's one shot down, and ask for an interrupt at its end."""
        if self.timer.asked():
            self.controller.raise_line(TIMER_LINE)

    def _waiting_interrupt(self) -> int | None:
        """Return the vector of the interrupt that the CPU takes now, None when none waits."""
        line = self.controller.pending()
        return None if line is None else self.controller.acknowledge(line)

    # What the lives do differently.

    @abstractmethod
    def _make_kernel(self) -> Kernel:
        """Return what is to be `kernel`."""

    @abstractmethod
    def _bring_up_kernel(self) -> bool:
        """Start the kernel, up to where it would start programs; return whether it could."""

    @abstractmethod
    def _begin_programs(self) -> int:
        """Start the kernel's programs; return the address of the first trap frame to restore, 0 for none."""

    @abstractmethod
    def _write_frame(self, vector: int, error: int) -> None:
        """Put the trap frame into RAM."""

    @abstractmethod
    def _serve_trap(self) -> int:
        """Run the kernel to serve the trap; return the address of the trap frame to restore, 0 when there is none."""

    @abstractmethod
    def _count_non_maskable(self) -> None:
        """Deliver a non-maskable interrupt to entry code where the processor stands."""

    def _leave_kernel(self) -> None:
        """Do what is to be done before user mode goes on."""

    # Running.

    def boot(self) -> None:
        """Start the kernel; the machine then stands before its first user instruction.

        Raises: Panic when the kernel is wrong.
        """
        self.bring_up()
        self.begin()

    def bring_up(self) -> None:
        """Start the kernel; the machine then stands before the first program is started.

        Raises: Panic when the kernel is wrong.
        """
        if not self._bring_up_kernel():
            self.outcome = Outcome.REFUSED
            return
        for observer in tuple(self.at_booted):
            observer()

    def begin(self) -> None:
        """Start the programs of a kernel that is up; on a machine that has ended, nothing happens.

        Raises: Panic when the kernel is wrong.
        """
        if self.outcome is not Outcome.RUNNING:
            return
        self.frame = self._begin_programs()
        if self.frame == 0:
            self.outcome = Outcome.REFUSED

    def run(self) -> Outcome:
        """Run until the machine ends.  Raises: Panic when the kernel is wrong."""
        while self.outcome is Outcome.RUNNING:
            self.step()
        return self.outcome

    def step(self) -> None:
        """Run to the next trap and let the kernel serve it, or find that the machine has ended.

        A machine that has ended stays as it is.
        Raises: Panic when the kernel is wrong.
        """
        if self.outcome is not Outcome.RUNNING:
            return
        if self.exit.status is not None:
            self.outcome = Outcome.POWERED_OFF
            return
        vector, error = self._run_to_trap()
        if self.outcome is not Outcome.RUNNING:
            return
        self.traps += 1
        self._write_frame(vector, error)
        if self.failing is not None:
            self.failing.before_trap()
        self._tell(self.before_trap)
        self.frame = self._serve_trap()
        self.time += self.trap_time
        if self.failing is not None:
            self.failing.after_trap()
        self._tell(self.after_trap)
        if self.frame == 0:
            self.outcome = Outcome.HALTED if self.exit.status is None else Outcome.POWERED_OFF

    def _tell(self, observers: list[Callable[[], None]]) -> None:
        """Let observers look at the machine, and call functions of its kernel, which count in its words."""
        with words_of(self.ram.word_bits):
            for observer in tuple(observers):
                observer()

    def _run_to_trap(self) -> tuple[int, int]:
        """Restore the frame and run until something traps; return vector and error code."""
        self._leave_kernel()
        while self.arriving:
            vector = self.arriving.pop(0)
            self._way_back.stand_in_front(self.frame)
            if vector != Vector.NON_MASKABLE:
                return vector, 0
            self._count_non_maskable()
        if self.input.live is not None:
            self.input.listen(self.time)
        if self.input.typed:
            self.input.bring(self.time)
        stop = self._enter()
        while True:
            if stop.kind is Kind.TRAP:
                return self._trap(stop)
            if stop.kind is Kind.CALL:
                return SYSTEM_CALL, FROM_FAST_CALL
            if stop.kind is Kind.TIME_STAMP:
                self.processor.finish_time_stamp(self.time)
            elif self._interrupt(stop):
                line = self.controller.pending()
                if line is not None:
                    return self.controller.acknowledge(line), 0
            else:
                self.outcome = Outcome.HALTED
                return 0, 0
            stop = self._counted(self.processor.go_on(self._budget()), 0)

    def _enter(self) -> Stop:
        """Restore the trap frame by the image's own code; only what follows in user mode counts."""
        stop, length = self._way_back.enter(self.frame, self._budget())
        return self._counted(stop, length) if length else stop

    def _budget(self) -> int:
        """Return how many instructions user mode may run before something interrupts it."""
        if self.controller.requested and self.controller.pending() is not None:
            return 0
        due = self.timer.due
        if self.input.typed:
            due = min(self.input.due() + ([] if due is None else [due]), default=None)
        return 1 << 32 if due is None else max(due - self.time, 0)

    def _counted(self, stop: Stop, before: int) -> Stop:
        """Add the instructions that user mode ran, after some others, to virtual time.

        One that was begun and then cut off has not run.
        """
        ran = stop.begun - before - (stop.kind is Kind.SLICE_END)
        if ran > 0:
            self.time += ran
            self.instructions += ran
        return stop

    def _trap(self, stop: Stop) -> tuple[int, int]:
        if not self.processor.state.in_user_mode:
            raise Panic(f"vector {stop.vector} in ring 0 at {self.processor.state.ip:#010x}, error {stop.error:#x}")
        return stop.vector, stop.error

    def _interrupt(self, stop: Stop) -> bool:
        """Let come what a slice ends for, or what an idle CPU waits for; say whether the CPU can go on."""
        if stop.kind is Kind.HALT:
            return self.processor.state.takes_interrupts and self._idle()
        self._come()
        return True

    def _idle(self) -> bool:
        """Let time pass until something interrupts; say whether anything does.

        Where somebody may type, as much time passes here.
        """
        while self.controller.pending() is None:
            due = self._wakes_at()
            if not self.input.is_typed_on and not self.input.due() and self._idleness.is_for_ever(self.instructions):
                return False
            if self.input.is_typed_on:
                self.time = self.input.await_typing(self.time, due)
                due = self._wakes_at()
            if due is None:
                return False
            self.time = max(self.time, due)
            self._come()
        return True

    def _wakes_at(self) -> int | None:
        """Return when the next thing comes that may wake an idle CPU, None when nothing does."""
        due = self.input.due()
        if self.timer.due is not None and self.controller.accepts(TIMER_LINE):
            due.append(self.timer.due)
        return min(due, default=None)

    def _come(self) -> None:
        """Let come what is due."""
        if self.timer.due is not None and self.timer.due <= self.time:
            self.timer.tick()
            self.controller.raise_line(TIMER_LINE)
        if self.input.typed:
            self.input.bring(self.time)
