"""The trap frame: the registers of what a trap interrupted, and what a system call finds in them.

Source: Intel SDM volume 3, sections 6.12 (what the CPU pushes) and 4.7 (page-fault error code); volume 2, `PUSHA`.
"""

from keelback.kernel.x86.segments import EFLAGS_FIXED, KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA
from keelback.lang import Array, Struct, TextSink, bit, i32, inline, u32, word

EFLAGS_INTERRUPTS = 1 << 9
LONGEST_INSTRUCTION = 15  # bytes
RING0_PUSHED = 5 * 4  # bytes between what `pushal` pushed and what was interrupted: vector, error code, eip, cs, eflags
FROM_VIRTUAL_8086 = 1 << 8
"""Marks a vector that came in virtual-8086 mode: such a frame is never restored."""


class TrapFrame(Struct):
    """The registers of an interrupted thread, in the order in which entry code and CPU push them."""

    edi: u32
    esi: u32
    ebp: u32
    unused: u32  # the esp that `pushal` stores and `popal` skips
    ebx: u32
    edx: u32
    ecx: u32
    eax: u32
    vector: u32  # of the trap; with the mark FROM_VIRTUAL_8086 if there
    error: u32  # 0 where the CPU pushes none; of a page fault, whose bits these are:
    forbidden: bool = bit(0)  # the page is there
    writing: bool = bit(1)
    by_user: bool = bit(2)
    eip: u32
    cs: u32
    eflags: u32
    esp: u32  # this and ss only when the trap came from user mode
    ss: u32

    def fetches(self, address: word) -> bool:
        """Say whether a page fault at an address was a fetch: without no-execute pages, only the place tells."""
        inside = self.eip <= address < self.eip + LONGEST_INSTRUCTION
        return inside and not self.writing and (address == self.eip or not self.forbidden)

    # A system call has its number in eax, its arguments in ebx, esi, edi, ebp, and its result in eax.

    def number(self) -> u32:
        """Return the number of the system call."""
        return self.eax

    def argument(self, index: u32) -> u32:
        """Return an argument of the system call, from 0 to 3."""
        return self.ebx if index == 0 else self.esi if index == 1 else self.edi if index == 2 else self.ebp

    def set_result(self, result: u32) -> None:
        """Set what the system call returns."""
        self.eax = result

    def esp_before(self) -> word:
        """Return the stack pointer of ring 0 that a trap from ring 0 found."""
        return self.unused + RING0_PUSHED & 0xFFFF_FFFF

    def write_registers(self, console: TextSink) -> None:
        """Write what a trap from ring 0 interrupted, three lines."""
        console.write(f"  eax {self.eax:#010x}  ebx {self.ebx:#010x}  ecx {self.ecx:#010x}  edx {self.edx:#010x}\n")
        console.write(f"  esi {self.esi:#010x}  edi {self.edi:#010x}  ebp {self.ebp:#010x}  esp {self.esp:#010x}\n")
        console.write(f"  eip {self.eip:#010x}  eflags {self.eflags:#010x}\n")

    def start_user(self, entry: word, stack: word) -> None:
        """Make this the frame of a thread that starts at `entry` in user mode; other registers are 0."""
        self.clear()
        self.eip = entry
        self.cs = USER_CODE
        self.eflags = EFLAGS_FIXED | EFLAGS_INTERRUPTS
        self.esp = stack
        self.ss = USER_DATA

    def start_idle(self, entry: word) -> None:
        """Make this the frame of the idle thread, in ring 0."""
        self.clear()
        self.eip = entry
        self.cs = KERNEL_CODE
        self.eflags = EFLAGS_FIXED
        self.ss = KERNEL_DATA


class Ring0Frame(Struct):
    """A trap frame of ring 0, which may end where its stack does: the CPU has pushed neither esp nor ss."""

    words: Array[u32] = inline(13)


def signed(value: u32) -> i32:
    """Return a register's value read as a signed number."""
    return value - 0x1_0000_0000 if value >= 0x8000_0000 else value
