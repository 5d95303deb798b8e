"""The system calls of programs in Kernel Python, a method each.

Made of keelback/abi by tests/refresh_abi.py; a test holds it to that.
"""

from typing import Protocol

from keelback.abi.records import ArgumentText, Ending, FrameCounts, Uptime
from keelback.lang import Component, native, u32, word
from keelback.user.line import Line

CALL = 'word result; __asm__ volatile(KEELBACK_TRAP : "=a"(result) : '
LOST = ' : "dx", KEELBACK_LOST);'


class Kernel(Protocol):
    """What serves the system calls of a program that runs in CPython."""

    def serve(self, call: str, *arguments: object) -> int:
        """Serve a call by its name in Python; return its result."""
        ...


def served(kernel: Kernel | None) -> Kernel:
    """Return the kernel of a program that runs in CPython.  Raises: TypeError when it has none."""
    if kernel is None:
        raise TypeError("this program is only compiled: it has no kernel to call")
    return kernel


class Calls(Component):
    """The system calls; `System` makes those with an underscore, which leave the caller as it is no longer."""

    def __init__(self, kernel: Kernel | None) -> None:
        self.kernel = kernel

    @native(f'{CALL}"0"((word)1){LOST} return (u32)result;')
    def getpid(self) -> u32:
        """Return the process id of the caller."""
        return served(self.kernel).serve("getpid")

    @native(f'{CALL}"0"((word)2){LOST} return (u32)result;')
    def give_way(self) -> u32:
        """Run every other process that is ready before the caller goes on."""
        return served(self.kernel).serve("give_way")

    @native(f'{CALL}"0"((word)3), "b"((word)(i32)status){LOST} return (u32)result;')
    def _exit(self, status: u32) -> u32:
        """End the calling process."""
        return served(self.kernel).serve("exit", status)

    @native(f'{CALL}"0"((word)4), "b"(address), "S"(length){LOST} return (u32)result;')
    def puts(self, address: Line, length: word) -> u32:
        """Write bytes to the console at once; return how many, or an error."""
        return served(self.kernel).serve("puts", address, length)

    @native(f'{CALL}"0"((word)5), "b"((word)ticks){LOST} return (u32)result;')
    def sleep(self, ticks: u32) -> u32:
        """Wait for a number of timer ticks."""
        return served(self.kernel).serve("sleep", ticks)

    @native(f'{CALL}"0"((word)6){LOST} return (u32)result;')
    def _fork(self) -> u32:
        """Make a child that is as the caller; return its id, 0 in the child, or an error."""
        return served(self.kernel).serve("fork")

    @native(f'{CALL}"0"((word)7){LOST} return (u32)result;')
    def detach(self) -> u32:
        """Detach the caller from its parent."""
        return served(self.kernel).serve("detach")

    @native(f'{CALL}"0"((word)8), "b"(name), "S"(argument){LOST} return (u32)result;')
    def _exec(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Run another program of the payload instead of this one; return only if that failed."""
        return served(self.kernel).serve("exec", name, argument)

    @native(f'{CALL}"0"((word)9), "b"(name), "S"(argument){LOST} return (u32)result;')
    def _spawn(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Start a program of the payload as a child; return its id, or an error."""
        return served(self.kernel).serve("spawn", name, argument)

    @native(f'{CALL}"0"((word)10), "b"((word)(i32)id), "S"(ending){LOST} return (u32)result;')
    def wait(self, id: u32, ending: Ending) -> u32:
        """Wait until a child has ended, or any; return its id, or an error.  The ending may be 0."""
        return served(self.kernel).serve("wait", id, ending)

    @native(f'{CALL}"0"((word)11), "b"((word)(i32)id){LOST} return (u32)result;')
    def kill(self, id: u32) -> u32:
        """End a process."""
        return served(self.kernel).serve("kill", id)

    @native(f'{CALL}"0"((word)12), "b"(address){LOST} return (u32)result;')
    def page_alloc(self, address: word) -> u32:
        """Put a new page, zero and writable, at an address; what was there is freed."""
        return served(self.kernel).serve("page_alloc", address)

    @native(f'{CALL}"0"((word)13), "b"(address), "S"(length), "D"((word)permissions){LOST} return (word)result;')
    def map(self, address: word, length: word, permissions: u32) -> word:
        """Map zeros at an address, or where there is room (0); return the address, or an error."""
        return served(self.kernel).serve("map", address, length, permissions)

    @native(f'{CALL}"0"((word)14), "b"(address), "S"(length){LOST} return (u32)result;')
    def unmap(self, address: word, length: word) -> u32:
        """Free the pages of a range."""
        return served(self.kernel).serve("unmap", address, length)

    @native(f'{CALL}"0"((word)15), "b"(address), "S"(length), "D"((word)permissions){LOST} return (u32)result;')
    def protect(self, address: word, length: word, permissions: u32) -> u32:
        """Give the pages of a range other permissions."""
        return served(self.kernel).serve("protect", address, length, permissions)

    @native(f'{CALL}"0"((word)16), "b"(counts){LOST} return (u32)result;')
    def frame_counts(self, counts: FrameCounts) -> u32:
        """Count page frames."""
        return served(self.kernel).serve("frame_counts", counts)

    @native(f'{CALL}"0"((word)17), "b"(count){LOST} return (word)result;')
    def malloc_pages(self, count: word) -> word:
        """Take new pages of zeros in a row; return the address of the first, or an error."""
        return served(self.kernel).serve("malloc_pages", count)

    @native(f'{CALL}"0"((word)18), "b"(address), "S"(count){LOST} return (u32)result;')
    def free_pages(self, address: word, count: word) -> u32:
        """Give pages back that `malloc_pages` took."""
        return served(self.kernel).serve("free_pages", address, count)

    @native(f'{CALL}"0"((word)19), "b"(name){LOST} return (word)result;')
    def load_library(self, name: ArgumentText) -> word:
        """Map a library of the payload; return the address of its link page (`library.h`), or an error."""
        return served(self.kernel).serve("load_library", name)

    @native(f'{CALL}"0"((word)20), "b"(address){LOST} return (u32)result;')
    def unload_library(self, address: word) -> u32:
        """Unmap the library whose link page is at an address."""
        return served(self.kernel).serve("unload_library", address)

    @native(f'{CALL}"0"((word)21), "b"(uptime){LOST} return (u32)result;')
    def uptime(self, uptime: Uptime) -> u32:
        """Tell how long the kernel has run."""
        return served(self.kernel).serve("uptime", uptime)
