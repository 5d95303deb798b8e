"""System calls that a user's own part of the kernel adds: `@system_call("double", {"number": COUNT}, "twice that")`."""

from collections.abc import Callable

from keelback.abi.calls import OWN_CALLS, REGISTERS, Call, Form, known_calls
from keelback.kernel.calls.system_calls import SystemCalls
from keelback.lang import KernelError, Struct, word
from keelback.lang.replacing import DECORATORS, WrongReplacement, add_method, check_form

FIRST_NUMBER = 200
"""From where on own calls are numbered, unless they say: behind all of ours."""
LAST_NUMBER = 255
"""The highest number of an own call; the kernel's table has as many entries as the highest that is used."""
Method = Callable[..., word]


def system_call(
    name: str,
    arguments: dict[str, Form | type[Struct]],
    result: str,
    errors: tuple[type[KernelError], ...] = (),
    *,
    number: int | None = None,
) -> Callable[[Method], Method]:
    """Add the function that follows, a method of `SystemCalls`, as a system call: with a number, or the next free one.

    The trace shows it by its name, with as many arguments as it says.
    Raises: WrongReplacement when the name is no word, there is a call or a method of that name or a call of that
    number, an argument is none of `abi/calls.py`'s forms, or the function's form is not `getpid`'s.
    """

    def put(own: Method) -> Method:
        _check_name(name)
        if name in (call.name for call in known_calls()):
            raise WrongReplacement(f"there is a system call {name} already")
        chosen = _next_number() if number is None else number
        _check_number(name, chosen)
        _check_arguments(name, arguments)
        check_form("a system call", SystemCalls.getpid, own)
        add_method(SystemCalls, name, own)
        OWN_CALLS.append(Call(chosen, name, arguments, result, errors, ""))
        return own

    return put


def _next_number() -> int:
    """Return the lowest number for own calls that no call has, which is one too high where all are taken."""
    taken = {call.number for call in known_calls()}
    return next(number for number in range(FIRST_NUMBER, LAST_NUMBER + 2) if number not in taken)


def _check_name(name: str) -> None:
    """Check that the trace can show a name.  Raises: WrongReplacement."""
    if type(name) is not str or not name.isidentifier() or not name.isascii():
        raise WrongReplacement(f"{name!r} is no name of a system call: letters, digits and _")


def _check_number(name: str, number: int) -> None:
    """Check that a call may have a number.  Raises: WrongReplacement."""
    if type(number) is not int or not 1 <= number <= LAST_NUMBER:
        raise WrongReplacement(f"{name} has number {number!r}; a system call has one from 1 to {LAST_NUMBER}")
    for call in known_calls():
        if call.number == number:
            raise WrongReplacement(f"{name} has number {number}, which is {call.name}'s; {_next_number()} is free")


def _check_arguments(name: str, arguments: dict[str, Form | type[Struct]]) -> None:
    """Check that arguments are what the trace can read.  Raises: WrongReplacement."""
    if type(arguments) is not dict or not all(type(each) is str for each in arguments):
        raise WrongReplacement(f"{name} has {arguments!r} as arguments; they are a dict of forms by name")
    if len(arguments) > len(REGISTERS):
        raise WrongReplacement(f"{name} has {len(arguments)} arguments; {len(REGISTERS)} are the most")
    for argument, form in arguments.items():
        if not isinstance(form, Form) and not (isinstance(form, type) and issubclass(form, Struct)):
            raise WrongReplacement(
                f"{name}: {argument} is {form!r}; it has to be COUNT, NUMBER or another form of calls.py"
            )


DECORATORS.append(system_call)
