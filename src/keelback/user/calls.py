"""The system calls of programs in Kernel Python, a method each.

Made of keelback/abi by tests/refresh_abi.py; a test holds it to that.
"""

from typing import Protocol

from keelback.abi.records import ArgumentText, Ending, FrameCounts, Uptime
from keelback.lang import Component, native, u32, word
from keelback.user.line import Line

CALL = '__asm__ volatile("int $0x80" : "=a"(result) : '
LOST = ' : "ecx", "edx", "cc", "memory"); return result;'


class Kernel(Protocol):
    """What serves the system calls of a program that runs in CPython."""

    def serve(self, call: str, *arguments: object) -> int:
        """Serve a call by its name in Python; return its result, a `u32`."""
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

    @native(f'u32 result; {CALL}"0"(1){LOST}')
    def getpid(self) -> u32:
        """Return the process id of the caller."""
        return served(self.kernel).serve("getpid")

    @native(f'u32 result; {CALL}"0"(2){LOST}')
    def give_way(self) -> u32:
        """Run every other process that is ready before the caller goes on."""
        return served(self.kernel).serve("give_way")

    @native(f'u32 result; {CALL}"0"(3), "b"(status){LOST}')
    def _exit(self, status: u32) -> u32:
        """End the calling process."""
        return served(self.kernel).serve("exit", status)

    @native(f'u32 result; {CALL}"0"(4), "b"(address), "S"(length){LOST}')
    def puts(self, address: Line, length: u32) -> u32:
        """Write bytes to the console at once; return how many, or an error."""
        return served(self.kernel).serve("puts", address, length)

    @native(f'u32 result; {CALL}"0"(5), "b"(ticks){LOST}')
    def sleep(self, ticks: u32) -> u32:
        """Wait for a number of timer ticks."""
        return served(self.kernel).serve("sleep", ticks)

    @native(f'u32 result; {CALL}"0"(6){LOST}')
    def _fork(self) -> u32:
        """Make a child that is as the caller; return its id, 0 in the child, or an error."""
        return served(self.kernel).serve("fork")

    @native(f'u32 result; {CALL}"0"(7){LOST}')
    def detach(self) -> u32:
        """Detach the caller from its parent."""
        return served(self.kernel).serve("detach")

    @native(f'u32 result; {CALL}"0"(8), "b"(name), "S"(argument){LOST}')
    def _exec(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Run another program of the payload instead of this one; return only if that failed."""
        return served(self.kernel).serve("exec", name, argument)

    @native(f'u32 result; {CALL}"0"(9), "b"(name), "S"(argument){LOST}')
    def _spawn(self, name: ArgumentText, argument: ArgumentText) -> u32:
        """Start a program of the payload as a child; return its id, or an error."""
        return served(self.kernel).serve("spawn", name, argument)

    @native(f'u32 result; {CALL}"0"(10), "b"(id), "S"(ending){LOST}')
    def wait(self, id: u32, ending: Ending) -> u32:
        """Wait until a child has ended, or any; return its id, or an error.  The ending may be 0."""
        return served(self.kernel).serve("wait", id, ending)

    @native(f'u32 result; {CALL}"0"(11), "b"(id){LOST}')
    def kill(self, id: u32) -> u32:
        """End a process."""
        return served(self.kernel).serve("kill", id)

    @native(f'u32 result; {CALL}"0"(12), "b"(address){LOST}')
    def page_alloc(self, address: word) -> u32:
        """Put a new page, zero and writable, at an address; what was there is freed."""
        return served(self.kernel).serve("page_alloc", address)

    @native(f'u32 result; {CALL}"0"(13), "b"(address), "S"(length), "D"(permissions){LOST}')
    def map(self, address: word, length: u32, permissions: u32) -> u32:
        """Map zeros at an address, or where there is room (0); return the address, or an error."""
        return served(self.kernel).serve("map", address, length, permissions)

    @native(f'u32 result; {CALL}"0"(14), "b"(address), "S"(length){LOST}')
    def unmap(self, address: word, length: u32) -> u32:
        """Free the pages of a range."""
        return served(self.kernel).serve("unmap", address, length)

    @native(f'u32 result; {CALL}"0"(15), "b"(address), "S"(length), "D"(permissions){LOST}')
    def protect(self, address: word, length: u32, permissions: u32) -> u32:
        """Give the pages of a range other permissions."""
        return served(self.kernel).serve("protect", address, length, permissions)

    @native(f'u32 result; {CALL}"0"(16), "b"(counts){LOST}')
    def frame_counts(self, counts: FrameCounts) -> u32:
        """Count page frames."""
        return served(self.kernel).serve("frame_counts", counts)

    @native(f'u32 result; {CALL}"0"(17), "b"(count){LOST}')
    def malloc_pages(self, count: u32) -> u32:
        """Take new pages of zeros in a row; return the address of the first, or an error."""
        return served(self.kernel).serve("malloc_pages", count)

    @native(f'u32 result; {CALL}"0"(18), "b"(address), "S"(count){LOST}')
    def free_pages(self, address: word, count: u32) -> u32:
        """Give pages back that `malloc_pages` took."""
        return served(self.kernel).serve("free_pages", address, count)

    @native(f'u32 result; {CALL}"0"(19), "b"(name){LOST}')
    def load_library(self, name: ArgumentText) -> u32:
        """Map a library of the payload; return the address of its link page (`library.h`), or an error."""
        return served(self.kernel).serve("load_library", name)

    @native(f'u32 result; {CALL}"0"(20), "b"(address){LOST}')
    def unload_library(self, address: word) -> u32:
        """Unmap the library whose link page is at an address."""
        return served(self.kernel).serve("unload_library", address)

    @native(f'u32 result; {CALL}"0"(21), "b"(uptime){LOST}')
    def uptime(self, uptime: Uptime) -> u32:
        """Tell how long the kernel has run."""
        return served(self.kernel).serve("uptime", uptime)
