"""The root of the kernel: all its parts, and the order in which they start."""

from collections.abc import Iterator

from keelback.abi.errors import OutOfMemory
from keelback.abi.parts import Part
from keelback.kernel.boot.handover import Handover
from keelback.kernel.boot.memory import Memory
from keelback.kernel.boot.options import Options
from keelback.kernel.calls.faults import Faults
from keelback.kernel.calls.library_calls import LibraryCalls
from keelback.kernel.calls.line_calls import LineCalls
from keelback.kernel.calls.malloc_calls import MallocCalls
from keelback.kernel.calls.mapping_calls import MappingCalls
from keelback.kernel.calls.message_calls import MessageCalls
from keelback.kernel.calls.object_calls import ObjectCalls
from keelback.kernel.calls.panics import Panics
from keelback.kernel.calls.process_calls import ProcessCalls
from keelback.kernel.calls.stalls import Stalls
from keelback.kernel.calls.starting_calls import StartingCalls
from keelback.kernel.calls.strays import Strays
from keelback.kernel.calls.system_calls import SystemCalls
from keelback.kernel.calls.thread_calls import ThreadCalls
from keelback.kernel.calls.traps import Traps
from keelback.kernel.calls.waiting_calls import WaitingCalls
from keelback.kernel.devices.console import Console, Sink
from keelback.kernel.devices.lines import Lines
from keelback.kernel.devices.power import REFUSED, Power
from keelback.kernel.devices.timer import Timer
from keelback.kernel.layout import KIB, Layout
from keelback.kernel.loading.elf import ElfLoader
from keelback.kernel.loading.libraries import Libraries
from keelback.kernel.loading.loaded_libraries import LoadedLibraries
from keelback.kernel.loading.payload import Member, Payload
from keelback.kernel.memory.kernel_stacks import KernelStacks
from keelback.kernel.memory.malloc_pages import MallocPages
from keelback.kernel.memory.objects import Objects
from keelback.kernel.memory.promises import Promises
from keelback.kernel.memory.regions import Regions
from keelback.kernel.memory.shared_memory import SharedMemory
from keelback.kernel.memory.spaces import AddressSpaces
from keelback.kernel.memory.user_memory import UserMemory
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.kernel.messages.drivers import Drivers
from keelback.kernel.messages.endpoints import Endpoints
from keelback.kernel.messages.handles import HandleTables
from keelback.kernel.messages.messages import Messages
from keelback.kernel.messages.parcels import Parcels
from keelback.kernel.processes.endings import Endings
from keelback.kernel.processes.joining import Joining
from keelback.kernel.processes.processes import Processes
from keelback.kernel.processes.programs import Programs
from keelback.kernel.processes.queues import Queue
from keelback.kernel.processes.scheduler import Scheduler
from keelback.kernel.processes.threads import Threads
from keelback.kernel.processes.waiting import Waiting
from keelback.kernel.processes.word_waits import WordWaits
from keelback.kernel.x86.vectors import TIMER, Vector
from keelback.kernel.x86.widths import CONTROL_STATES, INTERRUPTS, SEGMENTS
from keelback.lang import (
    PAGE_SHIFT,
    PAGE_SIZE,
    Component,
    Cpu,
    Hardware,
    Ram,
    Region,
    address_of,
    freeze,
    size_of,
    word,
)


