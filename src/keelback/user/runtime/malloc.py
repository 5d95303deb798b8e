"""malloc of programs in C: the heap of `user/malloc.py` under C's names, on the line that print has."""

from collections.abc import Callable
from typing import Any

from keelback.lang import Component, Ram, Region, Struct, freeze, native, u8, u32, word
from keelback.user.malloc import Heap
from keelback.user.system import Output, System


class Counts(Struct):
    """`struct malloc_counts`."""

    pages: u32
    used: word


class PrintSystem(System):
    """The system calls, with what `print.c` has of a line before those that leave."""

    @native("extern word __pending; void __flush(void); if (__pending != 0) __flush();")
    def flush(self) -> None:
        """Write what there is of a line."""

    @native("void __no_room(void); __no_room();")
    def note_no_memory(self) -> None:
        """Set errno, where the program has one."""


class Print(Output):
    """Text by `print.c`."""

    @native("void __put(char); __put((char)byte);")
    def put(self, byte: u8) -> None:
        """Add a byte to the line."""

    @native("void __panic(void); __panic();")
    def write_panic(self) -> None:
        """Write what a line starts with that says why the program ends itself: its name too."""


class CHeap(Component):
    """The heap of a program in C."""

    def __init__(self, records: Region) -> None:
        system = PrintSystem(records, None)
        self.heap = Heap(records, system, Print(system))

    def count(self, counts: Counts) -> None:
        """Tell how much memory the heap has, and how much of it is in use."""
        counts.pages = self.heap.state.pages
        counts.used = self.heap.bytes_used()


def make_part(word_bits: int) -> tuple[Component, Ram, dict[str, Callable[..., Any]]]:
    """Return what is compiled for a machine, the RAM of its records, and its methods by their names in C."""
    ram = Ram(1 << 20, word_bits=word_bits)
    part = CHeap(Region(ram, 0x1000, 1 << 20))
    freeze(part)
    heap = part.heap
    names: dict[str, Callable[..., Any]] = {
        "malloc": heap.malloc, "calloc": heap.calloc, "realloc": heap.realloc, "free": heap.free,
        "malloc_trim": heap.trim, "malloc_count": part.count,
    }  # fmt: skip
    return part, ram, names
