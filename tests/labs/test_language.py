"""What a submission may be is decided by its text: what would run, or lead out of Kernel Python, is refused."""

import re

import pytest

from keelback.labs.lab import find_lab, labs
from keelback.labs.language import MOST_BYTES, Refused, check_all
from keelback.labs.skeleton import solution

LAB = find_lab("fork")
HEAD = """\
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.kernel.memory.regions import Space
from keelback.lang import replaces, u32

"""
METHOD = "@replaces(VirtualMemory)\nclass Mine:\n    def duplicate(self, parent: Space, child: Space) -> None:\n"


def refusal_of(text):
    with pytest.raises(Refused) as refused:
        check_all(LAB, [("fork.py", text.encode())])
    assert refused.value.file == "fork.py"
    return refused.value.line, refused.value.said


ALONE = "a submission imports from keelback.kernel, keelback.abi and keelback.lang alone"
TOP = "a submission has imports, constants, functions and classes with @replaces at its top"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("import os\n", 1, f"import os: {ALONE}, by from … import …"),
        ("from os import _exit\n", 1, f"os: {ALONE}"),
        ("from . import lab\n", 1, f".: {ALONE}"),
        ("from keelback.labs.lab import Path\n", 1, f"keelback.labs.lab: {ALONE}"),
        ("from keelback.lang.strict import sys\n", 1, f"keelback.lang.strict: {ALONE}"),
        ("from keelback.lang import native\n", 1, "a submission can't import native from keelback.lang"),
        ("from keelback.lang import Ram\n", 1, "a submission can't import Ram from keelback.lang"),
        ("from keelback.lang import u33\n", 1, "keelback.lang has no u33"),
        ("from keelback.lang import *\n", 1, "a submission names what it imports, instead of *"),
        ("from keelback.kernel.memory.virtual_memory import Component\n", 1,
         "a submission can't import Component from keelback.kernel.memory.virtual_memory"),
        ("print(1)\n", 1, TOP),
        ("while True:\n    pass\n", 1, TOP),
        ("X = print(1)\n", 1, "a constant is made of numbers and names of constants"),
        ("X = 9 ** 9 ** 9\n", 1, "a constant is made of numbers and names of constants"),
        ("X: print(1) = 3\n", 1, "a type is a name, one of None, or made of these"),
        ("def f(a: 'print(1)') -> None:\n    pass\n", 1, "a type is a name, one of None, or made of these"),
        ("def f(a=print(1)) -> None:\n    pass\n", 1, "a constant is made of numbers and names of constants"),
        ("def f() -> None:\n    import os\n", 2, "a submission imports at its top alone"),
        ("def f() -> None:\n    open('x')\n", 2, "open is neither imported nor defined"),
        ("def f() -> None:\n    (1).__class__\n", 2, "__class__: Kernel Python has no such attribute"),
        ("def f() -> None:\n    '{}'.format(1)\n", 2, "format: Kernel Python has no such attribute"),
        ("def f() -> None:\n    f.gi_frame.f_globals\n", 2, "f_globals: Kernel Python has no such attribute"),
        ("def f() -> None:\n    __builtins__\n", 2, "__builtins__ is neither imported nor defined"),
        ("def __getattr__(a) -> None:\n    pass\n", 1, "__getattr__: such names are Python's own"),
        ("class A:\n    pass\n", 1, "A has no @replaces(…)"),
        ("@print\ndef f() -> None:\n    pass\n", 2, "f has another decorator than one @replaces(…)"),
        (HEAD + METHOD + "        pass\n    x = 1\n", 9, "Mine has methods without decorators, and nothing else"),
        (HEAD + METHOD + "        pass\n    def __del__(self) -> None:\n        pass\n", 9,
         "__del__: such names are Python's own"),
        (HEAD + "@replaces(VirtualMemory)\nclass A(VirtualMemory):\n    pass\n", 6, "A can't extend a class"),
        (HEAD + "@replaces(VirtualMemory.release)\ndef release(self, space: Space) -> None:\n    pass\n", 6,
         "VirtualMemory.release is not of this lab, which is about VirtualMemory.duplicate"),
        (HEAD + "@replaces(print)\ndef f() -> None:\n    pass\n", 6, "@replaces of f names no method of the kernel"),
        ("def f(:\n", 1, "invalid syntax"),
        ("x" * (MOST_BYTES + 1), 0, f"it has {MOST_BYTES + 1:,} bytes; at most {MOST_BYTES:,} are read"),
        ("X = " + "(" * 5000 + ")" * 5000, 1, "too many nested parentheses"),
        ("X = " + "-" * 50000 + "1", 0, ""),
        ("\0", 0, "source code string cannot contain null bytes"),
    ],
)  # fmt: skip
def test_what_no_submission_may_be_is_refused_with_its_line(text, line, said):
    found_line, found = refusal_of(text)
    assert (found_line, found[: len(said)]) == (line, said)


