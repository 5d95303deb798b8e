"""The records that the kernel and programs share."""

from keelback.lang import Array, Struct, i32, inline, u8, u32, u64

LONGEST_ARGUMENT = 256
"""Bytes of an argument, the zero at its end included."""

EXITED, FAULTED, KILLED = 1, 2, 3
ANY_CHILD = 0xFFFF_FFFF
"""The id that `wait` takes for any child: -1, which stubs pass on as wide as a register."""


class ArgumentText(Struct):
    """A text that ends with a zero, as the argument lies at the top of the stack."""

    text: Array[u8] = inline(LONGEST_ARGUMENT)


class Ending(Struct):
    """How a child ended."""

    how: u32  # EXITED, FAULTED or KILLED
    status: i32  # what it exited with; the vector of its fault; who killed it


class FrameCounts(Struct):
    """How many page frames there are, who owns those in use, and how many are promised."""

    kernel_free: u32  # of the kernel zone
    kernel_total: u32
    user_free: u32
    user_total: u32
    processes: u32  # from here on those in use, by owner
    kernel: u32
    tables: u32  # page tables
    libraries: u32
    zero: u32
    console: u32  # the screen's
    shared: u32  # of several processes
    reserved: u32
    kernel_promised: u32  # neither free nor in use: pages that are there may still need them
    user_promised: u32


class Uptime(Struct):
    """How long the kernel has run."""

    ticks: u64  # of 10 ms; 64 bits on every machine, so that it never starts again


RECORDS = (Ending, FrameCounts, Uptime)
"""Those that the kernel writes."""
