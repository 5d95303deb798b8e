"""The functions that a C compiler calls by itself: divisions as Python's, and memory moved as it should be."""

import random
import struct
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_X86, UC_MODE_32, UC_PROT_ALL, Uc
from unicorn import x86_const as x86

from keelback.image.kernel_image import CompiledKernel
from keelback.image.toolchain import assemble
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.boot_loader import make_image, make_symbols

STACK, END, DATA = 0x30_0000, 0x38_0000, 0x28_0000
ENTRY_POINTS = ".globl kernel_boot, kernel_trap\nkernel_boot:\nkernel_trap: ret\n"


class Support:
    """The linked support functions on a bare CPU."""

    def __init__(self, directory) -> None:
        source = directory / "entries.S"
        source.write_text(ENTRY_POINTS)
        kernel = CompiledKernel({"entries.o": assemble(source)})
        table = ELFFile(BytesIO(make_symbols(MICROKERNEL, kernel))).get_section_by_name(".symtab")
        self.places = {each.name: each["st_value"] for each in table.iter_symbols()}
        self.uc = Uc(UC_ARCH_X86, UC_MODE_32)
        self.uc.mem_map(0x10_0000, 0x30_0000, UC_PROT_ALL)
        self.uc.mem_write(MICROKERNEL.kernel_start, make_image(MICROKERNEL, b"", kernel))

    def call(self, name: str, *words: int) -> int:
        """Return edx:eax."""
        esp = STACK - 4 * (len(words) + 1)
        self.uc.mem_write(esp, struct.pack(f"<{len(words) + 1}I", END, *words))
        self.uc.reg_write(x86.UC_X86_REG_ESP, esp)
        self.uc.emu_start(self.places[name], END)
        assert self.uc.reg_read(x86.UC_X86_REG_ESP) == esp + 4
        assert not self.uc.reg_read(x86.UC_X86_REG_EFLAGS) & 0x400
        return self.uc.reg_read(x86.UC_X86_REG_EDX) << 32 | self.uc.reg_read(x86.UC_X86_REG_EAX)

    def divide(self, name: str, dividend: int, divisor: int) -> int:
        return self.call(name, *struct.unpack("<4I", struct.pack("<2Q", dividend % (1 << 64), divisor % (1 << 64))))


@pytest.fixture(scope="module")
def support(tmp_path_factory):
    return Support(tmp_path_factory.mktemp("support"))


def values() -> list[int]:
    edges = [0, 1, 2, 3, 5, 7, 10, 100]
    edges += [(1 << bit) + step for bit in (16, 31, 32, 33, 47, 63) for step in (-1, 0, 1)]
    edges += [(1 << 64) - 1, (1 << 64) - 2, 0xFFFF_FFFF_0000_0000, 0x8000_0000_FFFF_FFFF]
    generator = random.Random(3)
    return edges + [generator.getrandbits(generator.randint(1, 64)) for _ in range(30)]


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def test_unsigned_division_is_pythons(support):
    for dividend in values():
        for divisor in filter(None, values()):
            assert support.divide("__udivdi3", dividend, divisor) == dividend // divisor, (dividend, divisor)
            assert support.divide("__umoddi3", dividend, divisor) == dividend % divisor, (dividend, divisor)


def test_signed_division_goes_towards_zero(support):
    for dividend in map(signed, values()):
        for divisor in filter(None, map(signed, values())):
            quotient = abs(dividend) // abs(divisor) * (1 if (dividend < 0) == (divisor < 0) else -1)
            assert support.divide("__divdi3", dividend, divisor) == quotient % (1 << 64), (dividend, divisor)
            rest = dividend - quotient * divisor
            assert support.divide("__moddi3", dividend, divisor) == rest % (1 << 64), (dividend, divisor)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65])
def test_memory_is_set_copied_and_moved(support, length):
    content = bytes(range(1, 201))
    for name, to, start in (
        ("memset", 100, 0),
        ("memcpy", 0, 100),
        *(("memmove", to, 50) for to in (0, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 57, 110)),
    ):
        support.uc.mem_write(DATA, content)
        expected = bytearray(content)
        source = bytes([0x5A]) * length if name == "memset" else content[start : start + length]
        expected[to : to + length] = source
        second = 0xFFFF_FF5A if name == "memset" else DATA + start
        assert support.call(name, DATA + to, second, length) & 0xFFFF_FFFF == DATA + to
        assert support.uc.mem_read(DATA, len(content)) == expected, (name, to, start)