def test_the_kernels_own_bodies_and_helpers_beside_them_are_taken():
    more = "\nLIMIT = 3 * 4\n\n\ndef twice(a: u32) -> u32:\n    return a * 2\n"
    check_all(LAB, [("fork.py", (solution(LAB) + more).encode())])
    check_all(LAB, [("fork.py", f"{solution(LAB)}\n    def _mine(self) -> None:\n        pass\n".encode())])


def test_what_an_editor_of_windows_adds_changes_nothing():
    text = solution(LAB).replace("\n", "\r\n")
    check_all(LAB, [("fork.py", text.encode("utf-8-sig"))])


def test_a_byte_that_is_not_utf_8_is_told_with_its_line():
    with pytest.raises(Refused) as refused:
        check_all(LAB, [("fork.py", "X = 1\n# café\n".encode("latin-1"))])
    assert (refused.value.line, refused.value.said) == (2, "the byte 0xe9 is not UTF-8; save the file as UTF-8")


@pytest.mark.parametrize("lab", labs(), ids=lambda lab: lab.name)
def test_a_method_that_is_left_out_is_no_point_won(lab):
    """The kernel's own would stand there, which is right."""
    names = [name for methods in lab.methods.values() for name in methods]
    for name in names:
        owner, _, method = name.partition(".")
        head, class_, rest = solution(lab).partition(f"class My{owner}:")
        before, _, behind = rest.partition(f"def {method}(")
        with pytest.raises(Refused) as refused:
            check_all(lab, [(lab.file, f"{head}{class_}{before}def {method}x({behind}".encode())])
        said = f"{owner} has no method {method}x to replace; is it {name}, which is left out?"
        assert (refused.value.line, refused.value.said) == ((head + before).count("\n") + 1, said)
    with pytest.raises(Refused, match=f"^{re.escape(f'{lab.file}: {names[0]} is left out: a submission has all')}"):
        check_all(lab, [(lab.file, b"")])


def test_the_methods_of_a_lab_may_be_in_several_files():
    memory, processes = solution(LAB).split("@replaces(Processes)")
    head = memory.split("@replaces")[0]
    both = [("my_memory.py", memory.encode()), ("fork.py", f"{head}@replaces(Processes){processes}".encode())]
    with pytest.raises(Refused, match="Processes.fork is left out"):
        check_all(LAB, both[:1])
    check_all(LAB, both)


def test_two_files_have_two_names():
    with pytest.raises(Refused, match="two files of the submission have one name"):
        check_all(LAB, [("fork.py", b""), ("fork.py", b"")])


def test_a_file_is_not_called_as_a_source_of_the_kernel_is():
    """Its lines are told by its name."""
    with pytest.raises(Refused, match=r"^frames\.py: a source of the kernel is called so, too"):
        check_all(LAB, [("frames.py", solution(LAB).encode())])
