"""Compiled Kernel Python on a bare CPU: the functions of a component, called one by one, over RAM of its own.

The RAM's word size says for which target, and so how functions are called.  Source: System V ABI, i386 supplement
(section 2.2.3) and AMD64 supplement (section 3.2).
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_X86, UC_MODE_32, UC_MODE_64, UC_PROT_ALL, Uc
from unicorn import x86_const as x86

from keelback.compiler import compile_program, ir
from keelback.compiler.names import STRICT_C
from keelback.compiler.types import Boolean, Type, Void
from keelback.image.toolchain import TARGETS, Target, build_support, compile_c, link_elf
from keelback.lang import Component, Panic, Ram
from keelback.lang.integers import IntegerType

TEXT, RECORDS, RECORDS_END, SIZE = 0x10000, 0x100000, 0x180000, 0x200000
RETURNED, STACK, RESULT = 0x0F000, 0x1F0000, 0x1F0800
PANIC = 0x21636970
RUBBISH = 0xDEADBEEF << 32
"""What is above an argument of 32 bits in a register of 64: nobody may rely on it."""


class Failed(Exception):
    """A compiled function failed with an error code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class StillRunning(AssertionError):
    """A compiled function has not returned, and not panicked either."""


@cache
def support(target: Target) -> bytes:
    """Return the object of what C calls by itself."""
    return build_support(target)


