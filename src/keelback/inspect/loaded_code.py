"""The code of a process: its program's, and that of each library that it maps, at the address where that is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from keelback.inspect.records import mapped_libraries
from keelback.inspect.source_places import SourcePlace
from keelback.inspect.symbols import OwnElf, code_at, place_in, sources_of
from keelback.inspect.unwind import row_of
from keelback.kernel.processes.processes import Process
from keelback.lang import PAGE_SIZE, text_of


class LoadedFile(NamedTuple):
    """An ELF file whose addresses count from a base, and where the code of it ends."""

    elf: bytes
    base: int = 0
    end: int = 0


class Code:
    """A program's file and those of libraries."""

    def __init__(self, program: bytes, libraries: Sequence[LoadedFile] = ()) -> None:
        self._program = LoadedFile(program)
        self._libraries = libraries

    def _file_at(self, address: int) -> LoadedFile:
        return next((each for each in self._libraries if each.base <= address < each.end), self._program)

    def bytes_at(self, address: int) -> bytes:
        """Return the bytes of the instruction at an address, and some that follow; none where there is no code."""
        file = self._file_at(address)
        return code_at(file.elf, address - file.base)

    def sources_of(self, address: int) -> list[SourcePlace]:
        """Return the source place of an address, then those at which its function was inlined; none without any."""
        file = self._file_at(address)
        return sources_of(file.elf, address - file.base)

    def place_in(self, address: int) -> str:
        """Return what lies at an address, in words."""
        file = self._file_at(address)
        return place_in(file.elf, address, file.base)

    def row_of(self, address: int) -> dict[Any, Any] | None:
        """Return where the caller's frame is at an instruction, None where nobody knows."""
        file = self._file_at(address)
        return row_of(file.elf, address - file.base) if isinstance(file.elf, OwnElf) else None


def code_of(process: Process, files: Mapping[str, bytes]) -> Code:
    """Return the code of a process that is alive; `files` are the ELF files of programs and libraries by name."""
    libraries = [
        LoadedFile(files.get(text_of(library.name), b""), address, address + PAGE_SIZE + library.size)
        for library, address in mapped_libraries(process)
        if library is not None
    ]
    return Code(files.get(text_of(process.name), b""), libraries)
