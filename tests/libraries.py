"""Libraries on a bare processor: loaded where a test says, called by way of their link pages; no kernel is there."""

import tempfile
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path

import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import x86_const as x86

from keelback.cli.libraries import payload_libraries
from keelback.image.libraries import build_library
from keelback.user import RUNTIME

STACK, STACK_TOP, RETURNED = 0xBFFF0000, 0xC0000000, 0xBFFE0000
EXIT, PUTS, LOAD, UNLOAD = 3, 4, 19, 20
NO_SUCH_PROGRAM = -6
REGISTERS = (x86.UC_X86_REG_EAX, x86.UC_X86_REG_EBX, x86.UC_X86_REG_ESI, x86.UC_X86_REG_EDI)


def c_library(folder: Path, text: str, name: str = "libtest") -> bytes:
    """Return the ELF file of a library in C given as text; `keelback.h` is included for it."""
    source = folder / f"{name}.c"
    source.write_text('#include "keelback.h"\n' + text)
    return build_library(source, runtime=RUNTIME)


@cache
def our_libraries() -> Mapping[str, bytes]:
    """Return every library of ours, built, by name."""
    return payload_libraries()


@cache
def small_library(text: str) -> bytes:
    """Return a library in C whose messages do not matter."""
    with tempfile.TemporaryDirectory() as folder:
        return c_library(Path(folder), text)


class Machine:
    """A flat 32-bit processor; `puts`, `load_library` and `unload_library` are served as a kernel would."""

    def __init__(self, libraries: Mapping[str, bytes] | None = None, place: int = 0x20000000) -> None:
        self.libraries, self.place = dict(libraries or {}), place
        self.cpu = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        self.cpu.mem_map(RETURNED, 0x1000)
        self.cpu.mem_map(STACK, STACK_TOP - STACK, 3)
        self.cpu.hook_add(unicorn.UC_HOOK_INTR, self._trap)
        self.written: list[bytes] = []  # one for each puts
        self.asked: list[bytes] = []
        self.unloaded: list[int] = []
        self.status: int | None = None

    def load(self, elf: bytes, base: int = 0) -> int:
        """Map the segments of an ELF file, moved by `base`, as a loader does; return `base`."""
        for segment in ELFFile(BytesIO(elf)).iter_segments("PT_LOAD"):
            access = sum(ours for bit, ours in ((4, 1), (2, 2), (1, 4)) if segment["p_flags"] & bit)
            self.cpu.mem_map(base + segment["p_vaddr"], -(-segment["p_memsz"] // 4096) * 4096, access)
            self.cpu.mem_write(base + segment["p_vaddr"], segment.data())
        return base

    def exports(self, library: int) -> dict[str, int]:
        """Return the addresses in the link page at an address, by name."""
        page = bytes(self.cpu.mem_read(library, 4096))
        count = int.from_bytes(page[8:12], "little")
        rows = [page[16 + 32 * index : 48 + 32 * index] for index in range(count)]
        return {row[:28].rstrip(b"\0").decode(): library + int.from_bytes(row[28:], "little") for row in rows}

    def call(self, library: int, name: str, *arguments: int) -> int:
        """Call an export by the C calling convention; return eax."""
        return self._run(self.exports(library)[name], RETURNED, *arguments)

    def start(self, program: bytes) -> None:
        """Run a program with an empty argument until it exits."""
        self.load(program)
        self.cpu.mem_write(STACK_TOP - 16, bytes(16))
        self._run(ELFFile(BytesIO(program))["e_entry"], 0, STACK_TOP - 16)

    def text_at(self, address: int) -> str:
        """Return zero-terminated text."""
        return bytes(self.cpu.mem_read(address, 64)).partition(b"\0")[0].decode()

    def _run(self, code: int, back: int, *arguments: int) -> int:
        words = b"".join((each & 0xFFFFFFFF).to_bytes(4, "little") for each in (back, *arguments))
        esp = STACK_TOP - 0x1004
        self.cpu.mem_write(esp, words)
        self.cpu.reg_write(x86.UC_X86_REG_ESP, esp)
        self.cpu.emu_start(code, RETURNED, count=10_000_000)
        return int(self.cpu.reg_read(x86.UC_X86_REG_EAX))

    def _trap(self, cpu: unicorn.Uc, number: int, _: object) -> None:
        assert number == 0x80
        call, first, second, _third = (cpu.reg_read(register) for register in REGISTERS)
        result = 0
        if call == EXIT:
            self.status = first
            cpu.emu_stop()
        elif call == PUTS:
            self.written.append(bytes(cpu.mem_read(first, second)))
            result = second
        elif call == LOAD:
            name = self.text_at(first)
            self.asked.append(name.encode())
            result = NO_SUCH_PROGRAM
            if name in self.libraries:
                result = self.load(self.libraries[name], self.place)
                self.place += 0x10_0000
        elif call == UNLOAD:
            self.unloaded.append(first)
        cpu.reg_write(x86.UC_X86_REG_EAX, result & 0xFFFFFFFF)
        cpu.reg_write(x86.UC_X86_REG_ECX, 0xDEAD0001)  # the interface says that these are lost
        cpu.reg_write(x86.UC_X86_REG_EDX, 0xDEAD0002)