class Call32:
    """How i386 functions are called: arguments on the stack, the result in edx:eax."""

    mode = UC_MODE_32
    place, message, file = x86.UC_X86_REG_EIP, x86.UC_X86_REG_EBX, x86.UC_X86_REG_ECX

    def enter(self, uc: Uc, arguments: Sequence[tuple[int, int]]) -> None:
        """Pass arguments, each a value and its bits."""
        pushed = b"".join((value & (1 << bits) - 1).to_bytes(bits // 8, "little") for value, bits in arguments)
        uc.mem_write(STACK, struct.pack("<I", RETURNED) + pushed)
        uc.reg_write(x86.UC_X86_REG_ESP, STACK)

    def result(self, uc: Uc) -> int:
        """Return what a function has returned, 64 bits."""
        return uc.reg_read(x86.UC_X86_REG_EDX) << 32 | uc.reg_read(x86.UC_X86_REG_EAX)


class Call64:
    """How x86-64 functions are called: six arguments in registers, the others on the stack, the result in rax."""

    mode = UC_MODE_64
    place, message, file = x86.UC_X86_REG_RIP, x86.UC_X86_REG_RBX, x86.UC_X86_REG_RCX
    registers = tuple(getattr(x86, f"UC_X86_REG_{name}") for name in ("RDI", "RSI", "RDX", "RCX", "R8", "R9"))

    def enter(self, uc: Uc, arguments: Sequence[tuple[int, int]]) -> None:
        """Pass arguments, each a value and its bits."""
        words = [value & (1 << bits) - 1 | (RUBBISH if bits < 64 else 0) for value, bits in arguments]
        for register, value in zip(self.registers, words, strict=False):
            uc.reg_write(register, value)
        rest = words[len(self.registers) :]
        # The stack is 16-aligned before the call pushes the return address.
        uc.mem_write(STACK - 8, struct.pack(f"<{1 + len(rest)}Q", RETURNED, *rest))
        uc.reg_write(x86.UC_X86_REG_RSP, STACK - 8)

    def result(self, uc: Uc) -> int:
        """Return what a function has returned, 64 bits."""
        return int(uc.reg_read(x86.UC_X86_REG_RAX))


CONVENTIONS: dict[int, Call32 | Call64] = {32: Call32(), 64: Call64()}
"""How functions are called, by the bits of a word."""


class Native:
    """A component's methods, compiled; its RAM starts as the interpreted RAM is now."""

    def __init__(
        self, root: Component, ram: Ram, entries: Mapping[str, Callable[..., Any]], flags: Sequence[str] = ()
    ) -> None:
        self.word_bits, target = ram.word_bits, TARGETS[ram.word_bits]
        self.convention = CONVENTIONS[ram.word_bits]
        self.compiled = compile_program(root, ram, entries)
        with TemporaryDirectory() as directory:
            source = Path(directory, "program.c")
            source.write_text(self.compiled.c)
            program = compile_c(source, flags=[STRICT_C, "-Werror", *flags], target=target)
        objects = {"program.o": program, "support.o": support(target)}
        elf = ELFFile(BytesIO(link_elf(objects, self._script(entries), target=target)))
        self.symbols = {each.name: each["st_value"] for each in elf.get_section_by_name(".symtab").iter_symbols()}
        self.uc = Uc(UC_ARCH_X86, self.convention.mode)
        self.uc.mem_map(0, SIZE, UC_PROT_ALL)
        self.uc.mem_write(0, bytes(ram.bytes))
        for segment in elf.iter_segments("PT_LOAD"):
            self.uc.mem_write(segment["p_vaddr"], segment.data())
        self.uc.mem_write(RETURNED, b"\xf4")

    def _script(self, entries: Mapping[str, Any]) -> str:
        records = "".join(
            f"{name} {address:#x} (NOLOAD) : {{ *({name}) }}\n" for name, address in self.compiled.sections
        )
        return (
            f"ENTRY({next(iter(entries))})\nSECTIONS {{ . = {TEXT:#x};\n"
            f".text : {{ *(.text*) *(.rodata*) *(.data*) *(.bss*) }}\n{records} }}\n"
        )

    def call(self, name: str, *arguments: int, instructions: int = 0) -> int | bool | None:
        """Call an entry, for so many instructions at most; 0 is for as many as five seconds are enough for.

        Raises: Failed with its error code; Panic at the line of the Python source; StillRunning.
        """
        function = self.compiled.functions[name]
        types = function.parameters.values()
        passed = [(int(value), self._bits(type)) for value, type in zip(arguments, types, strict=True)]
        if self._by_pointer(function):
            passed.append((RESULT, self.word_bits))
        self.convention.enter(self.uc, passed)
        self.uc.emu_start(self.symbols[name], RETURNED, timeout=5_000_000, count=instructions)
        returned, place = self.convention.result(self.uc), self.uc.reg_read(self.convention.place)
        if place != RETURNED:
            if returned & 0xFFFF_FFFF != PANIC:
                raise StillRunning(f"{name} did not return: it stands at {place:#x}")
            raise self._panic()
        return self._result(function, returned)

    def _bits(self, type: Type) -> int:
        """Return how wide a value of a type is where it is passed."""
        if isinstance(type, IntegerType):
            return type.bits
        return 32 if isinstance(type, Boolean) else self.word_bits

    def _by_pointer(self, function: ir.Function) -> bool:
        """Say whether a function that may fail stores its result through a pointer, as it has no room for both."""
        result = function.key.result
        wide = not isinstance(result, Void) and self._bits(result) == 64
        return bool(function.raises) and wide and self.word_bits == 32

    def _in_two(self, function: ir.Function) -> bool:
        """Say whether a function that may fail returns its result in rax and its error in edx."""
        result = function.key.result
        wide = not isinstance(result, Void) and self._bits(result) == 64
        return bool(function.raises) and wide and self.word_bits == 64

    def _result(self, function: ir.Function, returned: int) -> int | bool | None:
        result, by_pointer = function.key.result, self._by_pointer(function)
        if function.raises:
            packed = not by_pointer and not isinstance(result, Void)
            error = returned >> 32 if packed else returned
            if self._in_two(function):
                error = self.uc.reg_read(x86.UC_X86_REG_RDX)
            code = _signed(error & 0xFFFF_FFFF, 32)
            if code:
                raise Failed(code)
        if isinstance(result, Void):
            return None
        if isinstance(result, Boolean):
            return bool(returned & 0xFF)
        if by_pointer:
            returned = int.from_bytes(self.uc.mem_read(RESULT, 8), "little")
        value = returned & (1 << self._bits(result)) - 1
        return _signed(value, result.bits) if isinstance(result, IntegerType) and result.signed else value

    def _panic(self) -> Panic:
        message, file = self._text(self.convention.message), self._text(self.convention.file)
        return Panic(message, (file, self.uc.reg_read(x86.UC_X86_REG_EDX)))

    def _text(self, register: int) -> str:
        """Return the text that a register points to."""
        return bytes(self.uc.mem_read(self.uc.reg_read(register), 200)).partition(b"\0")[0].decode()

    def records(self) -> bytes:
        """Return the records' part of RAM."""
        return bytes(self.uc.mem_read(RECORDS, RECORDS_END - RECORDS))


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 & 1 else value
