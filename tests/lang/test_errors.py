"""The three kinds of failure."""

import sys

import pytest

from keelback.abi import errors as kernel_errors
from keelback.lang import KernelError, Panic, ProcessFault, Ram, Ref, Struct, view
from keelback.lang.errors import calling_place


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Let error classes of one test be unknown to the next."""
    monkeypatch.setattr(KernelError, "known", dict(KernelError.known))
    return KernelError.known


def make_error(name="Made", number=-200, sentence="Made for a test.", module=__name__):
    return type(name, (KernelError,), {"number": number, "__doc__": sentence, "__module__": module})


def test_an_error_has_a_number_and_a_sentence(known):
    made = make_error()
    assert (made.number, made.sentence, str(made()), known[-200]) == (
        -200,
        "Made for a test.",
        "Made for a test.",
        made,
    )


@pytest.mark.parametrize("number", [0, 1, -256, 255])
def test_a_number_out_of_range_is_refused(number, known):
    before = dict(known)
    with pytest.raises(TypeError, match=rf"^Made.number must be from -255 to -1, not {number}$"):
        make_error(number=number)
    assert known == before


def test_a_number_is_not_inherited():
    made = make_error()
    with pytest.raises(TypeError, match=r"^Below\.number must be from -255 to -1, not 0$"):
        type("Below", (made,), {"__doc__": "It is below."})


@pytest.mark.parametrize(("name", "module"), [("Other", __name__), ("Made", "elsewhere")])
def test_a_number_is_its_classs_own(name, module):
    make_error()
    with pytest.raises(TypeError, match=f"^{name} and Made both have number -200$"):
        make_error(name, module=module)


def test_a_module_that_is_imported_again_defines_the_same_error_again(known):
    make_error()
    again = make_error()
    assert known[-200] is again


@pytest.mark.parametrize("sentence", [None, "", "No full stop", "Two\nlines.", "Beyond ASCII: é."])
def test_an_error_needs_one_sentence(sentence):
    with pytest.raises(TypeError, match=r"^Made needs one sentence in ASCII as its docstring$"):
        make_error(sentence=sentence)


def test_the_kernels_errors_are_numbered_from_one_on_without_gap():
    own = [each for each in vars(kernel_errors).values() if isinstance(each, type) and issubclass(each, KernelError)]
    own.remove(KernelError)
    assert sorted(each.number for each in own) == list(range(-len(own), 0))


@pytest.mark.parametrize("failure", [kernel_errors.OutOfMemory, ProcessFault])
def test_no_failure_carries_a_payload(failure):
    assert failure().args == ()
    with pytest.raises(TypeError):
        failure("what")
    with pytest.raises(TypeError):
        failure(what=1)


def test_no_except_of_the_kernels_takes_a_panic():
    assert not issubclass(Panic, Exception)
    assert not issubclass(ProcessFault, KernelError) and not issubclass(KernelError, ProcessFault)


def test_a_panic_knows_who_made_it(panics):
    with panics("wrong"):
        raise Panic("wrong")


def test_a_panics_place_can_be_given():
    panic = Panic("wrong", ("/somewhere/kernel.py", 7))
    assert (panic.file, panic.line, str(panic)) == ("/somewhere/kernel.py", 7, "wrong (kernel.py:7)")


def test_calling_place_is_here():
    assert calling_place() == (__file__, sys._getframe().f_lineno)


def raised(action):
    try:
        action()
    except Exception as error:
        return Panic.of(error)


def fail():
    raise AssertionError("one is not two")


def fail_silently():
    raise AssertionError


def divide():
    return 1 // 0


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (fail, "assertion failed: one is not two"),
        (fail_silently, "assertion failed: no message"),
        (divide, "ZeroDivisionError: integer division or modulo by zero"),
    ],
)
def test_a_python_error_means_a_panic_at_its_innermost_place(action, message):
    panic = raised(action)
    assert panic.message == message
    assert (panic.file, panic.line) == (__file__, action.__code__.co_firstlineno + 1)


class Homeless(Struct):
    next: "Ref[Homeless]"


def follow():
    record = view(Ram(64, contents=bytearray(b"\1" * 64)), Homeless, 0)
    return record.next


def test_an_error_within_the_language_is_its_callers():
    panic = raised(follow)
    assert panic.message.startswith("KeyError: ")
    assert (panic.file, panic.line) == (__file__, follow.__code__.co_firstlineno + 2)


def test_an_error_that_was_never_raised_has_no_place():
    assert str(Panic.of(ValueError("x"))) == "ValueError: x (<unknown>:0)"
