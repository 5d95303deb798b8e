"""Panics: what is left when the kernel itself is wrong, a record in RAM and the same on the console.

Compiled code comes here by a trap from ring 0.  A check that failed stopped at an invalid instruction, its message,
file and line in registers; a fault has no more than its frame.  A double fault, where the stack could not take the
frame of a fault, has one that entry code makes of the task state.  The lines of the callers come from the image's
table of places.  Where the kernel is interpreted, the machine fills the record in, and `report` is the same.

A panic while one is reported halts: what is on the console by then is all there is.
"""

from keelback.kernel.boot.memory import Memory
from keelback.kernel.calls.places import LONGEST_NAME, Name, Places
from keelback.kernel.devices.console import Console
from keelback.kernel.devices.power import PANICKED, Power
from keelback.kernel.memory.kernel_stacks import KernelStacks
from keelback.kernel.processes.scheduler import CpuState
from keelback.kernel.x86.trap_frame import Ring0Frame, TrapFrame
from keelback.kernel.x86.vectors import VECTOR_NAMES, Vector, named
from keelback.lang import PAGE_SHIFT, Array, Component, Region, Struct, address_of, inline, u8, u32, view, word

MESSAGE_SIZE = 128
MOST_PLACES = 16


class PanicPlace(Struct):
    """A line of source that the kernel was at; names are zero-terminated."""

    line: u32  # 0: the compiler made one instruction of several lines
    file: Array[u8] = inline(LONGEST_NAME)
    function: Array[u8] = inline(LONGEST_NAME)


class PanicRecord(Struct):
    """Why the kernel stopped; all zero means that it did not."""

    happened: bool
    has_frame: bool  # `frame` holds the CPU's registers
    frame: TrapFrame
    address: word  # of a page fault; of the last one, where there was a double fault
    cr3: word  # of a double fault: the page directory that was in use
    depth: u32  # how many places there are, the innermost first
    message: Array[u8] = inline(MESSAGE_SIZE)  # zero-terminated; empty for a fault
    places: Array[PanicPlace] = inline(MOST_PLACES)


class Message(Struct):
    """A zero-terminated text of compiled code."""

    text: Array[u8] = inline(MESSAGE_SIZE)


class StackFrame(Struct):
    """What a function of compiled code pushes first, where its frame pointer points."""

    caller: word  # the caller's stack frame
    return_address: word


class Panics(Component):
    """Stops the machine and says why."""

    def __init__(self, records: Region, memory: Memory, stacks: KernelStacks, console: Console, power: Power) -> None:
        self.ram = records.ram
        self.layout = memory.layout
        self.bounds = memory.bounds
        self.stacks = stacks
        self.console = console
        self.power = power
        self.cpu = power.cpu
        self.places = Places(records, memory.layout)
        self.record = records.struct(PanicRecord)

    def take(self, cpu: CpuState, frame: word) -> None:
        """Record and report what a CPU's trap frame of ring 0 at an address says, and end the machine."""
        if self.record.happened:
            self.power.off(PANICKED)
            return
        trap = view(self.ram, TrapFrame, frame)
        record = self.record
        record.happened = True
        record.has_frame = True
        view(self.ram, Ring0Frame, address_of(record.frame)).copy_from(view(self.ram, Ring0Frame, frame))
        record.frame.set_stack(trap.stack_before())
        if trap.is_failed_check():
            self._copy_message(view(self.ram, Message, trap.message()).text)
        elif trap.vector == Vector.PAGE_FAULT or trap.vector == Vector.DOUBLE_FAULT:
            record.address = self.cpu.read_cr2()
        if trap.vector == Vector.DOUBLE_FAULT:
            record.cr3 = cpu.directory << PAGE_SHIFT
        self.places.start()
        self._walk(trap.instruction(), trap.frame_pointer(), record.frame.stack())
        if record.message[0] != 0 and record.depth > 0:
            record.places[0].line = trap.line()  # exact, where one instruction may stand for several lines
        self.report()

    def _copy_message(self, text: Array[u8]) -> None:
        length: u32 = 0
        while length < MESSAGE_SIZE - 1 and text[length] != 0:
            self.record.message[length] = text[length]
            length += 1

    # Places.

    def _walk(self, instruction: word, innermost: word, stack: word) -> None:
        """Note the places of an address and of the calls that led there, as far as the stack frames are good.

        A stack frame is good when it lies above the one before, or at the stack pointer, and on the same stack: in its
        slot, or in the kernel region.
        """
        self._note(instruction)
        width = self.layout.paging.word_bits // 8
        end: word = max(self.layout.records_end, self.bounds.region_top)
        lowest: word = stack
        slot = self.stacks.lowest_of(stack)
        if slot != 0:
            end = slot + self.layout.kernel_stack
            lowest = max(stack, slot)
        frame: word = innermost
        while lowest <= frame <= end - 2 * width and frame % width == 0:
            at = view(self.ram, StackFrame, frame)
            if at.return_address == 0:
                break
            self._note(at.return_address - 1)  # the call itself may be the last instruction of its line
            lowest = frame + width
            frame = at.caller

    def _note(self, address: word) -> None:
        """Note the place of an address and those that it was inlined at."""
        number: u32 = self.places.find(address)
        while number != 0:
            place = self.places.table[number - 1]
            self._add(self.places.name(place.file), self.places.name(place.function), place.line)
            number = place.caller

    def _add(self, file: Name, function: Name, line: u32) -> None:
        record = self.record
        if record.depth == MOST_PLACES:
            return
        added = record.places[record.depth]
        added.line = line
        added.file.copy_from(0, file.text, 0, LONGEST_NAME - 1)  # a longer one is cut, with a zero at its end
        added.function.copy_from(0, function.text, 0, LONGEST_NAME - 1)
        record.depth += 1

    # The report.

    def report(self) -> None:
        """Write what the record says and end the machine."""
        record = self.record
        self.console.screen.restore()
        self.console.write("\nkeelback: kernel panic: ")
        if record.message[0] != 0:
            self.console.write_name(record.message)
        else:
            self._write_fault(record.frame)
        self.console.write("\n")
        for index in range(record.depth):
            place = record.places[index]
            self.console.write("  at ")
            self.console.write_name(place.file)
            if place.line != 0:
                self.console.write(f":{place.line}")
            self.console.write(" in ")
            self.console.write_name(place.function)
            self.console.write("\n")
        if record.has_frame:
            record.frame.write_registers(self.console)
        self.power.off(PANICKED)

    def _write_fault(self, frame: TrapFrame) -> None:
        if frame.vector == Vector.DOUBLE_FAULT and self.stacks.is_guard(self.record.address):
            self.console.write("kernel stack overflow: ")
        self.console.write(VECTOR_NAMES[named(frame.vector)])
        self.console.write(f", error code {frame.error:#x}")
        if frame.vector == Vector.PAGE_FAULT or frame.vector == Vector.DOUBLE_FAULT:
            self.console.write(f", address {self.record.address:#010x}")
        if frame.vector == Vector.DOUBLE_FAULT:
            self.console.write(f", cr3 {self.record.cr3:#010x}")
