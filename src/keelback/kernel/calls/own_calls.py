"""System calls that a user's own part of the kernel adds: `@system_call("double", {"number": COUNT}, "twice that")`."""

from collections.abc import Callable

from keelback.abi.calls import OWN_CALLS, Call, Form, known_calls
from keelback.kernel.calls.system_calls import SystemCalls
from keelback.lang import KernelError, Struct, u32
from keelback.lang.replacing import DECORATORS, WrongReplacement, add_method, check_form

Method = Callable[..., u32]


def system_call(
    name: str,
    arguments: dict[str, Form | type[Struct]],
    result: str,
    errors: tuple[type[KernelError], ...] = (),
) -> Callable[[Method], Method]:
    """Add the function that follows, a method of `SystemCalls`, as a system call with the next number.

    The trace shows it by its name, with as many arguments as it says.
    Raises: WrongReplacement when there is a call or a method of that name, or the function's form is not `getpid`'s.
    """

    def put(own: Method) -> Method:
        if name in (call.name for call in known_calls()):
            raise WrongReplacement(f"there is a system call {name} already")
        check_form("a system call", SystemCalls.getpid, own)
        add_method(SystemCalls, name, own)
        OWN_CALLS.append(Call(len(known_calls()) + 1, name, arguments, result, errors, ""))
        return own

    return put


DECORATORS.append(system_call)