class Kernel(Component):
    """The microkernel and process manager of one machine."""

    def __init__(self, layout: Layout, ram: Ram, hardware: Hardware) -> None:
        records = Region(ram, layout.text_end, layout.records_limit)
        word_bits = layout.paging.word_bits
        self.layout = layout
        self.cpu = Cpu(hardware)
        self.control = CONTROL_STATES[word_bits](self.cpu, layout)
        self.strays = Strays(records)  # first in RAM: entry code counts there
        self.options = Options(records, layout.physical_limit >> PAGE_SHIFT)
        self.console = Console(records, self.cpu)
        self.segments = SEGMENTS[word_bits](records, layout, self.cpu)
        self.interrupts = INTERRUPTS[word_bits](records, layout, self.cpu)
        self.timer = Timer(records, self.cpu, self.interrupts)
        self.memory = Memory(records, layout)
        self.handover = Handover(ram, self.cpu, self.memory.kernel_map)
        self.spaces = AddressSpaces(records, layout, self.cpu, self.memory.frames)
        self.regions = Regions(records, layout, self.memory.frames, self.spaces.access)
        self.promises = Promises(self.spaces, self.regions)
        has = layout.parts
        self.objects = self._objects(records) if Part.MESSAGES in has else None
        self.virtual_memory = VirtualMemory(records, self.promises, self.objects)
        self.shared_memory = None if self.objects is None else SharedMemory(self.virtual_memory, self.objects)
        self.payload = Payload(records)
        self.loader = ElfLoader(records, self.virtual_memory, self.payload)
        self.malloc_pages = MallocPages(self.virtual_memory) if Part.MALLOC in has else None
        self.libraries = Libraries(LoadedLibraries(records, self.loader)) if Part.LIBRARIES in has else None
        self.user_memory = UserMemory(self.virtual_memory)
        self.stacks = KernelStacks(layout, self.spaces)
        self.threads = Threads(records, layout, self.stacks)
        self.scheduler = Scheduler(records, layout, self.cpu, self.segments, self.spaces, self.timer, self.threads)
        self.first_cpu = self.scheduler.cpus[0]
        self.handles = self._handles(records, self.objects) if self.objects is not None else None
        self.processes = Processes(records, self.virtual_memory, self.libraries, self.scheduler, self.handles)
        self.word_waits = WordWaits(records, self.processes, self.user_memory) if Part.THREADS in has else None
        self.messages = self._messages(records, self.handles) if self.handles is not None else None
        self.drivers = Drivers(self.messages) if self.messages is not None else None
        self.waiting = Waiting(records, self.processes, self.user_memory) if Part.WAITING in has else None
        self.endings = Endings(self.processes, self.waiting)
        self.joining = Joining(records, self.endings, self.user_memory) if Part.THREADS in has else None
        self.programs = Programs(records, self.options, self.console, self.loader, self.processes)
        self.calls_of_parts = tuple(self._calls_of_parts(records))
        self.calls = SystemCalls(
            records, self.console, self.endings, self.user_memory, self.word_waits, self.calls_of_parts
        )
        self.faults = Faults(self.console, self.cpu, self.virtual_memory)
        self.power = Power(self.cpu)
        self.panics = Panics(records, self.memory, self.stacks, self.console, self.power)
        self.stalls = self._stalls(records) if {Part.WAITING, Part.THREADS, Part.MESSAGES} & {*has} else None
        self.traps = Traps(self.calls, self.faults, self.interrupts, self.strays, self.stalls, self.power, self.drivers)

    def _stalls(self, records: Region) -> Stalls:
        return Stalls(records, self.processes, self.interrupts, self.console, self.power)

    def _objects(self, records: Region) -> Objects:
        return Objects(records, self.layout, self.memory.frames, self.spaces.access)

    def _handles(self, records: Region, objects: Objects) -> HandleTables:
        lines = Lines(records, self.interrupts, self.console)
        endpoints = Endpoints(records, self.layout, self.scheduler, lines)
        return HandleTables(records, self.layout, self.memory.frames, self.spaces.access, endpoints, objects)

    def _messages(self, records: Region, handles: HandleTables) -> Messages:
        return Messages(handles, Parcels(records, self.processes, handles, self.user_memory, self.word_waits))

    def _calls_of_parts(self, records: Region) -> Iterator[Component]:
        """Yield what serves the calls of each part that the layout names."""
        if Part.MAPPING in self.layout.parts:
            yield MappingCalls(self.processes, self.word_waits)
        if self.malloc_pages is not None:
            yield MallocCalls(self.processes, self.malloc_pages, self.word_waits)
        if self.libraries is not None:
            yield LibraryCalls(self.processes, self.libraries, self.user_memory, self.word_waits)
        if Part.STARTING in self.layout.parts:
            yield StartingCalls(records, self.programs, self.user_memory, self.handles)
        if self.waiting is not None:
            yield WaitingCalls(self.waiting, self.handles)
        if self.joining is not None and self.word_waits is not None:
            yield ThreadCalls(self.joining, self.word_waits, self.handles)
        if self.drivers is not None:
            yield MessageCalls(self.drivers.messages)
            yield LineCalls(self.processes, self.drivers)
            yield ProcessCalls(self.endings, self.drivers.messages.handles)
        if self.handles is not None and self.shared_memory is not None:
            yield ObjectCalls(self.processes, self.handles, self.shared_memory, self.payload)

    def start(self, parameters: word) -> word:
        """Lay out memory, by the boot loader's page at an address, on the entry stack.

        Between this and `boot`, entry code lets an interrupt in that may wait: the timer's, if it reaches the CPU.
        Returns the end of the boot stack, for `boot`; 0 when the machine can't start, and then the console says why.
        """
        self.control.start(address_of(self.first_cpu.task))
        if not self.handover.are_parameters(parameters):
            self._refuse_parameters(parameters)
            return 0
        self.options.start(parameters, self.handover.command_line_room(parameters))
        self.console.start(self.options.values.sink)
        self.handover.report(parameters, self.console)
        self.segments.start(self.first_cpu.task, self.interrupts.stub_of(Vector.DOUBLE_FAULT))
        if not self.control.has_fast_calls():
            self.segments.tell_no_fast_calls()
        self.interrupts.start()
        self.memory.read_map(parameters, self.options.most_frames())
        self._report_limit()
        self.handover.check_map(self.console)
        self.payload.start(self.memory.header, self.memory.loaded_end())
        slots = self.payload.slots_needed()
        try:
            self.memory.lay_out(slots * (size_of(Member) + size_of(Queue)))
            self.payload.make_index(self.memory.heap, slots)
            self.processes.running.place(self.memory.heap.allocate(slots * size_of(Queue)), slots)
        except OutOfMemory:
            self._refuse()
            return 0
        self.interrupts.count(TIMER)
        self.timer.hold()
        self.interrupts.start_controllers()
        self.timer.try_once()
        return self.memory.bounds.zone

    def _report_limit(self) -> None:
        """Say that there is memory which the layout does not use."""
        limit = self.layout.physical_limit
        if self.memory.kernel_map.claimed_end() > limit >> PAGE_SHIFT:
            self.console.write(f"keelback: memory from {limit:#x} on is beyond what this layout uses; ignored\n")

    def boot(self) -> bool:
        """Bring everything else up, in order, on the boot stack; no program starts yet.

        Returns whether the machine can start programs; where it can't, the console says why.
        """
        self._end_trial()
        try:
            self.spaces.start(self.memory.bounds.region_top, self.control.no_execute())
            directory: word = self.spaces.kernel.directory << PAGE_SHIFT
            self.segments.use_tables(directory)
            self.control.start_paging(directory)
            self.threads.free_slots.start()
            self.processes.free_slots.start()
            if self.handles is not None:
                self.handles.endpoints.free_slots.start()
            self.scheduler.start(self.first_cpu, self.memory.header.idle)
        except OutOfMemory:
            self._refuse()
            return False
        self._greet()
        return True

    def _end_trial(self) -> None:
        """Note whether the timer's interrupt came, and let it enter the kernel from now on."""
        if self.strays.forget_non_maskable():
            self.timer.clock.reached = True
            self.interrupts.finish(TIMER)
        self.interrupts.take(TIMER)

    def begin(self) -> word:
        """Start the programs, on the boot stack; returns the address of the first trap frame to restore."""
        self.programs.start_all()
        self._release_boot_stack()
        self.timer.start()  # however long that took, the first turn has its whole time
        return self.traps.resume(self.first_cpu)

    def _release_boot_stack(self) -> None:
        """Make the memory of the boot stack free, which is in use until the first trap frame is restored.

        What is left to do takes no frame, and less stack than a page: the marks of free frames are below that.
        """
        bounds = self.memory.bounds
        for page in range(bounds.stack, bounds.zone, PAGE_SIZE):
            self.spaces.access.spoil(page >> PAGE_SHIFT)
        self.memory.release_boot_stack()

    def _refuse(self) -> None:
        """Say that memory is too small, and end the machine."""
        start = self.layout.kernel_start
        end = self.memory.loaded_end()
        needed = self.memory.owned_end()
        self.console.write("keelback: can't start. There is not enough memory: ")
        self.console.write(f"from {start:#x} on it ends at {end:#x}, and {needed:#x} is needed\n")
        self.power.off(REFUSED)

    def _refuse_parameters(self, parameters: word) -> None:
        """Say that the boot loader left no boot parameters, and end the machine."""
        self.console.start(Sink.BOTH)
        self.console.write("keelback: can't start. There are no boot parameters at ")
        self.console.write(f"{parameters:#010x}, where the boot loader says: no memory is there\n")
        self.power.off(REFUSED)

    def trap(self) -> word:
        """Serve one trap; returns the address of the trap frame to restore."""
        return self.traps.trap(self.first_cpu)

    def panic(self, frame: word) -> None:
        """Stop because ring 0 itself was trapped, with the trap frame at an address."""
        self.panics.take(self.first_cpu, frame)

    def _greet(self) -> None:
        counts = self.memory.frames.counts
        free: int = (counts.user_free + counts.kernel_free) * (PAGE_SIZE // KIB)
        self.console.write(f"keelback: {self.layout.name} layout, {free} KiB free\n")
        self.options.report(self.console)
        self.timer.report(self.console)


def make_kernel(layout: Layout, ram: Ram, hardware: Hardware) -> Kernel:
    """Build a kernel over a machine's RAM, whose bytes stay as they are, and freeze it."""
    kernel = Kernel(layout, ram, hardware)
    freeze(kernel)
    return kernel
