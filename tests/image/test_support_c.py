"""The functions that a C compiler calls by itself: divisions as Python's, and memory moved as it should be."""

import random
import struct
from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_X86, UC_MODE_32, UC_MODE_64, UC_PROT_ALL, Uc
from unicorn import x86_const as x86

from keelback.image.toolchain import TARGETS, X86_64, Target, build_support, link_elf

STACK, END, DATA = 0x30_0000, 0x38_0000, 0x28_0000
SCRIPT = "ENTRY(memset) SECTIONS { . = 0x100000; .text : { *(.text) } }"


class Support:
    """The linked support functions on a bare CPU."""

    def __init__(self, target: Target) -> None:
        elf = ELFFile(BytesIO(link_elf({"support.o": build_support(target)}, SCRIPT, target=target)))
        self.places = {each.name: each["st_value"] for each in elf.get_section_by_name(".symtab").iter_symbols()}
        self.target = target
        self.uc = Uc(UC_ARCH_X86, UC_MODE_64 if target is X86_64 else UC_MODE_32)
        self.uc.mem_map(0x10_0000, 0x30_0000, UC_PROT_ALL)
        self.uc.mem_write(0x10_0000, elf.get_section_by_name(".text").data())

    def call(self, name: str, *words: int) -> int:
        """Return rdx:rax, or edx:eax."""
        result = self._call_64(name, words) if self.target is X86_64 else self._call_32(name, words)
        assert not self.uc.reg_read(x86.UC_X86_REG_EFLAGS) & 0x400
        return result

    def _call_64(self, name: str, words: tuple[int, ...]) -> int:
        self.uc.mem_write(STACK - 8, struct.pack("<Q", END))
        self.uc.reg_write(x86.UC_X86_REG_RSP, STACK - 8)
        registers = (x86.UC_X86_REG_RDI, x86.UC_X86_REG_RSI, x86.UC_X86_REG_RDX, x86.UC_X86_REG_RCX)
        for register, value in zip(registers, words, strict=False):
            self.uc.reg_write(register, value)
        self.uc.emu_start(self.places[name], END)
        assert self.uc.reg_read(x86.UC_X86_REG_RSP) == STACK
        return self.uc.reg_read(x86.UC_X86_REG_RDX) << 64 | self.uc.reg_read(x86.UC_X86_REG_RAX)

    def _call_32(self, name: str, words: tuple[int, ...]) -> int:
        esp = STACK - 4 * (len(words) + 1)
        self.uc.mem_write(esp, struct.pack(f"<{len(words) + 1}I", END, *words))
        self.uc.reg_write(x86.UC_X86_REG_ESP, esp)
        self.uc.emu_start(self.places[name], END)
        assert self.uc.reg_read(x86.UC_X86_REG_ESP) == esp + 4
        return self.uc.reg_read(x86.UC_X86_REG_EDX) << 32 | self.uc.reg_read(x86.UC_X86_REG_EAX)

    def divide(self, name: str, dividend: int, divisor: int) -> int:
        """Divide two words by two words: `udiv`, `umod`, `div` or `mod`."""
        bits = self.target.word_bits
        words = [value >> place & (1 << bits) - 1 for value in (dividend, divisor) for place in (0, bits)]
        return self.call(f"__{name}{'ti' if bits == 64 else 'di'}3", *words)


@pytest.fixture(scope="module", params=TARGETS.values(), ids=lambda target: target.emulation)
def support(request):
    return Support(request.param)


def values(bits: int) -> list[int]:
    """Return values of so many bits, many at an edge."""
    edges = [0, 1, 2, 3, 5, 7, 10, 100]
    near = (bits // 4, bits // 2 - 1, bits // 2, bits // 2 + 1, bits * 3 // 4 - 1, bits - 1)
    edges += [(1 << bit) + step for bit in near for step in (-1, 0, 1)]
    low, high = (1 << bits // 2) - 1, (1 << bits) - 1
    edges += [high, high - 1, high ^ low, 1 << bits - 1 | low]
    generator = random.Random(3)
    return edges + [generator.getrandbits(generator.randint(1, bits)) for _ in range(30)]


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def test_unsigned_division_is_pythons(support):
    bits = 2 * support.target.word_bits
    for dividend in values(bits):
        for divisor in filter(None, values(bits)):
            assert support.divide("udiv", dividend, divisor) == dividend // divisor, (dividend, divisor)
            assert support.divide("umod", dividend, divisor) == dividend % divisor, (dividend, divisor)


def test_signed_division_goes_towards_zero(support):
    bits = 2 * support.target.word_bits
    numbers = [signed(value, bits) for value in values(bits)]
    for dividend in numbers:
        for divisor in filter(None, numbers):
            quotient = abs(dividend) // abs(divisor) * (1 if (dividend < 0) == (divisor < 0) else -1)
            assert support.divide("div", dividend, divisor) == quotient % (1 << bits), (dividend, divisor)
            rest = dividend - quotient * divisor
            assert support.divide("mod", dividend, divisor) == rest % (1 << bits), (dividend, divisor)


def test_memory_is_set_copied_and_moved(support):
    content, mask = bytes(range(1, 201)), (1 << support.target.word_bits) - 1
    for length in (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 63, 64, 65):
        for name, to, start in (
            ("memset", 100, 0),
            ("memcpy", 0, 100),
            *(("memmove", to, 50) for to in (0, *range(41, 60), 110)),
        ):
            support.uc.mem_write(DATA, content)
            expected = bytearray(content)
            source = bytes([0x5A]) * length if name == "memset" else content[start : start + length]
            expected[to : to + length] = source
            second = 0xFFFF_FF5A if name == "memset" else DATA + start
            assert support.call(name, DATA + to, second, length) & mask == DATA + to
            assert support.uc.mem_read(DATA, len(content)) == expected, (name, to, start, length)


@pytest.mark.parametrize("step", [-8, 8])
def test_blocks_lie_anywhere_in_64_bits(step):
    """Two blocks 4 GiB apart do not overlap, whatever their low 32 bits say."""
    support, far, content = Support(X86_64), 1 << 32 | DATA, bytes(range(64))
    support.uc.mem_map(1 << 32, 0x30_0000, UC_PROT_ALL)
    support.uc.mem_write(DATA, content)
    assert support.call("memmove", far + step, DATA, 64) & (1 << 64) - 1 == far + step
    assert support.uc.mem_read(far + step, 64) == content
    assert support.call("memset", far, 0x1FF, 9) & (1 << 64) - 1 == far
    assert support.uc.mem_read(far, 9) == b"\xff" * 9
