"""Vectors: what each of the 256 numbers of a trap stands for.

     0  ┬ exceptions, the CPU's own
    32  ┼ the lines of the two interrupt controllers
    48  ┼ nobody's, but for 128, the system call
    256 ┴

Source: Intel SDM volume 3, sections 6.3.1 (sources) and 6.15 (exceptions).
"""

from keelback.lang import TextEnum, texts, u32


class Vector(TextEnum):
    """The exceptions, and what a fault is called; a trap whose vector lies behind them goes by the last."""

    DIVISION = 0, "division error"
    DEBUG = 1, "debug trap"
    NON_MASKABLE = 2, "non-maskable interrupt"
    BREAKPOINT = 3, "breakpoint"
    OVERFLOW = 4, "overflow"
    BOUND = 5, "bound range exceeded"
    INVALID_INSTRUCTION = 6, "invalid instruction"
    NO_FPU = 7, "no floating-point unit"
    DOUBLE_FAULT = 8, "double fault"
    COPROCESSOR = 9, "coprocessor segment overrun"
    INVALID_TASK = 10, "invalid task state"
    NOT_PRESENT = 11, "segment not present"
    STACK = 12, "stack segment fault"
    GENERAL_PROTECTION = 13, "general protection fault"
    PAGE_FAULT = 14, "page fault"
    RESERVED = 15, "reserved exception"  # what a controller that is not set up calls its spurious interrupts
    FLOATING_POINT = 16, "floating-point error"
    ALIGNMENT = 17, "alignment check"
    MACHINE_CHECK = 18, "machine check"  # an exception where CR4 allows it; here it does not
    LAST_EXCEPTION = 19, "vector error"  # no exception behind this one comes with what the kernel switches on


VECTOR_NAMES = texts(Vector)
FIRST_DEVICE = 32
TIMER = FIRST_DEVICE
KEYBOARD = FIRST_DEVICE + 1
SERIAL = FIRST_DEVICE + 4
LAST_DEVICE = FIRST_DEVICE + 15
SYSTEM_CALL = 0x80


def named(vector: u32) -> u32:
    """Return which of `VECTOR_NAMES` a vector goes by."""
    return min(vector, Vector.LAST_EXCEPTION)


def is_device(vector: u32) -> bool:
    """Say whether a vector is that of a line of an interrupt controller."""
    return FIRST_DEVICE <= vector <= LAST_DEVICE


def is_exception(vector: u32) -> bool:
    """Say whether a vector is the CPU's own, raised by the instruction that it interrupts."""
    return vector <= Vector.LAST_EXCEPTION and not (
        vector == Vector.RESERVED or vector == Vector.MACHINE_CHECK or vector == Vector.NON_MASKABLE
    )
