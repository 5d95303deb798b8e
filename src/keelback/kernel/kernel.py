"""The root of the kernel: all its parts, and the order in which they start."""

from keelback.kernel.console import Console
from keelback.kernel.elf import ElfLoader
from keelback.kernel.faults import Faults
from keelback.kernel.interrupts import Interrupts
from keelback.kernel.layout import KIB, Layout
from keelback.kernel.memory import Memory
from keelback.kernel.payload import Payload
from keelback.kernel.power import Power
from keelback.kernel.processes import Processes
from keelback.kernel.programs import Programs
from keelback.kernel.scheduler import Scheduler
from keelback.kernel.segments import Segments
from keelback.kernel.spaces import AddressSpaces
from keelback.kernel.system_calls import SystemCalls
from keelback.kernel.timer import Timer
from keelback.kernel.traps import Traps
from keelback.kernel.user_memory import UserMemory
from keelback.lang import PAGE_SIZE, Component, Cpu, Hardware, KernelError, Ram, Region, freeze, word


class Kernel(Component):
    """The microkernel and process manager of one machine."""

    def __init__(self, layout: Layout, ram: Ram, hardware: Hardware) -> None:
        records = Region(ram, layout.text_end, layout.records_limit)
        self.layout = layout
        self.cpu = Cpu(hardware)
        self.console = Console(records, self.cpu)
        self.segments = Segments(records, self.cpu)
        self.interrupts = Interrupts(records, layout, self.cpu)
        self.timer = Timer(records, self.cpu)
        self.memory = Memory(records, layout)
        self.spaces = AddressSpaces(records, layout, self.cpu, self.memory)
        self.payload = Payload(records)
        self.loader = ElfLoader(records, self.spaces, self.payload)
        self.user_memory = UserMemory(self.spaces)
        self.scheduler = Scheduler(records, self.cpu, self.segments, self.spaces, self.timer, layout.processes)
        self.processes = Processes(records, layout, self.spaces, self.scheduler)
        self.programs = Programs(records, self.console, self.loader, self.processes, self.user_memory)
        self.calls = SystemCalls(records, self.console, self.scheduler, self.processes, self.user_memory)
        self.faults = Faults(self.console, self.cpu)
        self.power = Power(self.cpu)
        self.traps = Traps(self.scheduler, self.processes, self.calls, self.faults, self.interrupts, self.power)

    def boot(self, parameters: word) -> word:
        """Start everything, in order; `parameters` is the address of the boot loader's page.

        Returns the address of the first trap frame to restore, 0 when the machine can't start; the console says why.
        """
        self.console.start()
        self.segments.start()
        self.interrupts.start()
        try:
            self.memory.start(parameters)
            self.spaces.start()
            self.scheduler.start(self.memory.header.idle)
        except KernelError as error:
            self.console.write("keelback: can't start. ")
            self.console.write(error.sentence)
            self.console.write("\n")
            self.power.off()
            return 0
        self._greet()
        self.payload.start(self.memory.header)
        self.timer.start()
        self.programs.start_all()
        return self.traps.resume()

    def trap(self) -> word:
        """Serve one trap; returns the address of the trap frame to restore."""
        return self.traps.trap()

    def _greet(self) -> None:
        counts = self.memory.frames.counts
        free: int = (counts.user_free + counts.kernel_free) * (PAGE_SIZE // KIB)
        self.console.write(f"keelback: {self.layout.name} layout, {free} KiB free\n")


def make_kernel(layout: Layout, ram: Ram, hardware: Hardware) -> Kernel:
    """Build a kernel over a machine's RAM, whose bytes stay as they are, and freeze it."""
    kernel = Kernel(layout, ram, hardware)
    freeze(kernel)
    return kernel
