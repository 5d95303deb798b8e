"""The CPU as kernel code sees it: the instructions that no assignment to RAM can express.

Source: Intel SDM volume 2 (the instructions) and volume 3, sections 2.5 (control registers), 4.10 (invalidation).
"""

from typing import Any, Protocol

from keelback.lang.component import Component, HostObject
from keelback.lang.integers import u8, u16, u32, u64, word
from keelback.lang.native import native

DESCRIPTOR_TABLE = "struct { u16 limit; word base; } __attribute__((packed)) table = {limit, base}; "

LOAD_GDT = (
    DESCRIPTOR_TABLE
    + "struct { u32 place; u16 selector; } __attribute__((packed)) there = {0, code}; "
    + '__asm__ volatile("lgdt %1; movl $1f, %0; ljmpl *%0; 1: mov %2, %%ds; mov %2, %%es; "'
    + '"mov %2, %%fs; mov %2, %%gs; mov %2, %%ss"'
    + ' : "+m"(there) : "m"(table), "r"((u32)data) : "memory");'
)

CPUID = (
    'u32 said[4]; __asm__("cpuid" : "=a"(said[0]), "=b"(said[1]), "=c"(said[2]), "=d"(said[3]) : "a"(leaf), "c"(0));'
    " return said[which & 3];"
)

READ_BACK = (
    "volatile u32 *place = (volatile u32 *)address, other; u32 had = *place, has; *place = pattern; other = ~pattern;"
    ' __asm__ volatile("wbinvd" : : : "memory"); (void)other; has = *place; *place = had; return has;'
)


class Hardware(Protocol):
    """What a simulated machine must offer to the Python bodies below; each does what the instruction would."""

    # ruff: noqa: D102
    def in8(self, port: int) -> int: ...
    def out8(self, port: int, value: int) -> None: ...
    def out32(self, port: int, value: int) -> None: ...
    def write_cr0(self, value: int) -> None: ...
    def read_cr2(self) -> int: ...
    def read_cr3(self) -> int: ...
    def write_cr3(self, value: int) -> None: ...
    def write_cr4(self, value: int) -> None: ...
    def invalidate_page(self, address: int) -> None: ...
    def load_gdt(self, base: int, limit: int, code: int, data: int) -> None: ...
    def load_idt(self, base: int, limit: int) -> None: ...
    def load_task_register(self, selector: int) -> None: ...
    def load_ldt(self, selector: int) -> None: ...
    def drop_selectors(self) -> None: ...
    def load_spare_selectors(self, selector: int) -> None: ...
    def write_dr7(self, value: int) -> None: ...
    def write_msr(self, register: int, value: int) -> None: ...
    def cpuid(self, leaf: int, register: int) -> int: ...
    def read_back(self, address: int, pattern: int) -> int: ...
    def window_opened(self, address: int) -> None: ...


class NoHardware(HostObject):
    """The hardware of a kernel that is only looked at: every use is an error of the host's."""

    def __getattr__(self, name: str) -> Any:
        raise TypeError(f"this kernel is only inspected: it has no hardware to {name}")


class Cpu(Component):
    """The processor that runs the kernel."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware

    @native('u8 value; __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port)); return value;')
    def in8(self, port: u16) -> u8:
        """Read one byte from a port."""
        return self.hardware.in8(port)

    @native('__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));')
    def out8(self, port: u16, value: u8) -> None:
        """Write one byte to a port."""
        self.hardware.out8(port, value)

    @native('__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));')
    def out32(self, port: u16, value: u32) -> None:
        """Write four bytes to a port."""
        self.hardware.out32(port, value)

    @native('__asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");')
    def write_cr0(self, value: word) -> None:
        """Set control register 0: protection, paging, write protection, task switched."""
        self.hardware.write_cr0(value)

    @native('word value; __asm__ volatile("mov %%cr2, %0" : "=r"(value)); return value;')
    def read_cr2(self) -> word:
        """Return the linear address whose use caused the last page fault."""
        return self.hardware.read_cr2()

    @native('word value; __asm__ volatile("mov %%cr3, %0" : "=r"(value)); return value;')
    def read_cr3(self) -> word:
        """Return the physical address of the page tables' root that is in use, as it was written."""
        return self.hardware.read_cr3()

    @native('__asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");')
    def write_cr3(self, value: word) -> None:
        """Switch to the page tables whose root is at a physical address; drops every translation that is not global."""
        self.hardware.write_cr3(value)

    @native('__asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");')
    def write_cr4(self, value: word) -> None:
        """Set control register 4: extensions, global pages among them."""
        self.hardware.write_cr4(value)

    @native('__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");')
    def invalidate_page(self, address: word) -> None:
        """Drop the translation of one page, a global one too."""
        self.hardware.invalidate_page(address)

    @native(LOAD_GDT)
    def load_gdt(self, base: word, limit: u16, code: u16, data: u16) -> None:
        """Use the descriptor table at `base`, whose last byte is `base + limit`, and its selectors for ring 0."""
        self.hardware.load_gdt(base, limit, code, data)

    @native(DESCRIPTOR_TABLE + '__asm__ volatile("lidt %0" : : "m"(table));')
    def load_idt(self, base: word, limit: u16) -> None:
        """Use the interrupt descriptor table at `base`."""
        self.hardware.load_idt(base, limit)

    @native('__asm__ volatile("ltr %0" : : "r"(selector));')
    def load_task_register(self, selector: u16) -> None:
        """Use the task-state segment of a selector; the CPU marks its descriptor busy."""
        self.hardware.load_task_register(selector)

    @native('__asm__ volatile("lldt %0" : : "r"(selector));')
    def load_ldt(self, selector: u16) -> None:
        """Use the local descriptor table of a selector; with the null selector, none."""
        self.hardware.load_ldt(selector)

    @native('__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(0));')
    def drop_selectors(self) -> None:
        """Make the selectors of data null: in long mode nobody needs any, in either ring."""
        self.hardware.drop_selectors()

    @native('__asm__ volatile("mov %0, %%fs; mov %0, %%gs" : : "r"((u32)selector));')
    def load_spare_selectors(self, selector: u16) -> None:
        """Load fs and gs, which no code of the kernel's uses."""
        self.hardware.load_spare_selectors(selector)

    @native('__asm__ volatile("mov %0, %%dr7" : : "r"(value));')
    def write_dr7(self, value: word) -> None:
        """Set debug register 7: which breakpoints are on."""
        self.hardware.write_dr7(value)

    @native('__asm__ volatile("wrmsr" : : "c"(which), "a"((u32)value), "d"((u32)(value >> 32)));')
    def write_msr(self, which: u32, value: u64) -> None:
        """Set a model-specific register, which the CPU must have."""
        self.hardware.write_msr(which, value)

    @native(CPUID)
    def cpuid(self, leaf: u32, which: u32) -> u32:
        """Return what CPUID says of a leaf in one register: 0 eax, 1 ebx, 2 ecx, 3 edx."""
        return self.hardware.cpuid(leaf, which)

    @native(READ_BACK)
    def read_back(self, address: word, pattern: u32) -> u32:
        """Return what the word at a physical address has after a pattern was written to it; it keeps what it had.

        Memory that is not there keeps nothing, and neither a cache nor what was last on the bus may stand for it.
        """
        return self.hardware.read_back(address, pattern)
