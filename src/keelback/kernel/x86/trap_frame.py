"""The trap frame: the registers of what a trap interrupted, and what a system call finds in them.

No other module names a register: those outside ask a frame by its methods.

Source: Intel SDM volume 3, sections 6.12 (what the CPU pushes) and 4.7 (page-fault error code); volume 2, `PUSHA`.
"""

from keelback.kernel.x86 import segments64
from keelback.kernel.x86.segments import EFLAGS_FIXED, KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA
from keelback.kernel.x86.vectors import Vector
from keelback.lang import Array, Struct, TextSink, address_of, at, bit, i32, inline, on_64_bits, size_of, u32, u64, word

EFLAGS_INTERRUPTS = 1 << 9
LONGEST_INSTRUCTION = 15  # bytes
RING0_PUSHED = 5 * 4  # bytes between what `pushal` pushed and what was interrupted: vector, error code, eip, cs, eflags
FROM_VIRTUAL_8086 = 1 << 8
"""Marks a vector that came in virtual-8086 mode: such a frame is never restored."""
FAILED_CHECK = 0x21636970
"""What compiled code has in eax where a check has failed: `pic!` as bytes."""
FROM_FAST_CALL = 1 << 16
"""Marks, as no error code does, the frame of a call that came by `syscall` or `sysenter`, and may return that way.

It has the place and the flags to go on with in the registers, too, that `sysret` or `sysexit` takes them from: who
changes these, or where the thread goes on, takes the mark away.
"""


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
    error: u32  # 0 where the CPU pushes none, but for the mark FROM_FAST_CALL; of a page fault, whose bits these are:
    forbidden: bool = bit(0)  # the page is there
    writing: bool = bit(1)
    by_user: bool = bit(2)
    fetching: bool = bit(4)  # said by CPUs that have no-execute pages switched on, and by some others
    eip: u32
    cs: u32
    eflags: u32
    esp: u32  # this and ss only when the trap came from user mode
    ss: u32

    def fetches(self, address: word) -> bool:
        """Say whether a page fault at an address was a fetch, by the place where the CPU does not say it."""
        if self.fetching:
            return True
        inside = self.eip <= address < self.eip + LONGEST_INSTRUCTION
        return inside and not self.writing and (address == self.eip or not self.forbidden)

    def instruction(self) -> word:
        """Return the address of the instruction that was interrupted, or that the thread goes on with."""
        return self.eip

    def stack(self) -> word:
        """Return the stack pointer of user mode."""
        return self.esp

    # A system call has its number in eax, its arguments in ebx, esi, edi, ebp, edx, and its result in eax.

    def number(self) -> word:
        """Return the number of the system call."""
        return self.eax

    def argument(self, index: u32) -> word:
        """Return an argument of the system call, from 0 to 4."""
        return (
            self.ebx if index == 0 else self.esi if index == 1 else self.edi if index == 2
            else self.ebp if index == 3 else self.edx
        )  # fmt: skip

    def set_result(self, result: word) -> None:
        """Set what the system call returns."""
        self.eax = result

    def set_value(self, value: word) -> None:
        """Set what the thread ends with: the argument of the call by which it would end itself."""
        self.ebx = value

    def set_message(self, badge: word, other: "TrapFrame") -> None:
        """Set what comes beside the result of a call that carries a message: its words are those of another frame."""
        self.ebx = badge
        self.esi = other.esi
        self.edi = other.edi
        self.ebp = other.ebp

    def set_words(self, first: word, second: word, third: word) -> None:
        """Set the words of what comes by a call that carries a message, when it came from nobody."""
        self.ebx = 0
        self.esi = first
        self.edi = second
        self.ebp = third

    def set_more(self, more: word) -> None:
        """Set what came besides, in edx, where `sysexit` would go: the call returns as from `int`."""
        self.edx = more
        self.error = 0
        self.ss = USER_DATA  # which `sysexit` would not need: a non-maskable interrupt at the entry may have been there

    def set_error(self, number: i32) -> None:
        """Set which error the system call returns, a negative number."""
        self.eax = number & 0xFFFF_FFFF

    # Of a trap from ring 0.  A check that failed has its message in ebx and its line in edx.

    def stack_before(self) -> word:
        """Return the stack pointer that the trap found."""
        return self.unused + RING0_PUSHED & 0xFFFF_FFFF

    def set_stack(self, pointer: word) -> None:
        """Set the stack pointer, which the CPU has not pushed."""
        self.esp = pointer

    def frame_pointer(self) -> word:
        """Return where the stack frame lies of the function that was interrupted."""
        return self.ebp

    def is_failed_check(self) -> bool:
        """Say whether a check of compiled code failed."""
        return self.vector == Vector.INVALID_INSTRUCTION and self.eax == FAILED_CHECK

    def message(self) -> word:
        """Return the address of what a check that failed says."""
        return self.ebx

    def line(self) -> word:
        """Return the line of a check that failed."""
        return self.edx

    def write_registers(self, console: TextSink) -> None:
        """Write the registers, three lines."""
        console.write(f"  eax {self.eax:#010x}  ebx {self.ebx:#010x}  ecx {self.ecx:#010x}  edx {self.edx:#010x}\n")
        console.write(f"  esi {self.esi:#010x}  edi {self.edi:#010x}  ebp {self.ebp:#010x}  esp {self.esp:#010x}\n")
        console.write(f"  eip {self.eip:#010x}  eflags {self.eflags:#010x}\n")

    def start_user(self, entry: word, stack: word, argument: word) -> None:
        """Make this the frame of a thread that starts at `entry` in user mode; other registers are 0.

        Its argument lies on the stack already, as the ABI has it.
        """
        self.clear()
        self.eip = entry
        self.cs = USER_CODE
        self.eflags = EFLAGS_FIXED | EFLAGS_INTERRUPTS
        self.esp = stack
        self.ss = USER_DATA

    def tell_handles(self, count: u32) -> None:
        """Tell a program that starts how many handles it was given."""
        self.edx = count

    def start_idle(self, entry: word) -> None:
        """Make this the frame of the idle thread, in ring 0."""
        self.clear()
        self.eip = entry
        self.cs = KERNEL_CODE
        self.eflags = EFLAGS_FIXED
        self.ss = KERNEL_DATA


