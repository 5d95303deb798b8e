"""System calls from registers: name, arguments by name, texts that they lead to, and the result."""

from collections.abc import Iterator

from keelback.abi.calls import BYTES, NUMBER, REGISTERS, TEXT, Call, Form, known_calls
from keelback.abi.handles import WITH_RECORD
from keelback.inspect.events import Argument, Result
from keelback.inspect.traps import AnyRegisters
from keelback.inspect.walk import PAGE_SHIFT, USER, Walker
from keelback.kernel.kernel import Kernel
from keelback.kernel.x86.trap_frame import signed
from keelback.lang import KernelError

LONGEST_TEXT = 64
PAGE = 1 << PAGE_SHIFT


def call_of(number: int) -> Call | None:
    """Return the call of a number, own ones too; None when there is none."""
    return next((each for each in known_calls() if each.number == number), None)


def call_names() -> tuple[str, ...]:
    """Return the names of all calls, own ones too."""
    return tuple(each.name for each in known_calls())


class Arguments:
    """Reads the arguments of calls, of which some are texts in the caller's memory."""

    def __init__(self, kernel: Kernel, walker: Walker) -> None:
        self._contents = kernel.spaces.ram.contents
        self._highest = kernel.layout.paging.highest
        self._walker = walker

    def of(self, call: Call | None, registers: AnyRegisters, root: int) -> dict[str, Argument]:
        """Return the arguments of a call by name, of one that is unknown by register; `root` is its space's cr3."""
        words = dict(zip(REGISTERS, registers.arguments, strict=True))
        if call is None:
            return {name: Argument(word, is_address=True) for name, word in words.items()}
        values = dict(zip(call.arguments, words.values(), strict=False))
        record = {}
        if call.carries and words["ebx"] & WITH_RECORD:
            values[next(iter(values))] &= ~WITH_RECORD
            record = {"message": Argument(words["edx"], is_address=True)}
        return {name: self._argument(form, values, name, root) for name, form in call.arguments.items()} | record

    def _argument(self, form: object, values: dict[str, int], name: str, root: int) -> Argument:
        value = values[name]
        if not isinstance(form, Form) or (form.c.endswith("*") and form not in (BYTES, TEXT)):
            return Argument(value, is_address=True)
        if form not in (BYTES, TEXT):
            return Argument(signed(value) if form == NUMBER else value)
        length = values["length"] if form == BYTES else LONGEST_TEXT + 1
        found = b"".join(self._bytes(root, value, min(length, LONGEST_TEXT + 1)))
        text, zero, _ = found.partition(b"\0") if form == TEXT else (found, b"", b"")
        if not text and not zero and length:
            return Argument(value, is_address=True)  # nothing is mapped there
        is_cut = len(text) > LONGEST_TEXT or (form == BYTES and len(text) < length)
        return Argument(value, True, text[:LONGEST_TEXT], is_cut)

    def _bytes(self, root: int, address: int, size: int) -> Iterator[bytes]:
        """Yield what lies at an address of a space, as far as it is mapped."""
        while size > 0:
            page = self._walker.walk(root, address)
            if page is None or not page.flags & USER:
                return
            start, count = (page.frame << PAGE_SHIFT) + address % PAGE, min(size, PAGE - address % PAGE)
            yield bytes(self._contents[start : start + count])
            address, size = address + count & self._highest, size - count


def result_of(call: Call | None, value: int, bits: int) -> Result:
    """Return what a call returned, by the word of so many bits in eax or rax; an error has all of them."""
    error = KernelError.known.get(value - (1 << bits))
    return Result(value, error, call is not None and call.c_result.endswith("*"))
