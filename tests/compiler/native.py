"""Compiled Kernel Python on a bare CPU: the functions of a component, called one by one, over RAM of its own."""

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_X86, UC_MODE_32, UC_PROT_ALL, Uc
from unicorn import x86_const as x86

from keelback.compiler import compile_program, ir
from keelback.compiler.types import Boolean, Integer, Pointer, Void
from keelback.image.toolchain import build_support, compile_c, link_elf
from keelback.lang import Component, Panic, Ram

TEXT, RECORDS, RECORDS_END, SIZE = 0x10000, 0x100000, 0x180000, 0x200000
RETURNED, STACK = 0x0F000, 0x1F0000
PANIC = 0x21636970


class Failed(Exception):
    """A compiled function failed with an error code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


@cache
def support() -> bytes:
    """Return the object of what C calls by itself."""
    return build_support()


class Native:
    """A component's methods, compiled; its RAM starts as the interpreted RAM is now."""

    def __init__(
        self, root: Component, ram: Ram, entries: Mapping[str, Callable[..., Any]], flags: Sequence[str] = ()
    ) -> None:
        self.compiled = compile_program(root, ram, entries)
        with TemporaryDirectory() as directory:
            source = Path(directory, "program.c")
            source.write_text(self.compiled.c)
            objects = {"program.o": compile_c(source, flags=["-Werror", *flags]), "support.o": support()}
        elf = ELFFile(BytesIO(link_elf(objects, self._script(entries))))
        self.symbols = {each.name: each["st_value"] for each in elf.get_section_by_name(".symtab").iter_symbols()}
        self.uc = Uc(UC_ARCH_X86, UC_MODE_32)
        self.uc.mem_map(0, SIZE, UC_PROT_ALL)
        self.uc.mem_write(0, bytes(ram.bytes))
        for segment in elf.iter_segments("PT_LOAD"):
            self.uc.mem_write(segment["p_vaddr"], segment.data())
        self.uc.mem_write(RETURNED, b"\xf4")
        self.ram_size = ram.size

    def _script(self, entries: Mapping[str, Any]) -> str:
        records = "".join(
            f"{name} {address:#x} (NOLOAD) : {{ *({name}) }}\n" for name, address in self.compiled.sections
        )
        return (
            f"ENTRY({next(iter(entries))})\nSECTIONS {{ . = {TEXT:#x};\n"
            f".text : {{ *(.text*) *(.rodata*) *(.data*) *(.bss*) }}\n{records} }}\n"
        )

    def call(self, name: str, *arguments: int) -> int | bool | None:
        """Call an entry.  Raises: Failed with its error code; Panic at the line of the Python source."""
        function = self.compiled.functions[name]
        stack = b"".join(
            _pushed(value, type) for value, type in zip(arguments, function.parameters.values(), strict=True)
        )
        by_pointer = (
            function.raises
            and not isinstance(function.key.result, (Void, Boolean, Pointer))
            and (function.key.result.c.bits == 64)
        )
        if by_pointer:
            stack += struct.pack("<I", STACK + 0x100)
        self.uc.mem_write(STACK, struct.pack("<I", RETURNED) + stack)
        self.uc.reg_write(x86.UC_X86_REG_ESP, STACK)
        self.uc.emu_start(self.symbols[name], RETURNED, timeout=5_000_000)
        eax, edx = self.uc.reg_read(x86.UC_X86_REG_EAX), self.uc.reg_read(x86.UC_X86_REG_EDX)
        eip = self.uc.reg_read(x86.UC_X86_REG_EIP)
        if eip != RETURNED:
            if eax != PANIC:
                raise AssertionError(f"{name} did not return: it stands at {eip:#x}")
            raise self._panic()
        return self._result(function, eax, edx, by_pointer)

    def _result(self, function: ir.Function, eax: int, edx: int, by_pointer: bool) -> int | bool | None:
        result = function.key.result
        if function.raises:
            packed = isinstance(result, (Boolean, Pointer)) or (isinstance(result, Integer) and result.c.bits == 32)
            code = _signed(edx if packed else eax, 32)
            if code:
                raise Failed(code)
        if isinstance(result, Void):
            return None
        if isinstance(result, Boolean):
            return bool(eax & 0xFF)
        if isinstance(result, Pointer):
            return eax
        value = edx << 32 | eax if result.c.bits == 64 else eax
        if by_pointer:
            value = int.from_bytes(self.uc.mem_read(STACK + 0x100, 8), "little")
        return _signed(value, result.c.bits) if result.c.signed else value

    def _panic(self) -> Panic:
        message, file = (self._text(self.uc.reg_read(each)) for each in (x86.UC_X86_REG_EBX, x86.UC_X86_REG_ECX))
        return Panic(message, (file, self.uc.reg_read(x86.UC_X86_REG_EDX)))

    def _text(self, address: int) -> str:
        return bytes(self.uc.mem_read(address, 200)).partition(b"\0")[0].decode()

    def records(self) -> bytes:
        """Return the records' part of RAM."""
        return bytes(self.uc.mem_read(RECORDS, RECORDS_END - RECORDS))


def _pushed(value: int, type: Any) -> bytes:
    bits = 64 if isinstance(type, Integer) and type.c.bits == 64 else 32
    return (int(value) & (1 << bits) - 1).to_bytes(bits // 8, "little")


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 & 1 else value
