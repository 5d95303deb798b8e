"""The three kinds of failure of Kernel Python, never mixed.

1. `KernelError`: a request could not be met; the caller gets the class's number.
2. `ProcessFault`: a process broke a rule; it dies and the others go on.
3. `Panic`: the kernel itself is wrong; the machine stops.

None of them carries a payload: facts go into a record first, then the class says what happened.
"""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from keelback.lang.lines import line_of

LANGUAGE = str(Path(__file__).parent) + os.sep
GENERATED = "<keelback.lang>"
"""The file name of code that the language makes while it runs."""
LARGEST_ERROR = 255


class KernelError(Exception):
    """A request could not be met.

    Every subclass has one fixed `number` from -1 to -255, its own, and one sentence as its docstring.
    """

    number: ClassVar[int]
    sentence: ClassVar[str]
    known: ClassVar[dict[int, type["KernelError"]]] = {}

    def __init_subclass__(cls) -> None:
        number = cls.__dict__.get("number", 0)
        if not -LARGEST_ERROR <= number <= -1:
            raise TypeError(f"{cls.__name__}.number must be from -{LARGEST_ERROR} to -1, not {number}")
        # The same class may come twice: a module is imported again when a test reloads it.
        other = cls.known.get(number)
        if other and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"{cls.__name__} and {other.__name__} both have number {number}")
        cls.sentence = (cls.__doc__ or "").strip()
        if not cls.sentence.endswith(".") or "\n" in cls.sentence or not cls.sentence.isascii():
            raise TypeError(f"{cls.__name__} needs one sentence in ASCII as its docstring")
        cls.known[number] = cls

    def __init__(self) -> None:
        super().__init__()

    def __str__(self) -> str:
        return self.sentence


class ProcessFault(Exception):
    """A process broke a rule and dies; the facts stand in its record."""

    def __init__(self) -> None:
        super().__init__()


MISTAKES: tuple[type[BaseException], ...] = (
    KernelError,
    ProcessFault,
    AssertionError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    NameError,
    ImportError,
    RuntimeError,
    StopIteration,
    GeneratorExit,
    SystemExit,
)
"""What Python raises for a mistake in Kernel Python; anything else is the host's own trouble, or a control-C."""


class Panic(BaseException):
    """The kernel is wrong and the machine stops.

    A `BaseException`, so that no `except` of the kernel's takes it for an error of the caller's.
    `file` and `line` tell the place in Kernel Python: the statement of the innermost frame outside the language itself.
    """

    def __init__(self, message: str, place: tuple[str, int] | None = None) -> None:
        self.message = message
        self.file, self.line = place or calling_place()
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message} ({Path(self.file).name}:{self.line})"

    @staticmethod
    def is_coming() -> bool:
        """Say whether a panic is on its way through the caller, or an error of Python's that will be one."""
        kind = sys.exc_info()[0]
        return kind is not None and not issubclass(kind, (KernelError, ProcessFault))

    @classmethod
    def of(cls, error: BaseException) -> "Panic":
        """Return the panic that a Python error in the kernel means: a failed assert, a division by zero …"""
        place = ("<unknown>", 0)
        step = error.__traceback__
        while step is not None:
            if not is_language(step.tb_frame.f_code.co_filename):
                place = place_of(step)
            step = step.tb_next
        kind = "assertion failed" if isinstance(error, AssertionError) else type(error).__name__
        return cls(f"{kind}: {str(error) or 'no message'}", place)


def is_language(file: str) -> bool:
    """Say whether a file's code belongs to the language, not to a kernel written in it."""
    return file.startswith((LANGUAGE, GENERATED))


def calling_place() -> tuple[str, int]:
    """Return file and line of the statement of the innermost Python frame outside the language."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_language(frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename, line_of(frame.f_code, frame.f_lasti, frame.f_lineno)


def place_of(step: TracebackType) -> tuple[str, int]:
    """Return file and line of the statement that one step of a traceback is at."""
    code = step.tb_frame.f_code
    return code.co_filename, line_of(code, step.tb_lasti, step.tb_lineno)
