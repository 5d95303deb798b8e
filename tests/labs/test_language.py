"""What a submission may be is decided by its text: what would run, or lead out of Kernel Python, is refused."""

import re

import pytest

from keelback.labs.lab import find_lab, labs
from keelback.labs.language import check_all, check_submission
from keelback.labs.skeleton import solution
from keelback.labs.submitted import MOST_BYTES, Refused

LAB = find_lab("fork")
HEAD = """\
from keelback.kernel.memory.virtual_memory import VirtualMemory
from keelback.kernel.memory.space_records import Space
from keelback.lang import replaces, u32

"""
METHOD = "@replaces(VirtualMemory)\nclass Mine:\n    def duplicate(self, parent: Space, child: Space) -> None:\n"


def refusal_of(text):
    with pytest.raises(Refused) as refused:
        check_all(LAB, [("fork.py", text.encode())])
    assert refused.value.file == "fork.py"
    return refused.value.line, refused.value.said


ALONE = "a submission imports from keelback.kernel, keelback.abi and keelback.lang alone"
DEEP = "nested more than 200 deep: name a part of it"
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
        ("x" * (MOST_BYTES + 1), 0, f"it has more than {MOST_BYTES:,} bytes, the most that are read"),
        ("X = " + "(" * 5000 + ")" * 5000, 1, "too many nested parentheses"),
        ("X = 1\nY = " + "-" * 50000 + "1\nZ = 1\n", 2, DEEP),
        ("X = " + "-" * 50000 + "1", 1, DEEP),
        ("X = 1\nY = " + "1 + " * 1500 + "1\n", 2, DEEP),
        ("def f(a: u32) -> None:\n    a = 3\n    a" + ".a" * 1500 + "\n", 3, DEEP),
        ("X = 5 // 0\n", 1, "integer division or modulo by zero"),
        ("X = 5 / 0\n", 1, "a constant is made of numbers and names of constants"),
        ("X = 1\nY = X >> (X - 2)\n", 2, "negative shift count"),
        ("from keelback.lang import PAGE_SIZE\nX = PAGE_SIZE + 'x'\n", 2,
         "a constant is made of numbers and names of constants"),
        ("X = 'x' * 1000000 * 1000000\n", 1, "a constant is made of numbers and names of constants"),
        ("X = '%2000000000d' % 5\n", 1, "a constant is made of numbers and names of constants"),
        ("X = 1 << 9999999999\n", 1, "a number on the way to this constant needs more than 64 bits"),
        ("X = 0xFFFFFFFF * 0xFFFFFFFF * 2\n", 1, "a number on the way to this constant needs more than 64 bits"),
        ("X = Y\nY = 1\n", 1, "Y is no constant that is imported or defined before this line"),
        ("def f(a=Y) -> None:\n    pass\nY = 1\n", 1, "Y is no constant that is imported or defined before this line"),
        (HEAD + "X = Space\n", 5, "Space is no number and no text"),
        ("\0", 1, "a source has no zero byte; take this one out"),
        ("X = 1\n# \0", 2, "a source has no zero byte; take this one out"),
    ],
)  # fmt: skip
def test_what_no_submission_may_be_is_refused_with_its_line(text, line, said):
    found_line, found = refusal_of(text)
    assert (found_line, found[: len(said)]) == (line, said)


REPLACES = "def same(kept):\n    return kept\ndef replaces(owner):\n    return same\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (REPLACES + METHOD + "        pass\n", 3, "replaces is a name of keelback.lang; give yours another"),
        (HEAD + REPLACES, 7, "replaces is bound already, on line 3; a name is bound once"),
        (REPLACES + HEAD, 3, "replaces is a name of keelback.lang; give yours another"),
        ("from keelback.lang import word as replaces\n", 1, "replaces is a name of keelback.lang; give yours another"),
        ("from keelback.lang import u32 as u16\n", 1, "u16 is a name of keelback.lang; give yours another"),
        ("PAGE_SIZE = 3\n", 1, "PAGE_SIZE is a name of keelback.lang; give yours another"),
        (HEAD + METHOD + "        pass\nfrom keelback.kernel.memory.frames import Frames as VirtualMemory\n", 9,
         "VirtualMemory is bound already, on line 1; a name is bound once"),
        (HEAD + METHOD + "        pass\nVirtualMemory = 3\n", 9,
         "VirtualMemory is bound already, on line 1; a name is bound once"),
        (HEAD + METHOD + "        pass\nclass VirtualMemory:\n    pass\n", 9,
         "VirtualMemory is bound already, on line 1; a name is bound once"),
        ("X = 1\nX: u32 = 2\n", 2, "X is bound already, on line 1; a name is bound once"),
        ("from keelback.lang import u32, u32\n", 1, "u32 is bound already, on line 1; a name is bound once"),
        (METHOD + "        pass\n" + HEAD.replace("replaces, ", ""), 1, "replaces is neither imported nor defined"),
        ("from keelback.kernel.memory.space_records import Space, __builtins__ as b\n", 1,
         "__builtins__: such names are Python's own"),
        ("from keelback.kernel.memory.space_records import Space as __space\n", 1,
         "__space: such names are Python's own"),
        ("from keelback.kernel.memory.__init__ import frames\n", 1, "__init__: such names are Python's own"),
        ("from keelback.kernel.memory import frames\n", 1,
         "a submission can't import frames from keelback.kernel.memory"),
    ],
)  # fmt: skip
def test_a_name_means_one_thing(text, line, said):
    assert refusal_of(text) == (line, said)


