"""Kernel panics between a machine and its host: the record in RAM, and the host's exception."""

from types import TracebackType

from keelback.kernel.calls.panics import MESSAGE_SIZE, MOST_PLACES
from keelback.kernel.calls.places import LONGEST_NAME
from keelback.kernel.kernel import Kernel
from keelback.kernel.x86.vectors import VECTOR_NAMES, Vector, named
from keelback.lang import Array, Panic, is_language, text_of, u8
from keelback.lang.errors import place_of

MACHINE = __package__


def panic_of(kernel: Kernel) -> Panic:
    """Return the panic that a kernel's record tells of."""
    record = kernel.panics.record
    innermost = record.places[0]
    return Panic(_what(kernel), (text_of(innermost.file), innermost.line))


def _what(kernel: Kernel) -> str:
    record = kernel.panics.record
    if message := text_of(record.message):
        return message
    frame = record.frame
    name = VECTOR_NAMES[named(frame.vector)]
    if frame.vector == Vector.DOUBLE_FAULT and kernel.stacks.is_guard(record.address):
        name = f"kernel stack overflow: {name}"
    place = f" of {record.address:#010x}" if frame.vector in (Vector.PAGE_FAULT, Vector.DOUBLE_FAULT) else ""
    return f"{name}{place} in ring 0 at {frame.instruction():#010x}, error {frame.error:#x}"


def record_panic(kernel: Kernel, panic: Panic, trace: TracebackType | None) -> None:
    """Write the record of an interpreted kernel's panic, with the kernel's functions in a traceback."""
    record = kernel.panics.record
    record.happened = True
    _set(record.message, panic.message, MESSAGE_SIZE)
    places = _kernel_places(trace)[:MOST_PLACES]
    record.depth = len(places)
    for made, (file, function, line) in zip(record.places, places, strict=False):
        made.line = line
        _set(made.file, file, LONGEST_NAME)
        _set(made.function, function, LONGEST_NAME)


def _kernel_places(trace: TracebackType | None) -> list[tuple[str, str, int]]:
    """Return file, function and line of each step of a traceback in the kernel, the innermost first."""
    places: list[tuple[str, str, int]] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        module = str(trace.tb_frame.f_globals.get("__name__"))
        if not is_language(code.co_filename) and not module.startswith(f"{MACHINE}."):
            file, line = place_of(trace)
            places.append((file.rpartition("/")[2], code.co_qualname, line))
        trace = trace.tb_next
    return places[::-1]


def _set(place: Array[u8], text: str, size: int) -> None:
    """Write a text into an array of `size` bytes, cut to leave a zero byte."""
    for index, byte in enumerate(text.encode("ascii", "replace")[: size - 1]):
        place[index] = byte