@on_64_bits(TrapFrame)
class TrapFrame64(Struct):
    """The same in long mode: 22 words of 64 bits, the end of all a multiple of 16."""

    r15: u64
    r14: u64
    r13: u64
    r12: u64
    r11: u64
    r10: u64
    r9: u64
    r8: u64
    rdi: u64
    rsi: u64
    rbp: u64
    rbx: u64
    rdx: u64
    rcx: u64
    rax: u64
    vector: u32  # of the trap; with the mark FROM_VIRTUAL_8086 if there
    error: u32 = at(0x80)  # as in `TrapFrame`; with the mark FROM_FAST_CALL if there
    forbidden: bool = bit(0)
    writing: bool = bit(1)
    by_user: bool = bit(2)
    fetching: bool = bit(4)
    rip: u64 = at(0x88)
    cs: u64
    rflags: u64
    rsp: u64  # this and ss whatever was interrupted
    ss: u64

    def fetches(self, address: word) -> bool:
        """Say whether a page fault at an address was a fetch, by the place where the CPU does not say it."""
        if self.fetching:
            return True
        inside = self.rip <= address < self.rip + LONGEST_INSTRUCTION
        return inside and not self.writing and (address == self.rip or not self.forbidden)

    def instruction(self) -> word:
        """Return the address of the instruction that was interrupted, or that the thread goes on with."""
        return self.rip

    def stack(self) -> word:
        """Return the stack pointer of user mode."""
        return self.rsp

    # A system call has its number in rax, its arguments in rbx, rsi, rdi, rbp, rdx, and its result in rax.

    def number(self) -> word:
        """Return the number of the system call."""
        return self.rax

    def argument(self, index: u32) -> word:
        """Return an argument of the system call, from 0 to 4."""
        return (
            self.rbx if index == 0 else self.rsi if index == 1 else self.rdi if index == 2
            else self.rbp if index == 3 else self.rdx
        )  # fmt: skip

    def set_result(self, result: word) -> None:
        """Set what the system call returns."""
        self.rax = result

    def set_value(self, value: word) -> None:
        """Set what the thread ends with: the argument of the call by which it would end itself."""
        self.rbx = value

    def set_message(self, badge: word, other: "TrapFrame64") -> None:
        """Set what comes beside the result of a call that carries a message: its words are those of another frame."""
        self.rbx = badge
        self.rsi = other.rsi
        self.rdi = other.rdi
        self.rbp = other.rbp

    def set_words(self, first: word, second: word, third: word) -> None:
        """Set the words of what comes by a call that carries a message, when it came from nobody."""
        self.rbx = 0
        self.rsi = first
        self.rdi = second
        self.rbp = third

    def set_more(self, more: word) -> None:
        """Set what came besides."""
        self.rdx = more

    def set_error(self, number: i32) -> None:
        """Set which error the system call returns, a negative number."""
        self.rax = number & 0xFFFF_FFFF_FFFF_FFFF

    # Of a trap from ring 0.  A check that failed has its message in rbx and its line in rdx.

    def stack_before(self) -> word:
        """Return the stack pointer that the trap found."""
        return self.rsp

    def set_stack(self, pointer: word) -> None:
        """Set the stack pointer."""
        self.rsp = pointer

    def frame_pointer(self) -> word:
        """Return where the stack frame lies of the function that was interrupted."""
        return self.rbp

    def is_failed_check(self) -> bool:
        """Say whether a check of compiled code failed."""
        return self.vector == Vector.INVALID_INSTRUCTION and self.rax == FAILED_CHECK

    def message(self) -> word:
        """Return the address of what a check that failed says."""
        return self.rbx

    def line(self) -> word:
        """Return the line of a check that failed."""
        return self.rdx

    def write_registers(self, console: TextSink) -> None:
        """Write the registers, six lines."""
        console.write(f"  rax {self.rax:#018x}  rbx {self.rbx:#018x}  rcx {self.rcx:#018x}\n")
        console.write(f"  rdx {self.rdx:#018x}  rsi {self.rsi:#018x}  rdi {self.rdi:#018x}\n")
        console.write(f"  rbp {self.rbp:#018x}  rsp {self.rsp:#018x}  r8  {self.r8:#018x}\n")
        console.write(f"  r9  {self.r9:#018x}  r10 {self.r10:#018x}  r11 {self.r11:#018x}\n")
        console.write(f"  r12 {self.r12:#018x}  r13 {self.r13:#018x}  r14 {self.r14:#018x}\n")
        console.write(f"  r15 {self.r15:#018x}  rip {self.rip:#018x}  rflags {self.rflags:#x}\n")

    def start_user(self, entry: word, stack: word, argument: word) -> None:
        """Make this the frame of a thread that starts at `entry` with an argument; other registers are 0."""
        self.clear()
        self.rip = entry
        self.rdi = argument
        self.cs = segments64.USER_CODE
        self.rflags = EFLAGS_FIXED | EFLAGS_INTERRUPTS
        self.rsp = stack
        self.ss = segments64.USER_DATA

    def tell_handles(self, count: u32) -> None:
        """Tell a program that starts how many handles it was given."""
        self.rsi = count

    def start_idle(self, entry: word) -> None:
        """Make this the frame of the idle thread, in ring 0, whose stack is above it: empty."""
        self.clear()
        self.rip = entry
        self.cs = KERNEL_CODE
        self.rflags = EFLAGS_FIXED
        self.rsp = address_of(self) + size_of(self)
        self.ss = KERNEL_DATA


class Ring0Frame(Struct):
    """A trap frame of ring 0, which may end where its stack does: the CPU has pushed neither esp nor ss."""

    words: Array[u32] = inline(13)


@on_64_bits(Ring0Frame)
class Ring0Frame64(Struct):
    """The same in long mode, where it is whole."""

    words: Array[u64] = inline(22)


def signed(value: word) -> i32:
    """Return the low 32 bits of a register's value, read as a signed number."""
    low = value & 0xFFFF_FFFF
    return low - 0x1_0000_0000 if low >= 0x8000_0000 else low