@pytest.mark.parametrize(
    "text",
    [
        "@f(1)\ndef g() -> None:\n    pass\n",
        "@replaces(f())\ndef g() -> None:\n    pass\n",
        "@replaces(VirtualMemory, f())\ndef g() -> None:\n    pass\n",
        "@replaces(VirtualMemory, x=f())\ndef g() -> None:\n    pass\n",
        "@replaces(VirtualMemory)\n@f\nclass G:\n    pass\n",
        "@replaces(VirtualMemory)\nclass G(f()):\n    pass\n",
        "@replaces(VirtualMemory)\nclass G(metaclass=f):\n    pass\n",
        "@replaces(VirtualMemory)\nclass G:\n    x = f()\n",
        "@replaces(VirtualMemory)\nclass G:\n    f()\n",
        "@replaces(VirtualMemory)\nclass G:\n    x: f() = 1\n",
        "@replaces(VirtualMemory)\nclass G:\n    @f\n    def g(self) -> None:\n        pass\n",
        "@replaces(VirtualMemory)\nclass G:\n    def g(self, a=f()) -> None:\n        pass\n",
        "@replaces(VirtualMemory)\nclass G:\n    def g(self, a: f()) -> None:\n        pass\n",
        "@replaces(VirtualMemory)\nclass G:\n    class H:\n        f()\n",
        "def g(*, a=f()) -> None:\n    pass\n",
        "def g(a: f()) -> None:\n    pass\n",
        "def g(a: u32[f()]) -> None:\n    pass\n",
        "def g(*a: f()) -> None:\n    pass\n",
        "def g(**a: f()) -> None:\n    pass\n",
        "def g(a, /, b: f()) -> None:\n    pass\n",
        "def g() -> f():\n    pass\n",
        "async def g(a=f()) -> None:\n    pass\n",
        "x = f()\n",
        "x = [f() for _ in range(1)]\n",
        "x = (y := f())\n",
        "x = f'{f()}'\n",
        "x = lambda: f()\n",
        "x = y = f()\n",
        "x: f()\n",
        "x: u32 = f()\n",
        "x += f()\n",
        "f()\n",
        "if f():\n    pass\n",
        "for x in f():\n    pass\n",
        "with f():\n    pass\n",
        "try:\n    f()\nfinally:\n    pass\n",
        "assert f()\n",
        "raise f()\n",
        "del f\n",
    ],
)
def test_nothing_of_a_submission_runs_when_it_is_imported(text):
    """`f` would be called, in each."""
    with pytest.raises(Refused) as refused:
        check_all(LAB, [("fork.py", f"{HEAD}def f() -> None:\n    pass\n{text}".encode())])
    assert 7 <= refused.value.line <= 6 + text.count("\n")


@pytest.mark.parametrize("line", [1, 2])
def test_a_coding_line_that_is_not_utf_8_is_refused(line):
    text = "\n" * (line - 1) + "# -*- coding: utf-7 -*-\nX = 1\n"
    assert refusal_of(text) == (line, "a source is UTF-8, and this line says that it is not; take the line out")
    check_all(LAB, [("fork.py", f"# vim: set fileencoding=utf-8:\n{solution(LAB)}".encode())])


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


@pytest.mark.parametrize(("name", "shown"), [("e\udcff.py", "e\\udcff.py"), ("a\n.py", "a\\n.py")])
def test_a_file_has_a_name_that_can_be_written(name, shown):
    with pytest.raises(Refused) as refused:
        check_all(LAB, [(name, solution(LAB).encode())])
    assert (refused.value.file, refused.value.said) == (
        shown,
        "a file's name is made of characters that can be read; give it another name",
    )


def test_a_constant_is_computed_as_python_does():
    text = "A = 1\nB = -(A << 63) + 7 // 2 % 2 | 4 ^ ~A & 0xFFFFFFFF\nC = 0 << 9999999999\nD = 'text'\n"
    submission = check_submission(LAB, "fork.py", text.encode())
    found = {}
    exec(text.replace("9999999999", "1"), {}, found)
    assert submission.constants == found


def test_a_file_is_not_called_as_a_source_of_the_kernel_is():
    """Its lines are told by its name."""
    with pytest.raises(Refused, match=r"^frames\.py: a source of the kernel is called so, too"):
        check_all(LAB, [("frames.py", solution(LAB).encode())])
